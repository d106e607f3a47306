"""CloudWatch finds a metric only by all of its dimensions: Invocations by EndpointName alone is nothing. Moto also
finds it by some of them, which would hide the mistake."""

from .registry import on, seconds


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
    queries, percentiles = [], {}
    for query in call.params["MetricDataQueries"]:
        metric = query.get("MetricStat", {}).get("Metric")
        if metric and not _exists(call, metric["Namespace"], metric["MetricName"], metric.get("Dimensions", [])):
            label = query.get("Label") or metric["MetricName"]
            nothing = {**query["MetricStat"], "Metric": {"Namespace": metric["Namespace"], "MetricName": "-"}}
            query = {**query, "Label": label, "MetricStat": nothing}
        stat = query.get("MetricStat", {})
        if stat.get("Stat", "").startswith("p"):
            percentiles[query["Id"]] = float(stat["Stat"][1:]), stat["Period"]
            # moto has no percentiles: they are taken of the means of a twelfth of the period each
            query = {**query, "MetricStat": {**stat, "Stat": "Average", "Period": max(1, stat["Period"] // 12)}}
        queries.append(query)
    answer = call.forward({**call.params, "MetricDataQueries": queries})
    for result in answer.get("MetricDataResults", []):
        if result["Id"] in percentiles:
            _percentile(result, *percentiles[result["Id"]])
    return answer


def _percentile(result, percent, period):
    periods = {}
    for at, value in zip(result["Timestamps"], result["Values"], strict=True):
        periods.setdefault(int(seconds(at)) // period * period, []).append(value)
    result["Timestamps"] = sorted(periods)
    ranks = {at: min(len(values) - 1, int(len(values) * percent / 100)) for at, values in periods.items()}
    result["Values"] = [sorted(periods[at])[ranks[at]] for at in sorted(periods)]
