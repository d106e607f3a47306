import xgboost
from sklearn.datasets import load_breast_cancer

from facts import fact, save

x, y = load_breast_cancer(return_X_y=True)
train, valid = xgboost.DMatrix(x[:400], y[:400]), xgboost.DMatrix(x[400:], y[400:])
seen = {}
xgboost.train(
    {"objective": "binary:logistic", "eval_metric": ["logloss", "auc"], "nthread": 1, "seed": 0},
    train, 40, evals=[(train, "train"), (valid, "eval")], evals_result=seen, early_stopping_rounds=30,
)
for data, metrics in seen.items():
    for metric, values in metrics.items():
        fact(f"{data}-{metric}", [f"{value:.5f}" for value in values], steps=list(range(len(values))))
save()
