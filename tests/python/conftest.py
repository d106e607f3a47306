"""What the tests share: where things lie, a server that is always ended, models that are fitted once."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import joblib
import pytest

ROOT = Path(__file__).resolve().parents[2]
RUNNERS = ROOT / "assets" / "runners"
IRIS = ROOT / "assets" / "labs" / "iris"
PATIENCE = 60  # seconds until a condition that never comes fails the test; nothing waits this long when all is well

sys.path.insert(0, str(RUNNERS))
sys.dont_write_bytecode = True


def until(condition, what):
    """Waits until `condition()` is true and returns its value."""
    deadline = time.monotonic() + PATIENCE
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, "waited in vain until " + what
        time.sleep(0.01)


def read_json(path):
    return json.loads(Path(path).read_text(encoding="utf-8"))


class Reply:
    def __init__(self, response):
        self.status, self.headers = response.status, response.headers
        self.type, self.body = response.headers.get("Content-Type"), response.read()

    @property
    def text(self):
        return self.body.decode("utf-8")

    @property
    def json(self):
        return json.loads(self.body)


class Served:
    """serve.py in a process of its own."""

    def __init__(self, model_dir, state_dir, *arguments, interpreter=(), env=None):
        self.state, self.log_path, self.where = Path(state_dir), Path(str(state_dir) + ".log"), None
        command = [sys.executable, *interpreter, str(RUNNERS / "serve.py"), "--model-dir", str(model_dir)]
        command += ["--state-dir", str(state_dir), "--name", "test", *map(str, arguments)]
        self.log_file = open(self.log_path, "ab")
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **(env or {})}
        self.process = subprocess.Popen(command, stdout=self.log_file, stderr=self.log_file, env=environment)

    @property
    def log(self):
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def bound(self):
        """The contents of endpoint.json, once they are of this process. Read once."""
        if self.where is not None:
            return self.where
        path = self.state / "endpoint.json"

        def mine():
            assert self.process.poll() is None, "the server ended: " + self.log
            with contextlib.suppress(FileNotFoundError):
                where = read_json(path)
                return where if where["pid"] == self.process.pid else None

        self.where = until(mine, "endpoint.json is there")
        return self.where

    def ready(self):
        self.bound()
        until(lambda: self.get("/ping").status == 200, "the model is loaded")
        return self

    def connection(self):
        return http.client.HTTPConnection("127.0.0.1", self.bound()["port"], timeout=PATIENCE)

    def request(self, method, path, body=None, **headers):
        with contextlib.closing(self.connection()) as connection:
            named = {key.replace("_", "-"): value for key, value in headers.items()}
            connection.request(method, path, body=body, headers=named)
            return Reply(connection.getresponse())

    def get(self, path, **headers):
        return self.request("GET", path, **headers)

    def post(self, body, content_type=None, accept=None, **headers):
        if content_type is not None:
            headers["Content_Type"] = content_type
        if accept is not None:
            headers["Accept"] = accept
        return self.request("POST", "/invocations", body=body, **headers)

    def stats(self):
        return self.get("/stats").json

    def ended(self):
        """(exit status, contents of failure.json or None) once the process has ended."""
        status = self.process.wait(PATIENCE)
        path = self.state / "failure.json"
        return status, read_json(path) if path.exists() else None

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        return self.ended()[0]

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.log_file.close()


@pytest.fixture
def serve(tmp_path):
    """serve(model_dir, …) starts a server; all of them are ended with the test."""
    with contextlib.ExitStack() as stack:

        def start(model_dir, *arguments, state="state", **options):
            server = Served(model_dir, tmp_path / state, *arguments, **options)
            stack.callback(server.close)
            return server

        yield start


@pytest.fixture
def model_dir(tmp_path):
    """model_dir(script text, files…) makes a model folder with code/inference.py."""

    def make(script=None, **files):
        folder = tmp_path / "model"
        (folder / "code").mkdir(parents=True, exist_ok=True)
        if script is not None:
            (folder / "code" / "inference.py").write_text(script)
        for name, data in files.items():
            path = folder / name.replace("__", "/").replace("_py", ".py")
            path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return folder

    return make


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """(a model, the environment in which a server can load it): NumPy alone, as scikit-learn takes seconds to import.

    Answers 0 where the third number of a row is below 2.5, else 2: enough to tell a setosa from a virginica.
    """
    folder = tmp_path_factory.mktemp("tiny")
    (folder / "tiny_model.py").write_text(
        "class Tiny:\n    def predict(self, rows):\n        return (rows[:, 2] > 2.5).astype(int) * 2\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        import tiny_model
    return tiny_model.Tiny(), {"PYTHONPATH": str(folder)}


@pytest.fixture(scope="session")
def tree():
    """A decision tree that knows Iris by heart and answers with 0, 1 or 2."""
    from sklearn.datasets import load_iris
    from sklearn.tree import DecisionTreeClassifier

    data = load_iris()
    return DecisionTreeClassifier(random_state=0).fit(data.data, data.target)


@pytest.fixture(scope="session")
def tree_dir(tree, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tree")
    joblib.dump(tree, folder / "model.joblib")
    return folder
