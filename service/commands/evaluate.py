"""``evaluate`` and ``audit``: how good the priorities are, and which labels contradict each other."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import click
import msgspec

from indexer.commands.output import DONE, finish, json_option, settings_for_command
from indexer.console import say, showing_progress
from indexer.ledger import Ledger
from indexer.progress import Progress
from indexer.settings import Settings
from indexer.ticket import field_name
from service import evaluation
from service.decided_fields import PRIORITY, rules_of
from service.evaluation.cases import roll, tested_tickets
from service.evaluation.hosted import Hosted
from service.evaluation.label_audit import report, write_csv
from service.evaluation.loading import Loaded, load, read_pairs
from service.evaluation.model_drafts import DraftPlan, drafted, plan_drafts, require_model
from service.evaluation.result import Drafts
from service.evaluation.verdict import percent, table
from service.evaluation.weights import LEAST_KNOWN
from service.hosted_priority.calibrating import answered, plan
from service.hosted_priority.fine_tuning import later_tickets, require_classifier

__all__ = ["audit", "evaluate", "require_writable"]

_PATH = click.Path(path_type=Path)


def _of_tickets(result: str, words: str) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Add FILE, ``--duplicates`` and ``--out``, which is the ``result`` if not given, to a command."""

    def add(command: Callable[..., int]) -> Callable[..., int]:
        words_of_pairs = "Known duplicates, with the columns query_id and duplicate_of_id."
        command = click.option("--duplicates", type=_PATH, metavar="CSV", help=words_of_pairs)(command)
        command = click.option("--out", type=_PATH, default=result, show_default=True, help=words)(command)
        return click.argument("file", required=False)(command)

    return add


@click.command(epilog="Exit status: 0 done, 2 nothing done.")
@_of_tickets("evaluation.html", "The report, an HTML file.")
@click.option(
    "--json",
    "numbers",
    type=_PATH,
    default="evaluation.json",
    show_default=True,
    help="Its numbers, a JSON file.",
)
@click.option(
    "--priority-order",
    metavar="LABELS",
    help="From least to most urgent, such as low,medium,high,urgent (default: PRECEDENT_PRIORITY_ORDER, else as "
    "their names tell).",
)
@click.option(
    "--field",
    metavar="NAME",
    help="Predict this field of the tickets, such as component, instead of the priority.",
)
@click.option(
    "--hosted",
    type=click.IntRange(min=1),
    metavar="N",
    help="Compare the model of PRECEDENT_CLASSIFIER=hosted:MODEL, too, asked about the newest N tickets at most; what that may cost "
    "is told first.",
)
@click.option(
    "--drafts",
    type=click.IntRange(min=1),
    metavar="N",
    help="Have the chat model write replies to later tickets, too, N of them at most; what that may cost is told first.",
)
@click.option(
    "--folds",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="How often the clock is turned back.",
)
def evaluate(
    *,
    file: str | None,
    out: Path,
    numbers: Path,
    duplicates: Path | None,
    priority_order: str | None,
    field: str | None,
    folds: int,
    hosted: int | None,
    drafts: int | None,
) -> int:
    """Back-test the priority on later tickets of FILE (JSONL, JSON or CSV; when not given: the store).

    With --field it is that field which is predicted, and what is said of priorities is said of it.

    At moments of the past every method learns from the tickets that were resolved by then, and predicts the priorities
    of those that came next. Nothing is stored but the vectors of new texts.

    With --hosted all methods are tested on the newest fifth of the tickets alone, at most N, which no file of `precedent fine-tune`
    has. The model is asked about each once; its answers are kept.

    With --drafts the model of PRECEDENT_CHAT_MODEL writes replies to later tickets that have a near precedent. They are checked and
    counted, and not kept.
    """
    settings = settings_for_command(makes=file is not None)
    if hosted is not None:
        require_classifier(settings)
        if field is not None:
            msg = "a hosted classifier predicts the priority alone: give --hosted or --field"
            raise evaluation.EvaluationError(msg)
    if drafts is not None:
        require_model(settings)
    require_writable(out, numbers)
    pairs = read_pairs(duplicates) if duplicates else ()
    given = tuple(name.strip() for name in (priority_order or "").split(",") if name.strip())
    named = field_name(field) if field else None
    rules = rules_of(settings, named or PRIORITY)
    rules = replace(rules, alert=settings.alert, order=given or rules.order)
    with showing_progress() as step:
        loaded = _told(load(settings, file, pairs, step, field=named))
        answers = _ask(settings, loaded, hosted, step) if hosted is not None else None
        known = loaded.cases.labelled()
        start = None if answers is None else answers.start(known)
        written = None
        if drafts is not None:
            later = tested_tickets(known, roll(known, folds, start=start))
            written = _write(settings, plan_drafts(settings, loaded.cases, later, drafts), step)
        found = evaluation.evaluate(
            loaded,
            rules,
            settings,
            folds=folds,
            # A few that agents named tell less than equal resolutions.
            duplicates=(*pairs, *loaded.chosen) if pairs or len(loaded.chosen) >= LEAST_KNOWN else (),
            hosted=answers,
            drafts=written,
            progress=lambda done, total: step("back-test", done, total),
        )
    with _writing(out):
        out.write_text(evaluation.page(found), encoding="utf-8")
    with _writing(numbers):
        numbers.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1))
    words = [*found.first.summary, "", "What to do next:", *found.first.next_steps, ""]
    words += [*filter(None, found.verdict), *found.notes]
    sys.stdout.write("\n".join([*words, "", table(found)]) + "\n")
    say(f"the report is in {out}, its numbers in {numbers}")
    return DONE


@click.command(epilog="Exit status: 0 done, 2 nothing done.")
@_of_tickets("audit.csv", "The result, a CSV file.")
@json_option
def audit(*, file: str | None, out: Path, duplicates: Path | None, as_json: bool) -> int:
    """Find near-duplicate tickets with contradictory priorities, most suspicious first.

    FILE is JSONL, JSON or CSV; when not given: the store. Correct the column `priority` of the result and sync it back:
    precedent sync audit.csv
    """
    settings = settings_for_command(makes=file is not None)
    require_writable(out)
    pairs = read_pairs(duplicates) if duplicates else ()
    with showing_progress() as step:
        loaded = _told(load(settings, file, pairs, step, with_questions=False))
        found = evaluation.audit(loaded.cases, progress=lambda done, total: step("audit", done, total))
    with _writing(out):
        write_csv(out, loaded.cases, found)
    sys.stdout.write(_ceiling(found) + "\n")
    say(f"{found.suspects:,} suspicious tickets are in {out}")
    return finish(report(found), as_json=as_json)


def _ask(settings: Settings, loaded: Loaded, most: int, step: Progress) -> Hosted:
    """Say what it may cost to ask the hosted classifier about the newest tickets, and ask it."""
    later, labels = later_tickets(loaded.cases, most)
    with contextlib.closing(Ledger(settings.database_url, settings.data_dir)) as ledger:
        planned = plan(settings, ledger, later.tickets, labels)
        say(f"to ask about {len(later):,} tickets: up to {planned.expected.words}")
        said, asked = asyncio.run(answered(settings, ledger, planned, progress=step))
    return Hosted(settings, dict(zip(later.ids, said, strict=True)), labels, asked)


def _write(settings: Settings, planned: DraftPlan, step: Progress) -> Drafts:
    """Say what drafts to later tickets may cost, and have the chat model write them."""
    say(
        f"to draft replies to {len(planned.tickets):,} of {planned.asked:,} tickets: up to {planned.expected.words}"
    )
    with contextlib.closing(Ledger(settings.database_url, settings.data_dir)) as ledger:
        return asyncio.run(drafted(settings, ledger, planned, progress=step))


def _ceiling(found: evaluation.Audit) -> str:
    if found.agreement is None or found.ceiling is None:
        return (
            "No two tickets are near-duplicates, so nothing can be said of how consistent the priorities are."
        )
    return (
        f"{found.twins:,} tickets have a near-duplicate, {found.contradicted:,} of them one with another priority. "
        f"Near-duplicates agree in {percent(found.agreement.value)} of cases. On tickets labelled like that, no classifier "
        f"of the text can be expected to be right on more than {percent(found.ceiling.value)} "
        f"(95% range {percent(found.ceiling.low)} to {percent(found.ceiling.high)})."
    )


def _told(loaded: Loaded) -> Loaded:
    """Say how many tickets there are and why some are left out."""
    if loaded.rejected:
        say(
            f"{loaded.rejected:,} records are no tickets, or have the id of an earlier one, and were left out"
        )
        for reason in loaded.reasons:
            say(f"  {reason}")
    say(
        f"{len(loaded.cases):,} tickets of {loaded.source}, {loaded.embedded:,} texts newly embedded with {loaded.embedding_model}"
    )
    return loaded


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        msg = f"{path} cannot be written: {error.strerror}"
        raise evaluation.EvaluationError(msg) from None


def require_writable(*paths: Path) -> None:
    """Refuse paths to which no result can be written: told before minutes of work, not after."""
    for path in paths:
        if (
            path.name == "-"
            or path.is_dir()
            or not os.access(path if path.exists() else path.parent, os.W_OK)
        ):
            msg = f"{path} cannot be written: name a file in a folder that is there and may be written to"
            raise evaluation.EvaluationError(msg)
