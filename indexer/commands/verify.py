"""``verify``: check what is stored, and with ``--repair`` repair the index."""

import click

from indexer import verify as checks
from indexer.commands.output import DONE, FAILED, PROBLEMS, finish, json_option, opened_store
from indexer.console import say
from indexer.errors import IndexUnavailableError

__all__ = ["verify"]


@click.command(
    epilog="Exit status: 0 clean, 1 problems, each with what repairs it, 2 it could not be checked."
)
@click.option("--full", is_flag=True, help="Search for every ticket, not for a sample of 500.")
@click.option(
    "--repair", is_flag=True, help="Write again from the ledger what is wrong in the index, then check."
)
@json_option
def verify(*, full: bool, repair: bool, as_json: bool) -> int:
    """Check the ledger, and the index against it.

    Every row of the index is compared with the ledger, and a sample of tickets is searched for.
    """
    with opened_store() as (settings, store, step):
        if repair:
            try:
                checks.repair(store, full=full, progress=step)
            except IndexUnavailableError as error:
                say(f"the index could not be repaired: {error}")
        report = checks.verify(store, settings.data_dir, full=full, progress=step)
    for problem in report.problems:
        more = ", …" if problem.count > len(problem.ids) else ""
        named = f" ({', '.join(problem.ids)}{more})" if problem.ids else ""
        say(f"{problem.what}{named}: {problem.mend}")
    for note in report.notes:
        say(f"note: {note}")
    say(
        f"{'clean' if report.clean else f'{len(report.problems)} problems'}: {report.tickets:,} tickets, {report.rows:,} rows in "
        f"{report.generation or 'no generation'}, {report.asked:,} looked for by query; {report.seconds:.1f} s"
    )
    unchecked = any(problem.kind == "index_unreachable" for problem in report.problems)
    status = FAILED if unchecked else DONE if report.clean else PROBLEMS
    return finish(report, status, as_json=as_json)
