"""Train a small neural network on Iris and print its loss after each epoch.

Runs unchanged on this computer, on SageMaker's scikit-learn containers and on Vertex AI's: folders come from the
environment, hyperparameters from the command line. Python 3.8 or later, scikit-learn 1.2 or later.
"""

import argparse
import csv
import json
import os
import shutil
import time

import joblib
import numpy as np
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

HERE = os.path.dirname(os.path.abspath(__file__))


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--learning-rate", type=float, default=0.003)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1936)
    # Iris is learned in a blink. This much sleep per epoch makes the loss plot something to watch; set it to 0 to see
    # how long the training itself takes.
    parser.add_argument("--seconds-per-epoch", type=float, default=0.05)
    parser.add_argument("--train", default=os.environ.get("SM_CHANNEL_TRAINING", HERE))
    parser.add_argument("--model-dir", default=os.environ.get("SM_MODEL_DIR", os.path.join(HERE, "model")))
    parser.add_argument("--output-dir", default=os.environ.get("SM_OUTPUT_DATA_DIR", os.path.join(HERE, "output")))
    options = parser.parse_args()
    if options.epochs < 1 or options.batch_size < 1 or options.learning_rate <= 0 or options.seconds_per_epoch < 0:
        parser.error("epochs and batch-size must be 1 or more, learning-rate above 0, seconds-per-epoch not below 0")
    return options


def read_iris(folder):
    path = os.path.join(folder, "iris.csv")
    if not os.path.exists(path):
        there = ", ".join(sorted(os.listdir(folder))) if os.path.isdir(folder) else "no such folder"
        raise SystemExit("there is no iris.csv in %s (found: %s)" % (folder, there))
    with open(path, newline="") as file:
        rows = [row for row in csv.reader(file) if row][1:]
    return np.array([row[:4] for row in rows], dtype=float), np.array([row[4] for row in rows])


def main():
    options = arguments()
    features, species = read_iris(options.train)
    x_train, x_val, y_train, y_val = train_test_split(
        features, species, test_size=0.2, stratify=species, random_state=options.seed
    )
    print("%d flowers to learn from, %d to check with" % (len(x_train), len(x_val)), flush=True)

    names = np.unique(species)
    scaler = StandardScaler().fit(x_train)
    network = MLPClassifier((16,), learning_rate_init=options.learning_rate, random_state=options.seed)
    random = np.random.RandomState(options.seed)
    x_scaled, x_val_scaled = scaler.transform(x_train), scaler.transform(x_val)
    history = []
    for epoch in range(1, options.epochs + 1):
        order = random.permutation(len(x_scaled))
        for start in range(0, len(order), options.batch_size):
            batch = order[start : start + options.batch_size]
            network.partial_fit(x_scaled[batch], y_train[batch], classes=names)
        loss = log_loss(y_train, network.predict_proba(x_scaled), labels=names)
        val_loss = log_loss(y_val, network.predict_proba(x_val_scaled), labels=names)
        val_accuracy = accuracy_score(y_val, network.predict(x_val_scaled))
        history.append({"epoch": epoch, "loss": loss, "val_loss": val_loss, "val_accuracy": val_accuracy})
        print(
            "epoch %d/%d loss=%.4f val_loss=%.4f val_accuracy=%.4f"
            % (epoch, options.epochs, loss, val_loss, val_accuracy),
            flush=True,
        )
        time.sleep(options.seconds_per_epoch)

    os.makedirs(os.path.join(options.model_dir, "code"), exist_ok=True)
    os.makedirs(options.output_dir, exist_ok=True)
    joblib.dump(make_pipeline(scaler, network), os.path.join(options.model_dir, "model.joblib"))
    for name in ("inference.py", "requirements.txt"):  # so that the model carries what serves it
        if os.path.exists(os.path.join(HERE, name)):
            shutil.copy(os.path.join(HERE, name), os.path.join(options.model_dir, "code", name))
    with open(os.path.join(options.output_dir, "history.json"), "w") as file:
        json.dump(history, file, indent=1)
    print("model saved in %s" % options.model_dir, flush=True)


if __name__ == "__main__":
    main()
