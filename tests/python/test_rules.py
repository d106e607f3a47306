"""The recogniser and the stop rules of a run in a cloud, held to the vectors that hold the Rust ones."""

import json
import re
import subprocess
import sys

import curfew_rules
import curfew_words
import pytest
from conftest import ROOT, RUNNERS
from curfew_recognise import Recogniser
from curfew_rules import Stops, Watch

SERIES = ROOT / "crates" / "series"
LOGS = json.loads((SERIES / "vectors" / "recognise.json").read_text())
RULES = json.loads((SERIES / "vectors" / "rules.json").read_text())


def named(vectors):
    return pytest.mark.parametrize("vector", vectors, ids=[vector["name"] for vector in vectors])


def shown(value):
    return "nan" if value != value else {float("inf"): "inf", -float("inf"): "-inf"}.get(value, value)


def points(pieces):
    recogniser = Recogniser()
    found = [point for piece in pieces for point in recogniser.push(piece)] + list(recogniser.finish())
    return [[*point[:4], shown(point[4])] for point in found]


@named(LOGS)
def test_logs_have_the_points_that_the_vectors_say(vector):
    log = vector["log"].encode()
    for size in (1, 7, len(log)):
        assert points(log[at : at + size] for at in range(0, len(log), size)) == vector["points"]


@named(RULES)
def test_rules_stop_where_the_vectors_say(vector):
    watch, recogniser, stop = Watch(vector["rules"]), Recogniser(), None
    for line, text in enumerate(vector["log"].splitlines(keepends=True), 1):
        for point in recogniser.push(text.encode()):
            met = watch.see(*point)
            if met:
                assert stop is None, "told once"
                stop = {"line": line, "rule": met[0], "why": met[1]}
    assert stop == vector["stop"]


def rust_words(file, name):
    text = (SERIES / "src" / file).read_text()
    body = re.search(rf"const {name}: &\[&str\] =\s*&\[(.*?)\];", text, re.S).group(1)
    return set(re.findall(r'"([^"]+)"', body))


@pytest.mark.parametrize("name", ["METRICS", "TIMES", "RATES", "COUNTS", "SPLITS", "FILLERS", "NOT_NOW", "SETTINGS", "TALLIES"])
def test_words_mean_the_same(name):
    assert getattr(curfew_words, name) == rust_words("recognise/vocabulary.rs", name)


@pytest.mark.parametrize("name", ["HIGHER", "LOWER"])
def test_better_means_the_same(name):
    assert getattr(curfew_rules, name) == rust_words("names.rs", name)


def test_money_and_time():
    stops = Stops([{"rule": "spend", "usd": 5.0}, {"rule": "time", "seconds": 7200}], usd_per_hour=3.0)
    assert stops.read(b"loss=nan\n") is None and stops.check(5999) is None
    assert stops.check(6000) == "it has cost $5.00, its limit is $5.00"
    assert stops.check(9000) is None, "once is enough"
    unknown = Stops([{"rule": "spend", "usd": 0.01}, {"rule": "time", "seconds": 7200}])
    assert unknown.check(7199) is None
    assert unknown.check(7200) == "it has run for 7200 s, its limit is 7200 s"


def test_what_scripts_should_not_print_stops_nothing():
    stops = Stops([{"rule": "not-a-number"}], share=None)
    long = b"x" * (10 << 20) + b" loss=nan\n"
    many = b"".join(b"step 1 metric%d=0.5\n" % n for n in range(5_000))
    for data in (long, bytes(range(256)) * 100 + b"\n", many, b"\x1b[" * 1000, b"\n"):
        assert stops.read(data) is None
    assert stops.read(b"step 9 loss=nan\n") == "loss is not a number at step 9"


def test_output_without_end_is_passed_over_by_whole_lines(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(curfew_rules.time, "monotonic", lambda: clock[0])
    stops = Stops([{"rule": "not-a-number"}], share=0.25)
    stops.spent = 1e9  # far too much already
    assert stops.read(b"loss=nan\nloss=na") is None
    assert stops.read(b"n\n") is None, "still too much"
    stops.spent = 0.0
    assert stops.read(b"nloss=inf") is None, "no whole line yet"
    assert stops.read(b" cut\nloss=0.5\n") is None, "the rest of a line that began unseen"
    assert stops.read(b"loss=nan\n") == "loss is not a number"


def test_definitions_decide():
    definitions = {"define": [{"name": "fall", "regex": "down to ([^ ]+)"}]}
    stops = Stops([{"rule": "not-a-number", "metric": "fall"}], definitions)
    assert stops.read(b"loss=nan\ndown to 0.5 now\n") is None
    assert stops.read(b"down to nan now\n") == "fall is not a number"
    recogniser = Recogniser({"rename": {"loss": "fall"}, "hide": ["acc"], "merge": {"lr": ["learning_rate", "LR"]}})
    found = recogniser.push(b"step 1 loss=1 acc=2 LR=3\nstep 2 learning_rate=4\n")
    assert [(point[0], point[4]) for point in found] == [("fall", 1), ("lr", 3), ("lr", 4)]


def test_definitions_see_the_whole_line():
    recogniser = Recogniser({"define": [{"name": "auc", "regex": r".*\[[0-9]+\].*#011validation-auc:([-+]?[0-9.]+)"}]})
    found = list(recogniser.push(b"[7]#011train-auc:0.5#011validation-auc:0.75\n"))
    assert found == [("auc", None, 7, None, 0.75)]
    recogniser = Recogniser({"define": [{"name": "reward", "regex": r"ep_rew_mean +\| +([0-9.]+)"}]})
    assert [point[4] for point in recogniser.push(b"| ep_rew_mean | 2.5 |\n| loss | 1 |\n------\n")] == [2.5]


def test_a_run_goes_on_where_its_output_cannot_be_read(capfd, monkeypatch):
    define = [{"name": "hex", "regex": r"\p{Hex}+"}, {"name": "fall", "regex": "down to ([^ ]+)"}]
    stops = Stops([{"rule": "not-a-number", "metric": "fall"}, {"rule": "time", "seconds": 9}], {"define": define})
    assert "the definition of hex cannot be used" in capfd.readouterr().err
    assert stops.read(b"loss=0.5\n") is None
    monkeypatch.setattr(stops.recogniser, "push", lambda data: 1 // 0)
    assert stops.read(b"down to nan\n") is None
    assert "only time and money: ZeroDivisionError" in capfd.readouterr().err
    assert stops.read(b"down to nan\n") is None and stops.finish() is None
    assert stops.check(9) == "it has run for 9 s, its limit is 9 s"


@pytest.mark.parametrize("log, code", [(b"loss=0.5\nloss=nan\nloss=0.4\n", 3), (b"loss=0.5\nloss=0.4", 0)])
def test_in_a_pipe(log, code):
    command = [sys.executable, str(RUNNERS / "curfew_rules.py"), '[{"rule": "not-a-number"}]']
    done = subprocess.run(command, input=log, capture_output=True, timeout=60)
    assert (done.returncode, done.stdout) == (code, log)
    assert done.stderr == (b"stop because loss is not a number\n" if code else b"")
