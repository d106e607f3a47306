import lightgbm
from sklearn.datasets import load_breast_cancer

from facts import fact, save

x, y = load_breast_cancer(return_X_y=True)
train = lightgbm.Dataset(x[:400], y[:400])
valid = lightgbm.Dataset(x[400:], y[400:], reference=train)
seen = {}
lightgbm.train(
    {"objective": "binary", "metric": ["binary_logloss", "auc"], "num_threads": 1, "seed": 0, "verbosity": 1},
    train, 60, valid_sets=[train, valid], valid_names=["training", "valid_0"],
    callbacks=[lightgbm.log_evaluation(1), lightgbm.record_evaluation(seen), lightgbm.early_stopping(20)],
)
for data, metrics in seen.items():
    for metric, values in metrics.items():
        fact(f"{data}'s {metric}", [f"{value:g}" for value in values], steps=list(range(1, len(values) + 1)))
save()
