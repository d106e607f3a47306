"""Endpoints: a server that really has the model, and what AWS would say of it."""

import json
import os
import signal

import pytest
from botocore.exceptions import ClientError
from conftest import archive, refused, until

from standin.processes import marked

ECHO = {
    "model.joblib": "none",
    "code/inference.py": "import os\ndef model_fn(d): return open(os.path.join(d, 'version')).read()\n"
    "def transform_fn(model, body, kind, accept):\n"
    "    if body in ('die', b'die'): os._exit(3)\n"
    "    return '%s %s' % (model, os.environ.get('GREETING')), 'text/plain'\n",
}


def model_of(cloud, files):
    bucket = cloud.bucket()
    cloud.s3.put_object(Bucket=bucket, Key="model.tar.gz", Body=archive(files))
    return "s3://%s/model.tar.gz" % bucket


def echo(cloud, version, **more):
    data = model_of(cloud, {**ECHO, "version": version})
    return cloud.serve(data, environment={"GREETING": "hello"}, **more)


def gone(cloud, name):
    """Waits until the endpoint is gone, as the API says it."""

    def ask():
        try:
            return cloud.endpoint(name)["EndpointStatus"]
        except ClientError as error:
            assert error.response["Error"]["Code"] == "ValidationException"
            return error.response["Error"]["Message"]

    return until(ask, lambda answer: answer != "Deleting")


def test_iris_from_model_to_prediction_to_nothing(cloud, iris, running):
    _, _, job, _ = iris
    name = cloud.serve(job["ModelArtifacts"]["S3ModelArtifacts"], environment={"SAGEMAKER_PROGRAM": "inference.py"})
    assert cloud.endpoint(name)["EndpointStatus"] == "Creating"
    code, text = refused(cloud.invoke, name=name, body="1")
    assert code == "ValidationError" and text == "Endpoint %s of account 123456789012 not found." % name
    assert cloud.settled(name)["EndpointStatus"] == "InService"

    body, answer = cloud.invoke(name, "5.1,3.5,1.4,0.2")
    assert json.loads(body)["predictions"][0]["species"] == "setosa"
    assert (answer["ContentType"], answer["InvokedProductionVariant"]) == ("application/json", "v1")
    body, _ = cloud.invoke(name, json.dumps([[6.7, 3.0, 5.2, 2.3]]), "application/json", "text/csv")
    assert body.startswith("virginica,")
    code, text = refused(cloud.invoke, name=name, body="1,2")
    assert code == "ModelError" and 'Received server error (500) from primary with message "input_fn raised' in text

    named = {"EndpointName": name, "VariantName": "v1"}
    until(lambda: sum(cloud.samples("AWS/SageMaker", "Invocations", named)), lambda count: count == 3)
    assert sum(cloud.samples("AWS/SageMaker", "Invocation5XXErrors", named)) == 1
    assert min(cloud.samples("AWS/SageMaker", "ModelLatency", named, "Minimum")) > 0
    until(lambda: cloud.samples("/aws/sagemaker/Endpoints", "CPUUtilization", named, "Maximum"))
    assert cloud.samples("AWS/SageMaker", "Invocations", {"EndpointName": name}) == []
    cloud.wait_line("v1/", "POST /invocations 200", host=None, group="/aws/sagemaker/Endpoints/" + name)

    cloud.sagemaker.delete_endpoint(EndpointName=name)
    assert cloud.endpoint(name)["EndpointStatus"] == "Deleting"
    code, text = refused(cloud.sagemaker.delete_endpoint, EndpointName=name)
    assert text == 'Cannot update in-progress endpoint "%s".' % arn("endpoint", name)
    assert gone(cloud, name) == 'Could not find endpoint "%s".' % arn("endpoint", name)
    cloud.sagemaker.delete_endpoint_config(EndpointConfigName=name)
    cloud.sagemaker.delete_model(ModelName=name)
    assert cloud.sagemaker.list_endpoints(NameContains=name)["Endpoints"] == []
    assert cloud.sagemaker.list_endpoint_configs(NameContains=name)["EndpointConfigs"] == []
    text = refused(cloud.sagemaker.describe_model, ModelName=name)[1]
    assert text == 'Could not find model "%s".' % arn("model", name)
    assert not [pid for pid in marked("CURFEW_STANDIN_DIR", str(running[1])) if name in command(pid)]


def arn(kind, name):
    return "arn:aws:sagemaker:us-east-1:123456789012:%s/%s" % (kind, name)


def command(pid):
    with open("/proc/%d/cmdline" % pid, encoding="utf-8", errors="replace") as file:
        return file.read()


@pytest.mark.parametrize(
    "files, words, log",
    [
        ({"model.joblib": "not a pickle"}, "did not pass the ping health check", "could not be loaded"),
        (None, "is a valid tar.gz archive", "not a gzip file"),
    ],
)
def test_a_model_that_cannot_be_served_says_why(cloud, files, words, log):
    data = model_of(cloud, files or {})
    if files is None:
        bucket = data.split("/")[2]
        cloud.s3.put_object(Bucket=bucket, Key="model.tar.gz", Body=b"no archive")
    name = cloud.serve(data)
    failed = cloud.settled(name)
    assert failed["EndpointStatus"] == "Failed" and words in failed["FailureReason"]
    lines = until(lambda: cloud.lines("v1/", host=None, group="/aws/sagemaker/Endpoints/" + name))
    assert log in "\n".join(lines) or "curfew:" in "\n".join(lines)
    cloud.sagemaker.delete_endpoint(EndpointName=name)
    assert "Could not find endpoint" in gone(cloud, name)


def test_nothing_is_made_twice(cloud):
    name = echo(cloud, "one")
    taken = {"EndpointName": name, "EndpointConfigName": name}
    assert refused(cloud.sagemaker.create_endpoint, **taken) == (
        "ValidationException",
        'Cannot create already existing endpoint "%s".' % arn("endpoint", name),
    )
    assert "already existing endpoint configuration" in refused(cloud.config, name=name, model=name)[1]
    container = {"Image": "x", "Environment": {}}
    again = {"ModelName": name, "PrimaryContainer": container, "ExecutionRoleArn": cloud.role()}
    assert "already existing model" in refused(cloud.sagemaker.create_model, **again)[1]
    code, text = refused(cloud.sagemaker.delete_endpoint, EndpointName=name)
    assert code == "ValidationException" and "Cannot update in-progress endpoint" in text
    cloud.settled(name)
    cloud.sagemaker.delete_endpoint(EndpointName=name)


def test_a_model_without_data_is_refused(cloud):
    code, text = refused(cloud.serve, model_data="s3://no-such-bucket-anywhere/model.tar.gz")
    assert code == "ValidationException" and text.startswith("Could not find model data at s3://")


def test_two_variants_and_an_update_that_moves_to_another_model(cloud):
    name = echo(cloud, "one", variants=2)
    assert cloud.settled(name)["EndpointStatus"] == "InService"
    assert {cloud.invoke(name, "x")[1]["InvokedProductionVariant"] for _ in range(40)} == {"v1", "v2"}
    assert cloud.invoke(name, "x", TargetVariant="v2")[1]["InvokedProductionVariant"] == "v2"
    assert refused(cloud.invoke, name=name, body="x", TargetVariant="v9")[0] == "ValidationError"
    other = echo(cloud, "two")
    cloud.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=other)
    assert cloud.endpoint(name)["EndpointStatus"] == "Updating"
    assert cloud.invoke(name, "x")[0] == "one hello", "the old model answers meanwhile"
    updated = cloud.settled(name)
    assert (updated["EndpointStatus"], updated["EndpointConfigName"]) == ("InService", other)
    assert [variant["VariantName"] for variant in updated["ProductionVariants"]] == ["v1"]
    assert cloud.invoke(name, "x")[0] == "two hello"
    for used in (name, other):
        cloud.settled(used)
        cloud.sagemaker.delete_endpoint(EndpointName=used)


def test_a_server_that_dies_is_started_again(cloud, running):
    name = echo(cloud, "one")
    cloud.settled(name)
    assert refused(cloud.invoke, name=name, body="die")[0] == "ModelError"

    def servers():
        pids = marked("CURFEW_STANDIN_DIR", str(running[1]))
        return [pid for pid in pids if "serve.py" in command(pid) and name in command(pid)]

    def ask():
        try:
            return cloud.invoke(name, "x")[0]
        except ClientError as error:
            return error.response["Error"]["Code"]

    assert until(ask, lambda answer: answer != "ModelError") == "one hello"
    os.kill(until(servers)[0], signal.SIGKILL)
    until(ask, lambda answer: answer == "one hello")
    cloud.sagemaker.delete_endpoint(EndpointName=name)


def test_asynchronous(cloud):
    bucket = cloud.bucket()
    output = {"S3OutputPath": "s3://%s/answers" % bucket, "S3FailurePath": "s3://%s/failures" % bucket}
    name = echo(cloud, "one", AsyncInferenceConfig={"OutputConfig": output})
    cloud.settled(name)
    cloud.s3.put_object(Bucket=bucket, Key="asked", Body=b"x")
    answer = cloud.sagemaker_runtime.invoke_endpoint_async(
        EndpointName=name, InputLocation="s3://%s/asked" % bucket, ContentType="text/plain"
    )
    assert answer["OutputLocation"].startswith("s3://%s/answers/" % bucket)

    def read():
        try:
            key = answer["OutputLocation"].partition(bucket + "/")[2]
            return cloud.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except cloud.s3.exceptions.NoSuchKey:
            return None

    assert until(read) == b"one hello"
    plain = cloud.sagemaker_runtime.invoke_endpoint_async(
        EndpointName=name, InputLocation="s3://%s/nothing-there" % bucket
    )
    key = plain["FailureLocation"].partition(bucket + "/")[2]
    until(lambda: cloud.s3.list_objects_v2(Bucket=bucket, Prefix=key).get("Contents"))
    cloud.sagemaker.delete_endpoint(EndpointName=name)


def test_an_endpoint_without_model_data_lives_by_the_clock(cloud):
    name = cloud.serve(None)
    assert cloud.endpoint(name)["EndpointStatus"] == "Creating"
    assert cloud.sagemaker.list_endpoints(StatusEquals="Creating", NameContains=name)["Endpoints"]
    assert cloud.settled(name)["EndpointStatus"] == "InService"
    assert refused(cloud.invoke, name=name, body="x")[0] == "ModelError"
    cloud.control("clock", {"fail_endpoint": {"broken-*": "The image does not exist."}})
    broken = cloud.serve(None, name=cloud.name("broken"))
    failed = cloud.settled(broken)
    cloud.control("clock", {"fail_endpoint": {}})
    assert (failed["EndpointStatus"], failed["FailureReason"]) == ("Failed", "The image does not exist.")


def test_a_quota_for_endpoints(cloud):
    named = {"QuotaName": "ml.g5.xlarge for endpoint usage", "QuotaCode": "L-2"}
    quota = {**named, "ServiceCode": "sagemaker", "Value": 0.0}
    cloud.control("data", {"quotas": {"sagemaker": [quota]}})
    code, text = refused(cloud.serve, model_data=None)
    found = cloud.service_quotas.list_service_quotas(ServiceCode="sagemaker")["Quotas"]
    cloud.control("data", {"quotas": {}})
    assert code == "ResourceLimitExceeded" and "'ml.g5.xlarge for endpoint usage' is 0 Instances" in text
    assert [item["QuotaName"] for item in found] == [quota["QuotaName"]]
