"""Prices, quotas, CloudTrail and others, answered from what `/_oracle/data` seeded; nothing is made up here."""

import json
import uuid

from ..models import AwsError
from .registry import on, page


@on("pricing", "GetProducts")
def get_products(call):
    service, filters = call.params["ServiceCode"], call.params.get("Filters", [])
    found = [
        product
        for product in call.world.data["pricing.get_products"]
        if product.get("serviceCode", service) == service
        and all(
            product["product"]["attributes"].get(f["Field"]) == f["Value"] for f in filters if f["Type"] == "TERM_MATCH"
        )
    ]
    answer = page(call, found, "PriceList")
    return {"FormatVersion": "aws_v1", **answer, "PriceList": [json.dumps(item) for item in answer["PriceList"]]}


def _quotas(call):
    return call.world.data["quotas"].get(call.params["ServiceCode"], [])


@on("service-quotas", "ListServiceQuotas", "ListAWSDefaultServiceQuotas")
def list_quotas(call):
    return page(call, _quotas(call), "Quotas")


@on("service-quotas", "GetServiceQuota", "GetAWSDefaultServiceQuota")
def get_quota(call):
    for quota in _quotas(call):
        if quota["QuotaCode"] == call.params["QuotaCode"]:
            return {"Quota": quota}
    text = "The request failed because the specified service quota does not exist."
    raise AwsError("NoSuchResourceException", text)


@on("service-quotas", "RequestServiceQuotaIncrease")
def ask_for_more(call):
    wanted = {key: call.params[key] for key in ("ServiceCode", "QuotaCode", "DesiredValue")}
    asked = {"Id": uuid.uuid4().hex, **wanted, "Status": "PENDING", "Created": call.world.now()}
    call.memory("sq")[asked["Id"]] = asked
    return {"RequestedQuota": asked}


@on("service-quotas", "ListRequestedServiceQuotaChangeHistoryByQuota")
def asked_for(call):
    wanted = (call.params["ServiceCode"], call.params["QuotaCode"])
    found = [r for r in call.memory("sq").values() if (r["ServiceCode"], r["QuotaCode"]) == wanted]
    return page(call, found, "RequestedQuotas")


@on("ec2", "GetSpotPlacementScores")
def placement_scores(call):
    """Seeded as {"ec2.placement": {machine: {region: score}}}; a machine that is not seeded has no score."""
    seeded = call.world.data["ec2.placement"]
    scores = [
        {"Region": region, "Score": seeded[machine][region]}
        for machine in call.params.get("InstanceTypes", [])
        for region in call.params.get("RegionNames", [])
        if region in seeded.get(machine, {})
    ]
    return {"SpotPlacementScores": scores}


@on("cloudtrail", "LookupEvents")
def lookup_events(call):
    wanted = call.params.get("LookupAttributes", [])
    found = [
        event
        for event in call.world.data["events"]
        if all(event.get(want["AttributeKey"]) == want["AttributeValue"] for want in wanted)
    ]
    return {"Events": found[: call.params.get("MaxResults", 50)]}


@on("glue", "BatchStopJobRun")
def stop_glue(call):
    runs = [{"JobName": call.params["JobName"], "JobRunId": run} for run in call.params["JobRunIds"]]
    return {"SuccessfulSubmissions": runs, "Errors": []}


@on("datapipeline", "DeactivatePipeline")
def deactivate(_call):
    return {}
