from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import GradientBoostingClassifier

from facts import absent, fact, save

x, y = load_breast_cancer(return_X_y=True)
model = GradientBoostingClassifier(n_estimators=25, subsample=0.7, random_state=0, verbose=2).fit(x, y)
rounds = list(range(1, 26))
fact("Train Loss", [f"{loss:.4f}" for loss in model.train_score_], steps=rounds)
fact("OOB Improve", [f"{gain:.4f}" for gain in model.oob_improvement_], steps=rounds)
absent("Remaining Time")
save()
