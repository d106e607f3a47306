"""serve.py starts, counts, stops and fails in ways that its supervisor can tell apart."""

import os
import pickle
import signal
import socket
import sys
import threading

import pytest

from conftest import read_json, until

CSV = "text/csv"
ECHO = "def model_fn(d): return 1\ndef transform_fn(m, body, kind, accept): return body\n"
# Waits in predict_fn until the file named by the request is there.
WAITS = """
import os, time
def model_fn(d): return None
def input_fn(body, kind): return body
def predict_fn(path, m):
    while not os.path.exists(path): time.sleep(0.01)
    return 1
"""


class Later(threading.Thread):
    """A request in hand: `reply` once it is answered."""

    def __init__(self, server, body):
        super().__init__(daemon=True)
        self.server, self.body, self.reply = server, body, None
        self.start()

    def run(self):
        try:
            self.reply = self.server.post(self.body, CSV)
        except (OSError, ValueError) as error:
            self.reply = error

    def answer(self):
        self.join(60)
        return self.reply


# Stopping


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_finishes_the_request_in_hand(serve, model_dir, tmp_path, how):
    server = serve(model_dir(WAITS)).ready()
    request = Later(server, str(tmp_path / "go"))
    until(lambda: server.stats()["in_flight"] == 1, "the request is in hand")
    server.process.send_signal(how)
    until(lambda: refused(server), "no new request is taken")
    (tmp_path / "go").touch()
    reply = request.answer()
    assert (reply.status, reply.text, reply.headers["Connection"]) == (200, "1", "close")
    assert server.ended() == (0, None)
    assert read_json(server.state / "stats.json")["requests"] == 1
    assert not (server.state / "endpoint.json").exists()


def refused(server):
    """True once the server takes no more: not listening, or it says that it is stopping."""
    try:
        return server.get("/ping").status == 503
    except (OSError, AssertionError):
        return True


def test_a_request_that_never_ends_is_given_up_after_the_grace(serve, model_dir, tmp_path):
    server = serve(model_dir(WAITS), "--grace", "0.3").ready()
    request = Later(server, str(tmp_path / "never"))
    until(lambda: server.stats()["in_flight"] == 1, "the request is in hand")
    assert server.stop() == 0
    assert isinstance(request.answer(), Exception)


def test_a_silent_connection_does_not_hold_the_stop(serve, model_dir):
    server = serve(model_dir(ECHO)).ready()
    with socket.create_connection(("127.0.0.1", server.bound()["port"])) as silent:
        kept = server.connection()
        kept.request("GET", "/ping")
        kept.getresponse().read()
        assert server.stop() == 0
        assert silent.recv(1) == b""
        kept.close()


def test_loading_can_be_stopped_and_is_not_healthy(serve, model_dir, tmp_path):
    script = """
import os, time
def model_fn(d):
    try:
        while not os.path.exists(%r): time.sleep(0.01)
    except Exception:
        pass
def transform_fn(*a): return "x"
""" % str(tmp_path / "go")
    server = serve(model_dir(script))
    server.bound()
    ping, post, stats = server.get("/ping"), server.post("1", CSV), server.stats()
    assert (ping.status, ping.text) == (503, "the model is still loading\n")
    assert (post.status, post.text) == (503, "the model is still loading\n")
    assert (stats["model_loaded"], stats["loaded_ms"]) == (False, None)
    assert server.stop() == 0
    assert server.ended() == (0, None) and not (server.state / "endpoint.json").exists()


# Counting


def test_stats(serve, model_dir):
    server = serve(model_dir(ECHO)).ready()
    fresh = server.stats()
    assert (fresh["requests"], fresh["errors"], fresh["last_request_ms"]) == (0, 0, None)
    assert fresh["latency_ms"] == {"window": 0, "p50": None, "p90": None, "p99": None, "max": None}
    assert (fresh["name"], fresh["pid"], fresh["model_loaded"]) == ("test", server.process.pid, True)
    assert fresh["since_ms"] == fresh["started_ms"] <= fresh["loaded_ms"]
    if sys.platform == "linux":
        assert 1_000_000 < fresh["rss_bytes"] < 10_000_000_000
    for _ in range(20):
        assert server.post("x", CSV).status == 200
    assert server.post(b"\xff", CSV).status == 400
    assert server.get("/ping").status == 200, "which does not count"
    stats = server.stats()
    assert (stats["requests"], stats["errors"], stats["client_errors"], stats["server_errors"]) == (21, 1, 1, 0)
    latency = stats["latency_ms"]
    assert latency["window"] == 21 and 0 < latency["p50"] <= latency["p90"] <= latency["p99"] <= latency["max"]
    assert stats["last_request_ms"] >= stats["started_ms"] and stats["in_flight"] == 0


def test_server_errors_count_as_such(serve, model_dir):
    server = serve(model_dir("def model_fn(d): pass\ndef transform_fn(*a): return 1 / 0\n")).ready()
    assert server.post("x", CSV).status == 500
    stats = server.stats()
    assert (stats["requests"], stats["errors"], stats["client_errors"], stats["server_errors"]) == (1, 1, 0, 1)


def test_counts_survive_a_kill_and_a_restart(serve, model_dir):
    folder = model_dir(ECHO)
    server = serve(folder).ready()
    for _ in range(5):
        server.post("x", CSV)
    path = server.state / "stats.json"
    until(lambda: read_json(path)["requests"] == 5, "the counts are on disk")
    before = read_json(path)
    server.stop(signal.SIGKILL)
    assert read_json(server.state / "endpoint.json")["pid"] == before["pid"], "nobody was there to remove it"
    again = serve(folder).ready()
    assert again.stats()["pid"] != before["pid"]
    again.post("x", CSV)
    assert again.stop() == 0
    after = read_json(path)
    assert (after["requests"], after["errors"], after["since_ms"]) == (6, 0, before["since_ms"])
    assert after["latency_ms"]["window"] == 1
    assert sorted(os.listdir(server.state)) == ["stats.json"], "no temporary file stays"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"requests": "many"}', "null", '{"requests": 1}'])
def test_unreadable_counts_start_again_and_say_so(serve, model_dir, tmp_path, text):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "stats.json").write_text(text)
    server = serve(model_dir(ECHO)).ready()
    assert server.stats()["requests"] == 0
    assert "unreadable" in server.log


def test_many_clients_at_once_are_counted_and_answered_one_at_a_time(serve, model_dir):
    script = """
import time
inside = 0
def model_fn(d): return None
def transform_fn(m, body, kind, accept):
    global inside
    inside += 1
    assert inside == 1
    time.sleep(0.001)
    inside -= 1
    return body
"""
    server = serve(model_dir(script)).ready()
    wrong = []

    def ask(number):
        connection = server.connection()
        for turn in range(25):
            body = "%d %d" % (number, turn)
            connection.request("POST", "/invocations", body, {"Content-Type": CSV})
            reply = connection.getresponse()
            if (reply.status, reply.read().decode()) != (200, body):
                wrong.append(body)
        connection.close()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert (server.stats()["requests"], server.stats()["errors"]) == (200, 0)


def test_clients_that_misbehave_leave_it_well(serve, model_dir):
    server = serve(model_dir(ECHO)).ready()
    port = server.bound()["port"]
    for garbage in (
        b"\x16\x03\x01\x02\x00\x01",
        b"GET /" + b"a" * 70000 + b" HTTP/1.1\r\n\r\n",
        b"POST /invocations HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nshort",
        b"POST /invocations HTTP/1.1\r\n" + b"".join(b"X-%d: 1\r\n" % n for n in range(200)) + b"\r\n",
        b"POST /invocations HTTP/1.1\r\nContent-Length: \xff\r\n\r\n",
        b"GET /ping HTTP/9.9\r\n\r\n",
        b"\r\n\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(garbage)
            client.shutdown(socket.SHUT_WR)
            while client.recv(65536):
                pass
    with socket.create_connection(("127.0.0.1", port)) as client:  # and one that hangs up with a reset
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.sendall(b"POST /invocations HTTP/1.1\r\nContent-Length: 5\r\n\r\n")
    assert server.post("well", CSV).text == "well"
    until(lambda: server.stats()["in_flight"] == 0, "all requests are over")
    assert "Traceback" not in server.log


def test_a_state_folder_that_goes_away_does_not_end_it(serve, model_dir, tmp_path):
    server = serve(model_dir(ECHO)).ready()
    server.state.rename(tmp_path / "moved")
    assert server.post("x", CSV).text == "x"
    until(lambda: "cannot write" in server.log, "it says so")
    assert server.post("y", CSV).text == "y"
    assert server.process.poll() is None


# Where it is found


def test_endpoint_json(serve, model_dir):
    server = serve(model_dir(ECHO)).ready()
    where = server.bound()
    assert where["url"] == "http://127.0.0.1:%d" % where["port"] and where["name"] == "test"
    assert where["started_ms"] == server.stats()["started_ms"]
    assert sorted(where) == ["host", "name", "pid", "port", "started_ms", "url"]


def test_a_given_port_and_an_ipv6_host(serve, model_dir):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
    assert serve(model_dir(ECHO), "--port", port).ready().bound()["port"] == port
    if socket.has_ipv6:
        try:
            socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        except OSError:
            return
        server = serve(model_dir(ECHO), "--host", "::1", state="six")
        assert server.bound()["url"].startswith("http://[::1]:")
        assert server.stop() == 0


# Failing


def failure(serve, folder, *arguments, **options):
    server = serve(folder, *arguments, **options)
    code, reason = server.ended()
    assert reason is not None, server.log
    assert reason["exit"] == code and sorted(reason) == ["at_ms", "exit", "kind", "next", "what"]
    assert "\n" not in reason["what"] + reason["next"] and reason["next"].endswith(".")
    assert not (server.state / "endpoint.json").exists()
    return code, reason["kind"], reason["what"], server


def test_port_in_use(serve, model_dir):
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        code, kind, what, _ = failure(serve, model_dir(ECHO), "--port", port)
    assert (code, kind) == (6, "port") and what == "cannot listen on 127.0.0.1 port %d: Address already in use" % port


@pytest.mark.parametrize(
    "arguments", [("--port", "70000"), ("--host", "no.such.host.invalid"), ("--host", "192.0.2.1")]
)
def test_no_such_address(serve, model_dir, arguments):
    assert failure(serve, model_dir(ECHO), *arguments)[:2] == (6, "port")


def test_no_model(serve, model_dir, tmp_path):
    code, kind, what, _ = failure(serve, model_dir(notes_txt="x"))
    assert (code, kind) == (3, "no_model") and "no model file in the model folder (found: notes_txt)" in what
    assert failure(serve, tmp_path / "nowhere", state="b")[:2] == (3, "no_model")
    code, _, what, _ = failure(serve, model_dir(**{"a.joblib": "", "b.pkl": ""}), state="c")
    assert code == 3 and "several model files in the model folder (found: a.joblib, b.pkl)" in what


@pytest.mark.parametrize(
    "script, code, kind, words",
    [
        ("def model_fn(", 4, "script", "inference.py raised SyntaxError on import"),
        ("1 / 0", 4, "script", "inference.py raised ZeroDivisionError on import"),
        ("import sys; sys.exit(0)", 4, "script", "inference.py raised SystemExit on import"),
        (
            "import no_such_thing_at_all",
            8,
            "missing_package",
            "the Python package no_such_thing_at_all is not installed",
        ),
        ("import sklearn_no.part", 8, "missing_package", "sklearn_no"),
        ("model_fn = 3", 4, "script", "model_fn in the script is not a function"),
        ("def transform_fn(*a): pass\ndef input_fn(*a): pass", 4, "script", "transform_fn and also input_fn"),
        ("def model_fn(d): raise RuntimeError('no\\nway')", 5, "model", "failed to load: RuntimeError: no way"),
        ("def model_fn(d): import sys; sys.exit('bye')", 5, "model", "failed to load: SystemExit: bye"),
        ("def model_fn(d): import no_such_thing", 8, "missing_package", "no_such_thing"),
        ("def model_fn(): pass", 5, "model", "TypeError"),
        ("def predict_fn(d, m): pass", 3, "no_model", "no model file"),
    ],
)
def test_a_broken_script(serve, model_dir, script, code, kind, words):
    found = failure(serve, model_dir(script))
    assert found[:2] == (code, kind) and words in found[2]
    by_the_script = "raised" in words or "failed to load" in words or kind == "missing_package" or words == "TypeError"
    assert ("Traceback" in found[3].log) == by_the_script, "the log tells where in the script"


def test_a_script_that_is_not_there(serve, model_dir, tmp_path):
    assert failure(serve, model_dir(ECHO), "--script", tmp_path / "none.py")[:2] == (4, "script")
    (tmp_path / "script.txt").write_text(ECHO)
    assert failure(serve, model_dir(ECHO), "--script", tmp_path / "script.txt", state="b")[:2] == (4, "script")


def test_a_broken_model(serve, model_dir):
    whole = pickle.dumps({"weights": list(range(1000))})
    for number, data in enumerate((whole[: len(whole) // 2], b"", b"not a model")):
        code, kind, what, _ = failure(serve, model_dir(**{"model.joblib": data}), state="s%d" % number)
        assert (code, kind) == (5, "model") and what.startswith("the model failed to load: ")


def test_a_class_of_the_training_script_is_explained(serve, model_dir):
    data = pickle.dumps(Exception("x")).replace(b"builtins", b"__main__").replace(b"Exception", b"MyScaler2")
    server = serve(model_dir(**{"model.pkl": data}))
    code, reason = server.ended()
    assert code == 5 and "Move the class to a module of its own" in reason["next"]


def test_the_reason_of_the_last_start_is_forgotten(serve, model_dir):
    assert failure(serve, model_dir("1 / 0"))[0] == 4
    server = serve(model_dir(ECHO)).ready()
    assert server.stop() == 0 and server.ended() == (0, None)


def test_no_room_for_its_state(serve, model_dir, tmp_path):
    (tmp_path / "state").write_text("a file where a folder should be")
    server = serve(model_dir(ECHO))
    assert server.process.wait(60) == 7
    assert "the state folder" in server.log and "cannot be written" in server.log


def test_wrong_arguments(serve, model_dir):
    assert serve(model_dir(ECHO), "--nonsense").process.wait(60) == 2
    assert serve(model_dir(ECHO), "--port", "x").process.wait(60) == 2


def test_the_log_tells_each_request_once(serve, model_dir):
    server = serve(model_dir(ECHO)).ready()
    server.post("x", CSV)
    server.post(b"\xff", CSV)
    assert server.stop() == 0
    lines = [line for line in server.log.splitlines() if line.startswith("POST")]
    assert len(lines) == 2 and lines[0].startswith("POST /invocations 200 ") and " 400 " in lines[1]
