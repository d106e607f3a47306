"""Answer for the Iris model: four lengths in centimetres in, a species and its probabilities out.

In: text/csv, one flower a line ("5.1,3.5,1.4,0.2"), or application/json ([5.1, 3.5, 1.4, 0.2], a list of such lists,
or {"instances": [...]}). Out: application/json {"predictions": [{"species": …, "probabilities": {…}}]}, or text/csv
with the species and then its probabilities in alphabetical order of the species. Works here and in SageMaker's
scikit-learn containers.
"""

import csv
import io
import json
import os

import joblib
import numpy as np


def model_fn(model_dir):
    return joblib.load(os.path.join(model_dir, "model.joblib"))


def input_fn(body, content_type):
    text = body.decode("utf-8") if isinstance(body, (bytes, bytearray)) else body
    kind = content_type.split(";")[0].strip().lower()
    if kind == "text/csv":
        rows = [row for row in csv.reader(io.StringIO(text)) if row]
    elif kind == "application/json":
        rows = json.loads(text)
        rows = rows["instances"] if isinstance(rows, dict) else rows
    else:
        raise ValueError("send text/csv or application/json, not %s" % content_type)
    flowers = np.atleast_2d(np.array(rows, dtype=float))
    if flowers.shape[1:] != (4,):
        raise ValueError("a flower is 4 numbers: sepal length and width, petal length and width, in cm")
    return flowers


def predict_fn(flowers, model):
    return [dict(zip(model.classes_.tolist(), row)) for row in model.predict_proba(flowers).tolist()]


def output_fn(predictions, accept):
    best = [max(probabilities, key=probabilities.get) for probabilities in predictions]
    if accept.split(";")[0].strip().lower() == "text/csv":
        text = io.StringIO()
        rows = ([name] + list(probabilities.values()) for name, probabilities in zip(best, predictions))
        csv.writer(text, lineterminator="\n").writerows(rows)
        return text.getvalue(), "text/csv"
    answers = [{"species": name, "probabilities": item} for name, item in zip(best, predictions)]
    return json.dumps({"predictions": answers}), "application/json"
