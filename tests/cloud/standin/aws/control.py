"""`/_oracle/…`: how tests look in and turn the screws.

GET  log [?bad=1]          every request: service, operation, region, what was wrong, status, fault, ms, attempt
POST fault {…} | []        adds a fault (see faults.py); an empty list forgets them all
POST clock {…}             changes settings (see state.py); GET shows them
POST now {"advance_s": 60} moves the overlay's clock, so that tests need not sleep
POST data {…}              seeds prices, quotas, events
POST interrupt {"job", "region"}   takes the spot machine away from a running script
POST reset                 ends every script and server, empties moto and everything here, makes the user anew
POST state {…}             from the helper: how a job or an endpoint stands
GET  seed                  the user that was made, with its key
"""

import json

from .overlay.life import ENDED
from .reply import json_reply
from .seed import seed


def control(proxy, path, query, body):
    try:
        given = json.loads(body or b"{}")
        handler = ROUTES.get(path)
        if not handler:
            return json_reply({"error": "no such control: " + path}, 404)
        return json_reply(handler(proxy, query, given))
    except (ValueError, KeyError, TypeError) as error:
        return json_reply({"error": "%s: %s" % (type(error).__name__, error)}, 400)


def _log(proxy, query, _given):
    with proxy.world.lock:
        return [entry for entry in proxy.world.log if not query.get("bad") or entry["bad"]]


def _fault(proxy, _query, given):
    if given == []:
        proxy.faults.clear()
    elif given:
        proxy.faults.add(given)
    return proxy.faults.rules


def _clock(proxy, _query, given):
    if given:
        proxy.world.set(given)
        _tell(proxy)
    return proxy.world.settings


def _now(proxy, _query, given):
    with proxy.world.lock:
        proxy.world.offset += given.get("advance_s", 0)
    _tell(proxy)
    return {"now": proxy.world.now()}


def _tell(proxy):
    if proxy.helper:
        proxy.helper.settings(proxy.world)


def _data(proxy, _query, given):
    proxy.world.data.update(given)
    return {name: len(value) for name, value in proxy.world.data.items()}


def _interrupt(proxy, _query, given):
    for account, region, jobs in proxy.world.memories("tj"):
        job = jobs.get(given["job"])
        if job and job["real"] and given.get("region") in (None, region):
            return proxy.helper.tell("/job/interrupt", {"account": account, "region": region, "name": given["job"]})
    raise ValueError("no script runs for a job named " + given["job"])


def _reset(proxy, _query, _given):
    from .call import upstream

    world = proxy.world
    with world.lock:
        world.epoch += 1  # from here on what old jobs report is stale
    if proxy.helper:
        proxy.helper.reset(world)
    status, _, _ = upstream(proxy.moto, "POST", "/moto-api/reset", {}, b"")
    if status != 200:
        raise ValueError("moto refused the reset: %d" % status)
    world.clear()
    proxy.faults.clear()
    _tell(proxy)
    proxy.seed = seed(proxy.moto)
    return {}


def _state(proxy, _query, given):
    world = proxy.world
    with world.lock:
        if given["epoch"] != world.epoch:
            return {"stale": True}
        memory = world.memory({"job": "tj", "endpoint": "ep"}[given["kind"]], given["account"], given["region"])
        record = memory.get(given["name"])
        if record is None:
            return {"stale": True}
        (_job_state if given["kind"] == "job" else _endpoint_state)(world, record, given["state"])
    return {"stale": False}


def _job_state(world, job, life):
    if job.get("stop") and life["status"] == "InProgress":
        return  # it was sent before the job heard of the stop
    if job["life"]["status"] not in ENDED:
        job["life"] = life


def _endpoint_state(world, record, state):
    if state["status"] == "Deleted":
        record["real"] = False  # nothing runs any more: the rest of Deleting is only time
        return
    if record["status"] == "Deleting":
        return
    if record["status"] == "Updating" and state["status"] == "Failed":
        record.update(status="InService", reason=state["reason"], config=record["before"])
    else:
        record.update(status=state["status"], reason=state.get("reason"))
    record["changed"] = world.now()


def _seed(proxy, _query, _given):
    return proxy.seed


ROUTES = {
    "log": _log,
    "fault": _fault,
    "clock": _clock,
    "now": _now,
    "data": _data,
    "interrupt": _interrupt,
    "reset": _reset,
    "state": _state,
    "seed": _seed,
}
