"""What moto lacks or answers at once, made up here so that it takes its time. It is ours: it proves our flow, not AWS.

Each module registers handlers `(call) -> answer`; `OVERLAY[service, operation]` is asked before moto.
"""

from . import cloudwatch, endpoints, iam, notebooks, others, runtime, second_factor, sign_in, stores, training, tuning
from .registry import OVERLAY

__all__ = [
    "OVERLAY",
    "cloudwatch",
    "endpoints",
    "iam",
    "notebooks",
    "others",
    "runtime",
    "second_factor",
    "sign_in",
    "stores",
    "training",
    "tuning",
]
