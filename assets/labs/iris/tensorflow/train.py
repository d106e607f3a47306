"""Train a small Keras network on Iris and print its loss after each epoch.

The TensorFlow variant of the lab, for the clouds' TensorFlow images; it runs here as well where TensorFlow is
installed. Folders come from the environment, hyperparameters from the command line. TensorFlow 2.16 or later.
"""

import argparse
import csv
import json
import os
import shutil

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before the import: it reads this once

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--learning-rate", type=float, default=0.01)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1936)
    parser.add_argument("--train", default=os.environ.get("SM_CHANNEL_TRAINING", os.path.dirname(HERE)))
    parser.add_argument("--model-dir", default=os.environ.get("SM_MODEL_DIR", os.path.join(HERE, "model")))
    parser.add_argument("--output-dir", default=os.environ.get("SM_OUTPUT_DATA_DIR", os.path.join(HERE, "output")))
    # SageMaker's TensorFlow images add --model_dir s3://… of their own; SM_MODEL_DIR is what gets packed.
    parser.add_argument("--model_dir", dest="unused", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.epochs < 1 or options.batch_size < 1 or options.learning_rate <= 0:
        parser.error("epochs and batch-size must be 1 or more, learning-rate above 0")
    return options


def read_iris(folder):
    path = os.path.join(folder, "iris.csv")
    if not os.path.exists(path):
        there = ", ".join(sorted(os.listdir(folder))) if os.path.isdir(folder) else "no such folder"
        raise SystemExit("there is no iris.csv in %s (found: %s)" % (folder, there))
    with open(path, newline="") as file:
        rows = [row for row in csv.reader(file) if row][1:]
    return np.array([row[:4] for row in rows], dtype="float32"), np.array([row[4] for row in rows])


def split(species, names, seed):
    """Row numbers to learn from and to check with: of each species a fifth is kept back."""
    random, learn, check = np.random.RandomState(seed), [], []
    for name in names:
        rows = random.permutation(np.flatnonzero(species == name))
        check.extend(rows[: len(rows) // 5])
        learn.extend(rows[len(rows) // 5 :])
    return np.array(learn), np.array(check)


class PrintLoss(tf.keras.callbacks.Callback):
    def __init__(self, epochs):
        super().__init__()
        self.epochs, self.history = epochs, []

    def on_epoch_end(self, epoch, logs=None):
        row = {key: float(logs[key]) for key in ("loss", "val_loss", "val_accuracy")}
        self.history.append(dict(row, epoch=epoch + 1))
        values = " ".join("%s=%.4f" % item for item in row.items())
        print("epoch %d/%d %s" % (epoch + 1, self.epochs, values), flush=True)


def main():
    options = arguments()
    tf.keras.utils.set_random_seed(options.seed)
    features, species = read_iris(options.train)
    names = sorted(set(species.tolist()))
    labels = np.array([names.index(name) for name in species])
    learn, check = split(species, names, options.seed)
    print("%d flowers to learn from, %d to check with" % (len(learn), len(check)), flush=True)

    scale = tf.keras.layers.Normalization()
    scale.adapt(features[learn])
    inputs = tf.keras.Input(shape=(4,), name="flower")
    hidden = tf.keras.layers.Dense(16, activation="relu")(scale(inputs))
    outputs = tf.keras.layers.Dense(len(names), activation="softmax", name="probabilities")(hidden)
    model = tf.keras.Model(inputs, outputs)
    model.compile(
        optimizer=tf.keras.optimizers.Adam(options.learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    printer = PrintLoss(options.epochs)
    model.fit(
        features[learn],
        labels[learn],
        validation_data=(features[check], labels[check]),
        epochs=options.epochs,
        batch_size=options.batch_size,
        verbose=0,
        callbacks=[printer],
    )

    # TensorFlow Serving looks for a folder named by a version number; "code" stands beside it.
    model.export(os.path.join(options.model_dir, "1"), verbose=False)
    code = os.path.join(options.model_dir, "code")
    os.makedirs(code, exist_ok=True)
    os.makedirs(options.output_dir, exist_ok=True)
    shutil.copy(os.path.join(HERE, "inference.py"), code)
    with open(os.path.join(code, "species.json"), "w") as file:
        json.dump(names, file)
    with open(os.path.join(options.output_dir, "history.json"), "w") as file:
        json.dump(printer.history, file, indent=1)
    print("model saved in %s" % options.model_dir, flush=True)


if __name__ == "__main__":
    main()
