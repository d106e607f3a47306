"""SimulatePrincipalPolicy, over policies that moto holds."""

import json

import pytest
from conftest import TRUST, refused


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(actions, resources="*", **more):
    return {"Effect": "Allow", "Action": actions, "Resource": resources, **more}


def deny(actions, resources="*", **more):
    return {**allow(actions, resources, **more), "Effect": "Deny"}


def decide(cloud, arn, *actions, **more):
    answer = cloud.iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=list(actions), **more)
    return {result["EvalActionName"]: result["EvalDecision"] for result in answer["EvaluationResults"]}


def test_the_seeded_user_may_do_everything(cloud):
    me = cloud.sts.get_caller_identity()["Arn"]
    assert me == "arn:aws:iam::123456789012:user/researcher"
    assert decide(cloud, me, "sagemaker:CreateEndpoint", "ec2:RunInstances") == {
        "sagemaker:CreateEndpoint": "allowed",
        "ec2:RunInstances": "allowed",
    }


def test_a_role_with_inline_attached_and_boundary(cloud):
    name = cloud.name("class")
    role = cloud.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    assert decide(cloud, role, "s3:GetObject") == {"s3:GetObject": "implicitDeny"}
    inline = document(allow(["SageMaker:Create*", "s3:*"]), deny("s3:DeleteBucket"))
    cloud.iam.put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=inline)
    managed = cloud.iam.create_policy(PolicyName=name, PolicyDocument=document(allow("logs:Get?ogEvents")))["Policy"]
    cloud.iam.attach_role_policy(RoleName=name, PolicyArn=managed["Arn"])
    wanted = {
        "sagemaker:CreateTrainingJob": "allowed",
        "sagemaker:StopTrainingJob": "implicitDeny",
        "s3:GetObject": "allowed",
        "s3:DeleteBucket": "explicitDeny",
        "logs:GetLogEvents": "allowed",
    }
    assert decide(cloud, role, *wanted) == wanted
    fence = cloud.iam.create_policy(PolicyName=name + "-fence", PolicyDocument=document(allow("s3:*")))["Policy"]
    cloud.iam.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=fence["Arn"])
    wanted.update({"sagemaker:CreateTrainingJob": "implicitDeny", "logs:GetLogEvents": "implicitDeny"})
    assert decide(cloud, role, *wanted) == wanted


def test_a_user_through_a_group(cloud):
    name = cloud.name("student")
    user = cloud.iam.create_user(UserName=name)["User"]["Arn"]
    cloud.iam.create_group(GroupName=name)
    cloud.iam.put_group_policy(GroupName=name, PolicyName="p", PolicyDocument=document(allow("ce:GetCostAndUsage")))
    assert decide(cloud, user, "ce:GetCostAndUsage") == {"ce:GetCostAndUsage": "implicitDeny"}
    cloud.iam.add_user_to_group(GroupName=name, UserName=name)
    assert decide(cloud, user, "ce:GetCostAndUsage") == {"ce:GetCostAndUsage": "allowed"}


@pytest.mark.parametrize(
    "condition, context, decision, missing",
    [
        ({"StringEquals": {"aws:Region": "eu-west-1"}}, {"aws:Region": "eu-west-1"}, "allowed", []),
        ({"StringEquals": {"aws:Region": "eu-west-1"}}, {"aws:Region": "us-east-1"}, "implicitDeny", []),
        ({"StringEquals": {"aws:Region": "eu-west-1"}}, {}, "implicitDeny", ["aws:Region"]),
        ({"StringEqualsIfExists": {"aws:Region": "eu-west-1"}}, {}, "allowed", ["aws:Region"]),
        ({"StringNotLike": {"sagemaker:Types": "ml.p*"}}, {"sagemaker:Types": "ml.p5"}, "implicitDeny", []),
        ({"StringNotLike": {"sagemaker:Types": "ml.p*"}}, {"sagemaker:Types": "ml.m5"}, "allowed", []),
        ({"NumericLessThan": {"sagemaker:Runtime": "3600"}}, {"sagemaker:Runtime": "60"}, "allowed", []),
        ({"Null": {"aws:TokenIssueTime": "true"}}, {}, "allowed", []),
        ({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, {"aws:SourceIp": "10.1.2.3"}, "allowed", []),
    ],
)
def test_conditions(cloud, condition, context, decision, missing):
    name = cloud.name("condition")
    user = cloud.iam.create_user(UserName=name)["User"]["Arn"]
    action = "sagemaker:CreateTrainingJob"
    entries = [
        {"ContextKeyName": key, "ContextKeyValues": [value], "ContextKeyType": "string"}
        for key, value in context.items()
    ]
    answer = cloud.iam.simulate_principal_policy(
        PolicySourceArn=user,
        ActionNames=[action],
        PolicyInputList=[document(allow(action, Condition=condition))],
        ContextEntries=entries,
    )["EvaluationResults"][0]
    assert (answer["EvalDecision"], answer["MissingContextValues"]) == (decision, missing)


def test_resources_and_their_exceptions(cloud):
    user = cloud.iam.create_user(UserName=cloud.name("bucket-user"))["User"]["Arn"]
    elsewhere = {"Effect": "Deny", "Action": "s3:*", "NotResource": "arn:aws:s3:::mine/*"}
    policy = document(allow("s3:*", "arn:aws:s3:::mine/*"), elsewhere)
    answer = cloud.iam.simulate_principal_policy(
        PolicySourceArn=user,
        ActionNames=["s3:GetObject"],
        PolicyInputList=[policy],
        ResourceArns=["arn:aws:s3:::mine/a", "arn:aws:s3:::theirs/a"],
    )["EvaluationResults"]
    found = {result["EvalResourceName"]: result["EvalDecision"] for result in answer}
    assert found == {"arn:aws:s3:::mine/a": "allowed", "arn:aws:s3:::theirs/a": "explicitDeny"}


def test_what_cannot_be_simulated(cloud):
    ask = cloud.iam.simulate_principal_policy
    session = "arn:aws:sts::123456789012:assumed-role/x/y"
    assert refused(ask, PolicySourceArn=session, ActionNames=["s3:GetObject"])[0] == "InvalidInput"
    nobody = "arn:aws:iam::123456789012:user/nobody-of-that-name"
    assert refused(ask, PolicySourceArn=nobody, ActionNames=["s3:GetObject"])[0] == "NoSuchEntity"
