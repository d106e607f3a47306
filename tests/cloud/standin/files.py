"""Small things that every process of the stand-in needs."""

import json
import os


def write_json(path, value):
    """Readers see the old file or the new one, never a half."""
    temporary = "%s.%d.tmp" % (path, os.getpid())
    with open(temporary, "w", encoding="utf-8") as file:
        json.dump(value, file)
    os.replace(temporary, path)


def read_json(path):
    """None where there is no whole file."""
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError):
        return None
