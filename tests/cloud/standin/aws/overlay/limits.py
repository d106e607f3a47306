"""What AWS checks before it starts anything: the role, the quota, the data."""

import json
import re
import time
import xml.etree.ElementTree as ElementTree
from urllib.parse import quote

from ..models import AwsError
from .life import ENDED, life


def check_role(call, arn):
    """The role must exist and let SageMaker assume it."""
    if not call.setting("check_role") or not arn:
        return
    name = arn.rsplit("/", 1)[-1]
    refused = AwsError(
        "ValidationException",
        "Could not assume role %s. Please ensure that the role exists and allows principal 'sagemaker.amazonaws.com' "
        "to assume the role." % arn,
    )
    try:
        role = call.query("iam", "GetRole", {"RoleName": name})["Role"]
    except AwsError:
        raise refused from None
    trust = json.dumps(role.get("AssumeRolePolicyDocument", {}))
    age = time.time() - role["CreateDate"].timestamp()
    if role["Arn"] != arn or "sagemaker.amazonaws.com" not in trust or age < call.setting("role_s"):
        raise refused


def check_quota(call, params):
    resources = params.get("ResourceConfig", {})
    if resources.get("InstanceType"):
        spot = "spot training" if params.get("EnableManagedSpotTraining") else "training"
        use = 0
        for job in call.memory("tj").values():
            other = job["params"]
            same = bool(other.get("EnableManagedSpotTraining")) == bool(params.get("EnableManagedSpotTraining"))
            if same and other.get("ResourceConfig", {}).get("InstanceType") == resources["InstanceType"]:
                use += other["ResourceConfig"].get("InstanceCount", 1) if _is_on(call, job) else 0
        check_limit(call, "%s for %s job usage" % (resources["InstanceType"], spot), use, resources["InstanceCount"])


def _is_on(call, job):
    return life(job, call.world.now(), call.world.settings).status not in ENDED


def check_limit(call, quota_name, use, wanted, unit="Instances"):
    """A quota that nobody seeded has no limit here."""
    for quota in call.world.data["quotas"].get("sagemaker", []):
        if quota["QuotaName"] == quota_name and use + wanted > quota["Value"]:
            raise AwsError(
                "ResourceLimitExceeded",
                "The account-level service limit '%s' is %d %s, with current utilization of %d %s and a "
                "request delta of %d %s. Please use AWS Service Quotas to request an increase for this quota. "
                "If AWS Service Quotas is not available, contact AWS support to request an increase for this quota."
                % (quota_name, quota["Value"], unit, use, unit, wanted, unit),
            )


def split_s3(uri):
    """(bucket, key) of s3://bucket/key."""
    found = re.fullmatch(r"(?:s3|https)://([^/]+)/?(.*)", uri)
    return (found[1], found[2]) if found else ("", "")


def check_objects(call, uri, role):
    bucket, prefix = split_s3(uri)
    status, body = call.s3("GET", bucket, query="list-type=2&max-keys=1&prefix=" + quote(prefix, safe=""))
    found = status == 200 and any(node.tag.endswith("Contents") for node in ElementTree.fromstring(body))
    if not found:
        raise AwsError(
            "ValidationException",
            'No S3 objects found under S3 URL "%s" given in input data source. Please ensure that the bucket exists '
            'in the selected region (%s), that objects exist under that S3 prefix, and that the role "%s" has '
            '"s3:ListBucket" permissions on bucket "%s".' % (uri, call.region, role, bucket),
        )


def check_object(call, uri):
    bucket, key = split_s3(uri)
    status, _ = call.s3("HEAD", bucket, quote(key))
    if status != 200:
        raise AwsError("ValidationException", "Could not find model data at %s." % uri)
