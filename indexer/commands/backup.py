"""``backup``, ``restore`` and ``salvage``: the ledger in one file, and back."""

import contextlib
from pathlib import Path

import click

from indexer.commands.output import DONE, PROBLEMS, finish, json_option, settings_for_command
from indexer.console import say, showing_progress

__all__ = ["backup", "restore", "salvage"]

_NAMED = 20


@click.command(epilog="Exit status: 0 done, 2 nothing written.")
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def backup(file: Path, *, as_json: bool) -> int:
    """Copy all tickets and vectors to FILE, while everything runs.

    FILE does not exist yet; it gets the ledger as it is at this moment, as an SQLite database with a checksum. A ledger
    that holds anything but what was acknowledged is refused. One that can only be read is copied beside FILE first.
    """
    from indexer import backup as copies

    settings = settings_for_command()
    with copies.stored(settings, file) as ledger, showing_progress() as step:
        report = copies.backup(ledger, file, progress=step)
    say(
        f"{report.tickets:,} tickets and {report.vectors:,} vectors are in {report.file} ({report.bytes:,} bytes); {report.seconds:.1f} s"
    )
    finish(report, as_json=as_json)
    return DONE


@click.command
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def restore(file: Path, *, as_json: bool) -> int:
    """Fill an empty store from FILE, which `backup` or `salvage` wrote.

    FILE is checked whole, and the index is made of it; no provider is asked.
    """
    from indexer import backup as copies
    from indexer.store import Store

    settings = settings_for_command()
    with contextlib.closing(Store(settings)) as store, showing_progress() as step:
        report = copies.restore(store.ledger, file, progress=step)
        say(
            f"{report.tickets:,} tickets and {report.vectors:,} vectors of {report.made} are restored; the index is made of them"
        )
        store.prepare(step)
    finish(report, as_json=as_json)
    return DONE


@click.command(epilog="Exit status: 0 all is saved, 1 something was lost, 2 nothing written.")
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def salvage(file: Path, *, as_json: bool) -> int:
    """Save what is sound of a damaged ledger to FILE, which `restore` takes.

    What is lost is listed by table and key, never with a text. Nothing is written but FILE; stop the service before.
    """
    from indexer.salvage import salvage as save

    settings = settings_for_command()
    with showing_progress() as step:
        report = save(settings, file, progress=step)
    say(
        f"{report.tickets:,} tickets and {report.vectors:,} vectors are in {report.file}; {report.lost:,} rows are lost"
    )
    for row in report.rows[:_NAMED]:
        say(f"lost: {row}")
    if report.lost > _NAMED:
        say(f"and {report.lost - _NAMED:,} more: --json lists them")
    finish(report, as_json=as_json)
    return PROBLEMS if report.lost else DONE
