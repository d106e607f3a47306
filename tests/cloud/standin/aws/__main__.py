"""python -m standin.aws --dir DIR --moto HOST:PORT [--helper HOST:PORT] [--port 0] [--scale F]"""

import argparse
import os

from ..aws_settings import SETTINGS
from ..files import write_json
from .helper_client import HelperClient
from .proxy import Proxy
from .seed import seed


def address(text):
    host, _, port = text.partition(":")
    return host, int(port)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--dir", required=True)
    parser.add_argument("--moto", type=address, required=True)
    parser.add_argument("--helper", type=address)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--scale", type=float, default=1.0)
    given = parser.parse_args()
    SETTINGS["scale"] = given.scale  # so that a reset keeps it
    proxy = Proxy(("127.0.0.1", given.port), given.moto, HelperClient(given.helper) if given.helper else None)
    proxy.world.clear()
    proxy.seed = seed(given.moto)
    url = "http://127.0.0.1:%d" % proxy.server_port
    if proxy.helper:
        proxy.helper.tell("/proxy", {"url": url, "epoch": proxy.world.epoch})
        proxy.helper.settings(proxy.world)
    write_json(os.path.join(given.dir, "aws.json"), {"port": proxy.server_port, "url": url, **proxy.seed})
    proxy.serve_forever()


if __name__ == "__main__":
    main()
