"""``serve``: run the HTTP API."""

import logging
import socket

import click

from indexer.commands.output import settings_for_command
from indexer.errors import SettingsError
from indexer.settings import Settings
from service.intervals import Intervals

__all__ = ["run", "serve"]


@click.command(epilog="Exit status: 0 stopped, 2 could not start.")
def serve() -> int:
    """Serve the HTTP API until it is stopped.

    It listens on PRECEDENT_HOST and PRECEDENT_PORT, by default http://127.0.0.1:8000, and documents itself at /docs.
    Stop it with Ctrl-C or `precedent stop`.
    """
    return run(settings_for_command())


def run(settings: Settings, intervals: Intervals | None = None) -> int:
    """Serve until stopped, and return the exit status.

    :param intervals: of the background work; tests give shorter ones.
    :raises PrecedentError: the service cannot start with these settings, or on what is stored.
    """
    # First of all, so that a port in use is reported before anything else is started.
    with _listen(settings) as listener:
        return _serve(settings, listener, intervals)


def _serve(settings: Settings, listener: socket.socket, intervals: Intervals | None) -> int:
    import uvicorn

    from service.app import create_app
    from service.connections import BoundedProtocol, raise_file_limit
    from service.middleware import Refusals, RequestIds

    class Announced(uvicorn.Server):
        """Says where it serves once it does: until then settings or what is stored may still refuse the start."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            shown = f"[{settings.host}]" if ":" in settings.host else settings.host
            logging.getLogger("service").info(
                "serving on http://%s:%d, documented at /docs", shown, listener.getsockname()[1]
            )

    raise_file_limit()
    app = create_app(settings, intervals)
    # Why the service does not start is said below in its own words; uvicorn would add a traceback.
    logging.getLogger("uvicorn.error").addFilter(lambda _: app.state.get("refusal") is None)
    # The access log is off: addresses may hold what should not be kept, and /metrics counts requests.
    config = uvicorn.Config(
        RequestIds(Refusals(app, app.state.pools.asking)),
        http=BoundedProtocol,
        ws="none",
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=10,
    )
    try:
        server = Announced(config)
        app.state.is_stopping = lambda: server.should_exit
        server.run(sockets=[listener])
    except KeyboardInterrupt:
        return 0
    except SystemExit:
        if app.state.get("refusal") is None:
            raise
        raise app.state["refusal"] from None
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
