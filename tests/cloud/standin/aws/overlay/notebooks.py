"""The life of a notebook: Pending, InService or Failed, Stopping, Stopped, Deleting, gone."""

import uuid
from fnmatch import fnmatchcase

from ..models import AwsError
from .limits import check_role
from .registry import all_pages, listing, on

# status -> what it becomes when notebook_s have passed
NEXT = {"Pending": "InService", "Stopping": "Stopped", "Deleting": None}


@on("sagemaker", "CreateNotebookInstance")
def create(call):
    params, name, memory = call.params, call.params["NotebookInstanceName"], call.memory("nb")
    check_role(call, params.get("RoleArn"))
    now = call.world.now()
    planned = call.setting("fail_notebook").items()
    reason = next((why for pattern, why in planned if fnmatchcase(name, pattern)), None)
    with call.world.lock:
        _settle(call, name)
        if name in memory:
            arn = call.arn("notebook-instance", name)
            raise AwsError("ValidationException", "Cannot create a duplicate Notebook Instance (%s)" % arn)
        memory[name] = {"status": "Pending", "t0": now, "changed": now, "reason": reason, "params": params}
    try:
        # moto's list of instance types is years old
        return call.forward({**params, "InstanceType": "ml.t3.medium"})
    except BaseException:
        with call.world.lock:
            memory.pop(name, None)
        raise


def _settle(call, name):
    with call.world.lock:
        record, now = call.memory("nb").get(name), call.world.now()
        if not record:
            return None
        if record["status"] in NEXT and now - record["changed"] >= call.setting("notebook_s"):
            becomes = NEXT[record["status"]]
            if record["status"] == "Pending" and record["reason"]:
                becomes = "Failed"
            if becomes is None:
                del call.memory("nb")[name]
                _drop_from_moto(call, name)
                return None
            record.update(status=becomes, changed=now)
        return record


def _drop_from_moto(call, name):
    for operation in ("StopNotebookInstance", "DeleteNotebookInstance"):
        try:
            call.call(operation, {"NotebookInstanceName": name})
        except AwsError:
            pass  # moto was reset beneath us


def _found(call):
    record = _settle(call, call.params["NotebookInstanceName"])
    if record is None:
        raise AwsError("ValidationException", "RecordNotFound")
    return record


def _merged(answer, record):
    answer.update(
        NotebookInstanceStatus=record["status"],
        InstanceType=record["params"]["InstanceType"],
        CreationTime=record["t0"],
        LastModifiedTime=record["changed"],
    )
    return answer


@on("sagemaker", "DescribeNotebookInstance")
def describe(call):
    record = _found(call)
    answer = _merged(call.forward(), record)
    answer.pop("FailureReason", None)
    if record["status"] == "Failed":
        answer["FailureReason"] = record["reason"]
    return answer


@on("sagemaker", "ListNotebookInstances")
def list_notebooks(call):
    items = []
    for summary in all_pages(call, "ListNotebookInstances", "NotebookInstances", {"MaxResults": 100}):
        record = _settle(call, summary["NotebookInstanceName"])
        if record:
            items.append(_merged(summary, record))
    return listing(call, items, "NotebookInstanceStatus", "NotebookInstances", "NotebookInstanceName")


def _change(call, allowed, becomes):
    name = call.params["NotebookInstanceName"]
    with call.world.lock:
        record = _found(call)
        if record["status"] not in allowed:
            text = "Status (%s) not in ([%s]). Unable to transition to (%s) for Notebook Instance (%s)" % (
                record["status"],
                ", ".join(allowed),
                becomes,
                call.arn("notebook-instance", name),
            )
            raise AwsError("ValidationException", text)
        record.update(status=becomes, changed=call.world.now())
    return {}


@on("sagemaker", "StopNotebookInstance")
def stop(call):
    return _change(call, ["InService"], "Stopping")


@on("sagemaker", "StartNotebookInstance")
def start(call):
    return _change(call, ["Stopped", "Failed"], "Pending")


@on("sagemaker", "DeleteNotebookInstance")
def delete(call):
    return _change(call, ["Stopped", "Failed"], "Deleting")


@on("sagemaker", "CreatePresignedNotebookInstanceUrl")
def presigned(call):
    answer = call.call("DescribeNotebookInstance", {"NotebookInstanceName": call.params["NotebookInstanceName"]})
    return {"AuthorizedUrl": "https://%s?authToken=%s" % (answer["Url"], uuid.uuid4().hex)}
