"""What a script says of itself, for tests/libraries.rs to compare with what was recognised in its output.

The facts come from the library's own objects (its history, its evaluation results), never from the text printed.
"""

import json
import os

_facts = []


def fact(metric, values, steps=None, epochs=None):
    """`values` as printed, oldest first; `steps` and `epochs` where the output tells them."""
    _facts.append({
        "metric": metric,
        "points": len(values),
        "first": float(values[0]),
        "last": float(values[-1]),
        "last_step": steps[-1] if steps else None,
        "last_epoch": epochs[-1] if epochs else None,
    })


def absent(metric):
    """A name that stands in the output and is no metric: a count, a time, a rate."""
    _facts.append({"metric": metric, "points": 0})


def save():
    with open(os.environ["CURFEW_FACTS"], "w") as file:
        json.dump(_facts, file)
