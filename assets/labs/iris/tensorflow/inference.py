"""Answer for the Iris model of TensorFlow, with the same input and output as the scikit-learn one.

SageMaker's TensorFlow images run TensorFlow Serving and call input_handler and output_handler around it; on this
computer model_fn and its companions load the SavedModel themselves.
"""

import csv
import io
import json
import os

HERE = os.path.dirname(os.path.abspath(__file__))


def flowers(text, content_type):
    """Rows of four lengths in centimetres, from text/csv or application/json."""
    kind = content_type.split(";")[0].strip().lower()
    if kind == "text/csv":
        rows = [[float(cell) for cell in row] for row in csv.reader(io.StringIO(text)) if row]
    elif kind == "application/json":
        rows = json.loads(text)
        rows = rows["instances"] if isinstance(rows, dict) else rows
    else:
        raise ValueError("send text/csv or application/json, not %s" % content_type)
    rows = rows if rows and isinstance(rows[0], list) else [rows]
    if any(len(row) != 4 for row in rows):
        raise ValueError("a flower is 4 numbers: sepal length and width, petal length and width, in cm")
    return rows


def answer(probabilities, accept):
    """(body, content type) for rows of probabilities in the order of species.json."""
    with open(os.path.join(HERE, "species.json")) as file:
        names = json.load(file)
    best = [names[row.index(max(row))] for row in probabilities]
    if accept.split(";")[0].strip().lower() == "text/csv":
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([name] + row for name, row in zip(best, probabilities))
        return text.getvalue(), "text/csv"
    answers = [{"species": name, "probabilities": dict(zip(names, row))} for name, row in zip(best, probabilities)]
    return json.dumps({"predictions": answers}), "application/json"


# On SageMaker, around TensorFlow Serving


def input_handler(data, context):
    return json.dumps({"instances": flowers(data.read().decode("utf-8"), context.request_content_type)})


def output_handler(response, context):
    if response.status_code != 200:
        raise ValueError(response.content.decode("utf-8"))
    return answer(json.loads(response.content.decode("utf-8"))["predictions"], context.accept_header)


# On this computer


def model_fn(model_dir):
    import tensorflow as tf

    return tf.saved_model.load(os.path.join(model_dir, "1"))


def input_fn(body, content_type):
    return flowers(body if isinstance(body, str) else body.decode("utf-8"), content_type)


def predict_fn(rows, model):
    import tensorflow as tf

    return model.serve(tf.constant(rows, dtype=tf.float32)).numpy().tolist()


def output_fn(probabilities, accept):
    return answer(probabilities, accept)
