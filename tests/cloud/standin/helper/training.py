"""One training job from Starting to its end, as it really goes."""

import os
import shutil
import sys
import tarfile
import threading
import time
import traceback
from fnmatch import fnmatchcase

from ..words import MESSAGES
from .cloud import Missing, fetch_prefix, store, store_folder
from .container import Container
from .logs import LogStream
from .metrics import Recogniser, Usage, put

GROUP = "/aws/sagemaker/TrainingJobs"
MOST_HOSTS = 4
REASON_LIMIT = 1024


class Failed(Exception):
    """The text becomes FailureReason."""


class Stopped(Exception):
    """`secondary` is Stopped, MaxRuntimeExceeded or MaxWaitTimeExceeded."""

    def __init__(self, secondary):
        super().__init__(secondary)
        self.secondary = secondary


class Interrupted(Exception):
    """The spot machine was taken away."""


class Job(threading.Thread):
    def __init__(self, runner, place, given):
        super().__init__(daemon=True)
        self.runner, self.place, self.given = runner, place, given
        self.name, self.epoch, self.params = given["name"], given["epoch"], given["params"]
        self.folder = runner.folder("jobs", place, self.name)
        self.stop_asked, self.interrupted, self.aborted = threading.Event(), threading.Event(), threading.Event()
        self.created = runner.now()
        self.lock, self.steps, self.start_at, self.took = threading.RLock(), [], None, 0.0
        self.containers, self.synced = [], {}
        definitions = self.params["AlgorithmSpecification"].get("MetricDefinitions", [])
        self.recogniser = Recogniser(definitions)

    # -- what it tells

    def enter(self, secondary, status="InProgress", reason=None, end=None):
        with self.lock:  # a stop comes from another thread
            now = self.runner.now()
            if self.steps:
                self.steps[-1].setdefault("EndTime", now)
            message = reason or MESSAGES.get(secondary, secondary)
            step = {"Status": secondary, "StartTime": now, "StatusMessage": message}
            if end is not None:
                step["EndTime"] = now
            self.steps.append(step)
            life = {"status": status, "secondary": secondary, "transitions": self.steps}
            life.update(reason=reason, end=now if end is not None else None)
            if self.start_at is not None:
                life.update(start=self.start_at, took=self.took)
            if self.recogniser.last:
                life["metrics"] = list(self.recogniser.last.values())
            if not self.aborted.is_set():
                self.runner.proxy.report("job", self, life)

    def planned(self, stage):
        """A failure that was ordered for this job at this stage."""
        for pattern, plan in self.runner.settings["fail"].items():
            plan = plan if isinstance(plan, dict) else {"at": "Training", "reason": plan}
            if fnmatchcase(self.name, pattern) and plan.get("at", "Training") == stage:
                raise Failed(plan["reason"])

    # -- its way

    def run(self):
        try:
            self.work()
        except Failed as failed:
            self.finish("Failed", "Failed", str(failed)[:REASON_LIMIT])
        except Stopped as stopped:
            self.finish("Stopped", stopped.secondary)
        except Exception:  # the stand-in's own fault, which must not look like the script's
            traceback.print_exc()
            sys.stderr.flush()
            last = traceback.format_exc().strip().splitlines()[-1]
            self.finish("Failed", "Failed", "InternalServerError: the stand-in: " + last)

    def finish(self, status, secondary, reason=None):
        for container in self.containers:
            container.kill()
        try:
            if not self.aborted.is_set():
                self.enter(secondary, status, reason, end=True)
        except OSError:
            traceback.print_exc()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.runner.forget_job(self)

    def work(self):
        while True:
            self.attempt_start()
            try:
                self.attempt()
                return self.finish("Completed", "Completed")
            except Interrupted:
                self.enter("Interrupted")
                self.interrupted.clear()

    def attempt_start(self):
        self.enter("Starting")
        self.planned("Starting")
        count = self.params["ResourceConfig"].get("InstanceCount", 1)
        if count > MOST_HOSTS:
            raise Failed("CapacityError: the stand-in runs at most %d instances of one job" % MOST_HOSTS)
        until = self.runner.now() + self.runner.settings["start_s"]
        while self.runner.now() < until:
            if self.stop_asked.is_set():
                raise Stopped("Stopped")
            self.check_wait()
            self.stop_asked.wait(0.05)

    def check_wait(self):
        most = self.params["StoppingCondition"].get("MaxWaitTimeInSeconds")
        if self.params.get("EnableManagedSpotTraining") and most and self.runner.now() - self.created > most:
            raise Stopped("MaxWaitTimeExceeded")

    def attempt(self):
        began = self.runner.now()
        if self.start_at is None:
            self.start_at = began  # billed from here
        before = self.took

        def clock():
            self.took = before + self.runner.now() - began

        try:
            self.download()
            self.train(clock)
            clock()
            self.planned("Training")
            self.enter("Uploading")
            self.upload()
            self.planned("Uploading")
        except Stopped:
            clock()
            self.enter("Uploading", "Stopping")
            self.upload(stopped=True)
            raise
        finally:
            clock()

    def download(self):
        self.enter("Downloading")
        self.planned("Downloading")
        shutil.rmtree(self.folder, ignore_errors=True)
        hosts = ["algo-%d" % (n + 1) for n in range(self.params["ResourceConfig"].get("InstanceCount", 1))]
        self.containers = [
            Container(self.runner, self.place, self.params, os.path.join(self.folder, host), host, hosts)
            for host in hosts
        ]
        try:
            for container in self.containers:
                container.prepare()
                self.restore_checkpoints(container)
        except Missing as missing:
            raise Failed("ClientError: Data download failed:%s" % missing) from missing

    def train(self, clock):
        self.enter("Training")
        at = int(time.time())
        for container in self.containers:
            stream = "%s/%s-%d" % (self.name, container.host, at)
            recognise = self.recogniser.line if container is self.containers[0] else None
            log = LogStream(self.place, GROUP, stream, on_line=recognise)
            container.start(self.name, self.given["arn"], self.given["key"], log)
        watch = Watch(self)
        try:
            while True:
                statuses = [container.exit_status() for container in self.containers]
                bad = [n for n, status in enumerate(statuses) if status not in (None, 0)]
                if self.stop_asked.is_set():
                    self.end_early("Stopped")
                elif bad:
                    raise Failed(self.failure(self.containers[bad[0]], statuses[bad[0]]))
                elif None not in statuses:
                    return
                clock()
                if self.took > self.params["StoppingCondition"].get("MaxRuntimeInSeconds", 86400):
                    self.enter("Stopping", "Stopping")
                    self.end_early("MaxRuntimeExceeded")
                self.check_wait()
                if self.interrupted.is_set():
                    self.end_containers()
                    raise Interrupted
                watch.look()
                self.stop_asked.wait(0.05)
        finally:
            for container in self.containers:
                container.kill()
            self.save_checkpoints()
            watch.look(last=True)

    def end_containers(self):
        settings = self.runner.settings
        ends = [
            threading.Thread(target=container.stop, args=(120 * settings["scale"], settings["sigterm"] == "script"))
            for container in self.containers
        ]
        for end in ends:
            end.start()
        for end in ends:
            end.join()

    def end_early(self, secondary):
        if not self.aborted.is_set():
            self.end_containers()
        raise Stopped(secondary)

    def failure(self, container, status):
        said = container.failure()
        tail = ", exit code: %d" % status
        return "AlgorithmError: " + said[: REASON_LIMIT - 16 - len(tail)] + tail

    # -- what it leaves

    def upload(self, stopped=False):
        if self.aborted.is_set():
            return
        output = self.params["OutputDataConfig"]
        base = "%s/%s/output" % (output["S3OutputPath"].rstrip("/"), self.name)
        first = self.containers[0]
        for folder, name, always in (
            (first.path("model"), "model", not stopped),
            (first.path("output", "data"), "output", False),
        ):
            if not always and not os.listdir(folder):
                continue
            if output.get("CompressionType") == "NONE":
                store_folder(self.place, folder, "%s/%s" % (base, name))
                continue
            path = os.path.join(first.folder, name + ".tar.gz")
            with tarfile.open(path, "w:gz") as archive:
                for entry in sorted(os.listdir(folder)):
                    archive.add(os.path.join(folder, entry), entry)
            try:
                store(self.place, path, "%s/%s.tar.gz" % (base, name))
            except Exception as error:  # boto3's transfer errors have no common class
                raise Failed("ClientError: Data upload failed:%s" % error) from error

    def checkpoint_folder(self, container):
        local = self.params["CheckpointConfig"].get("LocalPath", "/opt/ml/checkpoints").rstrip("/") + "/"
        return container.moved(local)

    def restore_checkpoints(self, container):
        if self.params.get("CheckpointConfig"):
            folder = self.checkpoint_folder(container)
            os.makedirs(folder, exist_ok=True)
            fetch_prefix(self.place, self.params["CheckpointConfig"]["S3Uri"].rstrip("/") + "/", folder)

    def save_checkpoints(self):
        if self.params.get("CheckpointConfig") and not self.aborted.is_set():
            folder = self.checkpoint_folder(self.containers[0])
            store_folder(self.place, folder, self.params["CheckpointConfig"]["S3Uri"], self.synced)

    # -- from outside

    def stop(self):
        self.enter("Stopping", "Stopping")
        self.stop_asked.set()

    def abort(self):
        """Ends everything at once and tells nobody: the world it ran in is gone."""
        self.aborted.set()
        self.stop_asked.set()
        self.join(60)


class Watch:
    """Metrics and checkpoints while the script runs."""

    def __init__(self, job):
        self.job, self.due = job, 0.0
        self.usages = [Usage() for _ in job.containers]

    def look(self, last=False):
        job = self.job
        if job.aborted.is_set() or (time.monotonic() < self.due and not last):
            return
        settings = job.runner.settings
        self.due = time.monotonic() + max(0.2, settings["metrics_s"] * settings["scale"])
        put(job.place, GROUP, {"TrainingJobName": job.name}, job.recogniser.take())
        for container, usage in zip(job.containers, self.usages, strict=True):
            figures = usage.look(container.pids())
            put(job.place, GROUP, {"Host": "%s/%s" % (job.name, container.host)}, figures)
        if not last:
            job.save_checkpoints()
