"""Run the stand-in: ``python -m tests.provider --port 0`` prints its address as one line of JSON."""

import argparse
import json
import os
import signal
import socket
import sys
import threading

import uvicorn

from tests.provider.app import StandIn
from tests.provider.state import Configuration

__all__: list[str] = []


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.provider", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on loopback; 0 is a free one")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before every answer")
    parser.add_argument("--dimension", type=int, default=64, help="dimension of the vectors")
    parser.add_argument("--owned", action="store_true", help="end when standard input ends")
    options = parser.parse_args()
    app = StandIn(Configuration(latency=options.latency, dimension=options.dimension))
    listener = socket.create_server(("127.0.0.1", options.port))
    if options.owned:
        # The pipe closes however the owner ends, kill -9 included, so no server outlives its test run.
        threading.Thread(target=_end_with_input, daemon=True).start()
    print(json.dumps({"url": f"http://127.0.0.1:{listener.getsockname()[1]}/v1"}), flush=True)
    config = uvicorn.Config(
        app, log_level="critical", access_log=False, lifespan="off", timeout_graceful_shutdown=1, ws="none"
    )
    uvicorn.Server(config).run(sockets=[listener])


def _end_with_input() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    _main()
