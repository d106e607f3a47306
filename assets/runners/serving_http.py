"""The HTTP side of serve.py: /ping, /invocations and /stats, for clients on this computer."""

import json
import os
import socket
import socketserver
import sys
import threading
import time
import traceback
from http.server import BaseHTTPRequestHandler, HTTPServer

from serving_model import JSON, TEXT, Refusal, one_line, say


class Server(socketserver.ThreadingMixIn, HTTPServer):
    daemon_threads = True
    allow_reuse_address = os.name != "nt"  # there it would let two servers share the port
    request_queue_size = 128

    def __init__(self, address, stats, max_body):
        self.stats, self.max_body, self.model, self.stopping = stats, max_body, None, False
        self.connections = {}  # handler -> "new", "busy" or "idle"
        self.idle = threading.Condition()
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, Handler)

    def server_bind(self):  # HTTPServer's own asks DNS for the host's full name
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def handle_error(self, request, client_address):
        error = sys.exc_info()[1]
        if not isinstance(error, (ConnectionError, TimeoutError)):  # a client that went away is no fault of ours
            traceback.print_exc()

    def drain(self, seconds):
        """Waits until no request is in hand. A connection that has not yet said anything gets a second."""
        deadline, new_until = time.monotonic() + seconds, time.monotonic() + 1
        with self.idle:
            while True:
                states, now = list(self.connections.values()), time.monotonic()
                if now >= deadline or not ("busy" in states or ("new" in states and now < new_until)):
                    return
                self.idle.wait(0.1)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "curfew", ""
    timeout = 60  # of silence, so that a stuck client does not keep its thread for ever
    wbufsize = -1
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        self.become("new")

    def finish(self):
        try:
            super().finish()
        finally:
            self.become(None)

    def become(self, state):
        with self.server.idle:
            if state is None:
                self.server.connections.pop(self, None)
            else:
                self.server.connections[self] = state
            self.server.idle.notify_all()

    def parse_request(self):
        self.become("busy")
        return super().parse_request()

    def send(self, status, body, content_type, extra=()):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.close_connection = self.close_connection or self.server.stopping
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()
        self.become("idle")

    def send_line(self, status, line):
        self.send(status, (line + "\n").encode("utf-8", "replace"), TEXT + "; charset=utf-8")

    def send_error(self, code, message=None, explain=None):  # the base class would send a page of HTML
        self.close_connection = True
        self.send_line(code, one_line(message or self.responses.get(code, ("error", ""))[0]))

    def log_message(self, format, *arguments):
        pass  # /ping and /stats are polled; invoke() logs what counts

    def from_elsewhere(self):
        """A web page in some browser must not reach a server that listens on loopback, by rebinding DNS or blindly."""
        if not self.server.server_address[0].startswith("127.") and self.server.server_address[0] != "::1":
            return False
        origin = self.headers.get("Origin")
        hosts = [self.headers.get("Host", "localhost")] + ([origin.partition("://")[2]] if origin is not None else [])
        return any(host_name(host) not in ("localhost", "127.0.0.1", "[::1]") for host in hosts)

    def do_GET(self):
        if self.from_elsewhere():
            return self.send_error(403, "this server answers only to this computer")
        if self.path == "/ping" and self.command != "POST":
            ready = self.server.model is not None and not self.server.stopping
            return self.send(200, b"", TEXT) if ready else self.send_line(503, self.not_ready())
        if self.path == "/stats" and self.command != "POST":
            return self.send(200, json.dumps(self.server.stats.view()).encode(), JSON)
        if self.path == "/invocations":
            return self.send_error(405, "send a POST to /invocations")
        return self.send_error(404, "there is only /ping, /invocations and /stats")

    do_HEAD = do_GET

    def not_ready(self):
        return "the server is stopping" if self.server.stopping else "the model is still loading"

    def handle_expect_100(self):
        try:
            self.body_length()
        except Refusal:
            return True  # do_POST refuses it, without the client having sent the body
        return super().handle_expect_100()

    def body_length(self):
        if self.headers.get("Transfer-Encoding"):
            raise Refusal(411, "send the body with a Content-Length, not chunked")
        text = self.headers.get("Content-Length")
        if text is None:
            raise Refusal(411, "the request has no Content-Length")
        if not (text.isascii() and text.isdigit()):
            raise Refusal(400, "Content-Length %s is not a number" % text[:40])
        if int(text) > self.server.max_body:
            raise Refusal(413, "the body has %s bytes, the limit is %d" % (text[:40], self.server.max_body))
        return int(text)

    def discard_body(self):
        """Closing on unsent bytes resets the connection, and the client would never see why it was refused."""
        self.connection.settimeout(2)
        left = self.server.max_body
        try:
            while left > 0:
                chunk = self.rfile.read1(65536)
                if not chunk:
                    return
                left -= len(chunk)
        except OSError:
            return

    def do_POST(self):
        if self.from_elsewhere() or self.path != "/invocations":
            self.do_GET()
            return self.discard_body()
        stats, started, status, unread = self.server.stats, time.monotonic(), 500, True
        stats.begin()
        try:
            length = self.body_length()
            body = self.rfile.read(length)
            unread = False
            if len(body) < length:
                raise Refusal(400, "the body ended after %d of %d bytes" % (len(body), length))
            if self.server.model is None or self.server.stopping:
                raise Refusal(503, self.not_ready())
            # Some AWS services send "ContentType"; JSON is what their containers take a missing header for.
            content_type = self.headers.get("ContentType") or self.headers.get("Content-Type") or JSON
            accept = self.headers.get("Accept")
            if not accept or accept == "*/*":
                accept = os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", JSON)
            status, reply, kind = self.server.model.answer(body, content_type, accept)
            line = None
        except Refusal as refusal:
            status, line = refusal.status, refusal.line
        except OSError as error:
            status, line = 400, "the body did not arrive: %s" % one_line(error)
        finally:
            took_ms = (time.monotonic() - started) * 1000
            stats.end(status, took_ms)
        say("POST /invocations %d %.1f ms%s" % (status, took_ms, " " + line if line else ""))
        if line is None:
            return self.send(status, reply, kind)
        self.close_connection = self.close_connection or unread
        self.send_line(status, line)
        if unread and self.headers.get("Expect", "").lower() != "100-continue":
            self.discard_body()


def host_name(host):
    name = host.lower()
    return name.partition("]")[0] + "]" if name.startswith("[") else name.partition(":")[0]
