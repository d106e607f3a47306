"""Reads what was exported with readers that are not ours, and compares every point with what was kept, bit by bit.

exports.py FOLDER: holds truth.json ([[name, rank, [[step, epoch's bits, time in ms, value's bits], …]], …]), series.csv,
series.json, series.parquet and tb/. Prints how many points each reader found.
"""

import csv
import datetime
import json
import math
import struct
import sys
from pathlib import Path

import pandas
import pyarrow.parquet
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

folder = Path(sys.argv[1])
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def bits(value):
    return None if value is None else struct.unpack("<Q", struct.pack("<d", value))[0]


def single(bits):
    """As float32, which is what TensorBoard keeps: where it is too large, infinity."""
    value = struct.unpack("<d", struct.pack("<Q", bits))[0]
    try:
        return struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)


def milliseconds(text):
    return round((datetime.datetime.fromisoformat(text.replace("Z", "+00:00")) - EPOCH) / datetime.timedelta(milliseconds=1))


def same(what, seen):
    """Every metric, every point, in the order printed."""
    assert [key for key, _ in seen] == [key for key, _ in truth], (what, [key for key, _ in seen])
    for (key, points), (_, expect) in zip(seen, truth):
        assert len(points) == len(expect), (what, key, len(points), len(expect))
        for at, (one, other) in enumerate(zip(points, expect)):
            assert tuple(one) == tuple(other), (what, key, at, one, other)
    print(what, sum(len(points) for _, points in seen))


def grouped(rows):
    metrics = {}
    for name, rank, *point in rows:
        metrics.setdefault((name, rank), []).append(point)
    return list(metrics.items())


truth = [((name, rank), points) for name, rank, points in json.loads((folder / "truth.json").read_text())]

number = lambda text, kind: None if text == "" else kind(text)
with open(folder / "series.csv", newline="", encoding="utf-8") as file:
    rows = list(csv.DictReader(file))
same("csv", grouped(
    (row["metric"], number(row["rank"], int), number(row["step"], int), bits(number(row["epoch"], float)),
     milliseconds(row["time"]), bits(float(row["value"]))) for row in rows))

table = pandas.read_csv(folder / "series.csv", keep_default_na=False, dtype={"step": str})
assert [bits(float(value)) for value in table["value"]] == [point[3] for _, points in truth for point in points]
print("pandas", len(table))

odd = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
plain = lambda value: bits(odd[value] if isinstance(value, str) else value if value is None else float(value))
strict = json.loads((folder / "series.json").read_text(), parse_constant=lambda word: 1 / 0)
same("json", [
    ((metric["name"], metric["rank"]),
     [(point["step"], plain(point["epoch"]), milliseconds(point["time"]), plain(point["value"])) for point in metric["points"]])
    for metric in strict["metrics"]])

columns = pyarrow.parquet.read_table(folder / "series.parquet").to_pydict()
same("parquet", grouped(zip(
    columns["metric"], columns["rank"], columns["step"], map(bits, columns["epoch"]), columns["time_ms"],
    map(bits, columns["value"]))))

accumulator = EventAccumulator(str(folder / "tb"), size_guidance={"scalars": 0})
accumulator.Reload()
tags = {name if rank is None else f"rank{rank}/{name}": points for (name, rank), points in truth}
assert sorted(accumulator.Tags()["scalars"]) == sorted(tags), accumulator.Tags()["scalars"]
count = 0
for tag, points in tags.items():
    seen = [(event.step, bits(event.value), round(event.wall_time * 1000)) for event in accumulator.Scalars(tag)]
    expect = [
        (min(at if step is None else step, 2**63 - 1), bits(single(value)), time)
        for at, (step, _, time, value) in enumerate(points)]
    assert seen == expect, (tag, [pair for pair in zip(seen, expect) if pair[0] != pair[1]][:3], len(seen), len(expect))
    count += len(seen)
print("tensorboard", count)
