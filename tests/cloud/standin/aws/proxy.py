"""The proxy: reads a request, has it judged, applies faults, has the overlay or moto answer, sends the answer."""

import datetime as dt
import email.utils
import gzip
import json
import re
import socket
import time
import traceback
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit

from .authorize import authorize
from .call import Call, moto_error, upstream
from .check import check, check_response, from_cbor
from .control import control
from .faults import Faults, expired, skewed
from .identify import Identified, identify, unflatten
from .models import META, AwsError, model
from .overlay import OVERLAY
from .reply import Reply, error_reply, result_reply
from .state import World

SKEW_ALLOWED_S = 300


class Proxy(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address, moto, helper=None):
        self.moto, self.helper, self.world = moto, helper, World()
        self.faults = Faults(self.world.lock)
        self.seed = None
        super().__init__(address, Handler)

    def handle_error(self, request, client_address):
        pass  # a client that went away; what went wrong in here is in the log


class Headers(dict):
    """Header names in any case of letters."""

    def __init__(self, items):
        super().__init__((name.lower(), value) for name, value in items)

    def get(self, name, default=None):
        return super().get(name.lower(), default)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *_arguments):
        pass

    def handle_expect_100(self):
        going_on = super().handle_expect_100()
        self.wfile.flush()  # or the client and we wait for each other
        return going_on

    def handle_one_call(self):
        body = self.read_body()
        path = urlsplit(self.path).path
        if path.startswith("/_oracle/"):
            query = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
            return self.send(control(self.server, path[len("/_oracle/") :], query, body))
        if path.startswith("/moto-api"):
            status, headers, answer = upstream(self.server.moto, self.command, self.path, dict(self.headers), body)
            kind = dict((n.lower(), v) for n, v in headers).get("content-type", "application/json")
            return self.send(Reply(status, [("Content-Type", kind)], answer))
        return self.aws(path, body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = handle_one_call

    def read_body(self):
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while True:
            size = int(self.rfile.readline().split(b";")[0], 16)
            body += self.rfile.read(size)
            self.rfile.readline()
            if not size:
                return body

    def aws(self, path, body):
        began = time.time()
        entry = {"t": began, "bad": [], "note": []}
        strike, seen = None, Identified(None, None, None, "json", {})
        try:
            seen = self.judge(path, body, entry)
            strike = self.server.faults.draw(seen.service, seen.operation, seen.region, self.command)
            reply = self.answer(seen, body, strike, entry)
        except AwsError as error:
            entry["status"], entry["error"] = error.status, "%s: %s" % (error.code, error.message[:300])
            reply = error_reply(seen.protocol, error)
        except OSError as error:  # moto is gone
            entry["status"], entry["error"] = 500, "InternalFailure: %s" % error
            reply = error_reply(seen.protocol, AwsError("InternalFailure", "moto: %s" % error, 500))
        except Exception:
            entry["status"] = 500
            entry["note"].append(traceback.format_exc()[-1500:])
            reply = Reply(500, [("Content-Type", "text/plain")], traceback.format_exc().encode())
        try:
            if strike and strike.after:
                reply = self.lose(strike, reply, seen, entry)
            elif reply is None:
                entry["status"] = 0
            entry["ms"] = round((time.time() - began) * 1000)
            # Before sending: who has the answer also finds it in the log.
            self.server.world.record(entry)
            if reply is None:
                self.hang_up()
            elif strike and strike.cut is not None:
                self.send_cut(reply, strike.cut)
            else:
                self.send(reply, strike)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def judge(self, path, body, entry):
        """What the request means, in `entry` what is wrong with it."""
        bad, headers = entry["bad"], Headers(self.headers.items())
        plain = gzip.decompress(body) if headers.get("Content-Encoding") == "gzip" else body
        query = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        try:
            seen = identify(headers, self.command, path, query, plain)
        except ValueError as error:
            bad.append("body cannot be read: %s" % error)
            seen = Identified(None, None, None, "json", {})
        entry.update(service=seen.service, op=seen.operation, region=seen.region, proto=seen.protocol)
        entry["attempt"] = headers.get("amz-sdk-request", "")
        if seen.service == "sagemaker" and (seen.operation or "").startswith("Create"):
            entry["params"] = seen.params  # so that tests see what was asked for
        if seen.operation == "UploadPart":
            entry["part"] = query.get("partNumber")
        entry["agent"] = headers.get("x-amz-user-agent", "") or headers.get("User-Agent", "")
        if not seen.service and not bad:
            bad.append("no SigV4 credential scope (or unknown service): cannot tell the service")
        elif seen.service and seen.protocol != "s3" and not bad:
            self.check_model(seen, bad)
        return seen

    def check_model(self, seen, bad):
        described = model(seen.service)
        if seen.operation not in described.operation_names:
            bad.append("unknown operation %s of %s" % (seen.operation, seen.service))
            return
        shape, flat = described.operation_model(seen.operation).input_shape, seen.protocol in ("query", "ec2")
        if flat:
            used, given = set(), seen.params
            seen.params = unflatten(shape, given, "", seen.protocol == "ec2", used) if shape else {}
            bad += ["Unknown parameter '%s'" % name for name in given if name not in used]
        if shape:
            check(shape, seen.params, "", bad, wire=flat or seen.protocol == "rest-json")

    def answer(self, seen, body, strike, entry):
        """The reply; None where the connection is to be closed without one."""
        if strike:
            entry["fault"] = strike.note()
            entry["note"].append("fault " + json.dumps(strike.note()))
            if not strike.after:
                time.sleep(strike.delay_s)
                if strike.drop:
                    return None
                if strike.error:
                    raise AwsError(strike.error[0], strike.error[2], strike.error[1])
        self.refuse_strangers(seen)
        if entry["bad"]:
            code = "InvalidParameterValue" if seen.protocol == "ec2" else "ValidationException"
            text = "%d validation error(s) detected: %s" % (len(entry["bad"]), "; ".join(entry["bad"]))
            raise AwsError(code, text)
        if self.server.world.settings["enforce_iam"]:
            params = from_cbor(seen.params) if seen.protocol == "cbor" else seen.params
            call = Call(self.server, seen, Headers(self.headers.items()), params)
            authorize(call, unquote(urlsplit(self.path).path), body)
        if (seen.service, seen.operation) in OVERLAY:
            return self.from_overlay(seen, entry)
        if seen.protocol == "cbor":
            return self.through_json(seen, entry)
        return self.from_moto(seen, body, entry)

    def refuse_strangers(self, seen):
        """A session that is over, and a request dated too far from this server's clock."""
        settings = self.server.world.settings
        if seen.key in settings["expired_keys"]:
            code, status, text = expired(seen.service)
            raise AwsError(code, text, status)
        if seen.key in settings["refused_keys"]:
            raise AwsError(settings["refused_keys"][seen.key], "The request is refused.", 403)
        date = self.headers.get("X-Amz-Date")
        if settings["skew_s"] and date and re.fullmatch(r"\d{8}T\d{6}Z", date):
            at = dt.datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.timezone.utc).timestamp()
            if abs(at - time.time() - settings["skew_s"]) > SKEW_ALLOWED_S:
                code, status, text = skewed(seen.service)
                raise AwsError(code, text, status)

    def from_overlay(self, seen, entry):
        entry["note"].append("overlay")
        params = from_cbor(seen.params) if seen.protocol == "cbor" else seen.params
        call = Call(self.server, seen, Headers(self.headers.items()), params)
        answer = OVERLAY[seen.service, seen.operation](call)
        if isinstance(answer, Reply):
            entry["status"] = answer.status
            return answer
        entry["status"], entry["resp"] = 200, check_response(seen.service, seen.operation, answer)
        return result_reply(seen.protocol, seen.service, seen.operation, answer)

    def through_json(self, seen, entry):
        """Moto does not speak rpc-v2-cbor, the only protocol of the Rust client of CloudWatch; it does speak JSON."""
        headers = {
            "Authorization": self.headers.get("Authorization", ""),
            "X-Amz-Target": "%s.%s" % (META[seen.service]["targetPrefix"], seen.operation),
            "Content-Type": "application/x-amz-json-1.0",
        }
        if self.headers.get("X-Amz-Security-Token"):
            headers["X-Amz-Security-Token"] = self.headers["X-Amz-Security-Token"]
        body = json.dumps(from_cbor(seen.params)).encode()
        status, _, answer = upstream(self.server.moto, "POST", "/", headers, body, seen.service, seen.region)
        entry["status"] = status
        if status != 200:
            raise moto_error(status, answer, "%s.%s" % (seen.service, seen.operation))
        value = json.loads(answer or b"{}")
        entry["resp"] = check_response(seen.service, seen.operation, value)
        return result_reply("cbor", seen.service, seen.operation, value)

    def from_moto(self, seen, body, entry):
        status, headers, answer = upstream(
            self.server.moto, self.command, self.path, dict(self.headers), body, seen.service, seen.region
        )
        entry["status"] = status
        if status >= 500 and answer.startswith(b"<!doctype"):
            entry["note"].append("moto lacks this")
            text = "moto does not implement %s.%s" % (seen.service, seen.operation)
            raise AwsError("OracleNotImplemented", text, 400)  # an SDK would retry a 500
        if seen.protocol == "json" and status == 200:
            try:
                entry["resp"] = check_response(seen.service, seen.operation, json.loads(answer or b"{}"))
            except ValueError:
                pass
        if seen.service == "sagemaker" and status >= 400:
            raise moto_error(status, answer, "sagemaker." + seen.operation)
        if (seen.service, seen.operation) == ("s3", "ListParts"):
            # moto names the answer's root otherwise than S3, which the Rust client minds
            answer = answer.replace(b"ListPartsResponse", b"ListPartsResult")
        kept, length = [], None
        for name, value in headers:
            if name.lower() == "content-length" and self.command == "HEAD":
                length = value
            elif name.lower() not in ("connection", "transfer-encoding", "content-length", "date", "server"):
                kept.append((name, value))
        return Reply(status, kept, answer, length)

    def lose(self, strike, reply, seen, entry):
        """The call was executed; now its answer goes missing. None where nothing at all is to be sent."""
        entry["executed"] = entry.get("status")
        time.sleep(strike.delay_s)
        if strike.drop or reply is None:
            entry["status"] = 0
            return None
        if strike.error:
            entry["status"] = strike.error[1]
            return error_reply(seen.protocol, AwsError(strike.error[0], strike.error[2], strike.error[1]))
        return reply

    def send_head(self, reply, length, strike=None):
        self.send_response_only(reply.status)
        ahead = self.server.world.settings["skew_s"] + (7200 if strike and strike.kind == "skew" else 0)
        self.send_header("Date", email.utils.formatdate(time.time() + ahead, usegmt=True))
        names = {name.lower() for name, _ in reply.headers}
        if not names & {"x-amzn-requestid", "x-amz-request-id"}:
            self.send_header("x-amzn-RequestId", str(uuid.uuid4()))
        for name, value in reply.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def send(self, reply, strike=None):
        length = reply.length if reply.length is not None else len(reply.body)
        self.send_head(reply, length, strike)
        if self.command != "HEAD":
            self.wfile.write(reply.body)
        self.wfile.flush()

    def send_cut(self, reply, size):
        """Announces the whole answer and sends less of it."""
        if self.command == "HEAD" or not reply.body:
            return self.hang_up()
        self.send_head(reply, len(reply.body))
        self.wfile.write(reply.body[: min(size, len(reply.body) - 1)])
        self.wfile.flush()
        return self.hang_up()

    def hang_up(self):
        self.close_connection = True
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
