"""Faults on purpose, before a call or after it (done, but the answer is lost), counted or by seeded chance.

Counted: {"op", "service", "region", "count": 1, "every": 1, and what happens:
  "kind" (see KINDS), or "code" and "status" and "message", "drop": true, "cut": BYTES, "delay_s": S, "hang_s": S}.
  "after": true has the call executed first. `cut` is after by nature; a cut of an empty answer drops it.
By chance: {"rate": 0.2, "seed": 7, "after_share": 0.5, "kinds": [...]} and op, service, region as above.
  The n-th call of an operation always draws the same lot for a seed, whatever else happens in between.
`op` and `service` may be lists. An S3 operation also answers to "S3:PUT" and its like.
"""

import random

# kind -> whether the call may have been executed when it strikes.
KINDS = {
    "throttle": False,
    "error500": True,
    "timeout": True,
    "drop": True,
    "cut": True,
    "slow": False,
    "expired": False,
    "skew": False,
}
AFTER = [kind for kind, may in KINDS.items() if may]
BEFORE = [kind for kind in KINDS if kind != "cut"]  # an answer can only be cut when there is one
FIELDS = {
    "op", "service", "region", "count", "every", "kind", "code", "status", "message", "drop", "cut", "delay_s",
    "hang_s", "after", "rate", "seed", "after_share", "kinds",
}  # fmt: skip


class Strike:
    """What happens to one call. `error` is (code, status, message) or None."""

    def __init__(self, kind=None, after=False, error=None, drop=False, cut=None, delay_s=0.0):
        self.kind, self.after, self.error = kind, after, error
        self.drop, self.cut, self.delay_s = drop, cut, delay_s

    def note(self):
        return {"kind": self.kind, "after": self.after, "drop": self.drop, "cut": self.cut, "error": self.error}


class Faults:
    def __init__(self, lock):
        self.lock, self.rules, self.seen = lock, [], {}

    def clear(self):
        with self.lock:
            self.rules, self.seen = [], {}

    def add(self, rule):
        unknown = sorted(set(rule) - FIELDS)
        if unknown:
            raise ValueError("no such field of a fault: " + ", ".join(unknown))
        for kind in [rule.get("kind")] + list(rule.get("kinds") or []):
            if kind is not None and kind not in KINDS:
                raise ValueError("no such kind of fault: %s (there are %s)" % (kind, ", ".join(KINDS)))
        with self.lock:
            count = None if "rate" in rule else 1
            self.rules.append({"count": count, "every": 1, "seen": 0, **rule})

    def draw(self, service, operation, region, method):
        """The strike for this call, or None."""
        names = {operation, "S3:" + method} if service == "s3" else {operation}
        with self.lock:
            number = self.seen[service, operation] = self.seen.get((service, operation), 0) + 1
            for rule in self.rules:
                if not (_fits(rule, "op", names) and _fits(rule, "service", {service})):
                    continue
                if not _fits(rule, "region", {region}) or rule["count"] == 0:
                    continue
                rule["seen"] += 1
                if "rate" in rule:
                    strike = _chance(rule, "%s|%s|%s|%s" % (rule.get("seed", 0), service, operation, number), service)
                elif rule["seen"] % rule["every"] == 0:
                    strike = _counted(rule, service)
                else:
                    strike = None
                if strike:
                    if rule["count"] is not None:
                        rule["count"] -= 1
                    return strike
        return None


def _fits(rule, field, values):
    wanted = rule.get(field)
    wanted = wanted if isinstance(wanted, list) else [wanted]
    return wanted == [None] or any(value in wanted for value in values)


def _chance(rule, lot, service):
    chance = random.Random(lot)
    if chance.random() >= rule["rate"]:
        return None
    after = chance.random() < rule.get("after_share", 0.5)
    kinds = [kind for kind in (AFTER if after else BEFORE) if kind in (rule.get("kinds") or KINDS)]
    if not kinds:
        return None
    return _of_kind(chance.choice(kinds), after, rule, service)


def _counted(rule, service):
    if rule.get("kind"):
        return _of_kind(rule["kind"], bool(rule.get("after")) and KINDS[rule["kind"]], rule, service)
    error = None
    if rule.get("code"):
        error = (rule["code"], rule.get("status", 400), rule.get("message", "Rate exceeded"))
    elif rule.get("after") and not rule.get("drop") and rule.get("cut") is None:
        error = server_error(service)
    drop = bool(rule.get("drop"))
    delay = rule.get("delay_s", 0)
    if rule.get("hang_s"):
        drop, delay = True, rule["hang_s"]
    return Strike(None, bool(rule.get("after")), error, drop, rule.get("cut"), delay)


def _of_kind(kind, after, rule, service):
    if kind == "drop":
        return Strike(kind, after, drop=True)
    if kind == "timeout":
        return Strike(kind, after, drop=True, delay_s=rule.get("hang_s", 1.0))
    if kind == "cut":
        return Strike(kind, True, cut=rule.get("cut", 20))
    if kind == "slow":
        return Strike(kind, False, delay_s=rule.get("delay_s", 0.5))
    error = {"throttle": throttled, "error500": server_error, "expired": expired, "skew": skewed}[kind](service)
    return Strike(kind, after, error)


# Each service has its own words for the same thing.


def throttled(service):
    if service == "s3":
        return ("SlowDown", 503, "Please reduce your request rate.")
    if service == "ec2":
        return ("RequestLimitExceeded", 503, "Request limit exceeded.")
    if service in ("iam", "sts", "elb", "elbv2"):
        return ("Throttling", 400, "Rate exceeded")
    return ("ThrottlingException", 400, "Rate exceeded")


def server_error(service):
    if service in ("s3", "ec2"):
        return ("InternalError", 500, "We encountered an internal error. Please try again.")
    return ("InternalFailure", 500, "The request processing has failed because of an unknown error.")


def expired(service):
    if service == "ec2":
        return ("RequestExpired", 400, "Request has expired.")
    if service == "s3":
        return ("ExpiredToken", 400, "The provided token has expired.")
    if service in ("iam", "sts"):
        return ("ExpiredToken", 403, "The security token included in the request is expired")
    return ("ExpiredTokenException", 400, "The security token included in the request is expired")


def skewed(service):
    if service == "s3":
        text = "The difference between the request time and the current time is too large."
        return ("RequestTimeTooSkewed", 403, text)
    if service == "ec2":
        return ("AuthFailure", 401, "AWS was not able to validate the provided access credentials")
    if service in ("iam", "sts"):
        return ("SignatureDoesNotMatch", 403, "Signature expired: the request is now earlier than 15 min.")
    return ("InvalidSignatureException", 400, "Signature expired: the request is now earlier than 15 min.")
