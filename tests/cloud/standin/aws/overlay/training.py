"""The life of a training job: over time by the settings, or as the helper that runs the script reports it."""

from ..models import AwsError, output_shape
from .life import ENDED, life, transition
from .limits import check_objects, check_quota, check_role
from .registry import all_pages, listing, on


def is_script(params):
    """Whether a script really runs for this job."""
    given = params.get("HyperParameters", {})
    return "sagemaker_program" in given and "sagemaker_submit_directory" in given


@on("sagemaker", "CreateTrainingJob")
def create(call):
    params, name = call.params, call.params["TrainingJobName"]
    check_role(call, params.get("RoleArn"))
    check_quota(call, params)
    for channel in params.get("InputDataConfig", []):
        source = channel.get("DataSource", {}).get("S3DataSource")
        if source and source["S3DataType"] == "S3Prefix":
            check_objects(call, source["S3Uri"], params.get("RoleArn"))
    jobs, real = call.memory("tj"), is_script(params) and call.helper is not None
    job = {"name": name, "t0": call.world.now(), "params": params, "real": real}
    job["life"] = {"status": "InProgress", "secondary": "Starting", "transitions": [transition("Starting", job["t0"])]}
    with call.world.lock:  # of two calls at once only one may win
        if name in jobs:
            raise AwsError(
                "ResourceInUse",
                "Training job names must be unique within an AWS account and region, and a training job with this "
                "name already exists (%s)" % call.arn("training-job", name),
            )
        jobs[name] = job
    try:
        answer = call.forward()
        if real:
            call.helper.start_job(call, name, params)
            if job.get("stop"):  # asked for before the helper knew the job
                call.helper.stop_job(call, name)
    except BaseException:
        with call.world.lock:
            jobs.pop(name, None)
        raise
    return answer


@on("sagemaker", "DescribeTrainingJob")
def describe(call):
    name = call.params["TrainingJobName"]
    job = call.memory("tj").get(name)
    if not job:
        raise AwsError("ValidationException", "Requested resource not found.")
    answer, params = call.forward(), job["params"]
    for member in output_shape("sagemaker", "DescribeTrainingJob").members:
        if member in params and (member not in answer or member == "AlgorithmSpecification"):
            answer[member] = params[member]  # moto forgets some and invents MetricDefinitions
    for member in ("TrainingStartTime", "TrainingEndTime", "FailureReason", "FinalMetricDataList"):
        answer.pop(member, None)
    now = life(job, call.world.now(), call.world.settings)
    answer.update(
        TrainingJobStatus=now.status,
        SecondaryStatus=now.secondary,
        SecondaryStatusTransitions=now.transitions,
        CreationTime=job["t0"],
        LastModifiedTime=now.transitions[-1]["StartTime"],
    )
    start = now.extra.get("start") or next(
        (step["StartTime"] for step in now.transitions if step["Status"] == "Training"), None
    )
    if start:
        answer["TrainingStartTime"] = start
    if now.end:
        spot = bool(answer.get("EnableManagedSpotTraining"))
        took = now.extra.get("took", now.end - (start or now.end))
        answer["TrainingEndTime"] = now.end
        answer["TrainingTimeInSeconds"] = max(1, int(took))
        # The share that spot saves is a figure of ours; on demand the two are the same.
        answer["BillableTimeInSeconds"] = max(1, int(took * (0.4 if spot else 1)))
    if now.reason:
        answer["FailureReason"] = now.reason
    if now.extra.get("metrics"):
        answer["FinalMetricDataList"] = now.extra["metrics"]
    return answer


@on("sagemaker", "ListTrainingJobs")
def list_jobs(call):
    jobs, summaries = call.memory("tj"), []
    for summary in all_pages(call, "ListTrainingJobs", "TrainingJobSummaries", {"MaxResults": 100}):
        job = jobs.get(summary["TrainingJobName"])
        if not job:
            continue  # deleted: moto keeps it
        now = life(job, call.world.now(), call.world.settings)
        summary.update(
            TrainingJobStatus=now.status,
            SecondaryStatus=now.secondary,
            CreationTime=job["t0"],
            LastModifiedTime=now.transitions[-1]["StartTime"],
        )
        summary.pop("TrainingEndTime", None)
        if now.end:
            summary["TrainingEndTime"] = now.end
        summaries.append(summary)
    return listing(call, summaries, "TrainingJobStatus", "TrainingJobSummaries", "TrainingJobName")


@on("sagemaker", "StopTrainingJob")
def stop(call):
    name = call.params["TrainingJobName"]
    with call.world.lock:
        job = call.memory("tj").get(name)
        if not job:
            raise AwsError("ValidationException", "Requested resource not found.")
        status = life(job, call.world.now(), call.world.settings).status
        if status != "InProgress":
            text = "The request was rejected because the training job is in status %s." % status
            raise AwsError("ValidationException", text)
        job["stop"] = call.world.now()
        if job["real"]:
            steps = job["life"]["transitions"]
            steps[-1].setdefault("EndTime", job["stop"])
            steps = steps + [transition("Stopping", job["stop"])]
            job["life"].update(status="Stopping", secondary="Stopping", transitions=steps)
    if job["real"]:
        call.helper.stop_job(call, name)
    return {}


@on("sagemaker", "DeleteTrainingJob")
def delete(call):
    name = call.params["TrainingJobName"]
    with call.world.lock:
        job = call.memory("tj").get(name)
        if not job:
            raise AwsError("ResourceNotFound", "Requested resource not found.")
        status = life(job, call.world.now(), call.world.settings).status
        if status not in ENDED:
            raise AwsError("ResourceInUse", "The training job is in status %s." % status)
        del call.memory("tj")[name]
    return {}
