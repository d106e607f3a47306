"""Which service, operation and parameters a request means, read off the wire as AWS does."""

import json
import re
from urllib.parse import parse_qsl, unquote

import cbor2

from .models import META, model
from .s3 import s3_operation


class Identified:
    """`protocol` is json, query, ec2, rest-json, s3 or cbor; empty where the service is unknown."""

    def __init__(self, service, operation, region, protocol, params, key=None):
        self.service, self.operation, self.region = service, operation, region
        self.protocol, self.params, self.key = protocol, params, key


def identify(headers, method, path, query, body):
    """`headers` answers get() in any case of letters. Raises ValueError for a body that cannot be read."""
    authorization = headers.get("Authorization", "") or query.get("X-Amz-Credential", "")
    scope = re.search(r"([^=\s/]*)/(\d{8})/([^/]+)/([^/]+)/aws4_request", unquote(authorization))
    if not scope:
        return _unsigned(headers, method, path, query, body)
    key, region, signing = scope[1], scope[3], scope[4]
    candidates = [s for s, d in META.items() if signing in (d.get("signingName"), d.get("endpointPrefix"))]
    candidates = candidates or [s for s in META if s == signing]

    if "cbor" in headers.get("smithy-protocol", ""):
        operation = path.rsplit("/", 1)[-1]
        service = next((s for s in candidates if operation in model(s).operation_names), None)
        service = service or (candidates[0] if candidates else None)
        return Identified(service, operation, region, "cbor", _cbor(body), key)

    target = headers.get("X-Amz-Target")
    if target:
        prefix, _, operation = target.rpartition(".")
        service = next((s for s in candidates if META[s].get("targetPrefix") == prefix), None)
        return Identified(service, operation, region, "json", json.loads(body or b"{}") if service else {}, key)

    if "x-www-form-urlencoded" in headers.get("Content-Type", ""):
        values = dict(parse_qsl(body.decode(), keep_blank_values=True))
        operation, version = values.pop("Action", None), values.pop("Version", None)
        service = next((s for s in candidates if META[s]["apiVersion"] == version), None)
        protocol = META[service]["protocol"] if service and META[service]["protocol"] in ("ec2", "query") else "query"
        return Identified(service, operation, region, protocol, values, key)

    for service in candidates:
        if not META[service]["protocol"].startswith("rest"):
            continue
        if service == "s3":
            return Identified(service, s3_operation(headers, method, path, query), region, "s3", {}, key)
        found = _by_uri(service, method, path)
        if found:
            name, operation, labels = found
            params = _rest_params(operation, labels, headers, query, body)
            return Identified(service, name, region, "rest-json", params, key)
    return Identified(next(iter(candidates), None), None, region, "", {}, key)


def _unsigned(headers, method, path, query, body):
    """Whoever signs in has no keys yet."""
    for service in ("sso-oidc", "sso"):
        found = service in META and _by_uri(service, method, path)
        if found:
            name, operation, labels = found
            params = _rest_params(operation, labels, headers, query, body)
            return Identified(service, name, None, "rest-json", params)
    return Identified(None, None, None, "", {})


def _cbor(body):
    try:
        return cbor2.loads(body) if body else {}
    except cbor2.CBORDecodeError as error:
        raise ValueError(str(error)) from error


def _by_uri(service, method, path):
    best = None
    for name in model(service).operation_names:
        operation = model(service).operation_model(name)
        uri = operation.http["requestUri"].split("?")[0]
        if operation.http["method"] != method:
            continue
        matched = re.match(_uri_pattern(uri), path)
        if matched and (best is None or len(uri) > best[3]):
            best = (name, operation, matched.groupdict(), len(uri))
    return best[:3] if best else None


def _uri_pattern(uri):
    def label(found):
        name = re.sub(r"\W", "_", found[1].replace("\\", ""))
        return "(?P<%s>%s)" % (name, ".+" if found[2] else "[^/]+")

    return "^" + re.sub(r"\\\{([^}]+?)(\\\+)?\\\}", label, re.escape(uri)) + "/?$"


def _rest_params(operation, labels, headers, query, body):
    params, shape = {}, operation.input_shape
    if not shape:
        return params
    payload = shape.serialization.get("payload")
    is_json = "json" in headers.get("Content-Type", "json")
    in_body = json.loads(body) if body and not payload and is_json else {}
    for name, member in shape.members.items():
        location = member.serialization.get("location")
        wire = member.serialization.get("locationName", member.serialization.get("name", name))
        if location == "uri":
            params[name] = unquote(labels.get(re.sub(r"\W", "_", wire), ""))
        elif location == "querystring" and wire in query:
            params[name] = query[wire]
        elif location == "header" and headers.get(wire) is not None:
            params[name] = headers.get(wire)
        elif name == payload:
            params[name] = body
        elif not location and wire in in_body:
            params[name] = in_body.pop(wire)
    for name in in_body:
        params.setdefault(name, in_body[name])
    return params


def unflatten(shape, values, prefix, ec2, used):
    """The nested value that the flat `A.member.1.B=…` of the query protocols means; what was read goes into `used`."""

    def below(path):
        return any(key == path or key.startswith(path + ".") for key in values)

    def indices(path):
        return {key[len(path) + 1 :].split(".")[0] for key in values if key.startswith(path + ".")}

    if shape.type_name == "structure":
        out = {}
        for name, member in shape.members.items():
            path = _member_path(name, member, prefix, ec2)
            if below(path):
                out[name] = unflatten(member, values, path, ec2, used)
        return out
    if shape.type_name == "list":
        if values.get(prefix) == "":
            used.add(prefix)
            return []
        flat = ec2 or shape.serialization.get("flattened")
        path = prefix if flat else "%s.%s" % (prefix, shape.member.serialization.get("name", "member"))
        numbers = sorted(int(index) for index in indices(path) if index.isdigit())
        return [unflatten(shape.member, values, "%s.%d" % (path, number), ec2, used) for number in numbers]
    if shape.type_name == "map":
        path = prefix if shape.serialization.get("flattened") else prefix + ".entry"
        key_name = shape.key.serialization.get("name", "key")
        value_name = shape.value.serialization.get("name", "value")
        out = {}
        for index in sorted(indices(path)):
            key = "%s.%s.%s" % (path, index, key_name)
            used.add(key)
            where = "%s.%s.%s" % (path, index, value_name)
            out[values.get(key)] = unflatten(shape.value, values, where, ec2, used)
        return out
    used.add(prefix)
    return values.get(prefix)


def _member_path(name, member, prefix, ec2):
    wire = member.serialization.get("queryName") or member.serialization.get("name", name)
    if ec2 and not member.serialization.get("queryName"):
        wire = wire[0].upper() + wire[1:]
    if member.type_name == "list" and not ec2 and member.serialization.get("flattened"):
        wire = member.member.serialization.get("name", wire)
    return "%s.%s" % (prefix, wire) if prefix else wire
