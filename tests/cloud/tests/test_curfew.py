"""The `curfew` command against the stand-in, as a person uses it, and as nobody would wish: with calls that fail, with
kill -9 in the middle of a call. CURFEW_BIN names the program; `./test cloud` builds it and says so."""

import json
import os
import signal
import subprocess

import pytest
from conftest import until

BIN = os.environ.get("CURFEW_BIN")
pytestmark = pytest.mark.skipif(not BIN, reason="CURFEW_BIN names no program; ./test cloud brings one")
ON = ["--on", "aws:ml.m5.xlarge", "--curfew", "1h"]


class Curfew:
    """One CURFEW_HOME, and commands in it."""

    def __init__(self, home, exports):
        self.home = home
        self.env = {**os.environ, **exports, "CURFEW_HOME": str(home)}

    def start(self, *arguments):
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen([BIN, *map(str, arguments)], env=self.env, stdin=subprocess.DEVNULL, **pipes)

    def run(self, *arguments, code=0):
        process = self.start(*arguments)
        out, err = process.communicate(timeout=600)
        assert code is None or process.returncode == code, "%s\n%s\n%s" % (arguments, out, err)
        return out, err

    def json(self, *arguments, code=0):
        return json.loads(self.run(*arguments, "--json", code=code)[0])

    def script(self, name, text):
        folder = self.home.parent / name
        folder.mkdir(exist_ok=True)
        (folder / "train.py").write_text(text)
        return folder

    def settle(self):
        """What a killed process left open is brought to its end by the loop of a panel."""
        panel = self.start("serve")
        try:
            until(lambda: self.open_entries() == 0)
        finally:
            panel.send_signal(signal.SIGTERM)
            panel.communicate(timeout=60)

    def open_entries(self):
        import sqlite3

        with sqlite3.connect(self.home / "store.db", timeout=30) as store:
            return store.execute("SELECT count(*) FROM journal WHERE closed_ms IS NULL").fetchone()[0]


@pytest.fixture
def curfew(cloud, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    yield Curfew(home, cloud.exports)
    cloud.control("fault", [])


def ours(cloud):
    """Everything of ours that is at AWS, but the bucket and the role."""
    sagemaker = cloud.sagemaker
    jobs = sagemaker.list_training_jobs()["TrainingJobSummaries"]
    found = ["job " + job["TrainingJobName"] for job in jobs]
    found += ["endpoint " + item["EndpointName"] for item in sagemaker.list_endpoints()["Endpoints"]]
    found += ["config " + item["EndpointConfigName"] for item in sagemaker.list_endpoint_configs()["EndpointConfigs"]]
    found += ["model " + item["ModelName"] for item in sagemaker.list_models()["Models"]]
    bucket = "curfew-sagemaker-us-east-1-123456789012"
    try:
        keys = cloud.s3.list_objects_v2(Bucket=bucket).get("Contents", [])
        found += ["key " + item["Key"] for item in keys]
    except cloud.s3.exceptions.NoSuchBucket:
        pass
    return set(found)


@pytest.mark.parametrize("seed", range(int(os.environ.get("CURFEW_FAULT_SEEDS", "3"))))
def test_the_lab_ends_clean_whatever_fails(cloud, curfew, seed):
    before = ours(cloud)
    kinds = ["throttle", "error500", "drop", "cut", "timeout", "slow"]
    cloud.control("fault", {"rate": 0.2, "seed": seed, "after_share": 0.5, "kinds": kinds, "hang_s": 0.2, "delay_s": 0.1})
    out, err = curfew.run("lab", "iris", "--on", "aws:ml.m5.xlarge")
    cloud.control("fault", [])
    assert "→ setosa" in out and "All clean" in out, out + err
    assert ours(cloud) == before


LAUNCH = [("PutObject", 1), ("PutObject", 2), ("PutObject", 3), ("CreateTrainingJob", 1)]
DEPLOY = [("PutObject", 1), ("PutObject", 2), ("CreateModel", 1), ("CreateEndpointConfig", 1), ("CreateEndpoint", 1)]
DELETE = [("DeleteEndpoint", 1), ("DeleteLogGroup", 1), ("DeleteObjects", 1), ("DeleteObjects", 2)]


def hang(cloud, operation, number, after):
    cloud.control("fault", {"op": operation, "every": number, "count": 1, "hang_s": 600, "after": after})


def kill_when_it_hangs(cloud, process):
    until(lambda: process.poll() is not None or cloud.control("fault")[0]["count"] == 0)
    hung = cloud.control("fault")[0]["count"] == 0
    process.kill()
    out, err = process.communicate()
    cloud.control("fault", [])
    assert hung, "the call was never made: " + out + err


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("operation, number", LAUNCH)
def test_a_launch_that_is_killed_ends_in_one_truth(cloud, curfew, operation, number, after):
    before = ours(cloud)
    folder = curfew.script("short", "import time\nprint('loss=1')\ntime.sleep(0.2)\n")
    (folder / "data.csv").write_text("1\n")
    hang(cloud, operation, number, after)
    kill_when_it_hangs(cloud, curfew.start("train", folder, "--data", folder / "data.csv", *ON))
    curfew.settle()
    [run] = curfew.json("runs")["runs"]
    jobs = [name for name in ours(cloud) - before if name.startswith("job ")]
    if run["state"] == "failed":
        assert jobs == [] and "interrupted" in json.dumps(run["failure"]), run
    else:
        assert jobs == ["job " + run["id"]], (run, jobs)
        until(lambda: curfew.json("run", "show", run["id"])["state"], lambda state: state == "completed")
        curfew.run("run", "rm", run["id"], "--yes")
    assert ours(cloud) == before


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A model.joblib that was fitted elsewhere."""
    from standin.launch import environment

    path = tmp_path_factory.mktemp("fitted") / "model.joblib"
    code = (
        "import joblib, sys\nfrom sklearn.linear_model import LinearRegression\n"
        "joblib.dump(LinearRegression().fit([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [0.0, 1.0, 2.0]), sys.argv[1])\n"
    )
    subprocess.run([environment("requirements-run.txt"), "-c", code, path], check=True)
    return path


def test_a_model_fitted_elsewhere_is_served(cloud, curfew, fitted):
    before = ours(cloud)
    name = cloud.name("elsewhere")
    endpoint = curfew.json("deploy", fitted, "--on", "aws:ml.t2.medium", "--name", name, "--wait")
    assert endpoint["state"] == "in-service", endpoint
    answer = curfew.json("endpoint", "invoke", name, "--csv", "1,1")["answer"]
    [value] = answer
    assert abs(value - 3) < 1e-6, answer
    # Its files stay, unless they are asked for: what stays and what it costs is said.
    _, err = curfew.run("endpoint", "delete", name, "--yes")
    assert "Stays: " in err and "s3://curfew-sagemaker-us-east-1-" in err and "a month" in err, err
    left = ours(cloud) - before
    assert left and all(name.startswith("key curfew/endpoints/") for name in left), left
    assert curfew.json("endpoint", "show", name)["state"] != "in-service"
    curfew.run("endpoint", "delete", name, "--artefacts", "--yes")
    clear(curfew)
    assert ours(cloud) == before


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("operation, number", DEPLOY)
def test_a_deploy_that_is_killed_ends_in_one_truth(cloud, curfew, fitted, operation, number, after):
    before, name = ours(cloud), cloud.name("killed")
    hang(cloud, operation, number, after)
    kill_when_it_hangs(cloud, curfew.start("deploy", fitted, "--on", "aws:ml.t2.medium", "--name", name))
    curfew.settle()
    [endpoint] = curfew.json("endpoints")["endpoints"]
    made = {name for name in ours(cloud) - before if not name.startswith("key ")}
    if endpoint["state"] == "failed":
        assert made == set() and "interrupted" in json.dumps(endpoint["failure"]), endpoint
    else:
        assert made == {"model " + name, "config " + name, "endpoint " + name}, made
    clear(curfew)
    assert ours(cloud) == before


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("operation, number", DELETE)
def test_a_deletion_that_is_killed_is_carried_on(cloud, curfew, fitted, operation, number, after):
    before, name = ours(cloud), cloud.name("doomed")
    curfew.run("deploy", fitted, "--on", "aws:ml.t2.medium", "--name", name, "--wait")
    hang(cloud, operation, number, after)
    kill_when_it_hangs(cloud, curfew.start("endpoint", "delete", name, "--artefacts", "--yes"))
    curfew.settle()
    gone = {"endpoint " + name, "key curfew/endpoints/%s/endpoint.json" % name}
    assert not gone & ours(cloud), "the endpoint and its files went"
    clear(curfew)
    assert ours(cloud) == before


def clear(curfew):
    """Sweeps up everything that is there."""
    plan = curfew.home / "plan.json"
    process = curfew.start("sweep", "--plan", plan, "--all")
    process.communicate(timeout=600)
    held = json.loads(plan.read_text())
    held["items"] = [item for item in held["items"] if item["key"]["kind"] not in ("bucket", "role")]
    plan.write_text(json.dumps(held))
    curfew.run("sweep", "run", plan, "--yes")


def test_a_stop_rule_ends_the_script_and_keeps_its_model(cloud, curfew):
    text = (
        "import os, time\nopen(os.environ['SM_MODEL_DIR'] + '/model.txt', 'w').write('kept')\n"
        "print('epoch 1 loss=0.5', flush=True)\nprint('epoch 2 loss=nan', flush=True)\ntime.sleep(600)\n"
    )
    curfew.run("train", curfew.script("nan", text), *ON, "--stop-on-nan", "--wait", code=1)
    [run] = curfew.json("runs")["runs"]
    assert run["state"] == "stopped" and "not a number" in run["ended_by"], run
    assert run["model"].endswith("/model.tar.gz"), run
    curfew.run("run", "rm", run["id"], "--yes")


def test_spot_goes_on_after_an_interruption(cloud, curfew):
    text = (
        "import os, time\nplace = '/opt/ml/checkpoints' if os.path.isdir('/opt/ml/checkpoints') else "
        "os.environ['SM_MODEL_DIR'].replace('/model', '/checkpoints')\n"
        "print('seen', os.listdir(place), flush=True)\n"
        "if os.listdir(place):\n    raise SystemExit(0)\n"
        "open(place + '/state', 'w').write('x')\ntime.sleep(600)\n"
    )
    folder = curfew.script("spot", text)
    out, _ = curfew.run("train", folder, "--on", "aws:ml.m5.xlarge:spot", "--curfew", "1h", "--json")
    run = json.loads(out)["id"]
    until(lambda: "seen []" in curfew.json("run", "log", run)["log"])
    # Checkpoints are copied while the script runs: only what is there is taken along.
    bucket = "curfew-sagemaker-us-east-1-123456789012"
    prefix = "curfew/runs/%s/checkpoints/" % run
    until(lambda: cloud.s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents"))
    cloud.control("interrupt", {"job": run})
    done = until(lambda: curfew.json("run", "show", run), lambda r: r["state"] == "completed")
    assert "spot saved" in done["detail"], done
    # The picker reckons with it from then on, and says where it has it from.
    spot = "aws:sagemaker:us-east-1:ml.m5.xlarge:training:spot"
    explained = curfew.json("machines", "show", spot, "--hours", "1")["explained"]
    machine = next(part for part in explained["terms"][0]["parts"] if part["label"] == "machine")
    assert "that your 1 past run on ml.m5.xlarge saved" in machine["basis"], explained
    assert explained["row"]["charge"]["is"] == "estimated", explained
    curfew.run("run", "rm", run, "--yes")


def test_what_no_budget_pays_for_is_refused_before_anything_is_made(cloud, curfew, fitted):
    before = ours(cloud)
    (curfew.home / "policy.toml").write_text("[monthly_budget_usd.projects]\nvision = 0.5\nnlp = 900\n")
    folder = curfew.script("budget", "print('loss=1')\n")
    (folder / "curfew.toml").write_text('project = "vision"\n')
    on = ["--on", "aws:ml.m5.xlarge"]
    told = curfew.json("train", folder, *on, "--curfew", "4h", code=1)["errors"][0]
    assert (told["kind"], told["field"]) == ("policy", "machine"), told
    assert "It would cost at most $0.92 ($0.23 an hour for " in told["happened"], told
    assert "$0.50 is left of this month’s $0.50 for project “vision” ($0.00 spent)" in told["happened"], told
    assert "Give it a curfew of 2h10m or less" in told["next"] and told["bill"].startswith("Nothing was started"), told
    model = [fitted, "--on", "aws:ml.m5.xlarge", "--curfew", "8h", "--project", "vision"]
    told = curfew.json("deploy", *model, code=1)["errors"][0]
    assert told["field"] == "machine" and "$0.50 is left" in told["happened"], told
    assert ours(cloud) == before
    assert curfew.json("runs")["runs"] == []
    # Another project has its own money, and what fits is let through with its project on it.
    curfew.run("train", folder, *on, "--curfew", "2h", "--wait")
    [run] = curfew.json("runs")["runs"]
    assert run["project"] == "vision", run
    arn = cloud.sagemaker.describe_training_job(TrainingJobName=run["id"])["TrainingJobArn"]
    tags = {tag["Key"]: tag["Value"] for tag in cloud.sagemaker.list_tags(ResourceArn=arn)["Tags"]}
    assert tags["curfew:project"] == "vision", tags
    words = ["ml.m5.xlarge training on demand in us-east-1", "--hours", "9"]
    for project, barred in [("vision", True), ("nlp", False)]:
        [row] = curfew.json("machines", *words, "--project", project)
        assert ("budget" in [reason["code"] for reason in row["barred"]]) == barred, row
    curfew.run("run", "rm", run["id"], "--yes")
    assert ours(cloud) == before
    # What was removed stays spent.
    said = curfew.run("machines", *words, "--project", "vision")[1]
    assert "($0.00 spent)" not in said and "for project “vision”" in said, said


def test_no_secret_is_in_any_file_or_word(cloud, curfew):
    folder = curfew.script("plain", "print('loss=1')\n")
    words = "".join(curfew.run("train", folder, *ON, "--wait"))
    words += "".join(curfew.run("train", folder, "--on", "aws:g5.xlarge", code=2))
    words += "".join(curfew.run("runs", "--json"))
    secret = curfew.env["AWS_SECRET_ACCESS_KEY"]
    files = [path for path in curfew.home.rglob("*") if path.is_file()]
    assert files and secret not in words
    for path in files:
        assert secret.encode() not in path.read_bytes(), path
    [run] = curfew.json("runs")["runs"]
    curfew.run("run", "rm", run["id"], "--yes")


def test_a_session_that_has_run_out_is_said(cloud, curfew):
    folder = curfew.script("plain", "print('loss=1')\n")
    other = {"AWS_ACCESS_KEY_ID": "ASIAEXPIREDEXPIRED00", "AWS_SESSION_TOKEN": "planted-token"}
    curfew.env.update(other)
    curfew.json("runs")  # the account is found, while the session still holds
    cloud.control("clock", {"expired_keys": [other["AWS_ACCESS_KEY_ID"]]})
    try:
        told = curfew.json("train", folder, *ON, code=1)["errors"][0]
        assert told["kind"] == "credentials_expired" and "Settings" in told["next"], told
    finally:
        cloud.control("clock", {"expired_keys": []})
