"""What an account may do and is set up with, by the command; and a sweep that means it, in every region."""

import json

import pytest
from conftest import TRUST
from test_curfew import BIN, Curfew, hang, kill_when_it_hangs

pytestmark = pytest.mark.skipif(not BIN, reason="CURFEW_BIN names no program; ./test cloud brings one")


@pytest.fixture
def curfew(cloud, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    yield Curfew(home, cloud.exports)
    cloud.control("fault", [])


def deny(cloud, operation, **more):
    cloud.control("fault", {"op": operation, "code": "AccessDenied", "status": 403, "message": "no", "count": 9, **more})


def test_who_and_what_may_be_done(cloud, curfew):
    shown = curfew.json("account", "show")
    assert shown["who"]["says"] == "The user researcher" and shown["regions"]["home"] == "us-east-1"
    report = curfew.json("account", "may")
    assert {feature["may"]["may"] for feature in report["features"]} == {"allowed"}
    out, _ = curfew.run("account", "may")
    assert "Deploy and predict" in out
    deny(cloud, "SimulatePrincipalPolicy")
    report = {feature["id"]: feature["may"]["may"] for feature in curfew.json("account", "may")["features"]}
    assert report.pop("rights") == "denied" and set(report.values()) == {"unknown"}


def test_policies_are_documents(curfew):
    sizes = []
    for level in ("read-only", "researcher", "full"):
        out, _ = curfew.run("account", "policy", level)
        document = json.loads(out)
        assert json.loads(curfew.json("account", "policy", level)["text"]) == document
        sizes.append(sum(len(statement["Action"]) for statement in document["Statement"]))
    assert sizes == sorted(sizes) and sizes[0] < sizes[1] < sizes[2]
    curfew.run("account", "policy", "everything", code=2)


def test_a_role_and_a_bucket_are_chosen(cloud, curfew):
    name = cloud.name("picked")
    role = cloud.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    assert role in [found["id"] for found in curfew.json("account", "role")["found"]]
    curfew.run("account", "role", "--use", name, code=2)
    assert curfew.json("account", "role", "--use", role)["chosen"]["id"] == role
    assert curfew.json("account", "show")["role"]["by"] == "chosen here"
    deny(cloud, ["ListRoles"])
    answer = curfew.json("account", "role", code=4)
    assert answer["chosen"]["id"] == role and answer["gaps"][0]["kind"] == "permission_denied"
    cloud.control("fault", [])
    bucket = cloud.bucket()
    assert curfew.json("account", "bucket", "--use", bucket)["chosen"]["by"] == "chosen here, in us-east-1"
    curfew.run("account", "bucket", "--forget")
    # Nobody is there to be asked, so nothing is made.
    _, err = curfew.run("account", "role", "--create", code=1)
    assert "sts:AssumeRole" in err and "nothing was done" in err
    kept = (curfew.home / "accounts" / "aws-123456789012.json").read_text()
    assert role in kept and cloud.exports["AWS_SECRET_ACCESS_KEY"] not in kept


def test_a_role_half_made_is_finished(cloud, curfew):
    hang(cloud, "PutRolePolicy", 1, False)
    kill_when_it_hangs(cloud, curfew.start("account", "role", "--create", "--yes"))
    assert curfew.open_entries() == 1
    curfew.settle()
    held = cloud.iam.get_role_policy(RoleName="curfew-sagemaker", PolicyName="curfew")["PolicyDocument"]
    assert [statement["Sid"] for statement in held["Statement"]][0] == "DataAndModels"
    assert curfew.json("account", "role")["chosen"]["id"].endswith("role/curfew-sagemaker")


def test_a_sweep_reads_every_enabled_region(cloud, curfew):
    regions = curfew.json("account", "regions")
    assert len(regions["enabled"]) > 10 and len(regions["read"]) == len(regions["enabled"])
    far = cloud.client("sagemaker", "eu-north-1")
    config = {"VariantName": "v", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    far.create_model(ModelName="m", PrimaryContainer={"Image": "x"}, ExecutionRoleArn=cloud.role())
    far.create_endpoint_config(EndpointConfigName="far", ProductionVariants=[{**config, "InitialVariantWeight": 1}])
    try:
        report = curfew.json("sweep", code=None)
        assert any("in all %d enabled regions" % len(regions["enabled"]) in read for read in report["read"])
        found = {row["resource"]["key"]["region"] for row in report["rows"] if row["resource"]["name"] in ("far", "m")}
        assert found == {"eu-north-1"} and not report["gaps"]
    finally:
        far.delete_endpoint_config(EndpointConfigName="far")
        far.delete_model(ModelName="m")
    # One region that says no is a gap, and not clean.
    deny(cloud, "ListModels", region="eu-west-3")
    report = curfew.json("sweep", code=4)
    assert [(gap["region"], gap["kind"]) for gap in report["gaps"]] == [("eu-west-3", "permission_denied")]


def test_where_the_regions_are_not_known_a_sweep_is_not_whole(cloud, curfew):
    deny(cloud, "DescribeRegions")
    report = curfew.json("sweep", code=4)
    assert [gap["what"] for gap in report["gaps"]] == ["which regions are enabled"]
    assert any("in us-east-1 only, as it is not known which regions are enabled" in read for read in report["read"])
    # Whoever says which regions to read has said that the others are left out.
    curfew.env["CURFEW_AWS_REGIONS"] = "us-west-2"
    report = curfew.json("sweep", code=None)
    assert report["gaps"] == []
    assert any("in us-east-1, us-west-2 only, as CURFEW_AWS_REGIONS says" in read for read in report["read"])
