"""Processes, known by more than a number: a pid alone may be somebody else's by now."""

import os
import signal
import time

DIR_MARK = "CURFEW_STANDIN_DIR"


def boot_id():
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""


def started(pid):
    """When the process began, in clock ticks since boot; None where it is gone or a zombie."""
    try:
        with open("/proc/%d/stat" % pid, "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


def identity(pid):
    return {"pid": pid, "started": started(pid), "boot": boot_id()}


def is_same(known):
    """Whether the process that `identity` described still runs."""
    if not known or known.get("started") is None or known.get("boot") != boot_id():
        return False
    return started(known["pid"]) == known["started"]


def marked(name, value):
    """Pids whose environment has NAME=value: children of ours, wherever they have gone. Needs /proc."""
    wanted, found = ("%s=%s" % (name, value)).encode(), []
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            with open("/proc/%s/environ" % entry, "rb") as file:
                if wanted in file.read().split(b"\0") and started(int(entry)) is not None:
                    found.append(int(entry))
        except OSError:
            continue  # gone meanwhile, or not ours
    return found


def send(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def end_marked(name, value, grace_s=0.0, spare=()):
    """SIGTERM, then after the grace time SIGKILL, until nothing with the mark is left."""

    def left():
        return [pid for pid in marked(name, value) if pid not in spare]

    deadline = time.monotonic() + grace_s
    if grace_s:
        send(left(), signal.SIGTERM)
    while left():
        if time.monotonic() >= deadline:
            send(left(), signal.SIGKILL)
        time.sleep(0.05)


TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def usage(pids):
    """(CPU seconds so far, resident bytes) of these processes together."""
    cpu, resident = 0.0, 0
    for pid in pids:
        try:
            with open("/proc/%d/stat" % pid, "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
            cpu += (int(fields[11]) + int(fields[12])) / TICKS
            resident += int(fields[21]) * PAGE
        except (OSError, IndexError, ValueError):
            continue
    return cpu, resident


def memory_bytes():
    return os.sysconf("SC_PHYS_PAGES") * PAGE
