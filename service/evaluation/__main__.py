"""``python -m service.evaluation``: the back-test, and with ``audit`` the audit of the labels."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from indexer.console import say, showing_progress
from indexer.errors import PrecedentError
from indexer.logs import configure_logging
from indexer.settings import Settings, load_settings
from service.evaluation.audit import Audit, audit, write_csv
from service.evaluation.backtest import evaluate
from service.evaluation.cases import EvaluationError
from service.evaluation.loading import Loaded, load, read_pairs
from service.evaluation.page import page
from service.evaluation.verdict import percent, table

OK, NOTHING_DONE, INTERRUPTED = 0, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the back-test or the audit and return the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    auditing = given[:1] == ["audit"]
    options = _audit_parser().parse_args(given[1:]) if auditing else _parser().parse_args(given)
    try:
        settings = load_settings()
        configure_logging(settings.log_level)
        if auditing:
            _audit(settings, options)
        else:
            _evaluate(settings, options)
    except PrecedentError as error:
        say(f"error: {error}")
        return NOTHING_DONE
    except KeyboardInterrupt:
        say("interrupted; what was embedded is kept")
        return INTERRUPTED
    return OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m service.evaluation",
        description="Back-test the priority on later tickets: learn what was known at moments of the past, "
        "and be asked about what came next. `python -m service.evaluation audit` looks for contradictory labels.",
    )
    parser.add_argument(
        "file", metavar="FILE", nargs="?", help="JSONL, JSON or CSV; when not given: the store"
    )
    parser.add_argument("--out", type=Path, default=Path("evaluation.html"), help="the report (%(default)s)")
    parser.add_argument(
        "--json", type=Path, default=Path("evaluation.json"), help="all numbers of it (%(default)s)"
    )
    _add_duplicates(parser)
    parser.add_argument(
        "--priority-order",
        metavar="LABELS",
        help="from least to most urgent, such as low,medium,high,urgent (PRECEDENT_PRIORITY_ORDER, else as their names tell)",
    )
    parser.add_argument("--folds", type=_count, default=5, help="cuts of the past (%(default)s)")
    return parser


def _audit_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m service.evaluation audit",
        description="Find near-duplicate tickets with contradictory priorities, most suspicious first. "
        "Correct the column `priority` of the file and sync it back: python -m indexer sync audit.csv",
    )
    parser.add_argument(
        "file", metavar="FILE", nargs="?", help="JSONL, JSON or CSV; when not given: the store"
    )
    parser.add_argument("--out", type=Path, default=Path("audit.csv"), help="where they go (%(default)s)")
    _add_duplicates(parser)
    return parser


def _add_duplicates(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--duplicates",
        type=Path,
        metavar="CSV",
        help="known duplicates, with the columns query_id and duplicate_of_id",
    )


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        msg = f"{text} is not a number above 0"
        raise argparse.ArgumentTypeError(msg)
    return int(text)


def _evaluate(settings: Settings, options: argparse.Namespace) -> None:
    _require_writable(options.out, options.json)
    pairs = read_pairs(options.duplicates) if options.duplicates else ()
    order = (
        tuple(name.strip() for name in options.priority_order.split(",") if name.strip())
        if options.priority_order
        else settings.priority_order
    )
    with showing_progress() as step:
        loaded = load(settings, options.file, pairs, step)
        _tell(loaded)
        found = evaluate(
            loaded.cases,
            source=loaded.source,
            embedding_model=loaded.embedding_model,
            max_error=settings.max_error,
            max_missed=settings.max_missed,
            half_life_days=settings.half_life_days,
            order=order,
            folds=options.folds,
            rejected=loaded.rejected,
            duplicates=pairs,
            progress=lambda done, total: step("back-test", done, total),
        )
    _write(options.out, page(found).encode())
    _write(options.json, msgspec.json.format(msgspec.json.encode(found), indent=1))
    words = [*filter(None, found.verdict), *found.notes]
    sys.stdout.write("\n".join([*words, "", table(found)]) + "\n")
    say(f"the report is in {options.out}, its numbers in {options.json}")


def _audit(settings: Settings, options: argparse.Namespace) -> None:
    _require_writable(options.out)
    pairs = read_pairs(options.duplicates) if options.duplicates else ()
    with showing_progress() as step:
        loaded = load(settings, options.file, pairs, step)
        _tell(loaded)
        found = audit(loaded.cases, progress=lambda done, total: step("audit", done, total))
    try:
        write_csv(options.out, loaded.cases, found)
    except OSError as error:
        raise _unwritable(options.out, error) from None
    sys.stdout.write(_ceiling(found) + "\n")
    say(f"{len(found.suspects):,} suspicious tickets are in {options.out}")


def _ceiling(found: Audit) -> str:
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


def _tell(loaded: Loaded) -> None:
    if loaded.rejected:
        say(
            f"{loaded.rejected:,} records are no tickets, or have the id of an earlier one, and were left out"
        )
        for reason in loaded.reasons:
            say(f"  {reason}")
    say(
        f"{len(loaded.cases):,} tickets of {loaded.source}, {loaded.embedded:,} texts newly embedded with {loaded.embedding_model}"
    )


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise _unwritable(path, error) from None


def _require_writable(*paths: Path) -> None:
    # Told before minutes of work, not after.
    for path in paths:
        if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
            msg = f"{path} cannot be written: name a file in a folder that is there and may be written to"
            raise EvaluationError(msg)


def _unwritable(path: Path, error: OSError) -> EvaluationError:
    return EvaluationError(f"{path} cannot be written: {error.strerror}")


if __name__ == "__main__":
    sys.exit(main())
