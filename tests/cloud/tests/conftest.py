"""One stand-in for the whole run, started as a user would; tests use names of their own and never reset it."""

import datetime as dt
import io
import itertools
import json
import os
import shlex
import subprocess
import sys
import tarfile
import time
import urllib.request
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

CLOUD = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CLOUD))
IRIS = CLOUD.parent.parent / "assets" / "labs" / "iris"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
COUNT = itertools.count(1)


def up(directory, *arguments, **options):
    """The export lines as a dict."""
    done = subprocess.run([CLOUD / "up", directory, *arguments], stdout=subprocess.PIPE, text=True, **options)
    done.check_returncode()
    return read_exports(done.stdout)


def read_exports(text):
    lines = text.splitlines()
    assert lines and all(line.startswith("export ") for line in lines), text
    return dict(shlex.split(line)[1].split("=", 1) for line in lines)


def down(directory):
    return subprocess.run([CLOUD / "down", directory]).returncode


def until(ask, wanted=bool, limit_s=600):
    """Asks until the answer is wanted; waits on a condition, the limit only ends a test that would never."""
    deadline = time.monotonic() + limit_s
    while True:
        answer = ask()
        if wanted(answer):
            return answer
        assert time.monotonic() < deadline, "still %r" % (answer,)
        time.sleep(0.05)


class Cloud:
    def __init__(self, exports):
        self.exports, self.url = exports, exports["AWS_ENDPOINT_URL"]
        self.clients, self.made_role, self.kept = {}, None, {}

    def client(self, service, region="us-east-1", attempts=1, **more):
        key = (service, region, attempts, *sorted(more.items()))
        if key not in self.clients:
            keys = {
                "aws_access_key_id": self.exports["AWS_ACCESS_KEY_ID"],
                "aws_secret_access_key": self.exports["AWS_SECRET_ACCESS_KEY"],
            }
            self.clients[key] = boto3.client(
                service,
                region_name=region,
                endpoint_url=self.url,
                config=Config(
                    s3={"addressing_style": "path"},
                    retries={"total_max_attempts": attempts, "mode": "standard"},
                    read_timeout=300,
                    proxies={},
                ),
                **{**keys, **more},
            )
        return self.clients[key]

    def __getattr__(self, name):
        """cloud.sagemaker_runtime is the client of sagemaker-runtime."""
        return self.client(name.replace("_", "-"))

    def control(self, path, value=None):
        data = None if value is None else json.dumps(value).encode()
        request = urllib.request.Request(self.url + "/_oracle/" + path, data)
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
            return json.load(answer)

    def log(self, operation=None):
        return [entry for entry in self.control("log") if operation in (None, entry.get("op"))]

    def role(self):
        if not self.made_role:
            name = "execution-%d" % next(COUNT)
            made = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
            self.made_role = made["Role"]["Arn"]
        return self.made_role

    def name(self, kind):
        return "%s-%d" % (kind, next(COUNT))

    def bucket(self):
        name = self.name("bucket")
        self.s3.create_bucket(Bucket=name)
        return name

    # -- training

    def submit(self, files, name=None, channels=None, hyper=None, **changes):
        """Uploads the script and starts a job; returns (name, bucket)."""
        name, bucket = name or self.name("job"), self.bucket()
        self.s3.put_object(Bucket=bucket, Key=name + "/sourcedir.tar.gz", Body=archive(files))
        inputs = []
        for channel, (data, more) in (channels or {}).items():
            for key, body in data.items():
                self.s3.put_object(Bucket=bucket, Key="data/%s/%s" % (channel, key), Body=body)
            source = {"S3DataType": "S3Prefix", "S3Uri": "s3://%s/data/%s/" % (bucket, channel), **more.pop("s3", {})}
            inputs.append({"ChannelName": channel, "DataSource": {"S3DataSource": source}, **more})
        program = changes.pop("program", "train.py")
        request = {
            "TrainingJobName": name,
            "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            "RoleArn": self.role(),
            "HyperParameters": {
                "sagemaker_program": json.dumps(program),
                "sagemaker_submit_directory": json.dumps("s3://%s/%s/sourcedir.tar.gz" % (bucket, name)),
                **(hyper or {}),
            },
            "OutputDataConfig": {"S3OutputPath": "s3://%s/out" % bucket},
            "ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 5},
            "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
            **({"InputDataConfig": inputs} if inputs else {}),
        }
        request.update(changes)
        for key, value in request.items():
            if isinstance(value, str) and "{bucket}" in value:
                request[key] = value.replace("{bucket}", bucket)
        if "CheckpointConfig" in changes:
            request["CheckpointConfig"] = {**changes["CheckpointConfig"], "S3Uri": "s3://%s/checkpoints" % bucket}
        self.sagemaker.create_training_job(**request)
        return name, bucket

    def job(self, name):
        return self.sagemaker.describe_training_job(TrainingJobName=name)

    def ended(self, name):
        return until(lambda: self.job(name), lambda job: job["TrainingJobStatus"] in ("Completed", "Failed", "Stopped"))

    def lines(self, name, host="algo-1", group="/aws/sagemaker/TrainingJobs"):
        """The job's log so far; every stream of the host, oldest first."""
        try:
            streams = self.logs.describe_log_streams(
                logGroupName=group, logStreamNamePrefix="%s/%s" % (name, host) if host else name
            )["logStreams"]
        except self.logs.exceptions.ResourceNotFoundException:
            return []
        out = []
        for stream in streams:
            token = None
            while True:
                more = {"nextToken": token} if token else {}
                page = self.logs.get_log_events(
                    logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True, **more
                )
                out += [event["message"] for event in page["events"]]
                if page["nextForwardToken"] == token:
                    break
                token = page["nextForwardToken"]
        return out

    def wait_line(self, name, text, **more):
        return until(lambda: self.lines(name, **more), lambda lines: any(text in line for line in lines))

    # -- endpoints

    def serve(self, model_data, name=None, variants=1, environment=None, **config):
        """Model, config and endpoint of one name; returns it."""
        name = name or self.name("endpoint")
        container = {"Image": IMAGE, "Environment": environment or {}}
        if model_data:
            container["ModelDataUrl"] = model_data
        self.sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=self.role())
        self.config(name, name, variants, **config)
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        return name

    def config(self, name, model, variants=1, **config):
        self.sagemaker.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[
                {
                    "VariantName": "v%d" % number,
                    "ModelName": model,
                    "InstanceType": "ml.g5.xlarge",
                    "InitialInstanceCount": 1,
                    "InitialVariantWeight": 1,
                }
                for number in range(1, variants + 1)
            ],
            **config,
        )

    def endpoint(self, name):
        return self.sagemaker.describe_endpoint(EndpointName=name)

    def settled(self, name):
        return until(lambda: self.endpoint(name), lambda e: e["EndpointStatus"] not in ("Creating", "Updating"))

    def invoke(self, name, body, kind="text/csv", accept="application/json", **more):
        answer = self.sagemaker_runtime.invoke_endpoint(
            EndpointName=name, Body=body, ContentType=kind, Accept=accept, **more
        )
        return answer["Body"].read().decode(), answer

    def samples(self, namespace, metric, dimensions, statistic="Sum"):
        now = dt.datetime.now(dt.timezone.utc)
        found = self.cloudwatch.get_metric_statistics(
            Namespace=namespace,
            MetricName=metric,
            Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
            StartTime=now - dt.timedelta(hours=1),
            EndTime=now + dt.timedelta(minutes=1),
            Period=60,
            Statistics=[statistic],
        )["Datapoints"]
        return [point[statistic] for point in found]


def archive(files):
    """A .tar.gz of {name: text, bytes or path}."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, content in files.items():
            content = content.read_bytes() if isinstance(content, Path) else content
            content = content.encode() if isinstance(content, str) else content
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def refused(call, **arguments):
    """The error of a call that must not succeed: (code, message)."""
    from botocore.exceptions import ClientError

    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


@pytest.fixture(scope="session")
def running(tmp_path_factory):
    """A stand-in whose 120 seconds of grace are 2.4."""
    directory = tmp_path_factory.mktemp("standin")
    exports = up(directory, "--scale", "0.02")
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update({name: exports[name] for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")})
    yield Cloud(exports), directory
    assert down(directory) == 0


@pytest.fixture
def cloud(running):
    """The stand-in without faults; whatever the test did with a fault in place, its own requests were well formed."""
    made, _ = running
    yield made
    made.control("fault", [])


@pytest.fixture(autouse=True, scope="session")
def nothing_bad(running):
    """No request of the whole run was malformed, but for those that a test of the judge sent on purpose; and no answer
    of the overlay was one that AWS could not give."""
    yield
    bad = [entry for entry in running[0].control("log?bad=1") if "bad-on-purpose" not in entry.get("attempt", "")]
    assert bad == []
    odd = [entry for entry in running[0].log() if entry.get("resp") and "overlay" in entry["note"]]
    assert {(entry["op"], *entry["resp"]) for entry in odd} == set()


@pytest.fixture(scope="session")
def iris(running):
    """A trained Iris job: (name, bucket, its description)."""
    cloud, _ = running
    files = {name: IRIS / name for name in ("train.py", "inference.py", "requirements.txt")}
    csv = {"iris.csv": (IRIS / "iris.csv").read_bytes()}
    specification = {
        "TrainingImage": IMAGE,
        "TrainingInputMode": "File",
        "MetricDefinitions": [{"Name": "loss", "Regex": r" loss=([0-9.]+)"}],
    }
    name, bucket = cloud.submit(
        files, channels={"training": (csv, {})}, hyper={"epochs": "40"}, AlgorithmSpecification=specification
    )
    seen = []

    def look():
        seen.append((cloud.job(name)["SecondaryStatus"], sum(" loss=" in line for line in cloud.lines(name))))
        return cloud.job(name)

    job = until(look, lambda job: job["TrainingJobStatus"] != "InProgress")
    return name, bucket, job, seen
