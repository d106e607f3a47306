"""python -m standin.moto_server --dir DIR [--port 0]: moto on loopback; its port goes to DIR/moto.json."""

import argparse
import os
import signal

from .files import write_json


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--dir", required=True)
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args()
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", given.port, verbose=False)
    server.start()
    port = server.get_host_and_port()[1]
    write_json(os.path.join(given.dir, "moto.json"), {"port": port})
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    os._exit(0)


if __name__ == "__main__":
    main()
