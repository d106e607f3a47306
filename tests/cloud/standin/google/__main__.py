"""python -m standin.google --dir DIR [--port 0] [--fixtures FOLDER] [--apis aiplatform.v1,compute.v1,…]

Replies: 200 and FIXTURES/<method id>.json (checked against the response schema at start) or a generated skeleton;
400, 401, 404, 405 in Google's error shape with the reason otherwise. GET /_oracle/log: the verdict on every request;
POST /_oracle/check_response?method=<id> checks a response body;
POST /_oracle/fault {"method", "count", "code", "reason", "delay_s"}.
"""

import argparse
import glob
import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from ..files import write_json
from .oracle import APIS, Oracle, default_documents

STATUS = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 404: "NOT_FOUND", 405: "INVALID_ARGUMENT"}


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address, oracle, fixtures):
        self.oracle, self.fixtures = oracle, fixtures
        self.log, self.faults, self.lock = [], [], threading.Lock()
        super().__init__(address, Handler)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *_arguments):
        pass

    def reply(self, status, value, headers=()):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        for name, item in headers:
            self.send_header(name, item)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def handle_one_call(self):
        server, body = self.server, self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.startswith("/_oracle/"):
            return self.control(body)
        host, kind = self.headers.get("Host", ""), self.headers.get("Content-Type")
        authorized = "Authorization" in self.headers
        status, why, warnings, method = server.oracle.request(self.command, self.path, host, body, kind, authorized)
        fault = self.record(status, why, warnings, method)
        if fault:
            time.sleep(fault.get("delay_s", 0))
            if fault.get("code"):
                return self.refuse(fault)
        if status != 200:
            error = {
                "code": status,
                "message": "\n".join(why),
                "status": STATUS[status],
                "details": [
                    {
                        "@type": "type.googleapis.com/google.rpc.BadRequest",
                        "fieldViolations": [{"description": text} for text in why],
                    }
                ],
            }
            return self.reply(status, {"error": error})
        value = server.fixtures.get(method.id, server.oracle.skeleton(method))
        seen = [("X-Oracle-Warn", text) for text in warnings[:5]]
        return self.reply(200, value, [("X-Oracle-Method", method.id), *seen])

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_one_call

    def record(self, status, why, warnings, method):
        """Logs the verdict; returns the fault that strikes a good request, or None."""
        entry = {"t": time.time(), "verb": self.command, "path": self.path, "method": method and method.id}
        with self.server.lock:
            self.server.log.append({**entry, "code": status, "why": why, "warn": warnings})
            for fault in self.server.faults if status == 200 else ():
                if fault.get("method") in (None, method.id) and fault.setdefault("count", 1) > 0:
                    fault["count"] -= 1
                    return fault
        return None

    def refuse(self, fault):
        reason = fault.get("reason", "injected")
        error = {
            "code": fault["code"],
            "message": reason,
            "errors": [{"reason": fault.get("reason", "rateLimitExceeded")}],
            "status": "RESOURCE_EXHAUSTED" if fault["code"] == 429 else "UNAVAILABLE",
        }
        return self.reply(fault["code"], {"error": error}, [("Retry-After", "1")])

    def control(self, body):
        server = self.server
        if self.path.startswith("/_oracle/check_response"):
            method = dict(parse_qsl(urlsplit(self.path).query))["method"]
            errors = server.oracle.response(method, json.loads(body))
            return self.reply(400 if errors else 200, errors)
        if self.path.startswith("/_oracle/fault"):
            server.faults.append(json.loads(body))
            return self.reply(200, server.faults)
        return self.reply(200, server.log)


def read_fixtures(folder, oracle):
    fixtures = {}
    for path in glob.glob(os.path.join(folder, "*.json")) if folder else []:
        method = os.path.basename(path)[: -len(".json")]
        with open(path, encoding="utf-8") as file:
            fixtures[method] = json.load(file)
        for error in oracle.response(method, fixtures[method]):
            sys.exit("fixture %s is not a Google response: %s" % (path, error))
    return fixtures


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--dir", required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--fixtures")
    parser.add_argument("--apis", default=",".join(APIS))
    given = parser.parse_args()
    oracle = Oracle(default_documents(), given.apis.split(","))
    server = Server(("127.0.0.1", given.port), oracle, read_fixtures(given.fixtures, oracle))
    write_json(os.path.join(given.dir, "google.json"), {"port": server.server_port})
    server.serve_forever()


if __name__ == "__main__":
    main()
