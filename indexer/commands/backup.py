"""``backup``, ``restore`` and ``salvage``: copy the ledger to one file, and back."""

from pathlib import Path

import click

from indexer import backup as copies
from indexer.commands.output import DONE, PROBLEMS, finish, json_option, opened_store, settings_for_command
from indexer.console import say, showing_progress
from indexer.salvage import salvage as save

__all__ = ["backup", "restore", "salvage"]

_NAMED = 20


@click.command(epilog="Example: precedent backup tickets.backup. Exit status: 0 done, 2 nothing written.")
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def backup(file: Path, *, as_json: bool) -> int:
    """Copy all tickets and vectors to FILE.

    The service may go on running. FILE must not exist; it becomes an SQLite database with a checksum. A damaged ledger
    is refused: see `precedent salvage`.
    """
    settings = settings_for_command(makes=False)
    with copies.stored(settings, file) as ledger, showing_progress() as step:
        report = copies.backup(ledger, file, progress=step)
    say(
        f"{report.tickets:,} tickets and {report.vectors:,} vectors are in {report.file} ({report.bytes:,} bytes); {report.seconds:.1f} s"
    )
    return finish(report, as_json=as_json)


@click.command(epilog="Exit status: 0 done, 2 nothing restored.")
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def restore(file: Path, *, as_json: bool) -> int:
    """Restore all tickets and vectors from FILE.

    FILE was written by `precedent backup` or `precedent salvage` and is checked first. The ledger must be
    empty. Nothing is embedded again.
    """
    with opened_store(makes=True) as (_, store, step):
        report = copies.restore(store.ledger, file, progress=step)
        say(
            f"{report.tickets:,} tickets and {report.vectors:,} vectors of {report.made} are restored; making the index of them"
        )
        store.prepare(step)
        opening = [key.name for key in store.ledger.keys.all() if key.revoked_at is None]
    if opening:
        say(f"API keys that open: {', '.join(opening)}; revoke those that were revoked after {report.made}")
    return finish(report, as_json=as_json)


@click.command(epilog="Exit status: 0 everything is saved, 1 something is lost, 2 nothing written.")
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def salvage(file: Path, *, as_json: bool) -> int:
    """Save what can be read of a damaged ledger to FILE.

    Stop the service first. What is lost is listed by table and key, never with a text. Only FILE is written;
    `precedent restore FILE` reads it.
    """
    settings = settings_for_command(makes=False)
    with showing_progress() as step:
        report = save(settings, file, progress=step)
    say(
        f"{report.tickets:,} tickets and {report.vectors:,} vectors are in {report.file}; {report.lost:,} rows are lost"
    )
    for row in report.rows[:_NAMED]:
        say(f"lost: {row}")
    if report.lost > _NAMED:
        say(f"and {report.lost - _NAMED:,} more: --json lists them")
    return finish(report, PROBLEMS if report.lost else DONE, as_json=as_json)
