"""InvokeEndpoint: forwarded to the server that really has the model."""

import json
import uuid

from ..models import AwsError
from ..reply import Reply
from .endpoints import _settle
from .registry import on


def _in_service(call):
    name = call.params["EndpointName"]
    record = _settle(call, name)
    if not record or record["status"] not in ("InService", "Updating"):
        text = "Endpoint %s of account %s not found." % (name, call.account)
        raise AwsError("ValidationError", text)
    return record


def _log_url(call, name):
    place = "https://%s.console.aws.amazon.com/cloudwatch/home?region=%s" % (call.region, call.region)
    return "%s#logEventViewer:group=/aws/sagemaker/Endpoints/%s in account %s" % (place, name, call.account)


@on("sagemaker-runtime", "InvokeEndpoint")
def invoke(call):
    record = _in_service(call)
    if not record["real"]:
        raise _model_error(call, 503, "there is no model behind this endpoint of the stand-in")
    status, headers, body = call.helper.invoke(call)
    variant = headers.get("X-Variant", "")
    if status == 404 and headers.get("X-Refused"):
        raise AwsError("ValidationError", headers["X-Refused"])
    if status != 200:
        status = 0 if status == 599 else status  # the model did not answer in time
        raise _model_error(call, status, body.decode("utf-8", "replace").strip())
    kept = [
        ("Content-Type", headers.get("Content-Type", "application/octet-stream")),
        ("x-Amzn-Invoked-Production-Variant", variant),
    ]
    if headers.get("X-Amzn-SageMaker-Custom-Attributes"):
        kept.append(("X-Amzn-SageMaker-Custom-Attributes", headers["X-Amzn-SageMaker-Custom-Attributes"]))
    return Reply(200, kept, body)


def _model_error(call, status, text):
    side, name = "client" if 400 <= status < 500 else "server", call.params["EndpointName"]
    message = 'Received %s error (%d) from primary with message "%s". See %s for more information.' % (
        side,
        status,
        text,
        _log_url(call, name),
    )
    extra = {
        "Message": message,
        "OriginalStatusCode": status,
        "OriginalMessage": text,
        "LogStreamArn": "arn:aws:logs:%s:%s:log-group:/aws/sagemaker/Endpoints/%s" % (call.region, call.account, name),
    }
    return AwsError("ModelError", message, 424, extra)


@on("sagemaker-runtime", "InvokeEndpointAsync")
def invoke_async(call):
    record = _in_service(call)
    if not record["real"]:
        raise AwsError("ValidationError", "there is no model behind this endpoint of the stand-in")
    inference = call.params.get("InferenceId") or str(uuid.uuid4())
    answer = call.helper.invoke_async(call, inference)
    if answer.get("refused"):
        raise AwsError("ValidationError", answer["refused"])
    headers = [
        ("Content-Type", "application/json"),
        ("X-Amzn-SageMaker-OutputLocation", answer["output"]),
    ]
    if answer.get("failure"):
        headers.append(("X-Amzn-SageMaker-FailureLocation", answer["failure"]))
    return Reply(202, headers, json.dumps({"InferenceId": inference}).encode())
