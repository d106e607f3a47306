"""up, down and reset: what is printed, what is left behind. Each test has a stand-in of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from conftest import CLOUD, Cloud, down, read_exports, until, up
from test_training import WAITS

from standin.files import read_json
from standin.launch import PARTS
from standin.processes import is_same, marked, started


def processes(directory):
    return marked("CURFEW_STANDIN_DIR", str(directory))


def listening(directory):
    """Addresses on which anything of this stand-in listens."""
    inodes = set()
    for pid in processes(directory):
        for entry in os.scandir("/proc/%d/fd" % pid):
            try:
                target = os.readlink(entry.path)
            except OSError:
                continue
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(table, encoding="ascii") as file:
            for line in list(file)[1:]:
                fields = line.split()
                if fields[3] == "0A" and fields[9] in inodes:
                    found.add(fields[1].split(":")[0])
    return found


@pytest.fixture
def directory(tmp_path):
    """A folder whose stand-in is stopped at the end, whatever happened; its name wants quotes in a shell."""
    folder = tmp_path / "a stand-in"
    yield folder
    assert down(folder) == 0
    assert processes(folder) == []


def test_up_prints_exports_and_a_shell_can_use_them(directory):
    shell = 'eval "$("$0" "$1")" && "$2" -c "import boto3; print(boto3.client(\'sts\').get_caller_identity()[\'Arn\'])"'
    done = subprocess.run(
        ["bash", "-c", shell, CLOUD / "up", directory, sys.executable], capture_output=True, text=True
    )
    assert done.stdout == "arn:aws:iam::123456789012:user/researcher\n", done.stderr
    again = read_exports(subprocess.run([CLOUD / "up", directory], capture_output=True, text=True).stdout)
    assert again["AWS_ENDPOINT_URL"] == read_json(directory / "aws.json")["url"], "running already: the same again"
    assert {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_ENDPOINT_URL"} <= set(again)
    assert listening(directory) == {"0100007F"}, "127.0.0.1 only"


def test_ports_and_python_can_be_chosen(directory):
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        port, moto = one.getsockname()[1], two.getsockname()[1]
    ports = ["--port", str(port), "--moto-port", str(moto)]
    exports = up(directory, *ports, "--region", "eu-west-1", "--python", sys.executable)
    assert exports["AWS_ENDPOINT_URL"] == "http://127.0.0.1:%d" % port and exports["AWS_REGION"] == "eu-west-1"
    assert read_json(directory / "moto.json")["port"] == moto
    other = [CLOUD / "up", directory.parent / "second", "--moto-port", str(moto)]
    taken = subprocess.run(other, capture_output=True, text=True)
    assert taken.returncode != 0 and taken.stdout == "" and "moto did not start" in taken.stderr
    assert processes(directory.parent / "second") == []

    cloud = Cloud(exports)  # --python: the tests' own has moto, the scripts' usual one has not
    name, _ = cloud.submit({"train.py": "import moto, sagemaker_training\nprint('with moto')\n"})
    assert cloud.ended(name)["TrainingJobStatus"] == "Completed"
    assert "with moto" in cloud.lines(name)


def test_down_ends_scripts_and_servers(directory):
    cloud = Cloud(up(directory, "--scale", "0.02"))
    name, _ = cloud.submit({"train.py": WAITS}, hyper={"deaf": "1"})
    cloud.wait_line(name, "ready")
    assert len(processes(directory)) >= 5, "moto, helper, proxy, toolkit, script"
    assert down(directory) == 0
    assert processes(directory) == []
    assert not any((directory / (part + ".pid")).exists() for part in PARTS)
    assert not (directory / "jobs").exists() and (directory / "aws.log").exists()


def test_down_after_the_helper_was_killed(directory):
    cloud = Cloud(up(directory, "--scale", "0.02"))
    name, _ = cloud.submit({"train.py": WAITS})
    cloud.wait_line(name, "ready")
    os.kill(read_json(directory / "helper.pid")["pid"], signal.SIGKILL)
    assert down(directory) == 0
    assert processes(directory) == []


@pytest.mark.parametrize("part", ["moto", "aws"])
def test_down_after_up_was_killed_midway(directory, part):
    directory.mkdir()
    starting = subprocess.Popen([CLOUD / "up", directory], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    until(lambda: any(("standin." + part).encode() in command(pid) for pid in processes(directory)))
    starting.kill()
    starting.communicate()
    assert down(directory) == 0
    assert processes(directory) == []
    assert up(directory)["AWS_ENDPOINT_URL"], "and it can be started again"


def test_up_told_to_stop_leaves_nothing(directory):
    directory.mkdir()
    starting = subprocess.Popen([CLOUD / "up", directory], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    until(lambda: processes(directory))
    starting.terminate()
    out, _ = starting.communicate()
    assert (starting.returncode, out) == (143, b"") and processes(directory) == []


def command(pid):
    try:
        with open("/proc/%d/cmdline" % pid, "rb") as file:
            return file.read()
    except OSError:
        return b""


def test_a_number_that_was_given_again_is_not_ours(directory):
    directory.mkdir()
    stranger = subprocess.Popen(["sleep", "600"])
    known = {"pid": stranger.pid, "started": started(stranger.pid) - 1, "boot": "another"}
    (directory / "moto.pid").write_text(json.dumps(known))
    assert not is_same(known)
    assert down(directory) == 0
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


def test_nothing_to_stop(tmp_path):
    assert down(tmp_path / "never") == 0


def test_reset_empties_everything_and_keeps_the_keys(directory):
    cloud = Cloud(up(directory, "--scale", "0.02"))
    cloud.bucket()
    script, _ = cloud.submit({"train.py": WAITS}, hyper={"deaf": "1"})
    cloud.wait_line(script, "ready")
    cloud.sagemaker.create_training_job(
        TrainingJobName="timed",
        AlgorithmSpecification={"TrainingImage": "x", "TrainingInputMode": "File"},
        RoleArn=cloud.role(),
        OutputDataConfig={"S3OutputPath": "s3://nowhere/out"},
        ResourceConfig={"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 5},
        StoppingCondition={"MaxRuntimeInSeconds": 60},
    )
    cloud.control("fault", {"rate": 1.0, "kinds": ["throttle"], "op": "ListModels"})
    cloud.control("now", {"advance_s": 1000})
    cloud.control("data", {"events": [{"EventName": "x"}]})
    before = len(processes(directory))
    cloud.control("reset", {})
    assert len(processes(directory)) == 3 < before, "the script and its toolkit are gone: %s" % [
        command(pid) for pid in processes(directory)
    ]
    assert cloud.log() == []
    assert cloud.s3.list_buckets()["Buckets"] == []
    assert cloud.sagemaker.list_training_jobs()["TrainingJobSummaries"] == []
    assert cloud.sagemaker.list_models()["Models"] == []
    assert cloud.logs.describe_log_groups()["logGroups"] == []
    assert cloud.control("fault") == [] and cloud.control("data")["events"] == 0
    assert cloud.control("clock")["scale"] == 0.02
    assert cloud.sts.get_caller_identity()["Arn"].endswith("user/researcher")
    assert cloud.control("seed")["key"] == cloud.exports["AWS_ACCESS_KEY_ID"]
    cloud.made_role = None
    again, _ = cloud.submit({"train.py": "print('after the reset')\n"}, name=script)
    assert cloud.ended(again)["TrainingJobStatus"] == "Completed"


def test_google_too(directory):
    made = subprocess.run([CLOUD / "up", directory, "--google"], stdout=subprocess.PIPE, text=True, check=True)
    url = read_exports(made.stdout)["CURFEW_GOOGLE_ENDPOINT_URL"]

    def send(path, value, token="t"):
        headers = {"Content-Type": "application/json", **({"Authorization": "Bearer " + token} if token else {})}
        data = None if value is None else json.dumps(value).encode()
        request = urllib.request.Request(url + path, data, headers)
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    jobs = "/aiplatform.v1/v1/projects/p/locations/us-central1/customJobs"
    spec = {"workerPoolSpecs": [{"machineSpec": {"machineType": "n1-standard-4"}, "replicaCount": "1"}]}
    assert send(jobs, {"displayName": "iris", "jobSpec": spec})[0] == 200
    status, body = send(jobs, {"displayNam": "iris", "jobSpec": spec})
    assert status == 400 and "did you mean displayName?" in body["error"]["message"]
    assert send(jobs, {}, token=None)[0] == 401
    assert send(jobs + "/1:explode", {})[0] == 404
    assert send("/compute.v1/compute/v1/projects/p/aggregated/instances?returnPartialSuccess=true", None)[0] == 200
    send("/_oracle/fault", {"code": 429, "reason": "rateLimitExceeded"})
    assert send(jobs, {"displayName": "iris", "jobSpec": spec})[0] == 429
    assert [entry["code"] for entry in send("/_oracle/log", None)[1]][:3] == [200, 400, 401]
