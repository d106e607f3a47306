"""What IAM would say to a call, where the setting `enforce_iam` is on: each call of a user or a role's session needs its
action on its resource by a policy that moto holds.

Which actions there are and on what kind of resource they can be narrowed is AWS's own list (its service authorization
reference, crates/aws/tests/iam-actions.csv). Policies are judged twice: by the evaluation of overlay/iam.py, which knows
conditions and boundaries, and by moto's own, which knows neither; what the first allows the second must allow too.

Known: which action an operation needs where the two have other names, the actions that come along with another (PassRole,
AddTags), tags of the request and of SageMaker's things, who a role is passed to. Not known: policies of buckets, of the
organisation and of sessions; what the execution role itself may do (the helper runs its scripts without any rights).
"""

import json
import re
from pathlib import Path

from .models import META, AwsError
from .overlay import OVERLAY
from .overlay.iam import evaluate, policies_of

REFERENCE = Path(__file__).resolve().parents[4] / "crates" / "aws" / "tests" / "iam-actions.csv"

# IAM's prefix where it is not the service's name.
PREFIX = {"sagemaker-runtime": "sagemaker", "service-quotas": "servicequotas"}
# AWS answers these to everybody who has keys.
FREE = {("sts", "GetCallerIdentity")}
SIGNED_IN = {"sso", "sso-oidc"}
# "Required permissions for Amazon S3 API operations", where action and operation have other names.
S3 = {
    "ListBuckets": "ListAllMyBuckets",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListParts": "ListMultipartUploadParts",
    "DeleteObjects": "DeleteObject",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "PutBucketLifecycle": "PutLifecycleConfiguration",
}
SAGEMAKER_NAMES = {
    "training-job": "TrainingJobName",
    "endpoint": "EndpointName",
    "endpoint-config": "EndpointConfigName",
    "model": "ModelName",
}


class Need:
    """An action on resources, and what is known of the request beside it."""

    def __init__(self, action, resources, context=None):
        self.action, self.resources, self.context = action, resources, context or {}


def authorize(call, path, body):
    """Raises the refusal that AWS would answer with."""
    if call.service in SIGNED_IN or (call.service, call.operation) in FREE:
        return
    who, documents, boundary = held_by(call)
    for need in needs(call, path, body):
        for resource in need.resources:
            allowed = evaluate(need.action, resource, documents, need.context, set()) == "allowed"
            if boundary is not None:
                allowed = allowed and evaluate(need.action, resource, boundary, need.context, set()) == "allowed"
            if not allowed:
                raise refusal(call, who, need.action, resource)
            if not moto_allows(documents, need.action, resource):
                text = "the judges disagree: moto refuses %s on %s" % (need.action, resource)
                raise AwsError("OracleDisagrees", text, 400)


def held_by(call):
    """(who, documents, boundary) of the caller; read anew once IAM has been changed."""
    known = call.world.memory("rights", "", "")
    if call.service == "iam" and not call.operation.startswith(("Get", "List", "Simulate")):
        known.clear()
    if call.key not in known:
        who = call.query("sts", "GetCallerIdentity", {})["Arn"]
        known[call.key] = (who, *policies_of(call, principal(call, who)))
    return known[call.key]


def principal(call, who):
    """Whose policies hold: a session's are its role's."""
    session = re.fullmatch(r"arn:aws:sts::\d+:assumed-role/([^/]+)/.+", who)
    return call.query("iam", "GetRole", {"RoleName": session[1]})["Role"]["Arn"] if session else who


def moto_allows(documents, action, resource):
    from moto.iam.access_control import IAMPolicy, PermissionResult

    held = [IAMPolicy(json.dumps(document)).is_action_permitted(action, resource) for document in documents]
    return PermissionResult.PERMITTED in held and PermissionResult.DENIED not in held


def refusal(call, who, action, resource):
    text = "User: %s is not authorized to perform: %s on resource: %s because no identity-based policy allows the %s action"
    text %= (who, action, resource, action)
    if call.service == "ec2":
        return AwsError("UnauthorizedOperation", "You are not authorized to perform this operation. " + text, 403)
    if call.protocol in ("s3", "query"):
        return AwsError("AccessDenied", text, 403)
    return AwsError("AccessDeniedException", text, 400)


_reference = {}


def narrowed_to(action):
    """The kinds of resource that IAM knows for an action; empty: only everything."""
    if not _reference:
        rows = REFERENCE.read_text().splitlines()[1:]
        _reference.update({row.split(",")[0]: row.split(",")[2].split() for row in rows})
    if action not in _reference:
        raise AwsError("OracleNotImplemented", "AWS's list has no action " + action, 400)
    return _reference[action]


def needs(call, path, body):
    action = "%s:%s" % (PREFIX.get(call.service, call.service), S3.get(call.operation, call.operation))
    if call.service == "s3":
        action = "s3:" + S3.get(call.operation, call.operation)
        narrowed_to(action)
        return [Need(action, s3_resources(call, action, path, body))]
    kinds = narrowed_to(action)
    builder = RESOURCES.get(call.service)
    if not kinds:
        resources = ["*"]
    elif builder:
        resources = builder(call, kinds)
    else:
        raise AwsError("OracleNotImplemented", "no resource of %s is known" % action, 400)
    context = {}
    tags = call.params.get("Tags")
    if isinstance(tags, list):
        context.update({"aws:requesttag/" + tag["Key"].lower(): [tag["Value"]] for tag in tags})
    if call.service == "sagemaker" and not call.operation.startswith(("Create", "List")):
        for arn in resources:
            context.update({"aws:resourcetag/" + key.lower(): [value] for key, value in tags_of(call, arn).items()})
    found = [Need(action, resources, context)]
    if call.service == "sagemaker" and call.operation.startswith("Create"):
        passed = call.params.get("RoleArn") or call.params.get("ExecutionRoleArn")
        if passed:
            found.append(Need("iam:PassRole", [passed], {"iam:passedtoservice": ["sagemaker.amazonaws.com"]}))
        if tags:
            own = [arn for arn in resources if call.operation != "CreateEndpoint" or ":endpoint/" in arn]
            found.append(Need("sagemaker:AddTags", own, {**context, "sagemaker:taggingaction": [call.operation]}))
    if (call.service, call.operation) == ("iam", "CreateRole") and tags:
        found.append(Need("iam:TagRole", resources))
    return found


def tags_of(call, arn):
    """Of a thing at SageMaker, as ListTags has them; none where it is not there."""
    from .call import Call

    asked = Call.__new__(Call)
    asked.__dict__.update(call.__dict__, operation="ListTags", params={"ResourceArn": arn})
    try:
        handler = OVERLAY.get(("sagemaker", "ListTags"))
        answer = handler(asked) if handler else asked.forward()
    except AwsError:
        return {}
    return {tag["Key"]: tag["Value"] for tag in answer.get("Tags", [])}


def s3_resources(call, action, path, body):
    bucket, _, key = path.lstrip("/").partition("/")
    if not bucket:
        return ["*"]
    arn = "arn:aws:s3:::" + bucket
    if call.operation == "DeleteObjects":
        keys = re.findall(rb"<Key>(.*?)</Key>", body)
        return ["%s/%s" % (arn, key.decode()) for key in keys]
    return ["%s/%s" % (arn, key)] if key else [arn]


def of_sagemaker(call, kinds):
    if call.operation == "ListTags":
        return [call.params["ResourceArn"]]
    found = []
    for kind in kinds:
        name = call.params.get(SAGEMAKER_NAMES.get(kind))
        if name:
            found.append("arn:aws:sagemaker:%s:%s:%s/%s" % (call.region, call.account, kind, name))
    if not found:
        raise AwsError("OracleNotImplemented", "no resource of %s is known" % call.operation, 400)
    return found


def of_logs(call, kinds):
    group = call.params.get("logGroupName") or ""
    arn = "arn:aws:logs:%s:%s:log-group:%s" % (call.region, call.account, group)
    if "log-stream" in kinds:
        return ["%s:log-stream:%s" % (arn, call.params.get("logStreamName", ""))]
    return [arn + ":log-stream:"]


def of_iam(call, kinds):
    if call.params.get("PolicySourceArn"):
        return [call.params["PolicySourceArn"]]
    name = call.params.get("RoleName")
    if not name:
        raise AwsError("OracleNotImplemented", "no resource of %s is known" % call.operation, 400)
    try:
        return [call.query("iam", "GetRole", {"RoleName": name})["Role"]["Arn"]]
    except AwsError:
        return ["arn:aws:iam::%s:role%s%s" % (call.account, call.params.get("Path", "/"), name)]


def of_alarms(call, _kinds):
    names = call.params.get("AlarmNames") or ["*"]
    return ["arn:aws:cloudwatch:%s:%s:alarm:%s" % (call.region, call.account, name) for name in names]


def of_scaling(call, _kinds):
    return ["arn:aws:application-autoscaling:%s:%s:scalable-target/x" % (call.region, call.account)]


def of_quotas(call, _kinds):
    place = (call.region, call.account, call.params.get("ServiceCode"), call.params.get("QuotaCode"))
    return ["arn:aws:servicequotas:%s:%s:%s/%s" % place]


RESOURCES = {
    "sagemaker": of_sagemaker,
    "sagemaker-runtime": of_sagemaker,
    "logs": of_logs,
    "iam": of_iam,
    "cloudwatch": of_alarms,
    "application-autoscaling": of_scaling,
    "service-quotas": of_quotas,
}
assert set(RESOURCES) <= set(META)
