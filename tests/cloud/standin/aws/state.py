"""What the proxy remembers beside moto: settings, seeded data, the overlay's memory, its clock, the log."""

import threading
import time

from ..aws_settings import SETTINGS

DEFAULT_ACCOUNT = "123456789012"

DATA = {"pricing.get_products": [], "quotas": {}, "events": [], "ec2.placement": {}, "sso.accounts": {}}
LOG_LIMIT = 200_000


class World:
    def __init__(self):
        self.lock = threading.RLock()
        self.epoch = 0
        self.log = []
        self.clear()

    def clear(self):
        """Everything but the epoch, which rises, so that what an ended job still reports is known to be stale."""
        with self.lock:
            self.epoch += 1
            self.settings = {name: _copy(value) for name, value in SETTINGS.items()}
            self.data = {name: _copy(value) for name, value in DATA.items()}
            self.offset = 0.0
            self.accounts = {}
            self._memory = {}
            self.log.clear()

    def now(self):
        return time.time() + self.offset

    def memory(self, kind, account, region):
        """name -> record of one kind; never shared between accounts or regions."""
        with self.lock:
            return self._memory.setdefault((kind, account, region), {})

    def memories(self, kind):
        with self.lock:
            return [(key[1], key[2], names) for key, names in self._memory.items() if key[0] == kind]

    def set(self, changes):
        unknown = sorted(set(changes) - set(self.settings))
        if unknown:
            raise ValueError("no such setting: %s (there are %s)" % (", ".join(unknown), ", ".join(self.settings)))
        with self.lock:
            self.settings.update(changes)

    def record(self, entry):
        with self.lock:
            self.log.append(entry)
            if len(self.log) > LOG_LIMIT:
                del self.log[: LOG_LIMIT // 10]


def _copy(value):
    return type(value)(value) if isinstance(value, (dict, list)) else value
