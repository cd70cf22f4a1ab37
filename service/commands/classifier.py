"""``calibrate`` and ``fine-tune``: find out what the answers of a hosted classifier are worth, and write what one learns from."""

import asyncio
from pathlib import Path

import click
import msgspec

from indexer.commands.output import finish, json_option, opened_ledger, settings_for_command
from indexer.console import say, showing_progress
from service.commands.evaluate import require_writable
from service.evaluation.cases import EvaluationError
from service.evaluation.loading import load
from service.evaluation.verdict import percent
from service.hosted_priority.calibrated import Calibrated, calibrated_on, calibration_file, save
from service.hosted_priority.calibrating import Asked, answered, plan
from service.hosted_priority.fine_tuning import later_tickets, require_classifier, write_files

__all__ = ["calibrate", "fine_tune"]

_PATH = click.Path(path_type=Path, dir_okay=False)


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
    require_classifier(settings_for_command())
    with opened_ledger() as (settings, ledger), showing_progress() as step:
        later, labels = later_tickets(load(settings, None, (), step).cases, tickets)
        planned = plan(settings, ledger, later.tickets, labels)
        say(f"to ask about {len(later):,} tickets: up to {planned.expected.words}")
        report = CalibrationReport(asked=planned.expected)
        if not dry_run:
            said, asked = asyncio.run(answered(settings, ledger, planned, progress=step))
            true = [label for label in later.labels if label is not None]
            found = calibrated_on(settings, said, true, labels)
            save(found, settings.data_dir)
            report = CalibrationReport(asked=asked, calibrated=found)
            say(f"asked: {asked.words}")
            say(f"{calibration_file(settings.data_dir)}: {_words(found)}")
    return finish(report, as_json=as_json)


def _words(found: Calibrated) -> str:
    rule = found.abstention
    decides = (
        f"every decision goes to review: {rule.reason}"
        if rule.threshold is None
        else f"{percent(rule.coverage)} of decisions are automatic, of these {percent(rule.error or 0.0)} wrong"
    )
    alone = "by its labels alone (the server tells no probabilities)"
    kind = "by the model's probabilities" if found.uses_shares else alone
    outside = f"; {found.outside:,} answers were no label, there the forest decides" if found.outside else ""
    return (
        f"calibrated {kind} on {found.tickets:,} tickets, macro-F1 {found.macro_f1:.3f}; {decides}{outside}"
    )


@click.command(
    "fine-tune",
    epilog="""\b
Then:
  upload both files to your provider, and fine-tune a small chat model with them
  set PRECEDENT_CLASSIFIER=hosted:MODEL to the model that you get
  precedent calibrate            find out what its answers are worth
  precedent evaluate --hosted N  compare it with the forest, with what it costs

Exit status: 0 done, 2 nothing done.""",
)
@click.option("--out", type=_PATH, default="training.jsonl", show_default=True, help="What is learned from.")
@click.option(
    "--validation",
    type=_PATH,
    default="validation.jsonl",
    show_default=True,
    help="What the provider watches the learning on.",
)
@json_option
def fine_tune(*, out: Path, validation: Path, as_json: bool) -> int:
    """Write stored tickets with their priorities as files for a provider's fine-tuning. Nothing is uploaded.

    Each line is one ticket as JSON, {"messages": [system, user, assistant]}: what PRECEDENT_CLASSIFIER=hosted:MODEL asks, word for
    word, and the priority as the answer. The oldest 70 % of the tickets are for training, the next 10 % for validation. The newest
    20 % are in neither: `precedent calibrate` and `precedent evaluate --hosted` measure the model on them. Secrets and
    personal data are replaced (PRECEDENT_REDACT), and tickets that are flagged are left out.

    Tokens are an estimate. The cost is that of one pass over the training file, by a price for `training` in PRECEDENT_PRICES,
    such as training=3 for a million tokens; providers make two to four passes.
    """
    settings = settings_for_command(makes=False)
    require_writable(out, validation)
    with showing_progress() as step:
        cases = load(settings, None, (), step).cases
        try:
            report = write_files(settings, cases, out, validation)
        except OSError as error:
            msg = f"{error.filename} cannot be written: {error.strerror}"
            raise EvaluationError(msg) from None
    labels = ", ".join(f"{label} {count:,}" for label, count in report.labels.items())
    price = "" if report.cost is None else f", cost {report.cost:g} a pass"
    say(f"{out}: {report.training:,} tickets ({labels}), about {report.tokens:,} tokens{price}")
    say(
        f"{validation}: {report.validation:,} tickets; the newest {report.held_out:,} are in neither, "
        f"{report.flagged:,} flagged ones were left out"
    )
    return finish(report, as_json=as_json)
