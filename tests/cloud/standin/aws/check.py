"""The model check: is this value what the shape allows? And the bridge between CBOR and JSON values."""

import base64
import datetime as dt
import json
import re

import cbor2

from .models import output_shape


def check(shape, value, at, errors, wire=False, response=False):
    """Appends what is wrong to `errors`, in AWS's words. `wire`: numbers and booleans may come as text."""

    def bad(what):
        text = json.dumps(value, default=str)[:80]
        errors.append("Value %s at '%s' failed to satisfy constraint: %s" % (text, at, what))

    if value is None:
        return None if response else bad("must not be null")
    kind, limits = shape.type_name, shape.metadata
    if kind == "structure":
        return _structure(shape, value, at, errors, wire, response, bad)
    if kind == "list":
        if not isinstance(value, list):
            return bad("list")
        if not response:
            _range(len(value), limits, bad, "length")
        for number, item in enumerate(value, 1):
            check(shape.member, item, "%s.%d" % (at, number), errors, wire, response)
    elif kind == "map":
        if not isinstance(value, dict):
            return bad("map")
        for key, item in value.items():
            check(shape.key, key, "%s.%s(key)" % (at, key), errors, wire, response)
            check(shape.value, item, "%s.%s" % (at, key), errors, wire, response)
    elif kind in ("string", "character"):
        _string(shape, value, limits, response, bad)
    elif kind in ("integer", "long"):
        if isinstance(value, bool) or not (isinstance(value, int) or (wire and re.fullmatch(r"-?\d+", str(value)))):
            return bad(kind)
        if not response:
            _range(int(value), limits, bad, "value")
    elif kind in ("float", "double"):
        if isinstance(value, bool) or not _is_float(value):
            return bad(kind)
    elif kind == "boolean":
        if not (isinstance(value, bool) or (wire and value in ("true", "false"))):
            bad("boolean")
    elif kind == "timestamp":
        if not _is_timestamp(value):
            bad("timestamp")
    elif kind == "blob" and not response:
        _blob(value, limits, wire, bad)
    return None


def _structure(shape, value, at, errors, wire, response, bad):
    if not isinstance(value, dict):
        return bad("structure")
    if shape.metadata.get("document"):
        return None
    for name in value:
        if name in shape.members:
            path = "%s.%s" % (at, name) if at else name
            check(shape.members[name], value[name], path, errors, wire, response)
        elif name != "__type":
            has = ", ".join(list(shape.members)[:12])
            errors.append("Unknown member '%s' at '%s' (has %s)" % (name, at, has))
    for name in shape.required_members:
        if name not in value:
            errors.append("Missing required member '%s' at '%s'" % (name, at))
    if shape.metadata.get("union") and len(value) != 1 and not response:
        bad("exactly one member of the union")
    return None


def _string(shape, value, limits, response, bad):
    if not isinstance(value, str):
        return bad("string")
    if getattr(shape, "enum", None) and value not in shape.enum:
        bad("Member must satisfy enum value set: " + str(shape.enum[:12]))
    if response:
        return None
    _range(len(value), limits, bad, "length")
    pattern = limits.get("pattern")
    if pattern:
        python = pattern
        for java, ours in (
            ("\\p{L}", "\\w"),
            ("\\p{Z}", "\\s"),
            ("\\p{N}", "\\d"),
            ("\\p{ASCII}", "[\\x00-\\x7f]"),
            ("\\p{Print}", "\\x20-\\x7e"),
            ("\\z", "\\Z"),
        ):
            python = python.replace(java, ours)
        try:
            if not re.fullmatch(python, value):
                bad("Member must satisfy regular expression pattern: " + pattern)
        except re.error:
            pass  # a Java pattern that Python has no words for
    return None


def _blob(value, limits, wire, bad):
    if isinstance(value, str) and not wire:
        try:
            value = base64.b64decode(value, validate=True)
        except ValueError:
            return bad("base64 blob")
    if isinstance(value, bytes):
        _range(len(value), limits, bad, "length")
    return None


def _range(number, limits, bad, what):
    if "min" in limits and number < limits["min"]:
        bad("Member must have %s greater than or equal to %s" % (what, limits["min"]))
    if "max" in limits and number > limits["max"]:
        bad("Member must have %s less than or equal to %s" % (what, limits["max"]))


def _is_float(value):
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _is_timestamp(value):
    if isinstance(value, bool):
        return False
    if isinstance(value, (int, float, dt.datetime)):
        return True
    return isinstance(value, str) and bool(re.match(r"\d{4}-\d\d-\d\dT|\d+(\.\d+)?$", value))


def check_response(service, operation, value):
    """What is wrong with an answer; kept in the log, the client gets the answer all the same."""
    shape, errors = output_shape(service, operation), []
    if shape:
        check(shape, value, "", errors, response=True)
    return errors[:8]


def to_cbor(shape, value):
    if value is None or shape is None:
        return value
    kind = shape.type_name
    if kind == "structure":
        return {name: to_cbor(shape.members.get(name), item) for name, item in value.items()}
    if kind == "list":
        return [to_cbor(shape.member, item) for item in value]
    if kind == "map":
        return {key: to_cbor(shape.value, item) for key, item in value.items()}
    if kind == "timestamp":
        if isinstance(value, str):
            value = dt.datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp()
        return cbor2.CBORTag(1, float(value))
    if kind == "blob" and isinstance(value, str):
        return base64.b64decode(value)
    return float(value) if kind in ("double", "float") else value


def from_cbor(value):
    if isinstance(value, dict):
        return {key: from_cbor(item) for key, item in value.items()}
    if isinstance(value, list):
        return [from_cbor(item) for item in value]
    if isinstance(value, dt.datetime):
        return value.timestamp()
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value
