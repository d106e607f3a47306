"""The entry point of a run in a cloud that has stop rules: starts the script, reads its output, ends it when a rule is
met.

Standard library only, Python 3.8 and later. CURFEW_ENTRY is JSON: {"entry": "train.py", "rules": […],
"definitions": null, "usd_per_hour": 0.23, "grace_s": 60}. Arguments are the script's. What the script has saved is
kept: a run that a rule ends has not failed, so this ends with 0 and says why on a line of its own, which Curfew
reads.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time

from curfew_rules import Stops

MARK = "[curfew] ended by a stop rule: "


def main():
    order = json.loads(os.environ["CURFEW_ENTRY"])
    stops = Stops(order["rules"], order.get("definitions"), order.get("usd_per_hour"))
    here = os.path.dirname(os.path.abspath(__file__))
    command = [sys.executable, "-u", os.path.join(here, order["entry"]), *sys.argv[1:]]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    # What ends this process (SageMaker's SIGTERM) ends the script.
    signal.signal(signal.SIGTERM, lambda *_: tell(child, signal.SIGTERM))
    state = {"why": None, "began": time.monotonic()}
    watcher = threading.Thread(target=watch_clock, args=(child, stops, state, order.get("grace_s", 60)), daemon=True)
    watcher.start()
    while True:
        data = os.read(child.stdout.fileno(), 1 << 16)
        if not data:
            break
        os.write(1, data)
        met = stops.read(data)
        if met:
            end(child, state, met, order.get("grace_s", 60))
    code = child.wait()
    if state["why"]:
        print(MARK + state["why"], flush=True)
        return 0
    return code if code >= 0 else 128 - code


def tell(child, number):
    try:
        os.killpg(child.pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def end(child, state, why, grace_s):
    """Asks the script to end; a script that does not is killed after the grace time."""
    if state["why"]:
        return
    state["why"] = why
    tell(child, signal.SIGTERM)
    killer = threading.Timer(grace_s, tell, (child, signal.SIGKILL))
    killer.daemon = True
    killer.start()


def watch_clock(child, stops, state, grace_s):
    """Rules about time and money hold also while the script prints nothing."""
    while child.poll() is None and not state["why"]:
        met = stops.check(time.monotonic() - state["began"])
        if met:
            end(child, state, met, grace_s)
        time.sleep(0.2)


if __name__ == "__main__":
    sys.exit(main())
