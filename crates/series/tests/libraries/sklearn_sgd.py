from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import SGDClassifier
from sklearn.preprocessing import StandardScaler

from facts import absent, fact, save

x, y = load_breast_cancer(return_X_y=True)
x = StandardScaler().fit_transform(x)
model = SGDClassifier(max_iter=12, tol=None, random_state=0, verbose=1).fit(x, y)
epochs = list(range(1, model.n_iter_ + 1))
# The library keeps no history. The last epoch's bias is the model's own; how many epochs, it says.
fact("Bias", [f"{model.intercept_[0]:.6f}"] * len(epochs), epochs=epochs)
absent("T")
absent("NNZs")
absent("Total training time")
save()
