"""A script answers under serve.py as it does under AWS's own inference toolkit (sagemaker-inference)."""

import json
import os
import shutil
import subprocess
import sys

import joblib
import pytest

from conftest import IRIS, RUNNERS

JSON, CSV = "application/json", "text/csv"

# Runs AWS's Transformer on requests from standard input, in the place of its Java front end.
TOOLKIT = """
import base64, json, sys
from sagemaker_inference import utils
from sagemaker_inference.transformer import Transformer

class Processor:
    def __init__(self, headers): self.headers = headers
    def get_request_properties(self): return self.headers

class Context:
    def __init__(self, model_dir, headers):
        self.system_properties = {"model_dir": model_dir, "gpu_id": None}
        self.request_processor, self.status, self.kind = [Processor(headers)], 200, None
    def set_response_status(self, code, phrase): self.status = code
    def set_response_content_type(self, _request, kind): self.kind = kind

model_dir, transformer, out = sys.argv[1], Transformer(), []
for request in json.load(sys.stdin):
    headers = {"Content-Type": request["type"]}
    if request["accept"]: headers["Accept"] = request["accept"]
    context = Context(model_dir, headers)
    body = transformer.transform([{"body": base64.b64decode(request["body"])}], context)[0]
    body = body if isinstance(body, bytes) else str(body).encode()
    out.append({"status": context.status, "type": context.kind, "body": base64.b64encode(body).decode()})
print(json.dumps(out))
"""


def under_toolkit(folder, requests, path):
    import base64

    encoded = [
        {"body": base64.b64encode(body).decode(), "type": kind, "accept": accept} for body, kind, accept in requests
    ]
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(folder / "code"), path]),
        "SAGEMAKER_PROGRAM": "inference.py",
    }
    done = subprocess.run(
        [sys.executable, "-c", TOOLKIT, str(folder)], input=json.dumps(encoded), env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return [
        (reply["status"], reply["type"], base64.b64decode(reply["body"]))
        for reply in json.loads(done.stdout.splitlines()[-1])
    ]


REQUESTS = [
    (b"5.1,3.5,1.4,0.2", CSV, None),
    (b"5.1,3.5,1.4,0.2\n6.3,3.3,6.0,2.5\n", CSV, "*/*"),
    (b"[[5.1, 3.5, 1.4, 0.2]]", JSON, JSON),
    (b"[5.1, 3.5, 1.4, 0.2]", JSON, CSV),
    (b"5.1,3.5", CSV, None),
    (b"x", "text/unheard-of", None),
]

CONTEXTS = """
def model_fn(model_dir, context): return context.system_properties["model_dir"]
def input_fn(body, kind, context): return [body, kind, type(body).__name__, context.system_properties["gpu_id"]]
def predict_fn(data, model): return data + [model]
def output_fn(prediction, accept): return repr(prediction), accept
"""
TRANSFORM = """
def model_fn(model_dir): return None
def transform_fn(model, body, kind, accept): return repr((body, kind, accept)), "text/mine"
"""
OWN_ERROR = """
from sagemaker_inference.errors import BaseInferenceToolkitError
def model_fn(model_dir): return None
def transform_fn(model, body, kind, accept): raise BaseInferenceToolkitError(429, "not so fast", "slow down")
"""


@pytest.mark.parametrize("case", ["iris", "defaults", "contexts", "transform", "own error"])
def test_the_same_answers(serve, tree, tiny, tmp_path, case):
    folder = tmp_path / "model"
    code = folder / "code"
    code.mkdir(parents=True)
    joblib.dump(tree if case == "iris" else tiny[0], folder / "model.joblib")
    if case == "iris":
        shutil.copy(IRIS / "inference.py", code)
    elif case == "defaults":
        shutil.copy(RUNNERS / "default_inference.py", code / "inference.py")
        shutil.copy(RUNNERS / "serving_model.py", code)
    else:
        text = {"contexts": CONTEXTS, "transform": TRANSFORM, "own error": OWN_ERROR}[case]
        (code / "inference.py").write_text(text)
    judged = under_toolkit(folder, REQUESTS, tiny[1]["PYTHONPATH"])
    server = serve(folder, env=tiny[1]).ready()
    for (body, kind, accept), (status, judged_type, judged_body) in zip(REQUESTS, judged):
        reply = server.post(body, kind, accept)
        if judged_type is None:  # an error: there a traceback goes to the client, here one line
            assert reply.status == status or (case == "defaults" and status == 500 and reply.status in (406, 415))
        else:
            assert (reply.status, reply.type, reply.body) == (status, judged_type, judged_body), (body, kind, accept)
    assert any(status == 200 for status, _, _ in judged) or case == "own error"


def test_the_packed_defaults_are_those_of_the_server(serve, tiny, tmp_path):
    """A bare model answers the same with and without the script that is packed for AWS."""
    bare_dir, packed = tmp_path / "bare", tmp_path / "packed"
    bare_dir.mkdir()
    joblib.dump(tiny[0], bare_dir / "model.joblib")
    shutil.copytree(bare_dir, packed)
    (packed / "code").mkdir()
    shutil.copy(RUNNERS / "default_inference.py", packed / "code" / "inference.py")
    shutil.copy(RUNNERS / "serving_model.py", packed / "code")
    bare = serve(bare_dir, state="a", env=tiny[1]).ready()
    scripted = serve(packed, state="b", env=tiny[1]).ready()
    for body, kind, accept in REQUESTS:
        one, other = bare.post(body, kind, accept), scripted.post(body, kind, accept)
        assert (one.status, one.type, one.body) == (other.status, other.type, other.body) or one.status >= 400
