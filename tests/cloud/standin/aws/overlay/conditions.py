"""IAM's condition operators, as far as a simulation's context entries can meet them."""

import datetime as dt
import ipaddress
import re


def holds(conditions, context, missing):
    """All operators and all their keys must hold. A key that the context lacks fails, but for …IfExists and Null."""
    return all(
        _operator(operator, key, values if isinstance(values, list) else [values], context, missing)
        for operator, keys in conditions.items()
        for key, values in keys.items()
    )


def _operator(operator, key, wanted, context, missing):
    every = operator.startswith("ForAllValues:")
    name = operator.partition(":")[2] if ":" in operator else operator
    optional, name = name.endswith("IfExists"), name.removesuffix("IfExists")
    present = key.lower() in context
    if name == "Null":
        return any((str(value).lower() == "true") != present for value in wanted)
    if not present:
        missing.add(key)
        return optional or every or name in NEGATED
    test = TESTS.get(name) or TESTS[NEGATED[name]]

    def one(given):
        return any(test(str(value), given) for value in wanted) != (name in NEGATED)

    given = context[key.lower()]
    return all(map(one, given)) if every or name in NEGATED else any(map(one, given))


def _like(pattern, given):
    text = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(text, given, re.DOTALL) is not None


def _time(text):
    if re.fullmatch(r"\d+", text):
        return float(text)
    return dt.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


TESTS = {
    "StringEquals": lambda value, given: value == given,
    "StringEqualsIgnoreCase": lambda value, given: value.lower() == given.lower(),
    "StringLike": _like,
    "ArnEquals": _like,
    "ArnLike": _like,
    "Bool": lambda value, given: value.lower() == given.lower(),
    "NumericEquals": lambda value, given: float(given) == float(value),
    "NumericLessThan": lambda value, given: float(given) < float(value),
    "NumericLessThanEquals": lambda value, given: float(given) <= float(value),
    "NumericGreaterThan": lambda value, given: float(given) > float(value),
    "NumericGreaterThanEquals": lambda value, given: float(given) >= float(value),
    "DateEquals": lambda value, given: _time(given) == _time(value),
    "DateLessThan": lambda value, given: _time(given) < _time(value),
    "DateLessThanEquals": lambda value, given: _time(given) <= _time(value),
    "DateGreaterThan": lambda value, given: _time(given) > _time(value),
    "DateGreaterThanEquals": lambda value, given: _time(given) >= _time(value),
    "IpAddress": lambda value, given: ipaddress.ip_address(given) in ipaddress.ip_network(value, strict=False),
}
NEGATED = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
    "NotIpAddress": "IpAddress",
}
