"""Serve one model on this computer under SageMaker's inference contract.

    python serve.py --model-dir DIR --state-dir DIR --name NAME
                    [--script inference.py] [--host 127.0.0.1] [--port 0] [--grace 30] [--max-body BYTES]

The script (--script, else DIR/code/inference.py, else none) may define model_fn(model_dir),
input_fn(body, content_type), predict_fn(data, model), output_fn(prediction, accept), or transform_fn(model, body,
content_type, accept) in place of the last three; each may take a context as one argument more. What it leaves out is
filled in as AWS's scikit-learn container does: CSV, JSON and NumPy in and out, `model.predict`. Two additions, since
that container lacks them (default_inference.py takes both there): without a model_fn the single model file in DIR is
loaded (see `find_model`), and one line of CSV is one row.

Routes: POST /invocations, GET /ping (200 once the model is loaded, 503 before), GET /stats (JSON, see `Stats.view`).
Answers to /invocations: 200, 400 a body that does not parse, 406 an Accept we cannot write, 411 no Content-Length,
413 a body over --max-body, 415 a Content-Type we cannot read, 500 the script or the model raised, 503 loading or
stopping. An error's body is one line of plain text; its traceback goes to standard error, the endpoint's log.

Files in --state-dir, each replaced atomically:
    endpoint.json  {"name", "host", "port", "url", "pid", "started_ms"}; written when the port is bound, removed at a
                   clean exit. Loaded or not is told by /ping.
    stats.json     as GET /stats; written at most once a second while requests come, and at exit. A restart goes on
                   counting from it.
    failure.json   {"exit", "kind", "what", "next", "at_ms"}; why the exit status is not 0.

Exit status: 0 told to stop (SIGTERM or SIGINT; the request in hand is finished), 2 wrong arguments, 3 no model file,
4 the script is missing, raises on import, or its functions do not fit together, 5 the model failed to load,
6 the port cannot be bound, 7 the state folder cannot be written, 8 a Python package is missing.

Standard library only, Python 3.8 or later: this runs in whatever environment fits the model. NumPy, joblib and
XGBoost are imported where they are needed. Predictions run one at a time, as in one worker of SageMaker's server,
because scripts are written for that; /ping and /stats answer meanwhile.
"""

import argparse
import collections
import json
import math
import os
import signal
import socket
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)  # not a given under PYTHONSAFEPATH
from serving_http import Server  # noqa: E402
from serving_model import Failure, Model, Stop, load_script, now_ms, one_line, say  # noqa: E402

sys.path[:] = [path for path in sys.path if path != HERE]  # the script's own modules must not meet ours

MAX_BODY = 100 * 1024 * 1024
LATENCY_WINDOW = 1000

# State on disk


def write_json(path, value):
    """Readers see the old file or the new one, never a half. The name is fixed so that a kill leaves one at most."""
    temporary = path + ".tmp"
    with open(temporary, "w", encoding="utf-8") as file:
        json.dump(value, file)
        file.write("\n")
    os.replace(temporary, path)


def remove(path):
    try:
        os.remove(path)
    except FileNotFoundError:
        pass


def resident_bytes():
    """Resident memory of this process, None where the system does not tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError, AttributeError):
        return None


class Stats:
    """Counts of /invocations. `requests` and `errors` go on over restarts, latency is of this process."""

    def __init__(self, name, path):
        self.name, self.path = name, path
        self.lock = threading.Lock()
        self.writing = threading.Lock()
        self.changed = threading.Event()
        self.latency_ms = collections.deque(maxlen=LATENCY_WINDOW)
        self.in_flight = 0
        self.started_ms = self.since_ms = now_ms()
        self.loaded_ms = None
        self.last_request_ms = None
        self.counts = {"requests": 0, "errors": 0, "client_errors": 0, "server_errors": 0}
        self.resume()

    def resume(self):
        try:
            with open(self.path, encoding="utf-8") as file:
                old = json.load(file)
            counts = {key: int(old[key]) for key in self.counts}
            last, since = old["last_request_ms"], int(old["since_ms"])
            self.counts, self.last_request_ms, self.since_ms = counts, last if last is None else int(last), since
        except FileNotFoundError:
            pass
        except (OSError, ValueError, TypeError, KeyError) as error:
            say("curfew: earlier counts in %s are unreadable (%s), counting from 0" % (self.path, one_line(error)))

    def begin(self):
        with self.lock:
            self.in_flight += 1
            self.last_request_ms = now_ms()

    def end(self, status, took_ms):
        with self.lock:
            self.in_flight -= 1
            self.counts["requests"] += 1
            self.latency_ms.append(took_ms)
            if status >= 400:
                self.counts["errors"] += 1
                self.counts["client_errors" if status < 500 else "server_errors"] += 1
        self.changed.set()

    def view(self):
        with self.lock:
            window = sorted(self.latency_ms)
            view = dict(self.counts)
            view.update(
                name=self.name,
                pid=os.getpid(),
                since_ms=self.since_ms,
                started_ms=self.started_ms,
                loaded_ms=self.loaded_ms,
                model_loaded=self.loaded_ms is not None,
                last_request_ms=self.last_request_ms,
                in_flight=self.in_flight,
            )

        def rank(share):  # nearest rank, so that every figure is a latency that was really seen
            return round(window[max(0, math.ceil(share * len(window)) - 1)], 3) if window else None

        view["latency_ms"] = {"window": len(window), "p50": rank(0.5), "p90": rank(0.9), "p99": rank(0.99)}
        view["latency_ms"]["max"] = rank(1.0)
        view["rss_bytes"] = resident_bytes()
        return view

    def write(self):
        try:
            with self.writing:
                write_json(self.path, self.view())
        except OSError as error:  # a full disk must not end a working endpoint
            say("curfew: cannot write %s: %s" % (self.path, error))

    def write_while_serving(self):
        while True:
            self.changed.wait()
            self.changed.clear()
            self.write()
            time.sleep(1)  # the rate limit itself: at most one write a second


# The process


def serve(options, stats):
    stopped = False  # a plain name: a second signal inside Event.set() would wait for the first for ever
    loading = False  # while it is, the main thread is inside the script and only an exception gets it out

    def stop(_signal, _frame):
        nonlocal stopped
        stopped = True
        if loading:
            raise Stop

    # A signal that comes just before a wait, or to another thread, does not end the wait; a byte in a socket does.
    bell, ringer = socket.socketpair()
    ringer.setblocking(False)
    signal.set_wakeup_fd(ringer.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    endpoint = os.path.join(options.state_dir, "endpoint.json")
    try:
        server = Server((options.host, options.port), stats, options.max_body)
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or error
        what = "cannot listen on %s port %d: %s" % (options.host, options.port, why)
        raise Failure(6, "port", what, "Choose another port, or 0 for any free one.")
    host, port = server.server_address[:2]
    url = "http://%s:%d" % ("[%s]" % host if ":" in host else host, port)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.5}, daemon=True).start()
    threading.Thread(target=stats.write_while_serving, daemon=True).start()
    try:
        stats.write()
        where = {"name": options.name, "host": host, "port": port, "url": url, "pid": os.getpid()}
        write_json(endpoint, dict(where, started_ms=stats.started_ms))
        os.environ.setdefault("SM_MODEL_DIR", options.model_dir)
        script = options.script
        if script is None:
            usual = os.path.join(options.model_dir, "code", "inference.py")
            script = usual if os.path.isfile(usual) else None
        say("curfew: loading the model %s for %s" % (options.name, url))
        loading = True
        if stopped:
            raise Stop
        server.model = Model(options.model_dir, load_script(script))
        stats.loaded_ms = now_ms()
        loading = False
        stats.write()
        say("curfew: serving %s on %s" % (options.name, url))
        while not stopped:
            bell.recv(1)
    except OSError as error:
        raise state_failure(options.state_dir, error)
    finally:
        loading = False
        server.stopping = True
        server.shutdown()
        server.server_close()  # before the wait, so that new clients are refused and do not hang in the queue
        server.drain(options.grace)
        stats.write()
        remove(endpoint)
    say("curfew: stopped %s" % options.name)


def state_failure(state_dir, error):
    what = "the state folder %s cannot be written: %s" % (state_dir, error.strerror)
    return Failure(7, "state", what, "Free some space or correct its permissions.")


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Serve one model under SageMaker's inference contract.")
    parser.add_argument("--model-dir", required=True)
    parser.add_argument("--state-dir", required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--script", default=None)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--grace", type=float, default=30, help="seconds that a request in hand may take after SIGTERM")
    parser.add_argument("--max-body", type=int, default=MAX_BODY, help="bytes")
    options = parser.parse_args(arguments)
    options.model_dir = os.path.abspath(options.model_dir)
    failure_path = os.path.join(options.state_dir, "failure.json")
    try:
        try:
            os.makedirs(options.state_dir, exist_ok=True)
            for stale in (failure_path, os.path.join(options.state_dir, "endpoint.json")):
                remove(stale)
            write_json(failure_path, {})  # proves now that a reason can be left later
            remove(failure_path)
        except OSError as error:
            raise state_failure(options.state_dir, error)
        serve(options, Stats(options.name, os.path.join(options.state_dir, "stats.json")))
    except Stop:
        pass
    except Failure as failure:
        say("curfew: %s. %s" % (failure.what, failure.next_step))
        reason = {"exit": failure.code, "kind": failure.kind, "what": failure.what, "next": failure.next_step}
        reason["at_ms"] = now_ms()
        try:
            write_json(failure_path, reason)
        except OSError:
            pass  # the log line above is all that is left
        return failure.code
    return 0


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # a connection that will not close must not hold the process
