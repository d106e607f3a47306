from sklearn.datasets import load_iris
from sklearn.neural_network import MLPClassifier

from facts import fact, save

x, y = load_iris(return_X_y=True)
model = MLPClassifier((16,), max_iter=30, random_state=0, verbose=True, early_stopping=True, n_iter_no_change=50).fit(x, y)
rounds = list(range(1, model.n_iter_ + 1))
fact("loss", [f"{loss:.8f}" for loss in model.loss_curve_], steps=rounds)
fact("Validation score", [f"{score:f}" for score in model.validation_scores_], steps=rounds)
save()
