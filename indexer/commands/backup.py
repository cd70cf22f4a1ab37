"""``backup`` and ``restore``: the ledger in one file, and back."""

import contextlib
from pathlib import Path

import click

from indexer.commands.output import DONE, finish, json_option, settings_for_command
from indexer.console import say, showing_progress

__all__ = ["backup", "restore"]


@click.command
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def backup(file: Path, *, as_json: bool) -> int:
    """Copy all tickets and vectors to FILE, while everything runs.

    FILE does not exist yet; it gets tickets and vectors as they are at this moment, with checksums.
    """
    from indexer import backup as copies
    from indexer.ledger import Ledger

    settings = settings_for_command()
    with (
        contextlib.closing(Ledger(settings.database_url, settings.data_dir)) as ledger,
        showing_progress() as step,
    ):
        report = copies.backup(ledger, file, notify=step)
    say(
        f"{report.tickets:,} tickets and {report.vectors:,} vectors are in {report.file} ({report.bytes:,} bytes); {report.seconds:.1f} s"
    )
    finish(report, as_json=as_json)
    return DONE


@click.command
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def restore(file: Path, *, as_json: bool) -> int:
    """Fill an empty store from FILE, which `backup` wrote.

    FILE is checked first, and the index is made of it; no provider is asked.
    """
    from indexer import backup as copies
    from indexer.knowledge.knowledge import Knowledge

    settings = settings_for_command()
    with contextlib.closing(Knowledge(settings)) as knowledge, showing_progress() as step:
        report = copies.restore(knowledge.ledger, file, notify=step)
        say(
            f"{report.tickets:,} tickets and {report.vectors:,} vectors of {report.made} are restored; the index is made of them"
        )
        knowledge.prepare(step)
    finish(report, as_json=as_json)
    return DONE
