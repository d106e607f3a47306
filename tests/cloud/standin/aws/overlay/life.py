"""How a training job stands at a moment."""

from fnmatch import fnmatchcase

from ...words import MESSAGES

LASTS = {"Starting": "start_s", "Downloading": "download_s", "Training": "train_s", "Uploading": "upload_s"}
ENDED = ("Completed", "Failed", "Stopped")


def failure(settings, name):
    """(the stage at which it fails, the reason) as set beforehand, or (None, None)."""
    for pattern, planned in settings["fail"].items():
        if fnmatchcase(name, pattern):
            if isinstance(planned, dict):
                return planned.get("at", "Training"), planned["reason"]
            return "Training", planned
    return None, None


class Life:
    """How a job stands: `transitions` as DescribeTrainingJob lists them, `end` in seconds or None."""

    def __init__(self, status, secondary, transitions, end=None, reason=None, **extra):
        self.status, self.secondary, self.transitions = status, secondary, transitions
        self.end, self.reason, self.extra = end, reason, extra


def life(job, now, settings):
    if job.get("real"):
        return Life(**job["life"])
    return _timed(job, now, settings)


def _timed(job, now, settings):
    at, stop, transitions = job["t0"], job.get("stop"), []
    fails_at, reason = failure(settings, job["name"])
    for stage in ("Starting", "Downloading", "Training", "Uploading"):
        until = at + settings[LASTS[stage]]
        if stop and stop < until:
            transitions.append(transition(stage, at, stop))
            done = now >= stop + settings["stop_s"]
            status = "Stopped" if done else "Stopping"
            transitions.append({"Status": status, "StartTime": stop, "StatusMessage": "Training job stopped"})
            return Life(status, status, transitions, stop + settings["stop_s"] if done else None)
        if now < until:
            transitions.append(transition(stage, at))
            return Life("InProgress", stage, transitions)
        transitions.append(transition(stage, at, until))
        at = until
        if stage == fails_at:
            transitions.append({"Status": "Failed", "StartTime": at, "EndTime": at, "StatusMessage": reason})
            return Life("Failed", "Failed", transitions, at, reason)
    transitions.append(transition("Completed", at, at))
    return Life("Completed", "Completed", transitions, at)


def transition(stage, start, end=None, message=None):
    out = {"Status": stage, "StartTime": start, "StatusMessage": message or MESSAGES.get(stage, stage)}
    return {**out, "EndTime": end} if end is not None else out
