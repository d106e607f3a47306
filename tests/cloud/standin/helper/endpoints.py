"""One endpoint: for each variant a server that really has the model, the project's own serving runner."""

import http.client
import os
import random
import shutil
import subprocess
import sys
import tarfile
import threading
import time
import traceback
import uuid
from pathlib import Path

from ..files import read_json
from ..processes import end_marked, marked
from .cloud import Missing, fetch, fetch_prefix, split_s3
from .environments import clean_environment
from .logs import LogStream
from .metrics import Usage, put

MARK = "CURFEW_STANDIN_CONTAINER"
GROUP = "/aws/sagemaker/Endpoints/"
RUNNER = Path(__file__).resolve().parents[4] / "assets" / "runners" / "serve.py"
ANSWER_LIMIT_S = 60  # AWS's own
START_LIMIT_S = 600  # not scaled: a busy machine takes as long as it takes


class CannotServe(Exception):
    """The text becomes FailureReason."""


class Server:
    """One variant: its model on disk, its process, its figures."""

    def __init__(self, endpoint, variant, folder):
        self.endpoint, self.runner, self.place = endpoint, endpoint.runner, endpoint.place
        self.name, self.weight, self.container = variant["name"], variant["weight"], variant["container"]
        self.folder, self.mark = folder, uuid.uuid4().hex
        self.stopping, self.process, self.address, self.reader = threading.Event(), None, None, None
        self.lock, self.samples, self.usage, self.asked = threading.Lock(), {}, Usage(), None
        stream = "%s/i-%s" % (self.name, uuid.uuid4().hex[:17])
        self.log = LogStream(self.place, GROUP + endpoint.name, stream)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def unpack(self):
        os.makedirs(self.path("model"))
        data = self.container.get("ModelDataUrl")
        source = self.container.get("ModelDataSource", {}).get("S3DataSource", {})
        compressed = source.get("CompressionType", "Gzip") == "Gzip"
        data = data or source["S3Uri"]
        try:
            if compressed:
                fetch(self.place, *split_s3(data), self.path("model.tar.gz"))
                self._extract(self.path("model.tar.gz"), self.path("model"), data)
            else:
                fetch_prefix(self.place, data, self.path("model"))
            submitted = self.container.get("Environment", {}).get("SAGEMAKER_SUBMIT_DIRECTORY", "")
            if submitted.startswith("s3://"):
                fetch(self.place, *split_s3(submitted), self.path("sourcedir.tar.gz"))
                self._extract(self.path("sourcedir.tar.gz"), self.path("model", "code"), submitted)
        except Missing as missing:
            raise CannotServe("Failed to download model data: %s" % missing) from missing

    def _extract(self, path, folder, url):
        try:
            with tarfile.open(path, "r:gz") as archive:
                archive.extractall(folder, filter="data")
        except (tarfile.TarError, OSError, EOFError) as error:
            self.log.feed(("%s: %s\n" % (url, error)).encode())
            raise CannotServe(
                'Failed to extract model data archive for container "container_1" from URL "%s". Please ensure that '
                "the object located at the URL is a valid tar.gz archive." % url
            ) from error

    def prepare(self):
        self.unpack()
        self.python = self.runner.base.make(self.path("venv"))
        wanted = self.path("model", "code", "requirements.txt")
        if os.path.exists(wanted):
            command = [self.python, "-m", "pip", "install", "--disable-pip-version-check", "-r", wanted]
            done = subprocess.run(command, env=self._environment(), capture_output=True)
            self.log.feed(done.stdout + done.stderr)
            if done.returncode:
                raise CannotServe(self.no_ping())

    def no_ping(self):
        return (
            "The primary container for production variant %s did not pass the ping health check. Please check "
            "CloudWatch logs for this endpoint." % self.name
        )

    def _environment(self):
        given = self.container.get("Environment", {})
        place = {"AWS_REGION": self.place.region, "AWS_DEFAULT_REGION": self.place.region}
        keys = {"AWS_ACCESS_KEY_ID": "standin", "AWS_SECRET_ACCESS_KEY": "standin"}
        out = clean_environment(self.folder, self.python, AWS_ENDPOINT_URL=self.runner.moto_url, **place, **keys)
        out.update({name: value.replace("/opt/ml/model", self.path("model")) for name, value in given.items()})
        out[MARK] = self.mark
        out.update({name: value for name, value in os.environ.items() if name.startswith("CURFEW_STANDIN_")})
        return out

    def script(self):
        program = self.container.get("Environment", {}).get("SAGEMAKER_PROGRAM", "").strip('"')
        path = self.path("model", "code", program or "inference.py")
        return path if program or os.path.exists(path) else None

    def launch(self):
        state = self.path("state")
        command = [self.python, str(RUNNER), "--model-dir", self.path("model"), "--state-dir", state]
        command += ["--name", self.endpoint.name, "--port", "0"]
        if self.script():
            command += ["--script", self.script()]
        self.process = subprocess.Popen(
            command,
            cwd=self.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.reader = threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True)
        self.reader.start()

    def _read(self, out):
        with out:
            while data := os.read(out.fileno(), 65536):
                self.log.feed(data)

    def wait_ready(self):
        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline and not self.endpoint.gone.is_set():
            if self.process.poll() is not None:
                raise CannotServe(self.no_ping())
            where = read_json(self.path("state", "endpoint.json"))
            if where:
                self.address = (where["host"], where["port"])
                try:
                    if self.ask("GET", "/ping", b"", {}, 5)[0] == 200:
                        return
                except OSError:
                    pass
            self.stopping.wait(0.05)
        raise CannotServe(self.no_ping())

    def ask(self, method, path, body, headers, timeout):
        connection = http.client.HTTPConnection(*self.address, timeout=timeout)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()
        finally:
            connection.close()

    def invoke(self, body, headers):
        """(status, headers, body); what fails in between is an answer too, as from AWS."""
        began = time.monotonic()
        try:
            status, answered, answer = self.ask("POST", "/invocations", body, headers, ANSWER_LIMIT_S)
        except TimeoutError:
            text = "Your invocation timed out while waiting for a response from container primary."
            status, answered, answer = 0, {}, text.encode()
        except (OSError, http.client.HTTPException) as error:
            status, answered, answer = 503, {}, str(error).encode()
        took_us = (time.monotonic() - began) * 1e6
        with self.lock:
            self.asked = time.time()
            figures = {
                "Invocations": 1,
                "ModelLatency": round(took_us, 1),
                "Invocation4XXErrors": float(400 <= status < 500),
                "Invocation5XXErrors": float(status >= 500 or status == 0),
            }
            for name, value in figures.items():
                self.samples.setdefault(name, []).append(value)
        return status, answered, answer

    def publish(self):
        with self.lock:
            samples, self.samples, at = self.samples, {}, self.asked
        named = {"EndpointName": self.endpoint.name, "VariantName": self.name}
        units = {"ModelLatency": "Microseconds", "Invocations": "None"}
        put(self.place, "AWS/SageMaker", named, [(n, v, units.get(n, "None")) for n, v in samples.items()], at)
        put(self.place, GROUP.rstrip("/"), named, self.usage.look(marked(MARK, self.mark)))

    def stop(self, grace_s=10):
        self.stopping.set()
        end_marked(MARK, self.mark, grace_s)
        if self.process:
            self.process.wait()
            self.reader.join(30)
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Endpoint:
    """Starts in a thread of its own; `servers` are the ones that answer now."""

    def __init__(self, runner, place, given):
        self.runner, self.place, self.name, self.epoch = runner, place, given["name"], given["epoch"]
        self.servers, self.starting, self.asynchronous = [], [], None
        self.gone = threading.Event()
        self.threads = []
        self._begin(self._watch)

    def _begin(self, target, *arguments):
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self.threads.append(thread)
        thread.start()

    def deploy(self, given):
        self.epoch = given["epoch"]
        self._begin(self._deploy, given)

    def _deploy(self, given):
        fresh = self.starting = []
        try:
            for variant in given["variants"]:
                folder = self.runner.folder("endpoints", self.place, "%s-%s" % (self.name, uuid.uuid4().hex[:8]))
                os.makedirs(folder)
                fresh.append(Server(self, variant, folder))
                fresh[-1].prepare()
                fresh[-1].launch()
            for server in fresh:
                server.wait_ready()
            if self.gone.is_set():
                raise CannotServe("deleted meanwhile")
            old, self.servers, self.asynchronous = self.servers, fresh, given["asynchronous"]
            self._report("InService")
            for server in old:
                server.stop()
        except Exception as error:
            known = isinstance(error, CannotServe)
            if not known:
                traceback.print_exc()
                sys.stderr.flush()
            for server in fresh:
                server.stop(0)
            self._report("Failed", str(error) if known else "InternalServerError: the stand-in: %s" % error)

    def _report(self, status, reason=None):
        if not self.gone.is_set() or status == "Deleted":
            try:
                self.runner.proxy.report("endpoint", self, {"status": status, "reason": reason})
            except OSError:
                traceback.print_exc()

    def _watch(self):
        """Publishes figures, and starts again a server that died, as AWS restarts a container."""
        due = time.monotonic()
        while not self.gone.wait(0.1):
            settings = self.runner.settings
            if time.monotonic() >= due:
                due = time.monotonic() + max(0.2, settings["metrics_s"] * settings["scale"])
                for server in list(self.servers):
                    server.publish()
            for server in list(self.servers):
                if server.process.poll() is not None and not server.stopping.is_set():
                    server.log.feed(b"container exited with status %d, starting it again\n" % server.process.returncode)
                    shutil.rmtree(server.path("state"), ignore_errors=True)
                    server.launch()
                    try:
                        server.wait_ready()
                    except CannotServe:
                        self.gone.wait(1)

    def choose(self, wanted):
        servers = list(self.servers)
        if wanted:
            return next((server for server in servers if server.name == wanted), None)
        weights = [server.weight for server in servers]
        return random.choices(servers, weights if sum(weights) else None)[0] if servers else None

    def stop(self, tell):
        self.gone.set()
        if not tell:
            for server in list(self.starting):
                end_marked(MARK, server.mark)  # it may be far from ready
        for thread in self.threads:
            if thread is not threading.current_thread():
                thread.join(60)
        for server in self.servers:
            server.publish()
            server.stop(10 if tell else 0)
        self.servers = []
        if tell:
            self._report("Deleted")


def store_answer(place, given, endpoint, asynchronous):
    """Runs one asynchronous invocation in a thread; returns where its answer will lie."""
    output = asynchronous["OutputConfig"]
    base, failed = output["S3OutputPath"].rstrip("/"), output.get("S3FailurePath")
    name = uuid.uuid4().hex
    where = {"output": "%s/%s.out" % (base, name)}
    if failed:
        where["failure"] = "%s/%s-error.out" % (failed.rstrip("/"), name)

    def work():
        s3 = place.client("s3")
        bucket, key = split_s3(given["input"])
        try:
            body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
            headers = {"Content-Type": given.get("content_type"), "Accept": given.get("accept")}
            server = endpoint.choose(None)
            status, answered, answer = server.invoke(body, {n: v for n, v in headers.items() if v})
        except Exception as error:  # whatever it is belongs into the failure object
            status, answered, answer = 500, {}, str(error).encode()
        target = where["output"] if status == 200 else where.get("failure")
        if target:
            bucket, key = split_s3(target)
            kind = answered.get("Content-Type", "application/octet-stream")
            s3.put_object(Bucket=bucket, Key=key, Body=answer, ContentType=kind)

    threading.Thread(target=work, daemon=True).start()
    return where
