"""serve.py answers as SageMaker's containers do."""

import io
import json
import pickle

import joblib
import numpy as np
import pytest

SETOSA, VIRGINICA = [5.1, 3.5, 1.4, 0.2], [6.3, 3.3, 6.0, 2.5]
JSON, CSV, NPY = "application/json", "text/csv", "application/x-npy"


def npy(value, **options):
    buffer = io.BytesIO()
    np.save(buffer, value, **options)
    return buffer.getvalue()


def npz():
    buffer = io.BytesIO()
    np.savez(buffer, a=np.zeros(4))
    return buffer.getvalue()


def lines(text):
    return text.splitlines()


@pytest.fixture(scope="module")
def tree_server(tree_dir, tmp_path_factory):
    from conftest import Served

    server = Served(tree_dir, tmp_path_factory.mktemp("state") / "state", "--max-body", 4096)
    yield server.ready()
    server.close()


@pytest.mark.parametrize(
    "body, content_type, expect",
    [
        ("5.1,3.5,1.4,0.2", CSV, [0]),
        ("5.1,3.5,1.4,0.2\n6.3,3.3,6.0,2.5\n", CSV, [0, 2]),
        ("5.1,3.5,1.4,0.2\r\n\r\n6.3,3.3,6.0,2.5\r\n", CSV, [0, 2]),
        (' 5.1 ,"3.5",1.4,2e-1', CSV + "; charset=utf-8", [0]),
        (json.dumps(SETOSA), JSON, [0]),
        (json.dumps([SETOSA, VIRGINICA]), JSON, [0, 2]),
        (json.dumps({"instances": [VIRGINICA]}), "Application/JSON", [2]),
        (json.dumps([SETOSA]), None, [0]),
        (npy(np.array([SETOSA, VIRGINICA])), NPY, [0, 2]),
        (npy(np.array([SETOSA], dtype=np.float32)), NPY, [0]),
    ],
)
def test_input(tree_server, body, content_type, expect):
    reply = tree_server.post(body, content_type)
    assert (reply.status, reply.type, reply.json) == (200, JSON, expect)


@pytest.mark.parametrize(
    "accept, content_type, body",
    [
        (None, JSON, b"[0, 2]"),
        ("*/*", JSON, b"[0, 2]"),
        ("text/html, */*", JSON, b"[0, 2]"),
        ("application/json", JSON, b"[0, 2]"),
        ("text/csv", CSV, b"0\n2\n"),
        ("text/plain, text/csv; q=0.5", CSV, b"0\n2\n"),
        ("application/x-npy", NPY, npy(np.array([0, 2]))),
    ],
)
def test_output(tree_server, accept, content_type, body):
    reply = tree_server.post(json.dumps([SETOSA, VIRGINICA]), JSON, accept)
    assert (reply.status, reply.type, reply.body) == (200, content_type, body)


@pytest.mark.parametrize(
    "body, content_type, accept, status, line",
    [
        ("5.1,x,1.4,0.2", CSV, None, 400, "line 1, column 2: 'x' is not a number"),
        ("1,2,3,4\n1,2,3", CSV, None, 400, "line 2 has 3 values, the first has 4"),
        ("", CSV, None, 400, "it is empty"),
        ('1,"2', CSV, None, 400, "unexpected end of data"),
        (b"\xff\xfe1,2", CSV, None, 400, "not UTF-8"),
        ("[1, 2", JSON, None, 400, "the body is not application/json"),
        ('{"a": 1}', JSON, None, 400, "the body is not application/json"),
        ("[" * 2000, JSON, None, 400, "the body is not application/json"),
        ("[[1, 2], [3]]", JSON, None, 400, "the body is not application/json"),
        (npy(np.array([{}], dtype=object), allow_pickle=True), NPY, None, 400, "the body is not application/x-npy"),
        (b"\x93NUMPY", NPY, None, 400, "the body is not application/x-npy"),
        (npz(), NPY, None, 400, "the body is not application/x-npy"),
        ("<a/>", "text/xml", None, 415, "Content-Type text/xml is not supported"),
        ("1,2,3,4", CSV, "image/png", 406, "Accept image/png is not supported"),
        ("1,2,3", CSV, None, 500, "predict_fn raised ValueError: X has 3 features"),
        ("1," * 4000 + "1", CSV, None, 413, "the body has 8001 bytes, the limit is 4096"),
    ],
)
def test_refusal(tree_server, body, content_type, accept, status, line):
    reply = tree_server.post(body, content_type, accept)
    assert (reply.status, reply.type) == (status, "text/plain; charset=utf-8")
    assert line in reply.text and len(lines(reply.text)) == 1 and "Traceback" not in reply.text
    assert tree_server.post("5.1,3.5,1.4,0.2", CSV).json == [0], "and the server is well"


def test_npy_that_claims_to_be_huge_is_refused(tree_server):
    huge = npy(np.zeros(4)).replace(b"(4,),", b"(4" + b"0" * 11 + b",),").replace(b" " * 11 + b"\n", b"\n")
    assert tree_server.post(huge, NPY).status == 400


def test_a_missing_value_reaches_the_model_as_not_a_number(serve, model_dir):
    script = "def model_fn(d): return None\ndef predict_fn(data, model): return [data.tolist(), str(data.dtype)]\n"
    server = serve(model_dir(script)).ready()
    assert server.post("1,,3", CSV).json == [[[1.0, None, 3.0]], "float32"]
    assert server.post("[1, null, 3]", JSON).json == [[[1.0, None, 3.0]], "float32"]
    assert server.post('["good", "bad"]', JSON).json == [["good", "bad"], "<U4"], "text is one sample each"


@pytest.mark.parametrize(
    "method, path, headers, status",
    [
        ("GET", "/ping", {}, 200),
        ("HEAD", "/ping", {}, 200),
        ("GET", "/", {}, 404),
        ("GET", "/invocations", {}, 405),
        ("POST", "/ping", {}, 404),
        ("POST", "/other", {}, 404),
        ("DELETE", "/invocations", {}, 501),
        ("GET", "/ping", {"Host": "evil.example"}, 403),
        ("GET", "/stats", {"Host": "evil.example:80"}, 403),
        ("GET", "/stats", {"Host": "LOCALHOST:1"}, 200),
        ("GET", "/stats", {"Host": "[::1]:1"}, 200),
        ("POST", "/invocations", {"Origin": "https://evil.example"}, 403),
        ("POST", "/invocations", {"Origin": "null"}, 403),
        ("POST", "/invocations", {"Origin": "http://127.0.0.1:5000", "Content-Type": CSV}, 200),
    ],
)
def test_routes(tree_server, method, path, headers, status):
    body = "5.1,3.5,1.4,0.2" if method == "POST" else None
    assert tree_server.request(method, path, body, **headers).status == status


def test_chunked_and_missing_lengths_are_refused(tree_server):
    assert tree_server.request("POST", "/invocations", iter([b"1,2"]), Transfer_Encoding="chunked").status == 411
    for length, status in (("-1", 400), ("1e3", 400), ("99999999999999999999", 413)):
        assert tree_server.request("POST", "/invocations", None, Content_Length=length).status == status


def test_a_client_that_asks_first_is_refused_before_it_sends(tree_server):
    connection = tree_server.connection()
    connection.putrequest("POST", "/invocations")
    connection.putheader("Content-Length", "1000000000")
    connection.putheader("Expect", "100-continue")
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def test_a_connection_is_kept(tree_server):
    connection = tree_server.connection()
    for body, expect in (("5.1,3.5,1.4,0.2", b"[0]"), ("1,2", None), ("6.3,3.3,6.0,2.5", b"[2]")):
        connection.request("POST", "/invocations", body, {"Content-Type": CSV})
        reply = connection.getresponse()
        data = reply.read()
        assert expect is None or data == expect
    connection.close()


# Scripts


ALL = """
def model_fn(model_dir): return {"dir": model_dir}
def input_fn(body, content_type): return (body, type(body).__name__, content_type)
def predict_fn(data, model): return [data, sorted(model)]
def output_fn(prediction, accept): return repr((prediction, accept)), "text/x-mine"
"""


def test_all_functions_get_what_sagemaker_gives(serve, model_dir):
    server = serve(model_dir(ALL)).ready()
    reply = server.post("a,b", CSV, "x/y")
    assert reply.type == "text/x-mine"
    assert reply.text == repr(([("a,b", "str", CSV), ["dir"]], "x/y"))
    assert server.post("{}").text == repr(([("{}", "str", JSON), ["dir"]], JSON)), "JSON where nothing is said"
    assert server.post(b"\xff", "image/png").text == repr(([(b"\xff", "bytes", "image/png"), ["dir"]], JSON))


def test_any_function_alone_is_enough(serve, model_dir, tiny):
    """The rest are the defaults, and the model is the file in the folder."""
    model, env = tiny
    joblib.dump(model, model_dir() / "model.joblib")
    scripts = {
        "model_fn": "import joblib\ndef model_fn(d): return joblib.load(d + '/model.joblib')\n",
        "input_fn": "import numpy\ndef input_fn(body, kind): return numpy.array([[5.1, 3.5, 1.4, 0.2]])\n",
        "predict_fn": "def predict_fn(data, model): return model.predict(data)\n",
        "output_fn": "def output_fn(prediction, accept): return str(prediction.tolist())\n",
        "nothing": "A = 1\n",
    }
    for number, (name, script) in enumerate(scripts.items()):
        server = serve(model_dir(script), state="state%d" % number, env=env).ready()
        reply = server.post("5.1,3.5,1.4,0.2", CSV)
        assert (reply.status, reply.json) == (200, [0]), name


def test_transform_fn_replaces_the_three(serve, model_dir):
    script = (
        "def model_fn(d): return 7\ndef transform_fn(m, body, kind, accept): return repr((m, body, kind)), accept\n"
    )
    reply = serve(model_dir(script)).ready().post("x", CSV, "text/mine")
    assert (reply.status, reply.type, reply.text) == (200, "text/mine", repr((7, "x", CSV)))


def test_other_script_and_its_neighbours(serve, model_dir, tmp_path):
    """--script wins over code/inference.py; its own modules are found, even under the names of ours."""
    code = tmp_path / "elsewhere"
    code.mkdir()
    (code / "serving_model.py").write_text("ANSWER = 'mine'\n")
    (code / "probe.py").write_text("ANSWER = 'too'\n")
    (code / "my_script.py").write_text(
        "import probe, sys\n"
        "def model_fn(d):\n"
        "    del sys.modules['serving_model']\n"
        "    import serving_model\n"
        "    return serving_model.ANSWER + probe.ANSWER\n"
        "def transform_fn(m, *rest): return m\n"
    )
    server = serve(model_dir("raise SystemError('not me')"), "--script", code / "my_script.py").ready()
    assert server.post("").text == "minetoo"


def test_a_class_from_the_script_can_be_unpickled(serve, model_dir):
    """The script is importable under its own name, which is what such a pickle asks for."""
    import types

    module = types.ModuleType("inference")
    exec("class Twice:\n    def predict(self, rows): return rows * 2\n", module.__dict__)
    module.Twice.__module__ = "inference"
    import sys

    sys.modules["inference"] = module
    try:
        model = pickle.dumps(module.Twice())
    finally:
        del sys.modules["inference"]
    script = "class Twice:\n    def predict(self, rows): return rows * 2\n"
    server = serve(model_dir(script, **{"model.pkl": model})).ready()
    assert server.post("[1, 2]").json == [[2.0, 4.0]]


@pytest.mark.parametrize(
    "function, status, line",
    [
        (
            "def predict_fn(d, m): raise ValueError('first\\nsecond <b>')",
            500,
            "predict_fn raised ValueError: first second <b>",
        ),
        ("def predict_fn(d, m): exit(3)", 500, "predict_fn raised SystemExit: 3"),
        ("def predict_fn(d, m): raise KeyError('é☃')", 500, "predict_fn raised KeyError: 'é☃'"),
        ("def predict_fn(d): return 1", 500, "predict_fn raised TypeError"),
        ("import json\ndef input_fn(b, t): return json.loads('{')", 400, "input_fn raised JSONDecodeError"),
        (
            "class UnsupportedFormatError(Exception): pass\ndef input_fn(b, t): raise UnsupportedFormatError(t)",
            415,
            "input_fn",
        ),
        (
            "class UnsupportedFormatError(Exception): pass\ndef output_fn(p, a): raise UnsupportedFormatError(a)",
            406,
            "output_fn",
        ),
        ("def output_fn(p, a): return {'a': 1}", 500, "output_fn returned dict where str or bytes is expected"),
        ("def predict_fn(d, m): return object()", 500, "output_fn raised TypeError"),
    ],
)
def test_a_script_that_raises(serve, model_dir, function, status, line):
    script = "def model_fn(d): return None\ndef predict_fn(d, m): return 1\n" + function + "\n"
    server = serve(model_dir(script)).ready()
    reply = server.post("1,2", CSV)
    assert reply.status == status and reply.text.startswith(line) and len(lines(reply.text)) == 1
    assert "Traceback" not in reply.text
    raised = "raised" in line or line.endswith("_fn")
    assert ("Traceback" in server.log) == raised, "the log alone tells where"
    assert server.get("/ping").status == 200


def test_not_a_number_is_null_in_json(serve, model_dir):
    script = (
        "def model_fn(d): return None\ndef predict_fn(d, m): return {'a': (float('nan'), 1.5), 'b': [float('inf')]}\n"
    )
    assert serve(model_dir(script)).ready().post("1", CSV).json == {"a": [None, 1.5], "b": [None]}


def test_a_flask_response_is_taken(serve, model_dir):
    """What scripts written for AWS's scikit-learn container return."""
    script = """
class Response:
    status_code, mimetype = 201, "text/mine"
    def get_data(self): return b"hello"
def model_fn(d): return None
def output_fn(p, a): return Response()
def predict_fn(d, m): return 1
"""
    reply = serve(model_dir(script)).ready().post("1", CSV)
    assert (reply.status, reply.type, reply.text) == (201, "text/mine", "hello")


# Model files


@pytest.mark.parametrize("name", ["model.joblib", "model.pkl", "model.pickle", "other.joblib", "some.PKL"])
def test_a_model_file_is_found(serve, tiny, tmp_path, name):
    folder = tmp_path / "model"
    folder.mkdir()
    if name.endswith("joblib"):
        joblib.dump(tiny[0], folder / name, compress=3)
    else:
        (folder / name).write_bytes(pickle.dumps(tiny[0]))
    (folder / "notes.txt").write_text("not a model")
    assert serve(folder, env=tiny[1]).ready().post("6.3,3.3,6.0,2.5", CSV).json == [2]


@pytest.mark.parametrize("name", ["xgboost-model", "model.ubj", "model.json"])
def test_an_xgboost_model_is_served(serve, tmp_path, name):
    xgboost = pytest.importorskip("xgboost")
    features = np.arange(40, dtype=np.float32).reshape(20, 2)
    booster = xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(features, features[:, 0] > 20), 3)
    folder = tmp_path / "model"
    folder.mkdir()
    raw = booster.save_raw("json" if name.endswith("json") else "ubj")
    (folder / name).write_bytes(bytes(raw))
    low, high = serve(folder).ready().post("0,1\n38,39\n", CSV).json
    assert low < 0.5 < high


def test_no_framework_is_needed_by_a_plain_script(serve, model_dir):
    """-S hides the installed packages: NumPy is not there, and is asked for only by the defaults."""
    script = "def model_fn(d): return 3\ndef input_fn(b, t): return int(b)\ndef predict_fn(d, m): return d * m\n"
    server = serve(model_dir(script), interpreter=["-S"]).ready()
    assert server.post("14", CSV).json == 42
    reply = server.post("14", CSV, accept=CSV)
    assert reply.status == 500 and "NumPy is not installed in" in reply.text


def test_under_python_safe_path(serve, model_dir):
    script = "def model_fn(d): return 1\ndef transform_fn(*a): return 'well'\n"
    assert serve(model_dir(script), env={"PYTHONSAFEPATH": "1"}).ready().post("").text == "well"
