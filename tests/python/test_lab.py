"""The Iris lab: the same script here and under AWS's toolkit, then served and asked."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import namedtuple

import pytest

import make_sm_env
from conftest import IRIS, ROOT

try:
    import tomllib
except ImportError:  # before Python 3.11
    from pip._vendor import tomli as tomllib

EPOCH = re.compile(r"epoch (\d+)/(\d+) loss=(\d\.\d{4}) val_loss=(\d\.\d{4}) val_accuracy=(\d\.\d{4})$")
LAB = tomllib.loads((IRIS / "lab.toml").read_text(encoding="utf-8"))
FAST = ["--seconds-per-epoch", "0"]


def train(folder, *arguments, script=IRIS / "train.py", data=IRIS, expect=0):
    env = {key: value for key, value in os.environ.items() if not key.startswith("SM_")}
    env.update(
        SM_MODEL_DIR=str(folder / "model"), SM_OUTPUT_DATA_DIR=str(folder / "output"), SM_CHANNEL_TRAINING=str(data)
    )
    done = subprocess.run(
        [sys.executable, str(script), *arguments], env=env, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == expect, done.stdout + done.stderr
    return done


def losses(text):
    return [line for line in text.splitlines() if line.startswith("epoch ")]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return folder, train(folder, *FAST)


def test_a_loss_for_each_epoch_that_falls(trained):
    rows = [EPOCH.match(line) for line in losses(trained[1].stdout)]
    assert len(rows) == 60 and all(rows)
    assert [int(row[1]) for row in rows] == list(range(1, 61)) and {row[2] for row in rows} == {"60"}
    loss = [float(row[3]) for row in rows]
    assert loss[0] > 0.8 > 0.2 > loss[-1] and float(rows[-1][5]) >= 0.9
    history = json.loads((trained[0] / "output" / "history.json").read_text())
    assert len(history) == 60 and round(history[-1]["loss"], 4) == loss[-1]


def test_the_model_carries_what_serves_it(trained):
    folder = trained[0] / "model"
    found = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert found == ["code/inference.py", "code/requirements.txt", "model.joblib"]


def test_another_seed_gives_another_run(trained, tmp_path):
    other = losses(train(tmp_path, *FAST, "--seed", "7", "--epochs", "2").stdout)
    assert len(other) == 2 and other[0][:9] == "epoch 1/2" and other[0][9:] != losses(trained[1].stdout)[0][10:]


def test_wrong_hyperparameters(tmp_path):
    assert "error: epochs and batch-size must be 1 or more" in train(tmp_path, "--epochs", "0", expect=2).stderr
    assert not (tmp_path / "model").exists()


def test_no_data(tmp_path):
    assert "there is no iris.csv in" in train(tmp_path, data=tmp_path, expect=1).stderr


def test_served_and_asked(trained, serve):
    """The lab's own question has the lab's own answer."""
    server = serve(trained[0] / "model").ready()
    wanted = LAB["predict"]
    reply = server.post(wanted["input"], wanted["content_type"])
    found = reply.json
    for step in wanted["answer"].split("."):
        found = found[int(step)] if step.isdigit() else found[step]
    assert (reply.status, found, wanted["expect"]) == (200, "setosa", "setosa")
    probabilities = reply.json["predictions"][0]["probabilities"]
    assert sorted(probabilities) == ["setosa", "versicolor", "virginica"]
    assert abs(sum(probabilities.values()) - 1) < 1e-6 and probabilities["setosa"] > 0.9
    for body in ("[5.1, 3.5, 1.4, 0.2]", "[[5.1, 3.5, 1.4, 0.2]]", '{"instances": [[5.1, 3.5, 1.4, 0.2]]}'):
        assert server.post(body, "application/json").json == reply.json
    table = server.post("5.1,3.5,1.4,0.2\n6.3,3.3,6.0,2.5\n", "text/csv", "text/csv")
    assert table.type == "text/csv" and [line.split(",")[0] for line in table.text.splitlines()] == [
        "setosa",
        "virginica",
    ]
    for wrong, kind in (("1,2,3", "text/csv"), ("a,b,c,d", "text/csv"), ("1,2,3,4", "text/plain")):
        assert server.post(wrong, kind).status == 500


def test_unchanged_under_awss_own_toolkit(trained, tmp_path):
    """The same files, hyperparameters as CreateTrainingJob takes them; the log has the very same losses."""
    base = tmp_path / "ml"
    hyperparameters = {"epochs": "60", "seconds-per-epoch": "0", "seed": "1936", "batch-size": "16"}
    make_sm_env.prepare(base, IRIS, "train.py", hyperparameters, ["training"])
    shutil.copy(IRIS / "iris.csv", base / "input" / "data" / "training")
    done = make_sm_env.run_toolkit(base)
    assert done.returncode == 0, done.stdout + done.stderr
    assert losses(done.stdout) == losses(trained[1].stdout)
    assert (base / "output" / "success").exists() and not (base / "output" / "failure").exists()
    assert (base / "model" / "model.joblib").read_bytes() == (trained[0] / "model" / "model.joblib").read_bytes()
    assert (base / "model" / "code" / "inference.py").exists()
    assert (base / "output" / "data" / "history.json").exists()


def test_a_failure_under_awss_own_toolkit(tmp_path):
    base, source = tmp_path / "ml", tmp_path / "source"
    source.mkdir()
    (source / "train.py").write_text("raise SystemExit(2)\n")
    make_sm_env.prepare(base, source, "train.py", {}, ["training"])
    assert make_sm_env.run_toolkit(base).returncode != 0
    assert (base / "output" / "failure").read_text().startswith("ExecuteUserScriptError:\nExitCode 2\n")
    assert not (base / "output" / "success").exists()


def test_lab_toml():
    """Every name in it is real: files, hyperparameters, metrics."""
    options = (IRIS / "train.py").read_text()
    for key in LAB["train"]["hyperparameters"]:
        assert '"--%s"' % key in options
    for key in LAB["train"]["tensorflow"]["hyperparameters"]:
        assert '"--%s"' % key in (IRIS / "tensorflow" / "train.py").read_text()
    for part in (LAB["train"], LAB["train"]["tensorflow"]):
        assert (IRIS / part["folder"] / part["entry"]).is_file()
    assert (IRIS / LAB["train"]["data"]).is_file() and (IRIS / LAB["deploy"]["script"]).is_file()
    assert all("%s=%%.4f" % name in options for name in LAB["train"]["plot"])
    assert [step["verb"] for step in LAB["step"]] == ["start", "train", "deploy", "predict", "sweep", "end"]
    assert all(step["title"] and step["text"].endswith((".", '"')) for step in LAB["step"])


def test_the_data_are_fishers():
    from sklearn.datasets import load_iris

    data = load_iris()
    rows = [line.split(",") for line in (IRIS / "iris.csv").read_text().splitlines()]
    assert rows[0] == ["sepal_length", "sepal_width", "petal_length", "petal_width", "species"] and len(rows) == 151
    for row, features, target in zip(rows[1:], data.data.tolist(), data.target.tolist()):
        assert [float(cell) for cell in row[:4]] == features and row[4] == data.target_names[target]


# The TensorFlow variant: TensorFlow is too large to install for the tests, so its handlers alone are tried


def test_tensorflow_handlers(tmp_path, monkeypatch):
    import importlib.util
    import io

    shutil.copy(IRIS / "tensorflow" / "inference.py", tmp_path)
    (tmp_path / "species.json").write_text('["setosa", "versicolor", "virginica"]')
    spec = importlib.util.spec_from_file_location("tf_inference", tmp_path / "inference.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    Context = namedtuple("Context", "request_content_type accept_header")
    Response = namedtuple("Response", "status_code content")
    asked = script.input_handler(io.BytesIO(b"5.1,3.5,1.4,0.2\n"), Context("text/csv", "application/json"))
    assert json.loads(asked) == {"instances": [[5.1, 3.5, 1.4, 0.2]]}
    served = Response(200, b'{"predictions": [[0.9, 0.1, 0.0]]}')
    body, kind = script.output_handler(served, Context("text/csv", "application/json"))
    assert kind == "application/json" and json.loads(body)["predictions"][0]["species"] == "setosa"
    assert script.output_handler(served, Context("x", "text/csv")) == ("setosa,0.9,0.1,0.0\n", "text/csv")
    for wrong, content_type in ((b"1,2", "text/csv"), (b"[]", "application/json"), (b"x", "text/plain")):
        with pytest.raises(ValueError):
            script.input_handler(io.BytesIO(wrong), Context(content_type, "application/json"))
    with pytest.raises(ValueError):
        script.output_handler(Response(400, b"no"), Context("x", "y"))


def test_nothing_of_this_machine_is_in_the_assets():
    home = str(ROOT)
    for path in [*(ROOT / "assets" / "runners").rglob("*"), *IRIS.rglob("*")]:
        if path.is_file() and path.suffix in (".py", ".toml", ".txt", ".md", ".csv"):
            assert home not in path.read_text(encoding="utf-8"), path
