"""``forget``: erase tickets from every file, and prove it."""

import click

from indexer import forget as erasure
from indexer.commands.output import DONE, PROBLEMS, finish, json_option, opened_store
from indexer.console import say

__all__ = ["forget"]


@click.command(
    epilog="""\b
Examples:
  precedent forget 1007 1008
  precedent forget --tag customer-4711
  precedent forget --deleted

Exit status: 0 all erased, 1 some ids are not stored or traces were found, 2 nothing done."""
)
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option(
    "--tag",
    "tags",
    multiple=True,
    help="Erase all tickets with this tag, such as a customer's; can be repeated.",
)
@click.option(
    "--deleted", is_flag=True, help="Erase all tickets that were deleted before, by a sync or over HTTP."
)
@json_option
def forget(ids: tuple[str, ...], tags: tuple[str, ...], *, deleted: bool, as_json: bool) -> int:
    """Erase tickets from everything stored, and prove it.

    Deleting a ticket leaves its bytes in files. This command rewrites every file of the data directory that held them,
    reads the files again, and prints what it found. Backups and exports are yours to delete. Chroma restarts
    meanwhile: for some seconds a running service may answer 503. Without an ID or option it continues what was interrupted.
    """
    with opened_store() as (settings, store, step):
        wanted = list(ids)
        for tag in tags:
            tagged = store.tickets.tagged(tag)
            if not tagged and not wanted:
                msg = f"no ticket has the tag {tag!r}"
                raise erasure.UnknownTicketsError(msg)
            wanted += tagged
        if deleted:
            wanted += store.ledger.tombstones.deleted()
            if not wanted and not erasure.unfinished(settings.data_dir):
                msg = "no deleted ticket is left to erase"
                raise erasure.UnknownTicketsError(msg)
        store.prepare(step)
        receipt = erasure.forget(store, settings.data_dir, wanted, progress=step)
    found = [file.name for file in receipt.files if file.found]
    for ticket_id in receipt.unknown:
        say(f"not stored: {ticket_id!r}")
    say(
        f"forgotten: {len(receipt.forgotten):,} tickets ({receipt.tickets_before:,} before, {receipt.tickets_after:,} after; "
        f"{receipt.vectors_before:,} vectors before, {receipt.vectors_after:,} after); their traces were in "
        f"{', '.join(file.name for file in receipt.before) or 'no file'}"
    )
    left = f"traces are still in {', '.join(found)}; run `precedent forget` again"
    say(f"{len(receipt.files):,} files were read to their end: {left if found else 'no trace is left'}")
    for note in receipt.notes:
        say(f"note: {note}")
    status = DONE if receipt.clean and not receipt.unknown else PROBLEMS
    return finish(receipt, status, as_json=as_json)
