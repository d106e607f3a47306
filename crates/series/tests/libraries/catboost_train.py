from catboost import CatBoostClassifier
from sklearn.datasets import load_breast_cancer

from facts import absent, fact, save

x, y = load_breast_cancer(return_X_y=True)
model = CatBoostClassifier(iterations=50, thread_count=1, random_seed=0, allow_writing_files=False)
model.fit(x[:400], y[:400], eval_set=(x[400:], y[400:]))
seen = model.get_evals_result()
rounds = list(range(50))
fact("learn", [f"{value:.7f}" for value in seen["learn"]["Logloss"]], steps=rounds)
fact("test", [f"{value:.7f}" for value in seen["validation"]["Logloss"]], steps=rounds)
absent("total")
absent("remaining")
absent("bestIteration")
save()
