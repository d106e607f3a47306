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
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import make_server

    # As moto.server does it, but in this thread: a port that is taken ends the process instead of hanging it.
    app = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", given.port, app, threaded=True, request_handler=MotoRequestHandler)
    write_json(os.path.join(given.dir, "moto.json"), {"port": server.server_port})
    server.serve_forever()


if __name__ == "__main__":
    main()
