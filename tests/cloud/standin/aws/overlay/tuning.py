"""Tuning jobs and their children, over time by the settings. No script runs for them."""

from ..models import AwsError
from .life import life
from .registry import on, page


@on("sagemaker", "CreateHyperParameterTuningJob")
def create(call):
    answer = call.forward()
    call.memory("hp")[call.params["HyperParameterTuningJobName"]] = {"t0": call.world.now(), "params": call.params}
    return answer


def _children(call, name):
    """(the tuning job's record, its training jobs so far, its limits)."""
    job, settings, now = call.memory("hp").get(name), call.world.settings, call.world.now()
    if not job:
        raise AwsError("ResourceNotFound", "Amazon SageMaker can't find a tuning job with the name %s." % name)
    config = job["params"]["HyperParameterTuningJobConfig"]
    limits, stop = config["ResourceLimits"], job.get("stop")
    one = settings["start_s"] + settings["download_s"] + settings["train_s"] + settings["upload_s"]
    children = []
    for number in range(limits.get("MaxNumberOfTrainingJobs", 4)):
        begins = job["t0"] + (number // limits["MaxParallelTrainingJobs"]) * one
        if begins > now or (stop and begins > stop):
            break
        child = {"name": "%s-%03d" % (name, number + 1), "t0": begins}
        if stop and stop < begins + one:
            child["stop"] = stop
        children.append(_child(call, config, child, number, life(child, now, settings)))
    return job, children, limits


def _child(call, config, child, number, state):
    ranges = config.get("ParameterRanges", {}).get("ContinuousParameterRanges", [])
    tuned = {
        r["Name"]: str(float(r["MinValue"]) + (number + 1) / 10 * (float(r["MaxValue"]) - float(r["MinValue"])))
        for r in ranges
    }
    out = {
        "TrainingJobName": child["name"],
        "TrainingJobArn": call.arn("training-job", child["name"]),
        "CreationTime": child["t0"],
        "TrainingStartTime": child["t0"] + 1,
        "TrainingJobStatus": state.status,
        "TunedHyperParameters": tuned,
        "ObjectiveStatus": "Succeeded" if state.status == "Completed" else "Pending",
    }
    if state.end:
        out["TrainingEndTime"] = state.end
    if state.status == "Completed":
        metric = config["HyperParameterTuningJobObjective"]["MetricName"]
        value = round(1 / (number + 2), 4)
        out["FinalHyperParameterTuningJobObjectiveMetric"] = {"MetricName": metric, "Value": value}
    return out


@on("sagemaker", "ListTrainingJobsForHyperParameterTuningJob")
def list_children(call):
    _, children, _ = _children(call, call.params["HyperParameterTuningJobName"])
    wanted = call.params.get("StatusEquals")
    children = [child for child in children if wanted in (None, child["TrainingJobStatus"])]
    return page(call, children, "TrainingJobSummaries", 10)


@on("sagemaker", "DescribeHyperParameterTuningJob")
def describe(call):
    answer = call.forward()
    job, children, limits = _children(call, call.params["HyperParameterTuningJobName"])

    def count(status):
        return sum(child["TrainingJobStatus"] == status for child in children)

    live = count("InProgress") + count("Stopping")
    if job.get("stop"):
        status = "Stopping" if live else "Stopped"
    else:
        all_there = len(children) == limits.get("MaxNumberOfTrainingJobs", 4)
        status = "Completed" if all_there and not live else "InProgress"
    counters = {"Completed": count("Completed"), "InProgress": live, "Stopped": count("Stopped")}
    counters.update(RetryableError=0, NonRetryableError=0)
    answer.update(HyperParameterTuningJobStatus=status, CreationTime=job["t0"], TrainingJobStatusCounters=counters)
    answer.pop("BestTrainingJob", None)
    answer.pop("HyperParameterTuningEndTime", None)
    done = [child for child in children if child["TrainingJobStatus"] == "Completed"]
    if done:
        answer["BestTrainingJob"] = min(
            done, key=lambda child: child["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]
        )
    return answer


@on("sagemaker", "StopHyperParameterTuningJob")
def stop(call):
    _children(call, call.params["HyperParameterTuningJobName"])[0]["stop"] = call.world.now()
    return {}
