"""``audit-log``: who changed which tickets, and when."""

from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial

import click

from indexer.commands.output import DONE, json_lines_option, opened_ledger, show_all, utc
from indexer.console import say

__all__ = ["audit_log"]


_time_option = partial(click.option, type=click.DateTime(), metavar="TIME")


@click.command("audit-log")
@_time_option("--since", help="Only lines from this time on, such as 2026-03-31 (UTC).")
@click.option("--ticket", metavar="ID", help="Only lines of this ticket, even if it was erased.")
@_time_option("--clear-before", help="Delete the lines from before this time (UTC) first.")
@json_lines_option
def audit_log(
    *, since: datetime | None, ticket: str | None, clear_before: datetime | None, as_json: bool
) -> int:
    """Print who changed which tickets, and when.

    There is one line, oldest first, for each ticket that was written, deleted, corrected or erased, and for each
    `restore`, `clear` and --clear-before. It names the API key (key:NAME, or the fingerprint of one from
    settings), or the user who ran a command (command:USER). It never holds a ticket's text. The id of an erased ticket is replaced by a mark, which --ticket
    still finds.
    """
    with opened_ledger() as (_, ledger):
        if clear_before is not None:
            say(f"removed {ledger.audit.clear(_seconds(clear_before)):,} lines")
        named = None if ticket is None else {ticket, ledger.audit.mark(ticket)}
        found = (
            asdict(line) | {"at": utc(line.at), "ticket_id": line.ticket_id or None}
            for line in ledger.audit.lines(0.0 if since is None else _seconds(since))
            if named is None or line.ticket_id in named
        )
        lines = ((shown, "  ".join(filter(None, shown.values()))) for shown in found)
        show_all(lines, "no such change is in the log", as_json=as_json)
    return DONE


def _seconds(moment: datetime) -> float:
    return moment.replace(tzinfo=UTC).timestamp()
