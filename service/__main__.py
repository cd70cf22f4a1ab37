"""``python -m service``: serve."""

import argparse
import sys

from indexer.errors import PrecedentError
from indexer.logs import configure_logging
from indexer.settings import load_settings


def main() -> int:
    """Serve until Ctrl-C and return the exit status."""
    argparse.ArgumentParser(
        prog="python -m service",
        description="Serve the HTTP API on PRECEDENT_HOST:PRECEDENT_PORT (default 127.0.0.1:8000).",
        epilog="Settings come from the environment and .env; the README lists them.",
    ).parse_args()
    try:
        settings = load_settings()
    except PrecedentError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    configure_logging(settings.log_level)
    import uvicorn

    from service.app import create_app

    # The access log is off: addresses may hold what should not be kept, and /metrics counts requests.
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(settings), host=settings.host, port=settings.port, access_log=False, log_config=None,
            timeout_graceful_shutdown=10,
        )
    )  # fmt: skip
    try:
        server.run()
    except KeyboardInterrupt:
        return 0
    return 0 if server.started else 2


if __name__ == "__main__":
    sys.exit(main())
