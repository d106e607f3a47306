"""Figures into moto's CloudWatch, under the names and dimensions that SageMaker uses."""

import os
import re
import sys
import threading
import time

from botocore.exceptions import BotoCoreError, ClientError

from ..processes import memory_bytes, usage


def put(place, namespace, dimensions, data, at=None):
    """`data`: (name, values, unit). Values that share a name are samples of one moment, now or `at`."""
    named = [{"Name": name, "Value": value} for name, value in dimensions.items()]
    client = place.client("cloudwatch")
    found = [
        {
            "MetricName": name,
            "Dimensions": named,
            "Timestamp": at or time.time(),
            "Unit": unit,
            "Values": values[start : start + 150],
        }
        for name, values, unit in data
        for start in range(0, len(values), 150)
    ]
    for start in range(0, len(found), 20):
        try:
            client.put_metric_data(Namespace=namespace, MetricData=found[start : start + 20])
        except (ClientError, BotoCoreError) as error:
            print("metrics %s: %s" % (namespace, error), file=sys.stderr, flush=True)


class Usage:
    """CPU (100 % a core, as SageMaker counts) and memory of some processes, between two looks."""

    def __init__(self):
        self.before = None

    def look(self, pids):
        """Pairs for `put`; empty on the first look and when nothing runs."""
        now, (cpu, resident) = time.monotonic(), usage(pids)
        before, self.before = self.before, (now, cpu)
        if not pids or before is None or now <= before[0]:
            return []
        percent = max(0.0, (cpu - before[1]) / (now - before[0]) * 100)
        return [
            ("CPUUtilization", [round(percent, 3)], "Percent"),
            ("MemoryUtilization", [round(resident / memory_bytes() * 100, 3)], "Percent"),
            ("DiskUtilization", [round(disk_percent(), 3)], "Percent"),
        ]


def disk_percent():
    found = os.statvfs(".")
    return (1 - found.f_bavail / found.f_blocks) * 100


class Recogniser:
    """A job's own metric definitions, applied to its log as SageMaker does."""

    def __init__(self, definitions):
        self.patterns = [(item["Name"], re.compile(item["Regex"])) for item in definitions]
        self.fresh, self.last, self.lock = {}, {}, threading.Lock()

    def line(self, text):
        for name, pattern in self.patterns:
            found = pattern.search(text)
            if not found or not found.groups():
                continue
            try:
                value = float(found[1])
            except (TypeError, ValueError):
                continue
            with self.lock:
                self.fresh.setdefault(name, []).append(value)
                self.last[name] = {"MetricName": name, "Value": value, "Timestamp": time.time()}

    def take(self):
        """What was recognised since the last time, for `put`."""
        with self.lock:
            fresh, self.fresh = self.fresh, {}
        return [(name, values, "None") for name, values in fresh.items()]
