"""The policies that Curfew hands out, with IAM enforced: a person who has nothing else does what they promise."""

import json

import pytest
from conftest import TRUST, refused
from test_curfew import BIN, Curfew, ours

pytestmark = pytest.mark.skipif(not BIN, reason="CURFEW_BIN names no program; ./test cloud brings one")


@pytest.fixture
def enforced(cloud, tmp_path):
    """Makes a user who has this policy alone, and answers the command with that user's keys."""
    homes = iter(range(9))

    def make(level):
        home = tmp_path / ("home-%d" % next(homes))
        home.mkdir()
        admin = Curfew(home, cloud.exports)
        # Who hands it out has the role made too: the researcher's policy names it, and makes none.
        admin.run("account", "role", "--create", "--yes") if not admin.json("account", "role")["chosen"] else None
        policy = admin.run("account", "policy", level)[0]
        name = cloud.name(level)
        cloud.iam.create_user(UserName=name)
        made = cloud.iam.create_policy(PolicyName=name, PolicyDocument=policy)["Policy"]
        cloud.iam.attach_user_policy(UserName=name, PolicyArn=made["Arn"])
        key = cloud.iam.create_access_key(UserName=name)["AccessKey"]
        theirs = tmp_path / ("home-%d" % next(homes))
        theirs.mkdir()
        keys = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
        cloud.control("clock", {"enforce_iam": True})
        return Curfew(theirs, {**cloud.exports, **keys}), keys

    yield make
    cloud.control("clock", {"enforce_iam": False})


def denied(cloud, since):
    """What was refused for want of a right: (operation, sentence)."""
    words = ("AccessDenied", "UnauthorizedOperation", "OracleDisagrees", "OracleNotImplemented")
    return [
        (entry["op"], entry["error"]) for entry in cloud.log()[since:] if entry.get("error", "").startswith(words)
    ]


def test_the_enforcement_refuses_what_no_policy_allows(cloud, enforced):
    _, keys = enforced("read-only")
    names = {"aws_access_key_id": keys["AWS_ACCESS_KEY_ID"], "aws_secret_access_key": keys["AWS_SECRET_ACCESS_KEY"]}
    sagemaker, s3 = cloud.client("sagemaker", **names), cloud.client("s3", **names)
    code, text = refused(sagemaker.delete_endpoint, EndpointName="x")
    assert code == "AccessDeniedException" and "sagemaker:DeleteEndpoint on resource: arn:aws:sagemaker:" in text
    assert sagemaker.list_endpoints()["Endpoints"] is not None
    bucket = cloud.bucket()
    assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"")[0] == "AccessDenied"
    assert refused(cloud.client("ec2", **names).describe_vpcs)[0] == "UnauthorizedOperation"
    assert cloud.client("ec2", **names).describe_regions()["Regions"]


def test_a_researcher_deletes_what_carries_curfews_tag_and_nothing_else(cloud, enforced):
    _, keys = enforced("researcher")
    names = {"aws_access_key_id": keys["AWS_ACCESS_KEY_ID"], "aws_secret_access_key": keys["AWS_SECRET_ACCESS_KEY"]}
    theirs = cloud.client("sagemaker", **names)
    other = cloud.name("others")
    cloud.sagemaker.create_model(ModelName=other, PrimaryContainer={"Image": "x"}, ExecutionRoleArn=cloud.role())
    assert refused(theirs.delete_model, ModelName=other)[0] == "AccessDeniedException"
    untagged = {"PrimaryContainer": {"Image": "x"}, "ExecutionRoleArn": cloud.role()}
    assert "CreateModel" in refused(theirs.create_model, ModelName=other + "-b", **untagged)[1]
    # Another role than the one that the policy names is not passed.
    role = cloud.iam.create_role(RoleName=other, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    tags = [{"Key": "curfew:intent", "Value": "i-1"}]
    passed = {"PrimaryContainer": {"Image": "x"}, "ExecutionRoleArn": role, "Tags": tags}
    assert "iam:PassRole" in refused(theirs.create_model, ModelName=other + "-c", **passed)[1]
    cloud.sagemaker.delete_model(ModelName=other)


def test_the_whole_lab_with_the_researchers_policy_alone(cloud, enforced):
    before = ours(cloud)
    curfew, _ = enforced("researcher")
    since = len(cloud.log())
    out, err = curfew.run("lab", "iris", "--on", "aws:ml.m5.xlarge", code=None)
    assert denied(cloud, since) == [], out + err
    assert "→ setosa" in out and "All clean" in out, out + err
    assert ours(cloud) == before


def test_a_sweep_with_the_read_only_policy_alone(cloud, enforced):
    curfew, _ = enforced("read-only")
    since = len(cloud.log())
    report = curfew.json("sweep", code=None)
    assert denied(cloud, since) == []
    assert report["gaps"] == [], report["gaps"]
    # It sees, and changes nothing: a launch is refused, and who to ask for what is said.
    folder = curfew.script("plain", "print('loss=1')\n")
    told = curfew.json("train", folder, "--on", "aws:ml.m5.xlarge", "--curfew", "1h", code=None)["errors"][0]
    assert told["kind"] == "permission_denied", told
