"""``backup`` and ``restore``: the ledger in one file, and back."""

import argparse
import contextlib
from pathlib import Path

from indexer.commands.output import DONE, Commands, add_json, finish
from indexer.console import say, showing_progress
from indexer.settings import Settings

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Add both commands."""
    out = commands.add_parser(
        "backup",
        help="copy all tickets and vectors to a file, while everything runs",
        description="Write tickets and vectors as they are at this moment to one file, with checksums.",
    )
    out.add_argument("file", metavar="FILE", type=Path, help="a file that does not exist yet")
    add_json(out)
    out.set_defaults(run=_backup)
    back = commands.add_parser(
        "restore",
        help="fill an empty store from a backup",
        description="Check a backup, fill an empty store with it, and make the index; no provider is asked.",
    )
    back.add_argument("file", metavar="FILE", type=Path, help="what `backup` wrote")
    add_json(back)
    back.set_defaults(run=_restore)


def _backup(settings: Settings, options: argparse.Namespace) -> int:
    from indexer.backup import backup
    from indexer.ledger import Ledger

    with (
        contextlib.closing(Ledger(settings.database_url, settings.data_dir)) as ledger,
        showing_progress() as step,
    ):
        report = backup(ledger, options.file, notify=step)
    say(
        f"{report.tickets:,} tickets and {report.vectors:,} vectors are in {report.file} ({report.bytes:,} bytes); {report.seconds:.1f} s"
    )
    finish(options, report)
    return DONE


def _restore(settings: Settings, options: argparse.Namespace) -> int:
    from indexer.backup import restore
    from indexer.knowledge.knowledge import Knowledge

    with contextlib.closing(Knowledge(settings)) as knowledge, showing_progress() as step:
        report = restore(knowledge.ledger, options.file, notify=step)
        say(
            f"{report.tickets:,} tickets and {report.vectors:,} vectors of {report.made} are restored; the index is made of them"
        )
        knowledge.prepare(step)
    finish(options, report)
    return DONE
