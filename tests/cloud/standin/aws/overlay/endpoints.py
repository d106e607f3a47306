"""Models, endpoint configs, and the life of an endpoint: Creating, InService or Failed, Updating, Deleting, gone."""

from fnmatch import fnmatchcase

from ..models import AwsError
from .limits import check_limit, check_object, check_role
from .registry import all_pages, listing, on

CHANGING = ("Creating", "Updating", "Deleting")


def _containers(model):
    first = [model["PrimaryContainer"]] if model.get("PrimaryContainer") else []
    return first + list(model.get("Containers") or [])


def _already(call, kind, words, name):
    text = 'Cannot create already existing %s "%s".' % (words, call.arn(kind, name))
    return AwsError("ValidationException", text)


def _reserve(call, kind, words, memory, name, record):
    with call.world.lock:  # of two calls at once only one may win
        if name in memory:
            raise _already(call, kind, words, name)
        memory[name] = record


def _forward_or_forget(call, memory, name, forward):
    try:
        return forward()
    except BaseException:
        with call.world.lock:
            memory.pop(name, None)
        raise


@on("sagemaker", "CreateModel")
def create_model(call):
    name, memory = call.params["ModelName"], call.memory("model")
    check_role(call, call.params.get("ExecutionRoleArn"))
    for container in _containers(call.params):
        if container.get("ModelDataUrl"):
            check_object(call, container["ModelDataUrl"])
    _reserve(call, "model", "model", memory, name, call.params)
    return _forward_or_forget(call, memory, name, call.forward)


@on("sagemaker", "DescribeModel")
def describe_model(call):
    answer, params = call.forward(), call.memory("model").get(call.params["ModelName"])
    if params:  # moto forgets ModelDataSource and others
        answer.update({key: params[key] for key in ("PrimaryContainer", "Containers") if key in params})
    return _without_empty(answer, "VpcConfig")


def _without_empty(answer, member):
    """moto's empty structure lacks what AWS always gives in it."""
    if not answer.get(member):
        answer.pop(member, None)
    return answer


@on("sagemaker", "DeleteModel")
def delete_model(call):
    answer = call.forward()
    call.memory("model").pop(call.params["ModelName"], None)
    return answer


@on("sagemaker", "CreateEndpointConfig")
def create_config(call):
    params, name, memory = call.params, call.params["EndpointConfigName"], call.memory("ec")
    _reserve(call, "endpoint-config", "endpoint configuration", memory, name, params)
    variants = [
        # moto's list of instance types is years old (no ml.g5, ml.p5 …)
        {**variant, **({"InstanceType": "ml.m5.large"} if "InstanceType" in variant else {})}
        for variant in params.get("ProductionVariants", [])
    ]
    return _forward_or_forget(call, memory, name, lambda: call.forward({**params, "ProductionVariants": variants}))


@on("sagemaker", "DescribeEndpointConfig")
def describe_config(call):
    answer, params = call.forward(), call.memory("ec").get(call.params["EndpointConfigName"])
    if params:
        answer["ProductionVariants"] = params["ProductionVariants"]
        if "AsyncInferenceConfig" in params:
            answer["AsyncInferenceConfig"] = params["AsyncInferenceConfig"]
    return _without_empty(answer, "DataCaptureConfig")


@on("sagemaker", "DeleteEndpointConfig")
def delete_config(call):
    answer = call.forward()
    call.memory("ec").pop(call.params["EndpointConfigName"], None)
    return answer


def _plan(call, config_name):
    """(the variants to serve, why it cannot be) of an endpoint config."""
    config = call.memory("ec").get(config_name)
    if config is None:
        config = call.call("DescribeEndpointConfig", {"EndpointConfigName": config_name})
    variants = []
    for variant in config["ProductionVariants"]:
        model = call.memory("model").get(variant["ModelName"])
        if model is None:
            return [], 'Could not find model "%s".' % call.arn("model", variant["ModelName"])
        served = next((c for c in _containers(model) if c.get("ModelDataUrl") or c.get("ModelDataSource")), None)
        if served:
            weight = variant.get("InitialVariantWeight", 1)
            variants.append({"name": variant["VariantName"], "weight": weight, "container": served})
    return variants, None


CONCURRENCY = "Maximum total concurrency that can be allocated across all serverless endpoints"


def _check_quota(call, name, config_name):
    others = []
    for other, record in call.memory("ep").items():
        if other != name:
            others += call.memory("ec").get(record["config"], {}).get("ProductionVariants", [])
    for variant in call.memory("ec").get(config_name, {}).get("ProductionVariants", []):
        kind, serverless = variant.get("InstanceType"), variant.get("ServerlessConfig")
        if kind:
            use = sum(v.get("InitialInstanceCount", 1) for v in others if v.get("InstanceType") == kind)
            check_limit(call, kind + " for endpoint usage", use, variant.get("InitialInstanceCount", 1))
        if serverless:
            check_limit(call, "Memory size in MB per serverless endpoint", 0, serverless["MemorySizeInMB"], "MBs")
            use = sum(v["ServerlessConfig"]["MaxConcurrency"] for v in others if v.get("ServerlessConfig"))
            check_limit(call, CONCURRENCY, use, serverless["MaxConcurrency"], "Units")


@on("sagemaker", "CreateEndpoint")
def create(call):
    name, config_name, memory = call.params["EndpointName"], call.params["EndpointConfigName"], call.memory("ep")
    _settle(call, name)
    _check_quota(call, name, config_name)
    variants, reason = _plan(call, config_name)
    real = bool(variants) and call.helper is not None
    now = call.world.now()
    record = {"name": name, "t0": now, "changed": now, "config": config_name, "real": real, "status": "Creating"}
    record["reason"] = reason or _planned_failure(call, name)
    _reserve(call, "endpoint", "endpoint", memory, name, record)

    def start():
        answer = call.forward()
        if real and not record["reason"]:
            call.helper.start_endpoint(call, name, variants, _async(call, config_name))
        else:
            record["real"] = False
        return answer

    return _forward_or_forget(call, memory, name, start)


def _async(call, config_name):
    return call.memory("ec").get(config_name, {}).get("AsyncInferenceConfig")


def _planned_failure(call, name):
    planned = call.setting("fail_endpoint").items()
    return next((reason for pattern, reason in planned if fnmatchcase(name, pattern)), None)


def _settle(call, name):
    """Brings one endpoint up to the present moment; returns its record, None where it is gone."""
    with call.world.lock:
        record, now = call.memory("ep").get(name), call.world.now()
        if not record:
            return None
        since = now - record["changed"]
        if record["status"] == "Deleting":
            if since >= call.setting("delete_s") and not record["real"]:
                del call.memory("ep")[name]
                try:
                    call.call("DeleteEndpoint", {"EndpointName": name})
                except AwsError:
                    pass  # moto was reset beneath us: gone is gone
                return None
        elif record["status"] in CHANGING and not record["real"] and since >= call.setting("endpoint_s"):
            failed = record["status"] == "Creating" and record["reason"]
            record.update(status="Failed" if failed else "InService", changed=now)
        return record


def _found(call, name):
    record = _settle(call, name)
    if record is None:
        raise AwsError("ValidationException", 'Could not find endpoint "%s".' % call.arn("endpoint", name))
    return record


@on("sagemaker", "DescribeEndpoint")
def describe(call):
    record = _found(call, call.params["EndpointName"])
    answer = call.forward()
    answer.update(EndpointStatus=record["status"], CreationTime=record["t0"], LastModifiedTime=record["changed"])
    answer.pop("FailureReason", None)
    if not answer.get("DataCaptureConfig"):
        answer.pop("DataCaptureConfig", None)  # moto's empty one lacks what AWS always gives
    if record["reason"] and record["status"] in ("Failed", "InService"):
        answer["FailureReason"] = record["reason"]
    if answer["EndpointConfigName"] != record["config"]:
        answer["EndpointConfigName"] = record["config"]
        answer["ProductionVariants"] = [
            {
                "VariantName": variant["VariantName"],
                "CurrentWeight": variant.get("InitialVariantWeight", 1),
                "DesiredWeight": variant.get("InitialVariantWeight", 1),
                "CurrentInstanceCount": variant.get("InitialInstanceCount", 1),
                "DesiredInstanceCount": variant.get("InitialInstanceCount", 1),
            }
            for variant in call.memory("ec").get(record["config"], {}).get("ProductionVariants", [])
        ]
    return answer


@on("sagemaker", "ListEndpoints")
def list_endpoints(call):
    items = []
    for summary in all_pages(call, "ListEndpoints", "Endpoints", {"MaxResults": 100}):
        record = _settle(call, summary["EndpointName"])
        if record:
            summary.update(
                EndpointStatus=record["status"], CreationTime=record["t0"], LastModifiedTime=record["changed"]
            )
            items.append(summary)
    return listing(call, items, "EndpointStatus", "Endpoints", "EndpointName")


def _not_changing(call, record, name):
    if record["status"] in CHANGING:
        text = 'Cannot update in-progress endpoint "%s".' % call.arn("endpoint", name)
        raise AwsError("ValidationException", text)


@on("sagemaker", "DeleteEndpoint")
def delete(call):
    name = call.params["EndpointName"]
    with call.world.lock:
        record = _found(call, name)
        _not_changing(call, record, name)
        record.update(status="Deleting", changed=call.world.now())
    if record["real"]:
        call.helper.stop_endpoint(call, name)
    return {}


@on("sagemaker", "UpdateEndpoint")
def update(call):
    name, config_name = call.params["EndpointName"], call.params["EndpointConfigName"]
    record = _found(call, name)
    call.call("DescribeEndpointConfig", {"EndpointConfigName": config_name})  # or it says that there is none
    variants, reason = _plan(call, config_name)
    if reason:
        raise AwsError("ValidationException", reason)
    with call.world.lock:
        _not_changing(call, record, name)
        before = dict(record)
        record.update(status="Updating", changed=call.world.now(), config=config_name, before=before["config"])
        record.update(reason=None, real=bool(variants) and call.helper is not None)
    if record["real"]:
        try:
            call.helper.start_endpoint(call, name, variants, _async(call, config_name))
        except BaseException:
            record.update(before)
            raise
    return {"EndpointArn": call.arn("endpoint", name)}


@on("sagemaker", "UpdateEndpointWeightsAndCapacities")
def update_weights(call):
    name = call.params["EndpointName"]
    _not_changing(call, _found(call, name), name)
    return call.forward()
