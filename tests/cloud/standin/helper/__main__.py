"""python -m standin.helper --dir DIR --moto HOST:PORT --runner-python PATH [--python PATH] [--port 0]

The proxy tells it, on loopback, of jobs and endpoints to run; it tells the proxy how they stand.
"""

import argparse
import json
import os
import shutil
import threading
import time
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from ..aws_settings import SETTINGS
from ..files import write_json
from .cloud import Place, Proxy
from .endpoints import Endpoint, store_answer
from .environments import Base
from .training import Job


class Runner:
    def __init__(self, directory, moto, base):
        self.directory, self.moto, self.base = directory, moto, base
        self.moto_url = "http://%s:%d" % moto
        self.proxy, self.settings, self.offset, self.epoch = Proxy(), dict(SETTINGS), 0.0, 0
        self.lock, self.places, self.jobs, self.endpoints = threading.RLock(), {}, {}, {}

    def now(self):
        return time.time() + self.offset

    def folder(self, kind, place, name):
        return os.path.join(self.directory, kind, "%s-%s-%s" % (place.account, place.region, name))

    def place(self, given):
        key = (given["account"], given["region"])
        with self.lock:
            if key not in self.places:
                self.places[key] = Place(self.moto, *key)
            return self.places[key]

    def forget_job(self, job):
        with self.lock:
            key = (job.place.account, job.place.region, job.name)
            if self.jobs.get(key) is job:
                del self.jobs[key]

    # -- what the proxy says

    def hello(self, given):
        self.proxy.url, self.epoch = given["url"], given["epoch"]

    def set(self, given):
        self.settings, self.offset = given["settings"], given["offset"]

    def job_start(self, given):
        with self.lock:
            if given["epoch"] < self.epoch:
                return
            job = Job(self, self.place(given), given)
            self.jobs[key_of(given)] = job
            job.start()

    def job_stop(self, given):
        with self.lock:
            job = self.jobs.get(key_of(given))
        if job:
            job.stop()

    def job_interrupt(self, given):
        with self.lock:
            self.jobs[key_of(given)].interrupted.set()

    def endpoint_start(self, given):
        with self.lock:
            if given["epoch"] < self.epoch:
                return
            endpoint = self.endpoints.get(key_of(given))
            if endpoint is None:
                endpoint = self.endpoints[key_of(given)] = Endpoint(self, self.place(given), given)
            endpoint.deploy(given)

    def endpoint_stop(self, given):
        with self.lock:
            endpoint = self.endpoints.pop(key_of(given), None)
        if endpoint:
            endpoint.epoch = given["epoch"]
            threading.Thread(target=endpoint.stop, args=(True,), daemon=True).start()
        else:
            unknown = Unknown(self.place(given), given)
            threading.Thread(target=self.proxy.report, args=("endpoint", unknown, {"status": "Deleted"})).start()

    def invoke_async(self, given):
        endpoint = self.endpoints.get(key_of(given))
        if not endpoint or not endpoint.asynchronous:
            return {"refused": "Endpoint %s is not an asynchronous endpoint." % given["name"]}
        return store_answer(endpoint.place, given, endpoint, endpoint.asynchronous)

    def reset(self, given):
        with self.lock:
            self.epoch = given["epoch"]
            jobs, self.jobs = list(self.jobs.values()), {}
            endpoints, self.endpoints = list(self.endpoints.values()), {}
        ends = [threading.Thread(target=job.abort) for job in jobs]
        ends += [threading.Thread(target=endpoint.stop, args=(False,)) for endpoint in endpoints]
        for end in ends:
            end.start()
        for end in ends:
            end.join()
        for kind in ("jobs", "endpoints"):
            shutil.rmtree(os.path.join(self.directory, kind), ignore_errors=True)

    def invoke(self, headers, body):
        key = (headers["X-Account"], headers["X-Region"], headers["X-Endpoint"])
        endpoint = self.endpoints.get(key)
        server = endpoint.choose(headers.get("X-Wanted-Variant")) if endpoint else None
        if server is None:
            text = "Variant %s not found for endpoint." % headers.get("X-Wanted-Variant")
            return 404, {"X-Refused": text}, b""
        passed = ("Content-Type", "Accept", "X-Amzn-SageMaker-Custom-Attributes")
        status, answered, answer = server.invoke(body, {n: headers[n] for n in passed if headers.get(n)})
        return status, {**answered, "X-Variant": server.name}, answer


class Unknown:
    """An endpoint that this helper never had, or whose start failed."""

    def __init__(self, place, given):
        self.place, self.name, self.epoch = place, given["name"], given["epoch"]


def key_of(given):
    return (given["account"], given["region"], given["name"])


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *_arguments):
        pass

    def do_POST(self):
        runner = self.server.runner
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            if self.path == "/invoke":
                return self.send(*runner.invoke(self.headers, body))
            answer = ROUTES[self.path](runner, json.loads(body))
        except Exception as error:  # to the proxy, which has to answer somebody
            traceback.print_exc()
            return self.send(500, {"Content-Type": "text/plain"}, ("%s: %s" % (type(error).__name__, error)).encode())
        return self.send(200, {"Content-Type": "application/json"}, json.dumps(answer or {}).encode())

    def send(self, status, headers, body):
        # A status of 0 stands for "no answer"; HTTP has no word for it.
        self.send_response_only(status or 599)
        for name in ("Content-Type", "X-Variant", "X-Refused", "X-Amzn-SageMaker-Custom-Attributes"):
            if headers.get(name):
                self.send_header(name, headers[name])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


ROUTES = {
    "/proxy": Runner.hello,
    "/settings": Runner.set,
    "/job/start": Runner.job_start,
    "/job/stop": Runner.job_stop,
    "/job/interrupt": Runner.job_interrupt,
    "/endpoint/start": Runner.endpoint_start,
    "/endpoint/stop": Runner.endpoint_stop,
    "/invoke-async": Runner.invoke_async,
    "/reset": Runner.reset,
}


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--dir", required=True)
    parser.add_argument("--moto", required=True)
    parser.add_argument("--runner-python", required=True)
    parser.add_argument("--python")
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args()
    host, _, port = given.moto.partition(":")
    for kind in ("jobs", "endpoints"):
        shutil.rmtree(os.path.join(given.dir, kind), ignore_errors=True)
    server = Server(("127.0.0.1", given.port), Handler)
    server.runner = Runner(given.dir, (host, int(port)), Base(given.runner_python, given.python))
    write_json(os.path.join(given.dir, "helper.json"), {"port": server.server_port})
    server.serve_forever()


if __name__ == "__main__":
    main()
