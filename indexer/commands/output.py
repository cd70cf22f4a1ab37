"""What all commands share: opening what is stored, exit statuses, ``--json``, and asynchronous work."""

import asyncio
import contextlib
import sys
from collections.abc import Coroutine, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from indexer.console import say, showing_progress
from indexer.embedding import Embedder
from indexer.errors import PrecedentError
from indexer.ledger import Ledger, ledger_url
from indexer.logs import configure_logging
from indexer.progress import Progress
from indexer.settings import Settings, load_settings
from indexer.store import Store

__all__ = [
    "DONE",
    "FAILED",
    "PROBLEMS",
    "RETRIES",
    "finish",
    "json_lines_option",
    "json_option",
    "opened_ledger",
    "opened_store",
    "run_closing",
    "settings_for_command",
    "show_all",
    "utc",
]

_T = TypeVar("_T")

DONE, PROBLEMS, FAILED = 0, 1, 2
RETRIES = 5
"""How often the provider is asked again after a failure that may pass."""

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print the report as one line of JSON at the end."
)
"""``--json``; the command passes its value to `finish`."""


json_lines_option = click.option("--json", "as_json", is_flag=True, help="Print each line as a JSON object.")
"""``--json`` of a list; the command passes its value to `show_all`."""


def show_all(found: Iterable[tuple[object, str]], nothing: str, *, as_json: bool) -> None:
    """Print the lines of a list, or what each shows as a JSON object, and say so where there is ``nothing``."""
    is_empty = True
    for shown, line in found:
        is_empty = False
        click.echo(msgspec.json.encode(shown).decode() if as_json else line)
    if is_empty:
        say(nothing)


def utc(seconds: float) -> str:
    """Return a time, given in seconds since the epoch, as lists show it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def settings_for_command(*, makes: bool = True) -> Settings:
    """Load the settings and begin to log. Not before a command runs, so that ``--help`` needs no settings.

    :param makes: whether the command may make a ledger where there is none.
    :raises PrecedentError: a setting is unknown or unusable, or there is no ledger.
    """
    settings = load_settings()
    configure_logging(settings.log_level, settings.log_format)
    if not makes:
        url = ledger_url(settings.database_url, settings.data_dir)
        # One on PostgreSQL is taken to be there.
        if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
            msg = (
                f"there is no ledger at {url}: is PRECEDENT_DATA_DIR={settings.data_dir} the right one? "
                "A relative path is that of the working folder; `precedent sync FILE` makes a new store"
            )
            raise PrecedentError(msg)
    return settings


@contextlib.contextmanager
def opened_ledger(*, makes: bool = False) -> Iterator[tuple[Settings, Ledger]]:
    """Open the ledger that settings name while the block runs."""
    settings = settings_for_command(makes=makes)
    with contextlib.closing(Ledger(settings.database_url, settings.data_dir)) as ledger:
        yield settings, ledger


@contextlib.contextmanager
def opened_store(*, makes: bool = False) -> Iterator[tuple[Settings, Store, Progress]]:
    """Open the ledger and the index while the block runs, with progress on standard error."""
    settings = settings_for_command(makes=makes)
    with contextlib.closing(Store(settings)) as store, showing_progress() as step:
        yield settings, store, step


def finish(report: msgspec.Struct, status: int = DONE, *, as_json: bool) -> int:
    """Write the report to standard output, if it was asked for, and return the exit status."""
    if as_json:
        sys.stdout.write(msgspec.json.encode(report).decode() + "\n")
    return status


def run_closing(embedder: Embedder, work: Coroutine[Any, Any, _T]) -> _T:
    """Run the work in an event loop, and close the embedder's connections before that ends."""

    async def whole() -> _T:
        # Within the task, so that work that a signal ends is cancelled before.
        try:
            return await work
        finally:
            await embedder.close()

    return asyncio.run(whole())
