"""``clear``: delete vectors and notes that are no longer needed."""

import time

import click
import msgspec

from indexer.commands.output import finish, json_option, opened_ledger
from indexer.console import say

__all__ = ["clear"]


class ClearReport(msgspec.Struct, frozen=True, kw_only=True):
    """How much was removed from the ledger."""

    vectors: int
    tombstones: int
    answers: int
    deliveries: int
    classifications: int


@click.command
@click.option(
    "--days",
    type=click.FloatRange(min=0),
    show_default="PRECEDENT_KEEP_UNUSED_DAYS",
    help="Keep what is younger than this.",
)
@json_option
def clear(days: float | None, *, as_json: bool) -> int:
    """Delete vectors that no ticket uses any more, and what was answered longer than PRECEDENT_KEEP_DAYS ago.

    That is answers, notes of deliveries, and what a hosted classifier said.

    Such vectors belong to texts that were changed, to deleted tickets and to runs that failed, and are kept for some days so that
    nothing is paid for twice. The notes by which `precedent forget --deleted` finds deleted tickets are removed too,
    once those are erased. Tickets are never touched.
    """
    with opened_ledger() as (settings, ledger):
        kept = settings.keep_unused_days if days is None else days
        before = time.time() - kept * 86_400
        old = time.time() - settings.keep_days * 86_400
        report = ClearReport(
            vectors=ledger.vectors.clear_unused(before),
            answers=ledger.answers.clear(old),
            deliveries=ledger.deliveries.clear(old),
            classifications=ledger.classifications.clear(old),
            tombstones=ledger.tombstones.clear(before),
        )
    say(
        f"removed: {report.vectors:,} vectors that no ticket uses and {report.tombstones:,} notes of deletions, older than {kept:g} days, "
        f"and {report.answers:,} answers, {report.deliveries:,} notes of deliveries and {report.classifications:,} answers of a hosted classifier, older than {settings.keep_days:g} days"
    )
    return finish(report, as_json=as_json)
