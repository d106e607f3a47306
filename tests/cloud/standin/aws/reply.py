"""Answers as they go over the wire: one value for every path, so that a fault can lose any of them."""

import datetime as dt
import json
import uuid
from xml.sax.saxutils import escape

import cbor2

from .check import to_cbor
from .models import META, output_shape


class Reply:
    """`length` is the Content-Length to announce where it is not the body's (an answer to HEAD)."""

    def __init__(self, status, headers, body, length=None):
        self.status, self.headers, self.body, self.length = status, list(headers), body, length


def json_reply(value, status=200):
    return Reply(status, [("Content-Type", "application/json")], json.dumps(value, default=str).encode())


def result_reply(protocol, service, operation, value):
    """An overlay's result in the protocol that the client speaks."""
    if protocol == "cbor":
        shape = output_shape(service, operation)
        body = cbor2.dumps(to_cbor(shape, value) if shape else {})
        return Reply(200, [("Content-Type", "application/cbor"), ("smithy-protocol", "rpc-v2-cbor")], body)
    if protocol in ("query", "ec2"):
        return Reply(200, [("Content-Type", "text/xml")], _query_body(service, operation, value))
    return Reply(200, [("Content-Type", "application/x-amz-json-1.1")], json.dumps(value).encode())


def error_reply(protocol, error):
    request_id, message = str(uuid.uuid4()), escape(error.message)
    if protocol == "cbor":
        body = cbor2.dumps({"__type": error.code, "message": error.message})
        return Reply(error.status, [("Content-Type", "application/cbor"), ("smithy-protocol", "rpc-v2-cbor")], body)
    if protocol == "ec2":
        text = "<Response><Errors><Error>%s</Error></Errors><RequestID>%s</RequestID></Response>"
    elif protocol == "query":
        text = "<ErrorResponse><Error><Type>Sender</Type>%s</Error><RequestId>%s</RequestId></ErrorResponse>"
    elif protocol == "s3":
        text = "<Error>%s<RequestId>%s</RequestId></Error>"
    else:
        body = json.dumps({"__type": error.code, "message": error.message, **error.extra}).encode()
        headers = [("Content-Type", "application/x-amz-json-1.1"), ("x-amzn-ErrorType", error.code)]
        return Reply(error.status, headers, body)
    kind = "application/xml" if protocol == "s3" else "text/xml"
    what = "<Code>%s</Code><Message>%s</Message>" % (error.code, message)
    return Reply(error.status, [("Content-Type", kind)], (text % (what, request_id)).encode())


def _query_body(service, operation, value):
    shape = output_shape(service, operation)
    inner = _xml(shape, value) if shape else ""
    if shape and shape.serialization.get("resultWrapper"):
        wrapper = shape.serialization["resultWrapper"]
        inner = "<%s>%s</%s>" % (wrapper, inner, wrapper)
    namespace = META[service].get("xmlNamespace") or ""
    tail = "<ResponseMetadata><RequestId>%s</RequestId></ResponseMetadata>" % uuid.uuid4()
    return ('<%sResponse xmlns="%s">%s%s</%sResponse>' % (operation, namespace, inner, tail, operation)).encode()


def _xml(shape, value):
    if shape.type_name == "structure":
        return "".join(_element(name, shape.members[name], item) for name, item in value.items())
    if shape.type_name == "map":
        key, item = shape.key.serialization.get("name", "key"), shape.value.serialization.get("name", "value")
        entries = (
            "<entry><%s>%s</%s><%s>%s</%s></entry>" % (key, _xml(shape.key, k), key, item, _xml(shape.value, v), item)
            for k, v in value.items()
        )
        return "".join(entries)
    if shape.type_name == "boolean":
        return "true" if value else "false"
    if shape.type_name == "timestamp" and not isinstance(value, str):
        return dt.datetime.fromtimestamp(value, dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return escape(str(value))


def _element(name, shape, value):
    wire = shape.serialization.get("name", name)
    if shape.type_name == "list":
        inner = shape.member.serialization.get("name", "member")
        items = "".join("<%s>%s</%s>" % (inner, _xml(shape.member, item), inner) for item in value)
        return "<%s>%s</%s>" % (wire, items, wire)
    return "<%s>%s</%s>" % (wire, _xml(shape, value), wire)
