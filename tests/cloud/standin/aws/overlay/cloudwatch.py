"""CloudWatch finds a metric only by all of its dimensions: Invocations by EndpointName alone is nothing. Moto also
finds it by some of them, which would hide the mistake."""

from .registry import on


def _exists(call, namespace, name, dimensions):
    """Whether a metric with exactly these dimensions has ever had data."""
    wanted, token = sorted((d["Name"], d["Value"]) for d in dimensions), None
    while True:
        more = {"NextToken": token} if token else {}
        answer = call.call("ListMetrics", {"Namespace": namespace, "MetricName": name, **more})
        for metric in answer.get("Metrics", []):
            if sorted((d["Name"], d["Value"]) for d in metric.get("Dimensions", [])) == wanted:
                return True
        token = answer.get("NextToken")
        if not token:
            return False


@on("cloudwatch", "GetMetricStatistics")
def statistics(call):
    params = call.params
    if not _exists(call, params["Namespace"], params["MetricName"], params.get("Dimensions", [])):
        return {"Label": params["MetricName"], "Datapoints": []}
    return call.forward()


@on("cloudwatch", "GetMetricData")
def data(call):
    queries = []
    for query in call.params["MetricDataQueries"]:
        metric = query.get("MetricStat", {}).get("Metric")
        if metric and not _exists(call, metric["Namespace"], metric["MetricName"], metric.get("Dimensions", [])):
            label = query.get("Label") or metric["MetricName"]
            nothing = {**query["MetricStat"], "Metric": {"Namespace": metric["Namespace"], "MetricName": "-"}}
            query = {**query, "Label": label, "MetricStat": nothing}
        queries.append(query)
    return call.forward({**call.params, "MetricDataQueries": queries})
