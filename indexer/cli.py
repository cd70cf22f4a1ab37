"""The commands of ``python -m indexer``."""

import argparse
import contextlib
import signal
import sys
from collections.abc import Sequence

import msgspec

from indexer.commands import add_commands
from indexer.commands.output import DONE, FAILED
from indexer.console import say
from indexer.errors import PrecedentError
from indexer.logs import configure_logging
from indexer.settings import Settings, load_settings

__all__ = ["main"]

_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    options = _parser().parse_args(arguments)
    # `kill` and `make stop` end a command as Ctrl-C does: in order.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        settings = load_settings()
        configure_logging(settings.log_level)
        status: int = options.run(settings, options)
    except PrecedentError as error:
        say(f"error: {error}")
        return FAILED
    except KeyboardInterrupt:
        say("interrupted: what was acknowledged is stored; the same command goes on from there")
        return _INTERRUPTED
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m indexer",
        description="Keep resolved tickets: in the ledger (the truth) and in Chroma (for search).",
        epilog="Settings come from the environment and .env; the README lists them.",
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    add_commands(commands)
    status = commands.add_parser("status", help="say what is stored")
    status.add_argument("--json", action="store_true", help="as one line of JSON")
    status.set_defaults(run=_status)
    stop = commands.add_parser("stop", help="stop the service and the Chroma server of the data directory")
    stop.set_defaults(run=_stop)
    return parser


def _status(settings: Settings, options: argparse.Namespace) -> int:
    from indexer.ledger import Ledger

    with contextlib.closing(Ledger(settings.database_url, settings.data_dir)) as ledger:
        live = ledger.generations.live()
        found = {
            "tickets": ledger.tickets.count(),
            "generation": live.name if live else None,
            "embedding_model": live.space.model if live else None,
            "dimension": live.space.dimension if live else None,
            "pending": ledger.generations.count_pending(live) if live else 0,
            "generations": [
                {"name": g.name, "model": g.space.model, "status": g.status} for g in ledger.generations.all()
            ],
        }
    if options.json:
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
    else:
        for name, value in found.items():
            sys.stdout.write(f"{name}: {value}\n")
    return DONE


def _stop(settings: Settings, _options: argparse.Namespace) -> int:
    from indexer.knowledge.server import LocalServer
    from indexer.processes import stop_services

    services = stop_services(settings.data_dir)
    chroma = LocalServer(settings.data_dir).stop()
    say(
        f"stopped {services} service(s){' and Chroma' if chroma else ''}"
        if services or chroma
        else "nothing was running"
    )
    return DONE
