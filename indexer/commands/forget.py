"""``forget``: erase tickets and prove it."""

import argparse
import contextlib

from indexer.commands.output import DONE, PROBLEMS, Commands, add_json, finish
from indexer.console import say, showing_progress
from indexer.settings import Settings

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "forget",
        help="erase tickets from everything stored, and prove it",
        description="Erase tickets from the ledger, from all generations, from forests, and from the bytes of every file in "
        "the data directory; then read those files and print a receipt. A running service waits, or answers 503, for the "
        "seconds in which Chroma restarts. Without an ID it goes on with what was interrupted.",
        epilog="Exit status: 0 all erased, 1 some ids are not stored or traces were found, 2 nothing done.",
    )
    parser.add_argument("ids", nargs="*", metavar="ID", help="ids of tickets")
    parser.add_argument(
        "--tag", action="append", default=[], help="all tickets with this tag, such as a customer's"
    )
    add_json(parser)
    parser.set_defaults(run=_run)


def _run(settings: Settings, options: argparse.Namespace) -> int:
    from indexer.forget import UnknownTicketsError, forget
    from indexer.knowledge.knowledge import Knowledge

    with contextlib.closing(Knowledge(settings)) as knowledge, showing_progress() as step:
        ids = list(options.ids)
        for tag in options.tag:
            tagged = knowledge.ledger.tickets.tagged(tag)
            if not tagged and not ids:
                msg = f"no ticket has the tag {tag!r}"
                raise UnknownTicketsError(msg)
            ids += tagged
        knowledge.prepare(step)
        receipt = forget(knowledge, settings.data_dir, ids, notify=step)
    found = [file.name for file in receipt.files if file.found]
    for ticket_id in receipt.unknown:
        say(f"not stored: {ticket_id!r}")
    say(
        f"forgotten: {len(receipt.forgotten):,} tickets ({receipt.tickets_before:,} before, {receipt.tickets_after:,} after; "
        f"{receipt.vectors_before:,} vectors before, {receipt.vectors_after:,} after); their traces were in "
        f"{', '.join(file.name for file in receipt.before) or 'no file'}"
    )
    say(
        f"{len(receipt.files):,} files were read to their end: "
        + (
            f"traces are still in {', '.join(found)}; run `python -m indexer forget` again"
            if found
            else "no trace is left"
        )
    )
    for note in receipt.notes:
        say(f"note: {note}")
    finish(options, receipt)
    return DONE if receipt.clean and not receipt.unknown else PROBLEMS
