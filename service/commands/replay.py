"""``replay``: ask kept questions again, and show what changed."""

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from indexer.commands.output import DONE, PROBLEMS, finish, json_option, settings_for_command
from indexer.console import showing_progress

if TYPE_CHECKING:
    # Importing the service takes a second, which other commands do not wait for.
    from service.replay import ReplayReport

__all__ = ["replay"]


@click.command(epilog="Exit status: 0 done, 1 some could not be asked, 2 nothing done.")
@click.option(
    "--since",
    type=click.DateTime(),
    metavar="TIME",
    help="Only questions from this time on, such as 2026-03-31 (UTC).",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="How many of the newest answers to look at.",
)
@json_option
def replay(*, since: datetime | None, limit: int, as_json: bool) -> int:
    """Ask kept questions again under today's settings, and show which answers would be others.

    Label, first precedent and kind of reply are compared. Questions need their text (PRECEDENT_KEEP_TEXT=true when they were
    asked). Requests to the provider cost what they cost; nothing is stored.
    """
    from service.replay import replay as run

    settings = settings_for_command(makes=False)
    with showing_progress() as step:
        report = asyncio.run(run(settings, since and since.replace(tzinfo=UTC), limit, progress=step))
    if not as_json:
        click.echo("\n".join(_lines(report)))
    finish(report, as_json=as_json)
    return PROBLEMS if report.failed else DONE


def _lines(report: "ReplayReport") -> list[str]:
    return [
        f"asked again {report.asked:,}, not asked because their text is not kept {report.without_text:,}, failed {report.failed:,}",
        f"unchanged {report.unchanged:,}, label {report.label:,}, first precedent {report.precedent:,}, reply {report.reply:,}",
        *(change.words for change in report.changes),
    ]
