"""One training container: its /opt/ml in a folder, AWS's own toolkit in it, started, watched, stopped."""

import json
import os
import subprocess
import threading
import time
import uuid

from ..processes import end_marked, marked, send
from .channels import Channel
from .environments import clean_environment

MARK = "CURFEW_STANDIN_CONTAINER"


class Container:
    """`host` is algo-1, algo-2, …; the names resolve nowhere here, so the toolkit is told not to look them up."""

    def __init__(self, runner, place, params, folder, host, hosts):
        self.runner, self.place, self.params, self.folder = runner, place, params, folder
        self.host, self.hosts = host, hosts
        self.ml, self.mark = os.path.join(folder, "opt-ml"), uuid.uuid4().hex
        self.process = self.reader = None
        self.channels = []

    def path(self, *parts):
        return os.path.join(self.ml, *parts)

    def moved(self, text):
        """/opt/ml is not ours to write to: what names it is told the real folder."""
        return text.replace("/opt/ml/", self.ml + "/") if isinstance(text, str) else text

    def prepare(self):
        """Folders, the three files that describe the job, the input data. Raises Missing."""
        for folder in ("model", "output/data", "input/config", "input/data", "code", "checkpoints"):
            os.makedirs(self.path(folder), exist_ok=True)
        mode = self.params["AlgorithmSpecification"].get("TrainingInputMode")
        for given in self.params.get("InputDataConfig", []):
            self.channels.append(Channel(self.place, given, mode, self.path("input", "data"), self.host, self.hosts))
        resources = self.params["ResourceConfig"]
        kind = resources.get("InstanceType", "local")
        files = {
            "hyperparameters": {name: self.moved(v) for name, v in self.params.get("HyperParameters", {}).items()},
            "inputdataconfig": {channel.name: channel.described() for channel in self.channels},
            "resourceconfig": {
                "current_host": self.host,
                "current_instance_type": kind,
                "current_group_name": "homogeneousCluster",
                "hosts": self.hosts,
                "instance_groups": [
                    {"instance_group_name": "homogeneousCluster", "instance_type": kind, "hosts": self.hosts}
                ],
                "network_interface_name": "lo",
            },
        }
        for name, value in files.items():
            with open(self.path("input", "config", name + ".json"), "w", encoding="utf-8") as file:
                json.dump(value, file)
        for channel in self.channels:
            channel.start()

    def start(self, name, arn, key, log):
        python = self.runner.base.make(os.path.join(self.folder, "venv"))
        region = self.place.region
        environment = clean_environment(
            self.folder,
            python,
            SAGEMAKER_BASE_DIR=self.ml,
            SM_STUDIO_LOCAL_MODE="true",
            TRAINING_JOB_NAME=name,
            TRAINING_JOB_ARN=arn,
            AWS_REGION=region,
            AWS_DEFAULT_REGION=region,
            AWS_ENDPOINT_URL=self.runner.moto_url,
            S3_ENDPOINT_URL=self.runner.moto_url,
            AWS_ACCESS_KEY_ID=key or "standin",
            AWS_SECRET_ACCESS_KEY="standin",
        )
        environment.update({name: self.moved(v) for name, v in self.params.get("Environment", {}).items()})
        environment[MARK] = self.mark
        environment.update({name: v for name, v in os.environ.items() if name.startswith("CURFEW_STANDIN_")})
        self.process = subprocess.Popen(
            [python, "-m", "sagemaker_training.cli.train"],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.log = log
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        with self.process.stdout as out:
            while data := os.read(out.fileno(), 65536):
                self.log.feed(data)

    def pids(self):
        return marked(MARK, self.mark)

    def exit_status(self):
        """None while it runs. A container is over when its first process is: the rest is killed."""
        status = self.process.poll() if self.process else None
        if status is not None and self.reader:
            end_marked(MARK, self.mark)
            self.reader.join(30)
            self.reader = None
            self.log.close()
            for channel in self.channels:
                channel.stop()
        return status

    def terminate(self, reaches_script):
        """SIGTERM. In AWS's framework images it ends at the shell that starts the toolkit, which ignores it
        (aws/sagemaker-training-toolkit issue 125), so that the script never hears of it."""
        if not reaches_script or not self.process:
            return
        below = [pid for pid in self.pids() if pid != self.process.pid]
        send(below or [self.process.pid], 15)

    def kill(self):
        end_marked(MARK, self.mark)
        if self.process:
            self.process.wait()
            self.exit_status()
        else:
            for channel in self.channels:
                channel.stop()

    def stop(self, grace_s, reaches_script):
        """SIGTERM, the grace time, SIGKILL."""
        deadline = time.monotonic() + grace_s
        self.terminate(reaches_script)
        while self.exit_status() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        self.kill()

    def failure(self):
        """What the toolkit left as the reason."""
        try:
            with open(self.path("output", "failure"), encoding="utf-8", errors="replace") as file:
                return file.read().strip()
        except OSError:
            return ""
