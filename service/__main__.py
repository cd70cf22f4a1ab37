"""``python -m service``: serve."""

import argparse
import logging
import socket
import sys

from indexer.errors import PrecedentError, SettingsError
from indexer.logs import configure_logging
from indexer.settings import Settings, load_settings

_FAILED = 2


def main() -> int:
    """Serve until Ctrl-C and return the exit status."""
    argparse.ArgumentParser(
        prog="python -m service",
        description="Serve the HTTP API on PRECEDENT_HOST:PRECEDENT_PORT (default 127.0.0.1:8000).",
        epilog="Settings come from the environment and .env; the README lists them. "
        "Exit status: 0 stopped, 2 could not start.",
    ).parse_args()
    try:
        settings = load_settings()
        # First of all, so that a port in use is told before anything else is started.
        listener = _listen(settings)
    except PrecedentError as error:
        return _refuse(error)
    configure_logging(settings.log_level)
    shown = f"[{settings.host}]" if ":" in settings.host else settings.host
    logging.getLogger("service").info(
        "serving on http://%s:%d, documented at /docs", shown, listener.getsockname()[1]
    )
    with listener:
        return _serve(settings, listener)


def _serve(settings: Settings, listener: socket.socket) -> int:
    import uvicorn

    from service.app import create_app

    app = create_app(settings)
    # What keeps the service from starting is told below in its own words; uvicorn would add a traceback.
    logging.getLogger("uvicorn.error").addFilter(lambda _: app.state.get("refusal") is None)
    # The access log is off: addresses may hold what should not be kept, and /metrics counts requests.
    config = uvicorn.Config(app, access_log=False, log_config=None, timeout_graceful_shutdown=10)
    try:
        uvicorn.Server(config).run(sockets=[listener])
    except KeyboardInterrupt:
        return 0
    except SystemExit:
        if app.state.get("refusal") is None:
            raise
        return _refuse(app.state["refusal"])
    return 0


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family)
    except OSError as error:
        msg = (
            f"cannot serve on PRECEDENT_HOST={settings.host}, PRECEDENT_PORT={settings.port}: {error.strerror}; "
            "stop what is there (`make stop` if it is Precedent), or set another PRECEDENT_PORT"
        )
        raise SettingsError(msg) from None


def _refuse(error: PrecedentError) -> int:
    sys.stderr.write(f"error: {error}\n")
    return _FAILED


if __name__ == "__main__":
    sys.exit(main())
