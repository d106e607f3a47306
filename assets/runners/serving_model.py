"""The model behind serve.py: its script, and the defaults of SageMaker's inference contract.

Knows nothing of HTTP beyond status codes. NumPy, joblib and XGBoost are imported where they are needed, so that a
script that brings its own four functions needs none of them.
"""

import csv
import importlib.util
import inspect
import io
import json
import math
import os
import pickle
import sys
import threading
import time
import traceback

JSON, CSV, NPY, TEXT = "application/json", "text/csv", "application/x-npy", "text/plain"
UTF8_TYPES = (JSON, CSV)  # handed to input_fn as str, as AWS's containers do; everything else as bytes


def now_ms():
    return int(time.time() * 1000)


def one_line(text, limit=500):
    line = " ".join(str(text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def say(text):
    print(text, file=sys.stderr, flush=True)


class Failure(Exception):
    """The server cannot start: becomes failure.json and the exit status."""

    def __init__(self, code, kind, what, next_step):
        super().__init__(what)
        self.code, self.kind, self.what, self.next_step = code, kind, one_line(what), one_line(next_step)


class Refusal(Exception):
    """A request is answered with `status` and one line."""

    def __init__(self, status, line):
        super().__init__(line)
        self.status, self.line = status, one_line(line)


class Stop(BaseException):
    """SIGTERM while loading. Not an Exception, so that a script's own `except Exception` lets it through."""


# Defaults of the contract


def numpy():
    try:
        import numpy as module
    except ImportError:
        raise Refusal(500, "NumPy is not installed in %s, and the default input and output need it" % sys.executable)
    return module


def decode(body, content_type):
    """The default input_fn: float32 rows from CSV or JSON, any array from .npy (never a pickled one)."""
    kind = media_type(content_type)
    if kind not in (CSV, JSON, NPY):
        raise Refusal(415, "Content-Type %s is not supported: send %s, %s or %s" % (content_type, CSV, JSON, NPY))
    np = numpy()
    try:
        if kind == NPY:
            return np.lib.format.read_array(io.BytesIO(body), allow_pickle=False)
        rows = csv_rows(body) if kind == CSV else json.loads(body)
        if isinstance(rows, dict) and "instances" in rows:  # what Vertex AI sends
            rows = rows["instances"]
        array = np.array(rows)
        if array.dtype.kind in "fiubO":  # O: a null among numbers is not-a-number; anything else does not convert
            array = array.astype(np.float32)
            array = array.reshape(1, -1) if array.ndim < 2 else array
        return array
    except (ValueError, TypeError, EOFError, OSError, RecursionError, MemoryError, csv.Error) as error:
        raise Refusal(400, "the body is not %s: %s" % (kind, error))


def csv_rows(text):
    rows = []
    for number, cells in enumerate(csv.reader(io.StringIO(text), strict=True), 1):
        if not cells:
            continue
        row = []
        for column, cell in enumerate(cells, 1):
            try:
                row.append(float(cell) if cell.strip() else math.nan)
            except ValueError:
                raise ValueError("line %d, column %d: %r is not a number" % (number, column, cell[:40]))
        if rows and len(row) != len(rows[0]):
            raise ValueError("line %d has %d values, the first has %d" % (number, len(row), len(rows[0])))
        rows.append(row)
    if not rows:
        raise ValueError("it is empty")
    return rows


def predict(data, model):
    """The default predict_fn."""
    if type(model).__module__.startswith("xgboost.") and type(model).__name__ == "Booster":
        import xgboost

        data = xgboost.DMatrix(data)
    return model.predict(data)


def encode(prediction, accept):
    """The default output_fn. Returns (body, content type); not-a-number becomes null, as JSON has no word for it."""
    wanted = [media_type(part) for part in accept.split(",")]
    kind = next((part for part in wanted if part in (JSON, CSV, NPY)), JSON if "*/*" in wanted else None)
    if kind is None:
        raise Refusal(406, "Accept %s is not supported: ask for %s, %s or %s" % (accept, JSON, CSV, NPY))
    if kind == JSON:
        return json.dumps(plain(prediction), allow_nan=False), JSON
    np = numpy()
    if kind == NPY:
        buffer = io.BytesIO()
        np.save(buffer, np.asarray(prediction), allow_pickle=False)
        return buffer.getvalue(), NPY
    array = np.asarray(prediction)
    array = array.reshape(-1, 1) if array.ndim < 2 else array
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(array.tolist())
    return text.getvalue(), CSV


def plain(value):
    value = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def media_type(header):
    return header.split(";")[0].strip().lower()


# The model and its script

FUNCTIONS = ("model_fn", "input_fn", "predict_fn", "output_fn", "transform_fn")
MODEL_NAMES = ("model.joblib", "model.pkl", "model.pickle", "model.ubj", "model.json", "xgboost-model")
MODEL_ENDINGS = (".joblib", ".pkl", ".pickle", ".ubj", ".bst", ".xgb")


def find_model(model_dir):
    """The model file: one of MODEL_NAMES, first in that order, else the only file with one of MODEL_ENDINGS."""
    try:
        names = sorted(entry.name for entry in os.scandir(model_dir) if entry.is_file())
    except OSError as error:
        what = "the model folder %s cannot be read: %s" % (model_dir, error.strerror)
        raise Failure(3, "no_model", what, "Deploy again.")
    for name in MODEL_NAMES:
        if name in names:
            return os.path.join(model_dir, name)
    found = [name for name in names if name.lower().endswith(MODEL_ENDINGS)]
    if len(found) == 1:
        return os.path.join(model_dir, found[0])
    there = ", ".join(found or names[:8]) or "nothing"
    what = "several model files" if found else "no model file"
    raise Failure(
        3,
        "no_model",
        "%s in the model folder (found: %s)" % (what, there),
        "Name the model model.joblib, or give an inference.py whose model_fn(model_dir) loads it.",
    )


def load_model(model_dir):
    """The default model_fn."""
    path = find_model(model_dir)
    name = os.path.basename(path)
    if name == "xgboost-model" or name.endswith((".ubj", ".json", ".bst", ".xgb")):
        import xgboost

        model = xgboost.Booster()
        model.load_model(path)
        return model
    if name.endswith(".joblib"):
        import joblib

        return joblib.load(path)
    with open(path, "rb") as file:
        return pickle.load(file)


def missing_package(error):
    package = (error.name or "?").split(".")[0]
    package = {"sklearn": "scikit-learn"}.get(package, package)
    return Failure(
        8,
        "missing_package",
        "the Python package %s is not installed in %s" % (package, sys.executable),
        "Add %s to the requirements.txt next to inference.py." % package,
    )


def load_script(path):
    """Imports the script under its own name, with its folder importable, as AWS's containers do."""
    if path is None:
        return None
    if not os.path.isfile(path):
        raise Failure(4, "script", "there is no script %s" % path, "Give --script the path of an inference.py.")
    folder, name = os.path.dirname(os.path.abspath(path)), os.path.splitext(os.path.basename(path))[0]
    sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None:
        raise Failure(4, "script", "%s is not a Python script" % path, "Give --script a file that ends in .py.")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except ModuleNotFoundError as error:
        traceback.print_exc()
        raise missing_package(error)
    except BaseException as error:  # a script may call sys.exit() as it is imported
        if isinstance(error, Stop):
            raise
        traceback.print_exc()
        what = "%s raised %s on import: %s" % (os.path.basename(path), type(error).__name__, error)
        raise Failure(4, "script", what, "Correct the script; the log shows where it failed.")
    return module


class Context:
    """What AWS's newer toolkit hands to a function that asks for one argument more; of it, what makes sense here."""

    def __init__(self, model_dir):
        self.system_properties = {"model_dir": model_dir, "gpu_id": None}


class Model:
    """A loaded model and the functions that answer for it."""

    def __init__(self, model_dir, script):
        function = {key: getattr(script, key, None) for key in FUNCTIONS}
        for key, value in function.items():
            if value is not None and not callable(value):
                raise Failure(4, "script", "%s in the script is not a function" % key, "Define it with def.")
        if function["transform_fn"] and (function["input_fn"] or function["predict_fn"] or function["output_fn"]):
            raise Failure(
                4,
                "script",
                "the script defines transform_fn and also input_fn, predict_fn or output_fn, which SageMaker refuses",
                "Keep either transform_fn or the other three.",
            )
        self.function = function
        self.one_at_a_time = threading.Lock()
        self.context = Context(model_dir)
        try:
            self.model = self.run(function["model_fn"] or load_model, model_dir)
        except (Failure, Stop):
            raise
        except ModuleNotFoundError as error:
            traceback.print_exc()
            raise missing_package(error)
        except BaseException as error:
            traceback.print_exc()
            raise Failure(5, "model", "the model failed to load: %s: %s" % (type(error).__name__, error), advice(error))

    def answer(self, body, content_type, accept):
        """(status, body, content type) of one request."""
        with self.one_at_a_time:
            if media_type(content_type) in UTF8_TYPES:
                try:
                    body = body.decode("utf-8")
                except UnicodeDecodeError as error:
                    raise Refusal(400, "the body is not UTF-8: %s" % error)
            if self.function["transform_fn"]:
                result = self.call("transform_fn", None, self.model, body, content_type, accept)
            else:
                data = self.call("input_fn", decode, body, content_type)
                prediction = self.call("predict_fn", predict, data, self.model)
                result = self.call("output_fn", encode, prediction, accept)
            return self.reply(result, accept)

    def run(self, function, *arguments):
        """Calls it, with a context if it has room for one argument more, which is how AWS's toolkit decides too."""
        try:
            takes_context = len(inspect.signature(function).parameters) == len(arguments) + 1
        except (TypeError, ValueError):  # a function of C that does not tell
            takes_context = False
        return function(*arguments, self.context) if takes_context else function(*arguments)

    def call(self, key, default, *arguments):
        try:
            return self.run(self.function[key] or default, *arguments)
        except Refusal:
            raise
        except BaseException as error:  # SystemExit too: a script's exit() ends the request, not the endpoint
            traceback.print_exc()
            status = 500
            if type(error).__name__ == "UnsupportedFormatError":  # AWS's own, which its helpers raise
                status = 406 if key == "output_fn" else 415
            elif any(base.__name__ == "BaseInferenceToolkitError" for base in type(error).__mro__):  # likewise
                status = int(error.status_code)
            elif key == "input_fn" and isinstance(error, (json.JSONDecodeError, UnicodeDecodeError)):
                status = 400
            raise Refusal(status, "%s raised %s: %s" % (key, type(error).__name__, error))

    def reply(self, result, accept):
        status, kind = 200, accept if "," not in accept and "*" not in accept else JSON
        if isinstance(result, tuple) and len(result) == 2:
            result, kind = result
        elif hasattr(result, "get_data") and hasattr(result, "status_code"):  # a flask Response
            result, status, kind = result.get_data(), result.status_code, result.mimetype or kind
        if isinstance(result, str):
            result = result.encode("utf-8")
        if not isinstance(result, (bytes, bytearray)):
            what = "transform_fn" if self.function["transform_fn"] else "output_fn"
            raise Refusal(500, "%s returned %s where str or bytes is expected" % (what, type(result).__name__))
        return status, bytes(result), str(kind)


def advice(error):
    text = str(error)
    if "__main__" in text and "attribute" in text:
        return (
            "The model was saved by a script that defined this class itself. Move the class to a module of its own, "
            "put that file next to inference.py, import it in both, and train again."
        )
    if isinstance(error, (EOFError, pickle.UnpicklingError)):
        return "The file is cut short or not a model. Copy it again from where it was made."
    return "Serve it with the Python and package versions that it was made with; the log shows where it failed."
