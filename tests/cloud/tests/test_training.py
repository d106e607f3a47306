"""Training jobs: the script really runs, and what SageMaker would say of it is true."""

import io
import json
import tarfile
import threading
import zipfile

import pytest
from conftest import IMAGE, refused, until

from standin.processes import started

QUICK = "print('hello', flush=True)\n"
WAITS = """
import os, signal, sys, time
def end(number, frame):
    print("heard SIGTERM", flush=True)
    open(os.path.join(os.environ["SM_MODEL_DIR"], "saved.txt"), "w").write("kept")
    sys.exit(0)
signal.signal(signal.SIGTERM, end if "--deaf" not in sys.argv else signal.SIG_IGN)
print("ready", flush=True)
while True:
    time.sleep(0.05)
"""


def steps(job):
    return [step["Status"] for step in job["SecondaryStatusTransitions"]]


def members(cloud, bucket, key):
    body = cloud.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        return {member.name for member in tar.getmembers() if member.isfile()}


def test_iris_from_upload_to_model(cloud, iris):
    name, bucket, job, seen = iris
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert steps(job) == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == "s3://%s/out/%s/output/model.tar.gz" % (bucket, name)
    model = members(cloud, bucket, "out/%s/output/model.tar.gz" % name)
    assert model == {"model.joblib", "code/inference.py", "code/requirements.txt"}
    assert members(cloud, bucket, "out/%s/output/output.tar.gz" % name) == {"history.json"}
    assert sum(" loss=" in line for line in cloud.lines(name)) == 40
    lengths = {count for status, count in seen if status == "Training"}
    assert len(lengths) > 3, "the log grows while the script runs: %s" % seen


def test_times_and_metrics_are_those_of_the_script(cloud, iris):
    name, _, job, _ = iris
    took = (job["TrainingEndTime"] - job["TrainingStartTime"]).total_seconds()
    assert job["BillableTimeInSeconds"] == job["TrainingTimeInSeconds"] == max(1, int(took))
    last = [line for line in cloud.lines(name) if "epoch 40/40" in line][0]
    final = {metric["MetricName"]: metric["Value"] for metric in job["FinalMetricDataList"]}
    assert "loss=%.4f" % final["loss"] in last
    host = {"Host": "%s/algo-1" % name}
    assert sum(cloud.samples("/aws/sagemaker/TrainingJobs", "loss", {"TrainingJobName": name}, "SampleCount")) == 40
    assert max(cloud.samples("/aws/sagemaker/TrainingJobs", "CPUUtilization", host, "Maximum")) > 0


def test_a_failing_script_gives_its_reason(cloud):
    name, bucket = cloud.submit({"train.py": "import sys\nprint('before')\nsys.exit('no such column: sepal')\n"})
    job = cloud.ended(name)
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("AlgorithmError: ExecuteUserScriptError:\nExitCode 1")
    assert job["FailureReason"].endswith(", exit code: 1")
    assert "no such column: sepal" in "\n".join(cloud.lines(name))
    assert "Contents" not in cloud.s3.list_objects_v2(Bucket=bucket, Prefix="out/")


def test_a_missing_module_is_said_in_the_log(cloud):
    name, _ = cloud.submit({"train.py": "import tensorflow_that_is_not_here\n"})
    assert cloud.ended(name)["TrainingJobStatus"] == "Failed"
    assert "ModuleNotFoundError" in "\n".join(cloud.lines(name))


def test_stop_reaches_the_script_and_keeps_the_model(cloud):
    name, bucket = cloud.submit({"train.py": WAITS})
    cloud.wait_line(name, "ready")
    cloud.sagemaker.stop_training_job(TrainingJobName=name)
    assert cloud.job(name)["TrainingJobStatus"] in ("Stopping", "Stopped")
    job = cloud.ended(name)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert "heard SIGTERM" in cloud.lines(name)
    assert members(cloud, bucket, "out/%s/output/model.tar.gz" % name) == {"saved.txt"}
    code, text = refused(cloud.sagemaker.stop_training_job, TrainingJobName=name)
    assert code == "ValidationException" and "in status Stopped" in text


@pytest.mark.parametrize("deaf, sigterm", [(True, "script"), (False, "lost")])
def test_a_script_that_does_not_end_is_killed_after_the_grace_time(cloud, deaf, sigterm):
    """Deaf to SIGTERM; or not told at all, which is how AWS's framework images behave."""
    name, bucket = cloud.submit({"train.py": WAITS}, hyper={"deaf": "1"} if deaf else None)
    cloud.wait_line(name, "ready")
    cloud.control("clock", {"sigterm": sigterm})
    try:
        cloud.sagemaker.stop_training_job(TrainingJobName=name)
        job = cloud.ended(name)
    finally:
        cloud.control("clock", {"sigterm": "script"})
    assert job["TrainingJobStatus"] == "Stopped"
    assert "heard SIGTERM" not in cloud.lines(name)
    assert "Contents" not in cloud.s3.list_objects_v2(Bucket=bucket, Prefix="out/")
    stopping = [step for step in job["SecondaryStatusTransitions"] if step["Status"] == "Stopping"][0]
    assert (stopping["EndTime"] - stopping["StartTime"]).total_seconds() >= 2.3, "120 s at a scale of 0.02"


def test_the_ceiling_ends_the_job(cloud):
    name, bucket = cloud.submit({"train.py": WAITS}, StoppingCondition={"MaxRuntimeInSeconds": 8})
    job = cloud.ended(name)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert job["TrainingTimeInSeconds"] >= 8
    assert "FailureReason" not in job
    if "ready" in cloud.lines(name):  # on a very busy machine eight seconds do not reach the script
        assert members(cloud, bucket, "out/%s/output/model.tar.gz" % name) == {"saved.txt"}


def test_the_clock_can_be_moved_to_the_ceiling(cloud):
    name, _ = cloud.submit({"train.py": WAITS}, StoppingCondition={"MaxRuntimeInSeconds": 4 * 3600})
    cloud.wait_line(name, "ready")
    cloud.control("now", {"advance_s": 4 * 3600})
    try:
        job = cloud.ended(name)
    finally:
        cloud.control("now", {"advance_s": -4 * 3600})
    # Whole seconds are billed, so what ran for a moment before the clock was moved may come to the ceiling itself.
    assert job["SecondaryStatus"] == "MaxRuntimeExceeded" and job["BillableTimeInSeconds"] >= 4 * 3600


CHECKPOINTED = """
import os, sys, time
folder = sys.argv[sys.argv.index("--checkpoints") + 1]
seen = sorted(os.listdir(folder))
print("found", seen, flush=True)
open(os.path.join(folder, "epoch-%d" % (len(seen) + 1)), "w").write("x" * 10)
print("saved", flush=True)
while not seen:
    time.sleep(0.05)
time.sleep(2.5)  # whole seconds are billed: so long that a spot machine's are fewer
"""


def test_a_spot_machine_taken_away_goes_on_from_the_checkpoint(cloud):
    name, bucket = cloud.submit(
        {"train.py": CHECKPOINTED},
        hyper={"checkpoints": "/opt/ml/checkpoints/"},
        EnableManagedSpotTraining=True,
        CheckpointConfig={},
        StoppingCondition={"MaxRuntimeInSeconds": 600, "MaxWaitTimeInSeconds": 1200},
    )
    cloud.wait_line(name, "saved")
    cloud.control("interrupt", {"job": name})
    job = cloud.ended(name)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert steps(job).count("Starting") == 2 and "Interrupted" in steps(job)
    assert "found ['epoch-1']" in "\n".join(cloud.lines(name))
    keys = [item["Key"] for item in cloud.s3.list_objects_v2(Bucket=bucket, Prefix="checkpoints/")["Contents"]]
    assert keys == ["checkpoints/epoch-1", "checkpoints/epoch-2"]
    assert 0 < job["BillableTimeInSeconds"] < job["TrainingTimeInSeconds"]


READS = """
import json, os, sys
channel = os.environ["SM_CHANNEL_TRAINING"]
if os.path.isdir(channel):
    print("files", sorted(os.listdir(channel)), flush=True)
else:
    for epoch in range(2):
        print("pipe", epoch, open("%s_%d" % (channel, epoch)).read().split(), flush=True)
print("host", os.environ["SM_CURRENT_HOST"], "of", os.environ["SM_HOSTS"], flush=True)
"""


def test_data_through_a_pipe(cloud):
    data = {"a.csv": "1\n", "b.csv": "2\n"}
    name, _ = cloud.submit({"train.py": READS}, channels={"training": (data, {"InputMode": "Pipe"})})
    assert cloud.ended(name)["TrainingJobStatus"] == "Completed"
    text = "\n".join(cloud.lines(name))
    assert "pipe 0 ['1', '2']" in text and "pipe 1 ['1', '2']" in text


def test_two_machines_each_with_a_shard_and_a_log(cloud):
    data = {"a.csv": "1", "b.csv": "2", "c.csv": "3"}
    shard = {"s3": {"S3DataDistributionType": "ShardedByS3Key"}, "InputMode": "FastFile"}
    resources = {"InstanceType": "ml.m5.xlarge", "InstanceCount": 2, "VolumeSizeInGB": 5}
    name, _ = cloud.submit({"train.py": READS}, channels={"training": (data, shard)}, ResourceConfig=resources)
    assert cloud.ended(name)["TrainingJobStatus"] == "Completed"
    for host, files in (("algo-1", "['a.csv', 'c.csv']"), ("algo-2", "['b.csv']")):
        text = "\n".join(cloud.lines(name, host))
        assert "files " + files in text and "host %s of" % host in text


def wheel(folder):
    """A package that no index has."""
    path, about = folder / "local_thing-1.0-py3-none-any.whl", "local_thing-1.0.dist-info/"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("local_thing.py", "x = 1\n")
        file.writestr(about + "METADATA", "Metadata-Version: 2.1\nName: local_thing\nVersion: 1.0\n")
        file.writestr(about + "WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(about + "RECORD", "")
    return path


def test_a_requirement_of_one_script_does_not_reach_the_next(cloud, tmp_path):
    wanted = {"train.py": "import local_thing\nprint('there', local_thing.x)\n"}
    first, _ = cloud.submit({**wanted, "requirements.txt": "%s\n" % wheel(tmp_path)})
    assert cloud.ended(first)["TrainingJobStatus"] == "Completed", "\n".join(cloud.lines(first))
    second, _ = cloud.submit(wanted)
    assert cloud.ended(second)["TrainingJobStatus"] == "Failed"


ESCAPES = """
import subprocess
child = subprocess.Popen(["sleep", "3600"], start_new_session=True)
print("pid", child.pid, flush=True)
"""


def test_what_the_script_leaves_behind_ends_with_it(cloud):
    name, _ = cloud.submit({"train.py": ESCAPES})
    assert cloud.ended(name)["TrainingJobStatus"] == "Completed"
    pid = int(next(line for line in cloud.lines(name) if line.startswith("pid")).split()[1])
    assert started(pid) is None


def test_of_two_jobs_of_one_name_one_starts(cloud):
    name, outcomes = cloud.name("twin"), []

    def submit():
        try:
            cloud.submit({"train.py": QUICK}, name=name)
            outcomes.append("started")
        except cloud.sagemaker.exceptions.ResourceInUse as error:
            assert "must be unique" in str(error)
            outcomes.append("refused")

    cloud.role()
    cloud.client("s3"), cloud.client("sagemaker")
    threads = [threading.Thread(target=submit) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert sorted(outcomes) == ["refused"] * 3 + ["started"]
    cloud.ended(name)
    assert cloud.lines(name).count("hello") == 1


def test_what_aws_checks_before_it_starts_anything(cloud):
    named = {"QuotaName": "ml.g4dn.xlarge for training job usage", "QuotaCode": "L-1", "ServiceCode": "sagemaker"}
    cloud.control("data", {"quotas": {"sagemaker": [{**named, "Value": 0.0}]}})
    big = {"InstanceType": "ml.g4dn.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 5}
    code, text = refused(cloud.submit, files={"train.py": QUICK}, ResourceConfig=big)
    cloud.control("data", {"quotas": {}})
    assert code == "ResourceLimitExceeded"
    assert "'ml.g4dn.xlarge for training job usage' is 0 Instances, with current utilization of 0 Instances" in text
    code, text = refused(cloud.submit, files={"train.py": QUICK}, RoleArn="arn:aws:iam::123456789012:role/nobody")
    assert code == "ValidationException" and text.startswith("Could not assume role")
    nothing = {"s3": {"S3Uri": "s3://no-such-bucket-anywhere/x"}}
    code, text = refused(cloud.submit, files={"train.py": QUICK}, channels={"training": ({}, nothing)})
    assert code == "ValidationException" and text.startswith("No S3 objects found under S3 URL")


def test_a_failure_that_was_ordered(cloud):
    reason = "CapacityError: Unable to provision requested ML compute capacity."
    cloud.control("clock", {"fail": {"capacity-*": {"at": "Starting", "reason": reason}}})
    try:
        name, _ = cloud.submit({"train.py": QUICK}, name=cloud.name("capacity"))
        job = cloud.ended(name)
    finally:
        cloud.control("clock", {"fail": {}})
    assert (job["TrainingJobStatus"], job["FailureReason"]) == ("Failed", reason)
    assert steps(job) == ["Starting", "Failed"] and "TrainingStartTime" not in job


def test_a_job_without_a_script_lives_by_the_clock(cloud):
    name = cloud.name("timed")
    cloud.sagemaker.create_training_job(
        TrainingJobName=name,
        AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        RoleArn=cloud.role(),
        OutputDataConfig={"S3OutputPath": "s3://nowhere/out"},
        ResourceConfig={"InstanceType": "ml.p5.48xlarge", "InstanceCount": 1, "VolumeSizeInGB": 5},
        StoppingCondition={"MaxRuntimeInSeconds": 60},
    )
    assert cloud.job(name)["TrainingJobStatus"] == "InProgress"
    cloud.control("now", {"advance_s": 600})
    assert cloud.job(name)["TrainingJobStatus"] == "Completed"
    cloud.sagemaker.delete_training_job(TrainingJobName=name)
    assert refused(cloud.sagemaker.describe_training_job, TrainingJobName=name)[1] == "Requested resource not found."
    cloud.control("now", {"advance_s": -600})


def test_lists_come_in_pages_newest_first(cloud):
    prefix = cloud.name("page")
    for number in range(12):
        cloud.sagemaker.create_training_job(
            TrainingJobName="%s-%02d" % (prefix, number),
            AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            RoleArn=cloud.role(),
            OutputDataConfig={"S3OutputPath": "s3://nowhere/out"},
            ResourceConfig={"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 5},
            StoppingCondition={"MaxRuntimeInSeconds": 60},
        )
    first = cloud.sagemaker.list_training_jobs(NameContains=prefix)
    assert len(first["TrainingJobSummaries"]) == 10 and first["NextToken"]
    assert first["TrainingJobSummaries"][0]["TrainingJobName"] == prefix + "-11"
    pages = cloud.sagemaker.get_paginator("list_training_jobs").paginate(NameContains=prefix, StatusEquals="InProgress")
    assert sum(len(page["TrainingJobSummaries"]) for page in pages) == 12
    assert cloud.sagemaker.list_training_jobs(NameContains=prefix, StatusEquals="Failed")["TrainingJobSummaries"] == []


def test_regions_and_accounts_are_apart(cloud):
    name, _ = cloud.submit({"train.py": QUICK})
    elsewhere = cloud.client("sagemaker", region="eu-central-1")
    assert refused(elsewhere.describe_training_job, TrainingJobName=name)[1] == "Requested resource not found."
    other = cloud.client("sts").assume_role(RoleArn="arn:aws:iam::210987654321:role/other", RoleSessionName="session")
    keys = other["Credentials"]
    stranger = cloud.client(
        "sagemaker",
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )
    assert refused(stranger.describe_training_job, TrainingJobName=name)[1] == "Requested resource not found."
    until(lambda: cloud.job(name)["TrainingJobStatus"] == "Completed")
    assert json.dumps(cloud.job(name)["HyperParameters"]).count("sourcedir.tar.gz") == 1
