"""Faults, before a call and after it, on every path that an answer takes."""

import hashlib
import http.client
import json
import threading
import time
import urllib.parse

import cbor2
import pytest
import urllib3
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from conftest import IMAGE, archive, refused

from standin.aws.faults import KINDS, Faults

LOST = {
    "drop": {"after": True, "drop": True},
    "cut": {"after": True, "cut": 10},
    "error500": {"after": True, "code": "InternalFailure", "status": 500},
    "plain": {"after": True},
    "timeout": {"after": True, "kind": "timeout", "hang_s": 0.1},
}


def outcome(call, wants=None, **arguments):
    """ok, the error's code, or lost. `wants`: boto3 takes half a JSON body for a whole one with nothing in it."""
    try:
        answer = call(**arguments)
        if wants and wants not in answer:
            return "lost"
        if "Body" in answer:
            answer["Body"].read()
        return "ok"
    except ClientError as error:
        return error.response["Error"]["Code"]
    except (BotoCoreError, ResponseParserError, urllib3.exceptions.HTTPError, ValueError):
        return "lost"


class Path:
    """A way that an answer takes: an operation, how to call it, and how to see whether it was done."""

    def __init__(self, operation, act, done):
        self.operation, self.act, self.done = operation, act, done


def overlay_json(cloud):
    name = cloud.name("lost")
    request = {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "RoleArn": cloud.role(),
        "OutputDataConfig": {"S3OutputPath": "s3://nowhere/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 5},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }

    def act():
        return outcome(cloud.sagemaker.create_training_job, "TrainingJobArn", **request)

    def done():
        return len(cloud.sagemaker.list_training_jobs(NameContains=name)["TrainingJobSummaries"])

    return Path("CreateTrainingJob", act, done)


COUNTS = """
def model_fn(folder):
    return folder
def transform_fn(model, body, content_type, accept):
    with open(body if isinstance(body, str) else body.decode(), "a") as file:
        file.write("x")
    return "a long enough answer", "text/plain"
"""


def overlay_reply(cloud):
    """InvokeEndpoint: the answer is the model's own."""
    if "counting" not in cloud.kept:
        bucket = cloud.bucket()
        files = {"model.joblib": "none", "code/inference.py": COUNTS}
        cloud.s3.put_object(Bucket=bucket, Key="model.tar.gz", Body=archive(files))
        cloud.kept["counting"] = cloud.serve("s3://%s/model.tar.gz" % bucket)
        assert cloud.settled(cloud.kept["counting"])["EndpointStatus"] == "InService"
    import tempfile

    file = tempfile.NamedTemporaryFile()  # noqa: SIM115 (lives as long as the path)

    def act():
        given = {"EndpointName": cloud.kept["counting"], "Body": file.name, "ContentType": "text/csv"}
        return outcome(cloud.sagemaker_runtime.invoke_endpoint, **given)

    return Path("InvokeEndpoint", act, lambda: len(file.read()))


def moto_json(cloud):
    name = cloud.name("/lost")
    find = cloud.logs.describe_log_groups
    return Path(
        "CreateLogGroup",
        lambda: outcome(cloud.logs.create_log_group, logGroupName=name),
        lambda: len(find(logGroupNamePrefix=name)["logGroups"]),
    )


def moto_query(cloud):
    name = cloud.name("lost")

    def done():
        return sum(user["UserName"] == name for user in cloud.iam.list_users()["Users"])

    return Path("CreateUser", lambda: outcome(cloud.iam.create_user, UserName=name), done)


def moto_ec2(cloud):
    name = cloud.name("lost")
    act = cloud.ec2.create_key_pair
    find = cloud.ec2.describe_key_pairs
    return Path(
        "CreateKeyPair",
        lambda: outcome(act, KeyName=name),
        lambda: len(find(Filters=[{"Name": "key-name", "Values": [name]}])["KeyPairs"]),
    )


def moto_s3(cloud):
    bucket = cloud.bucket()
    put = {"Bucket": bucket, "Key": "a", "CopySource": {"Bucket": bucket, "Key": "b"}}
    cloud.s3.put_object(Bucket=bucket, Key="b", Body=b"1")
    return Path(
        "CopyObject",
        lambda: outcome(cloud.s3.copy_object, **put),
        lambda: len(cloud.s3.list_objects_v2(Bucket=bucket, Prefix="a").get("Contents", [])),
    )


def cbor(cloud, operation, params):
    """As the Rust client of CloudWatch sends it: (status, value)."""
    url = urllib.parse.urlsplit(cloud.url)
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=30)
    scope = "%s/20261121/us-east-1/monitoring/aws4_request" % cloud.exports["AWS_ACCESS_KEY_ID"]
    headers = {
        "Authorization": "AWS4-HMAC-SHA256 Credential=%s, SignedHeaders=host, Signature=0" % scope,
        "smithy-protocol": "rpc-v2-cbor",
        "Content-Type": "application/cbor",
    }
    path = "/service/GraniteServiceVersion20100801/operation/" + operation
    connection.request("POST", path, cbor2.dumps(params), headers)
    answer = connection.getresponse()
    return answer.status, cbor2.loads(answer.read() or b"\xa0")


def bridged_cbor(cloud):
    name = cloud.name("Lost")

    def act():
        metric = {"MetricName": name, "Value": 1.0, "Unit": "None"}
        try:
            status, _ = cbor(cloud, "PutMetricData", {"Namespace": "Test", "MetricData": [metric]})
        except (OSError, http.client.HTTPException):
            return "lost"
        return "ok" if status == 200 else "InternalFailure"

    return Path("PutMetricData", act, lambda: len(cloud.cloudwatch.list_metrics(MetricName=name)["Metrics"]))


PATHS = [overlay_json, overlay_reply, moto_json, moto_query, moto_ec2, moto_s3, bridged_cbor]


@pytest.mark.parametrize("how", LOST)
@pytest.mark.parametrize("make", PATHS)
def test_done_but_the_answer_is_lost(cloud, make, how):
    path = make(cloud)
    cloud.control("fault", {"op": path.operation, **LOST[how]})
    before = path.done()
    assert path.act() != "ok"
    assert (before, path.done()) == (0, 1)
    entry = cloud.log(path.operation)[-1]
    assert entry["fault"]["after"] and 200 <= entry.get("executed", entry["status"]) < 300
    assert cloud.control("fault")[0]["count"] == 0


@pytest.mark.parametrize("make", PATHS)
@pytest.mark.parametrize("kind", ["throttle", "error500", "timeout", "drop", "expired", "skew"])
def test_refused_before_it_is_done(cloud, make, kind):
    path = make(cloud)
    cloud.control("fault", {"op": path.operation, "kind": kind, "hang_s": 0.05})
    assert path.act() != "ok"
    assert path.done() == 0
    assert path.act() == "ok" and path.done() == 1


def test_slow_is_only_slow(cloud):
    cloud.control("fault", {"op": "GetCallerIdentity", "kind": "slow", "delay_s": 0.3})
    began = time.monotonic()
    assert cloud.sts.get_caller_identity()["Account"] == "123456789012"
    assert time.monotonic() - began >= 0.3


@pytest.mark.parametrize(
    "service, call, throttled, expired, skewed",
    [
        ("sagemaker", "list_models", "ThrottlingException", "ExpiredTokenException", "InvalidSignatureException"),
        ("ec2", "describe_vpcs", "RequestLimitExceeded", "RequestExpired", "AuthFailure"),
        ("s3", "list_buckets", "SlowDown", "ExpiredToken", "RequestTimeTooSkewed"),
        ("iam", "list_users", "Throttling", "ExpiredToken", "SignatureDoesNotMatch"),
    ],
)
def test_each_service_has_its_own_words(cloud, service, call, throttled, expired, skewed):
    for kind, code in (("throttle", throttled), ("expired", expired), ("skew", skewed)):
        cloud.control("fault", {"service": service, "kind": kind})
        assert refused(getattr(cloud.client(service), call))[0] == code


def test_counted_faults(cloud):
    cloud.control("fault", {"op": "ListModels", "count": 2, "every": 2, "code": "ThrottlingException"})
    seen = [outcome(cloud.sagemaker.list_models) for _ in range(5)]
    assert seen == ["ok", "ThrottlingException", "ok", "ThrottlingException", "ok"]
    assert refused_control(cloud, "fault", {"opp": "ListModels"}) == 400
    assert refused_control(cloud, "fault", {"kind": "meteor"}) == 400


def refused_control(cloud, path, value):
    import urllib.error

    with pytest.raises(urllib.error.HTTPError) as caught:
        cloud.control(path, value)
    return caught.value.code


def drawn(rule, calls=2000, operation="ListTags"):
    """The notes of the faults that so many calls draw."""
    faults = Faults(threading.RLock())
    faults.add({"rate": 0.2, **rule})
    strikes = [faults.draw("sagemaker", operation, "us-east-1", "POST") for _ in range(calls)]
    return [strike and strike.note() for strike in strikes]


def test_chance_is_the_same_for_the_same_seed():
    first = drawn({"seed": 7})
    assert first == drawn({"seed": 7}) != drawn({"seed": 8})
    assert first != drawn({"seed": 7}, operation="ListModels")
    struck = [fault for fault in first if fault]
    assert 340 < len(struck) < 460, "20 % of 2000"
    assert 0.4 < sum(fault["after"] for fault in struck) / len(struck) < 0.6
    assert {fault["kind"] for fault in struck} == set(KINDS)
    assert all(fault["kind"] in ("error500", "timeout", "drop", "cut") for fault in struck if fault["after"])
    assert len([fault for fault in drawn({"seed": 7, "count": 5}) if fault]) == 5


def test_the_order_of_other_calls_does_not_matter():
    faults = Faults(threading.RLock())
    faults.add({"rate": 0.2, "seed": 7})
    mixed = []
    for _ in range(200):
        faults.draw("s3", "PutObject", "us-east-1", "PUT")
        strike = faults.draw("sagemaker", "ListTags", "us-east-1", "POST")
        mixed.append(strike and strike.note())
    assert mixed == drawn({"seed": 7}, 200)


def test_chance_can_be_narrowed():
    struck = drawn({"rate": 1.0, "kinds": ["throttle", "drop"], "after_share": 1.0}, 20)
    assert all(fault["kind"] == "drop" and fault["after"] for fault in struck)
    assert not any(fault["after"] for fault in drawn({"rate": 1.0, "after_share": 0}, 20))
    assert drawn({"rate": 1.0, "op": ["CreateJob", "StopJob"]}, 20) == [None] * 20


def test_a_client_that_retries_gets_through(cloud):
    """20 % of everything, for a client that tries ten times: each upload is there once and whole."""
    cloud.control("fault", {"rate": 0.2, "seed": 3, "service": "s3", "hang_s": 0.02, "delay_s": 0.02,
                            "kinds": ["throttle", "error500", "timeout", "drop", "cut", "slow"]})  # fmt: skip
    patient = cloud.client("s3", attempts=10)
    bucket = cloud.name("bucket")
    try:
        patient.create_bucket(Bucket=bucket)
    except patient.exceptions.BucketAlreadyOwnedByYou:
        pass  # it was made, and the answer was lost
    for number in range(20):
        patient.put_object(Bucket=bucket, Key="k%d" % number, Body=b"x" * 1000 * number)
    cloud.control("fault", [])
    for number in range(20):
        body = cloud.s3.get_object(Bucket=bucket, Key="k%d" % number)["Body"].read()
        assert body == b"x" * 1000 * number


def test_a_session_that_is_over_until_new_keys_come(cloud):
    key = cloud.exports["AWS_ACCESS_KEY_ID"]
    cloud.control("clock", {"expired_keys": [key]})
    codes = [outcome(cloud.sagemaker.list_models), outcome(cloud.s3.list_buckets), outcome(cloud.ec2.describe_vpcs)]
    fresh = cloud.client("sagemaker", aws_access_key_id="ASIANEWKEY", aws_session_token="t")
    assert outcome(fresh.list_models) == "ok"
    cloud.control("clock", {"expired_keys": []})
    assert codes == ["ExpiredTokenException", "ExpiredToken", "RequestExpired"]


def test_a_clock_that_is_off_until_the_client_corrects_it(cloud):
    cloud.control("clock", {"skew_s": 3600})
    try:
        assert outcome(cloud.sagemaker.list_models) == "InvalidSignatureException"
        url = urllib.parse.urlsplit(cloud.url)
        connection = http.client.HTTPConnection(url.hostname, url.port)
        connection.request("GET", "/_oracle/clock")
        import email.utils

        date = email.utils.parsedate_to_datetime(connection.getresponse().getheader("Date")).timestamp()
        assert 3500 < date - time.time() < 3700
    finally:
        cloud.control("clock", {"skew_s": 0})
    assert outcome(cloud.sagemaker.list_models) == "ok"


def test_parts_of_an_upload_can_be_lost_one_by_one(cloud):
    bucket = cloud.bucket()
    part = b"p" * (5 << 20)
    upload = cloud.s3.create_multipart_upload(Bucket=bucket, Key="big")["UploadId"]
    given = {"Bucket": bucket, "Key": "big", "UploadId": upload}
    cloud.control("fault", {"op": "UploadPart", "after": True, "drop": True})
    assert outcome(cloud.s3.upload_part, PartNumber=1, Body=part, **given) == "lost"
    tag = cloud.s3.upload_part(PartNumber=1, Body=part, **given)["ETag"]
    assert tag.strip('"') == hashlib.md5(part).hexdigest()
    cloud.control("fault", {"op": "CompleteMultipartUpload", "after": True, "drop": True})
    parts = {"Parts": [{"PartNumber": 1, "ETag": tag}]}
    assert outcome(cloud.s3.complete_multipart_upload, MultipartUpload=parts, **given) == "lost"
    assert cloud.s3.head_object(Bucket=bucket, Key="big")["ContentLength"] == len(part)
    assert json.dumps(cloud.log("CompleteMultipartUpload")[-1]["fault"]["after"]) == "true"
