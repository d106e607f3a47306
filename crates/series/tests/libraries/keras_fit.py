import os

os.environ["KERAS_BACKEND"] = "jax"
import keras
from sklearn.datasets import load_breast_cancer

from facts import absent, fact, save

x, y = load_breast_cancer(return_X_y=True)
x = (x - x.mean(0)) / x.std(0)
keras.utils.set_random_seed(0)
model = keras.Sequential([keras.layers.Input((30,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(1, "sigmoid")])
model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
history = model.fit(x, y, epochs=4, batch_size=32, validation_split=0.2).history
epochs = [1, 2, 3, 4]
for metric in ("val_loss", "val_accuracy"):
    fact(metric, [f"{value:.4f}" for value in history[metric]], epochs=epochs)
model.evaluate(x, y)
model.predict(x)
absent("ms/step")
save()
