"""``calibrate``: find out what the answers of a hosted classifier are worth."""

import asyncio
import contextlib
from datetime import UTC, datetime

import click
import msgspec

from indexer.commands.output import DONE, finish, json_option, settings_for_command
from indexer.console import say, showing_progress
from indexer.ledger import Ledger
from service.evaluation.loading import load
from service.evaluation.verdict import percent
from service.hosted_priority.calibrated import Calibrated, calibrated_on, calibration_file, save
from service.hosted_priority.calibrating import Asked, answered, plan
from service.hosted_priority.held_out import later_tickets, require_classifier

__all__ = ["calibrate"]


class CalibrationReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked, or would be, and what the answers are worth."""

    asked: Asked
    calibrated: Calibrated | None = None


@click.command(epilog="Exit status: 0 done, 2 nothing done.")
@click.option(
    "--tickets",
    type=click.IntRange(min=1),
    default=500,
    show_default=True,
    help="How many of the newest to ask about, at most; those of the newest fifth of all that repeat no earlier one.",
)
@click.option("--dry-run", is_flag=True, help="Say what it would cost, and ask nothing.")
@json_option
def calibrate(*, tickets: int, dry_run: bool, as_json: bool) -> int:
    """Ask the model of PRECEDENT_CLASSIFIER=hosted:MODEL about stored tickets, and calibrate it by their priorities.

    Until that is done every decision of the model goes to review. The newest fifth of the tickets is for this: no file of
    `precedent fine-tune` has any of them. Answers are kept, so that doing it again, after some weeks, costs the new tickets
    only. Running services take the result over by themselves.
    """
    settings = settings_for_command()
    require_classifier(settings)
    with (
        showing_progress() as step,
        contextlib.closing(Ledger(settings.database_url, settings.data_dir)) as ledger,
    ):
        later, labels = later_tickets(load(settings, None, (), step).cases, tickets)
        planned = plan(settings, ledger, later.tickets, labels)
        say(f"to ask about {len(later):,} tickets: up to {planned.expected.words}")
        report = CalibrationReport(asked=planned.expected)
        if not dry_run:
            said, asked = asyncio.run(answered(settings, ledger, planned, progress=step))
            true = [label for label in later.labels if label is not None]
            found = calibrated_on(settings, said, true, labels, at=datetime.now(UTC))
            save(found, settings.data_dir)
            report = CalibrationReport(asked=asked, calibrated=found)
            say(f"asked: {asked.words}")
            say(f"{calibration_file(settings.data_dir)}: {_words(found)}")
    finish(report, as_json=as_json)
    return DONE


def _words(found: Calibrated) -> str:
    rule = found.abstention
    decides = (
        f"every decision goes to review: {rule.reason}"
        if rule.threshold is None
        else f"{percent(rule.coverage)} of decisions are automatic, of these {percent(rule.error or 0.0)} wrong"
    )
    kind = (
        "by the model's probabilities"
        if found.uses_shares
        else "by its labels alone (the server tells no probabilities)"
    )
    outside = f"; {found.outside:,} answers were no label, there the forest decides" if found.outside else ""
    return (
        f"calibrated {kind} on {found.tickets:,} tickets, macro-F1 {found.macro_f1:.3f}; {decides}{outside}"
    )
