"""Ways to serve, and what a run can be asked for, by the `curfew` command."""

import json

import pytest
from test_curfew import BIN, ON, clear, curfew, fitted, ours  # noqa: F401 (fixtures)

pytestmark = pytest.mark.skipif(not BIN, reason="CURFEW_BIN names no program; ./test cloud brings one")


def deployed(curfew, fitted, name, *arguments):
    _, err = curfew.run("deploy", fitted, "--name", name, "--wait", *arguments)
    return err


def test_by_request_from_price_to_nothing(cloud, curfew, fitted):
    before, name = ours(cloud), cloud.name("by-request")
    ask = ["--mode", "serverless", "--memory", "2048", "--concurrency", "5", "--on"]
    err = deployed(curfew, fitted, name, *ask, "aws:ml.t2.medium")
    assert "it costs nothing while nobody asks" in err
    assert "a second of answering: $0.000040" in err and "say how many requests a day you expect" in err, err
    shown = curfew.json("endpoint", "show", name)
    assert shown["mode"] == {"id": "serverless", "settings": {"concurrency": 5, "memory": 2048}}
    assert shown["machine"] == "aws:serverless" and shown["usd_per_hour"]["is"] == "not_billed"
    [value] = curfew.json("endpoint", "invoke", name, "--csv", "1,1")["answer"]
    assert abs(value - 3) < 1e-6
    figures = curfew.json("endpoint", "figures", name)["figures"]["items"]
    assert "cold" in [figure["name"] for figure in figures]
    curfew.run("endpoint", "delete", name, "--artefacts", "--yes")
    assert ours(cloud) == before, "configuration and model went with it"
    for wrong, field in [
        (["--mode", "serverless", "--memory", "100"], "memory"),
        (["--mode", "sometimes"], "mode"),
        (["--memory", "2048"], "mode"),
    ]:
        told = curfew.json("deploy", fitted, "--on", "aws:ml.t2.medium", *wrong, code=2)["errors"]
        assert [error["field"] for error in told] == [field], told
    told = curfew.json("deploy", fitted, "--on", "aws:ml.g5.xlarge", "--mode", "serverless", code=2)["errors"]
    assert "no GPU" in told[0]["happened"], told


def test_an_answer_that_comes_later(cloud, curfew, fitted):
    before, name = ours(cloud), cloud.name("later")
    err = deployed(curfew, fitted, name, "--mode", "async", "--on", "aws:ml.m5.xlarge")
    assert "a day and" in err and "a month of 730 hours" in err
    out, err = curfew.run("endpoint", "invoke", name, "--csv", "1,1")
    assert "Taken in. The answer will lie at s3://" in err, err
    assert abs(json.loads(out)[0] - 3) < 1e-6, out
    curfew.run("endpoint", "delete", name, "--artefacts", "--yes")
    assert ours(cloud) == before


def test_a_run_of_two_machines_with_metrics_of_its_own(cloud, curfew):
    text = "import os\nprint(os.environ['SM_CURRENT_HOST'], 'score is 0.25', flush=True)\nprint('score is 0.75')\n"
    folder = curfew.script("asked", text)
    (folder / "curfew.toml").write_text('[metrics]\ndefine = [{ name = "score", regex = "score is ([0-9.]+)" }]\n')
    data = folder.parent / "large"
    data.mkdir()
    with open(data / "x.bin", "wb") as file:
        file.truncate(40 << 20)
    ask = ["--set", "instances=2", "--set", "input_mode=FastFile", "--data", data]
    out, err = curfew.run("train", folder, *ON, *ask, "--wait")
    assert "uploading the data of “training”: 40.0 MiB of 40.0 MiB" in err, err
    assert "list price of ml.m5.xlarge × 2" in err and "algo-1 score" in out and "algo-2 score" in out, out + err
    [run] = curfew.json("runs")["runs"]
    metrics = {metric["name"]: metric for metric in curfew.json("run", "metrics", run["id"])["metrics"]}
    assert metrics["score"]["points"][-1]["value"] == 0.75, metrics
    told = curfew.json("train", folder, *ON, "--set", "shards=2", code=2)["errors"]
    assert "no option “shards”" in told[0]["happened"] and "instances" in told[0]["next"], told
    curfew.run("run", "rm", run["id"], "--yes")
    clear(curfew)
