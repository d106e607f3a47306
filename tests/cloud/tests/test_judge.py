"""The judge: what botocore's models do not allow is refused before it reaches moto, in the client's own protocol."""

import http.client
import json
import urllib.parse

import cbor2
import pytest
from conftest import CLOUD
from test_faults import cbor

PURPOSE = "bad-on-purpose"


def send(cloud, signing, body, headers=None, method="POST", path="/"):
    url = urllib.parse.urlsplit(cloud.url)
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=30)
    scope = "%s/20261121/us-east-1/%s/aws4_request" % (cloud.exports["AWS_ACCESS_KEY_ID"], signing)
    signed = {
        "Authorization": "AWS4-HMAC-SHA256 Credential=%s, SignedHeaders=host, Signature=0" % scope,
        "amz-sdk-request": PURPOSE,
    }
    connection.request(method, path, body, {**(signed if signing else {"amz-sdk-request": PURPOSE}), **(headers or {})})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def sagemaker(cloud, operation, params):
    headers = {"X-Amz-Target": "SageMaker." + operation, "Content-Type": "application/x-amz-json-1.1"}
    return send(cloud, "sagemaker", json.dumps(params), headers)


def form(cloud, signing, version, operation, **params):
    body = urllib.parse.urlencode({"Action": operation, "Version": version, **params})
    return send(cloud, signing, body, {"Content-Type": "application/x-www-form-urlencoded"})


JOB = {
    "TrainingJobName": "judged",
    "AlgorithmSpecification": {"TrainingImage": "x", "TrainingInputMode": "File"},
    "RoleArn": "arn:aws:iam::123456789012:role/judged",
    "OutputDataConfig": {"S3OutputPath": "s3://a/b"},
    "ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 5},
    "StoppingCondition": {"MaxRuntimeInSeconds": 60},
}


@pytest.mark.parametrize(
    "change, words",
    [
        ({"Nonsense": 1}, "Unknown member 'Nonsense'"),
        ({"OutputDataConfig": {}}, "Missing required member 'S3OutputPath' at 'OutputDataConfig'"),
        ({"TrainingJobName": "has space"}, "regular expression pattern"),
        ({"TrainingJobName": "x" * 64}, "length less than or equal to 63"),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": 0}}, "value greater than or equal to 1"),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": "60"}}, "integer"),
        ({"AlgorithmSpecification": {"TrainingInputMode": "Stream"}}, "enum value set"),
        ({"Tags": {"a": "b"}}, "list"),
        ({"RoleArn": None}, "must not be null"),
    ],
)
def test_json(cloud, change, words):
    status, body = sagemaker(cloud, "CreateTrainingJob", {**JOB, **change})
    assert status == 400 and json.loads(body)["__type"] == "ValidationException"
    assert words in json.loads(body)["message"]
    assert "judged" not in str(cloud.sagemaker.list_training_jobs())
    entry = cloud.control("log?bad=1")[-1]
    assert entry["op"] == "CreateTrainingJob" and words in entry["bad"][0]


def test_unknown_operations_and_services(cloud):
    assert "unknown operation DestroyTheWorld" in sagemaker(cloud, "DestroyTheWorld", {})[1]
    assert "cannot tell the service" in send(cloud, None, b"{}")[1]
    assert "cannot tell the service" in send(cloud, "no-such-service", b"{}")[1]
    assert send(cloud, "sagemaker", b"{", {"X-Amz-Target": "SageMaker.ListModels"})[0] == 400


def test_ec2_and_query_answer_in_xml(cloud):
    status, body = form(cloud, "ec2", "2016-11-15", "DescribeInstances", **{"MaxResult": "5"})
    assert status == 400 and "<Code>InvalidParameterValue</Code>" in body and "Unknown parameter 'MaxResult'" in body
    status, body = form(cloud, "ec2", "2016-11-15", "RunInstances", MinCount="1")
    assert "Missing required member 'MaxCount'" in body
    status, body = form(cloud, "iam", "2010-05-08", "CreateRole", RoleName="x")
    assert status == 400 and "<Code>ValidationException</Code>" in body
    assert "Missing required member 'AssumeRolePolicyDocument'" in body


def test_rest_json_paths_headers_and_sizes(cloud):
    where = "/endpoints/none/invocations"
    status, body = send(cloud, "sagemaker", b"x" * 6291457, {"Content-Type": "text/csv"}, path=where)
    assert status == 400 and "length less than or equal to 6291456" in body
    status, body = send(cloud, "sagemaker", b"x", {"X-Amzn-SageMaker-Target-Variant": "no good"}, path=where)
    assert status == 400 and "TargetVariant" in body


def test_cbor_is_judged_and_bridged(cloud):
    name = cloud.name("Cbor")
    dimensions = [{"Name": "EndpointName", "Value": "e"}, {"Name": "VariantName", "Value": "v"}]
    metric = {"MetricName": name, "Value": 2.5, "Dimensions": dimensions}
    assert cbor(cloud, "PutMetricData", {"Namespace": "Test", "MetricData": [metric]})[0] == 200
    status, value = cbor(cloud, "ListMetrics", {"Namespace": "Test", "MetricName": name})
    assert status == 200 and value["Metrics"][0]["Dimensions"] == dimensions

    def ask(dimensions):
        import time

        query = {
            "Id": "q",
            "MetricStat": {
                "Metric": {"Namespace": "Test", "MetricName": name, "Dimensions": dimensions},
                "Period": 60,
                "Stat": "Sum",
            },
        }
        times = {"StartTime": cbor2.CBORTag(1, time.time() - 600), "EndTime": cbor2.CBORTag(1, time.time() + 60)}
        status, value = cbor(cloud, "GetMetricData", {"MetricDataQueries": [query], **times})
        assert status == 200
        return value["MetricDataResults"][0]["Values"]

    assert ask(dimensions) == [2.5]
    assert ask(dimensions[:1]) == [], "not by some of the dimensions"


@pytest.mark.parametrize(
    "call, arguments, operation",
    [
        ("list_buckets", {}, "ListBuckets"),
        ("list_objects_v2", {"Bucket": "{b}"}, "ListObjectsV2"),
        ("list_multipart_uploads", {"Bucket": "{b}"}, "ListMultipartUploads"),
        ("put_object", {"Bucket": "{b}", "Key": "a/b c"}, "PutObject"),
        ("get_object", {"Bucket": "{b}", "Key": "a/b c"}, "GetObject"),
        ("head_object", {"Bucket": "{b}", "Key": "a/b c"}, "HeadObject"),
        ("delete_objects", {"Bucket": "{b}", "Delete": {"Objects": [{"Key": "a"}]}}, "DeleteObjects"),
        ("get_bucket_location", {"Bucket": "{b}"}, "GetBucketLocation"),
        ("create_multipart_upload", {"Bucket": "{b}", "Key": "m"}, "CreateMultipartUpload"),
        ("delete_bucket", {"Bucket": "{b}-none"}, "DeleteBucket"),
    ],
)
def test_s3_operations_have_their_names(cloud, call, arguments, operation):
    bucket = cloud.kept.setdefault("named", None) or cloud.bucket()
    cloud.kept["named"] = bucket
    given = {key: value.replace("{b}", bucket) if isinstance(value, str) else value for key, value in arguments.items()}
    try:
        getattr(cloud.s3, call)(**given)
    except cloud.s3.exceptions.NoSuchBucket:
        pass
    assert [entry["op"] for entry in cloud.log() if entry.get("service") == "s3"][-1] == operation


def test_what_moto_lacks_is_a_400(cloud):
    status, body = sagemaker(cloud, "ListLabelingJobs", {})
    assert status == 400 and json.loads(body)["__type"] == "OracleNotImplemented"


def test_the_log_holds_no_secret(cloud):
    secret = "planted-secret-0123456789"
    cloud.iam.create_user(UserName=cloud.name("planted"), Tags=[{"Key": "password", "Value": secret}])
    text = json.dumps(cloud.log())
    assert secret not in text and cloud.exports["AWS_SECRET_ACCESS_KEY"] not in text


def test_every_file_is_short():
    for path in CLOUD.rglob("*"):
        hidden = any(part.startswith((".", "__pycache__")) for part in path.relative_to(CLOUD).parts)
        if path.is_file() and path.suffix in (".py", "") and not hidden:
            assert len(path.read_text(encoding="utf-8").splitlines()) < 500, path
