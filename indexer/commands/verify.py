"""``verify``: whether everything is stored as it should be, and with ``--repair`` mend it."""

import argparse
import contextlib

from indexer.commands.output import DONE, PROBLEMS, Commands, add_json, finish
from indexer.console import say, showing_progress
from indexer.errors import IndexUnavailableError
from indexer.settings import Settings

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "verify",
        help="check the index against the ledger, row by row",
        description="Check the ledger, every row of the live index against it, and whether queries find the rows.",
        epilog="Exit status: 0 clean, 1 problems, each with the command that mends it, 2 it could not be checked.",
    )
    parser.add_argument("--full", action="store_true", help="query for every row, not for a sample of 500")
    parser.add_argument(
        "--repair", action="store_true", help="replay what is wrong from the ledger, then check again"
    )
    add_json(parser)
    parser.set_defaults(run=_run)


def _run(settings: Settings, options: argparse.Namespace) -> int:
    from indexer.knowledge.knowledge import Knowledge
    from indexer.verify import repair, verify

    with contextlib.closing(Knowledge(settings)) as knowledge, showing_progress() as step:
        if options.repair:
            try:
                repair(knowledge, full=options.full, notify=step)
            except IndexUnavailableError as error:
                say(f"the index could not be repaired: {error}")
        report = verify(knowledge, settings.data_dir, full=options.full, notify=step)
    for problem in report.problems:
        named = (
            f" ({', '.join(problem.ids)}{', …' if problem.count > len(problem.ids) else ''})"
            if problem.ids
            else ""
        )
        say(f"{problem.what}{named}: {problem.mend}")
    for note in report.notes:
        say(f"note: {note}")
    say(
        f"{'clean' if report.clean else f'{len(report.problems)} problems'}: {report.tickets:,} tickets, {report.rows:,} rows in "
        f"{report.generation or 'no generation'}, {report.asked:,} looked for by query; {report.seconds:.1f} s"
    )
    finish(options, report)
    return DONE if report.clean else PROBLEMS
