"""``clear``: remove what nothing needs any more."""

import contextlib

import click
import msgspec

from indexer.commands.output import DONE, finish, json_option, settings_for_command
from indexer.console import say

__all__ = ["clear"]


class ClearReport(msgspec.Struct, frozen=True, kw_only=True):
    """How much was removed from the ledger."""

    vectors: int
    tombstones: int


@click.command
@click.option(
    "--days",
    type=click.FloatRange(min=0),
    help="Keep what is younger; when not given: PRECEDENT_KEEP_UNUSED_DAYS.",
)
@json_option
def clear(days: float | None, *, as_json: bool) -> int:
    """Remove vectors that no ticket uses, and notes of deletions of which nothing is left.

    Such vectors are of texts that were changed, of deleted tickets, and of runs that failed: what was paid for in one is
    kept for the days that settings say. The notes are those by which `forget` finds deleted tickets; they go once a
    `forget` has rewritten the files. Tickets are never touched.
    """
    import time

    from indexer.ledger import Ledger

    settings = settings_for_command()
    kept = settings.keep_unused_days if days is None else days
    before = time.time() - kept * 86_400
    with contextlib.closing(Ledger(settings.database_url, settings.data_dir)) as ledger:
        report = ClearReport(
            vectors=ledger.vectors.clear_unused(before), tombstones=ledger.tickets.clear_tombstones(before)
        )
    say(
        f"removed: {report.vectors:,} vectors that no ticket uses and {report.tombstones:,} notes of deletions, older than {kept:g} days"
    )
    finish(report, as_json=as_json)
    return DONE
