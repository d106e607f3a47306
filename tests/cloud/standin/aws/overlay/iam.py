"""SimulatePrincipalPolicy: the policies of a user or role in moto, judged by the documented order of evaluation.

Known and kept: identity policies (inline, attached, of groups), PolicyInputList, permissions boundaries, NotAction,
NotResource, wildcards, conditions on the context that the request gives. Not known: resource policies, session
policies, organisations; they are not simulated by AWS for a principal either, unless passed in.
"""

import json
import re
from urllib.parse import unquote

from ..models import AwsError
from .conditions import holds
from .registry import on


@on("iam", "SimulatePrincipalPolicy")
def simulate(call):
    params = call.params
    documents, boundary = policies_of(call, params["PolicySourceArn"])
    documents += [_document(text) for text in params.get("PolicyInputList", [])]
    if params.get("PermissionsBoundaryPolicyInputList"):
        boundary = [_document(text) for text in params["PermissionsBoundaryPolicyInputList"]]
    context = {
        entry["ContextKeyName"].lower(): entry.get("ContextKeyValues", []) for entry in params.get("ContextEntries", [])
    }
    resources = params.get("ResourceArns") or ["*"]
    results = []
    for action in params["ActionNames"]:
        if not re.fullmatch(r"[\w-]+:[\w*?]+", action):
            raise AwsError("InvalidInput", "Invalid Entity Action: " + action)
        for resource in resources:
            results.append(_result(action, resource, documents, boundary, context))
    start, size = int(params.get("Marker") or 0), int(params.get("MaxItems") or 1000)
    answer = {"EvaluationResults": results[start : start + size], "IsTruncated": len(results) > start + size}
    if answer["IsTruncated"]:
        answer["Marker"] = str(start + size)
    return answer


def _result(action, resource, documents, boundary, context):
    missing = set()
    decision = evaluate(action, resource, documents, context, missing)
    result = {"EvalActionName": action, "EvalResourceName": resource}
    if boundary is not None:
        allowed = evaluate(action, resource, boundary, context, missing)
        if decision == "allowed" and allowed != "allowed":
            decision = allowed
        result["PermissionsBoundaryDecisionDetail"] = {"AllowedByPermissionsBoundary": allowed == "allowed"}
    return {**result, "EvalDecision": decision, "MatchedStatements": [], "MissingContextValues": sorted(missing)}


def evaluate(action, resource, documents, context, missing):
    """explicitDeny, allowed or implicitDeny; keys of conditions that the context lacks go into `missing`."""
    decision = "implicitDeny"
    for document in documents:
        statements = document.get("Statement", [])
        for statement in statements if isinstance(statements, list) else [statements]:
            if not _concerns(statement, action, resource):
                continue
            if not holds(statement.get("Condition", {}), context, missing):
                continue
            if statement["Effect"] == "Deny":
                return "explicitDeny"
            decision = "allowed"
    return decision


def _concerns(statement, action, resource):
    if "NotAction" in statement:
        named = not _any(statement["NotAction"], action, ignore_case=True)
    else:
        named = _any(statement.get("Action", []), action, ignore_case=True)
    if "NotResource" in statement:
        return named and not _any(statement["NotResource"], resource)
    return named and _any(statement.get("Resource", "*"), resource)


def _any(patterns, value, ignore_case=False):
    patterns = patterns if isinstance(patterns, list) else [patterns]
    return any(matches(pattern, value, ignore_case) for pattern in patterns)


def matches(pattern, value, ignore_case=False):
    """IAM's wildcards: * is any text, ? one character."""
    text = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(text, value, re.IGNORECASE | re.DOTALL if ignore_case else re.DOTALL) is not None


def policies_of(call, arn):
    """(documents, permissions boundary or None) of a user, group or role."""
    found = re.fullmatch(r"arn:aws[\w-]*:iam::\d{12}:(user|group|role)/(?:.*/)?([^/]+)", arn)
    if not found:
        raise AwsError("InvalidInput", "Invalid Entity Arn: %s does not clearly define entity type and name." % arn)
    kind, name = found[1].capitalize(), found[2]
    held = call.query("iam", "Get" + kind, {kind + "Name": name})[kind]
    documents = _of(call, kind, name)
    if kind == "User":
        for group in call.query("iam", "ListGroupsForUser", {"UserName": name})["Groups"]:
            documents += _of(call, "Group", group["GroupName"])
    boundary = held.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
    return documents, [_managed(call, boundary)] if boundary else None


def _of(call, kind, name):
    who, documents = {kind + "Name": name}, []
    for policy in call.query("iam", "List%sPolicies" % kind, who)["PolicyNames"]:
        held = call.query("iam", "Get%sPolicy" % kind, {**who, "PolicyName": policy})
        documents.append(_document(held["PolicyDocument"]))
    for policy in call.query("iam", "ListAttached%sPolicies" % kind, who)["AttachedPolicies"]:
        documents.append(_managed(call, policy["PolicyArn"]))
    return documents


def _managed(call, arn):
    version = call.query("iam", "GetPolicy", {"PolicyArn": arn})["Policy"]["DefaultVersionId"]
    held = call.query("iam", "GetPolicyVersion", {"PolicyArn": arn, "VersionId": version})
    return _document(held["PolicyVersion"]["Document"])


def _document(text):
    if isinstance(text, dict):
        return text
    try:
        return json.loads(unquote(text) if text.lstrip().startswith("%7B") else text)
    except ValueError:
        raise AwsError("MalformedPolicyDocument", "Syntax errors in policy.") from None
