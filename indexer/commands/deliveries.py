"""``deliveries``: which answers were delivered, wait, or are dead, and try dead ones again."""

import time

import click

from indexer.commands.output import DONE, PROBLEMS, json_lines_option, opened_ledger, show_all, utc
from indexer.console import say
from indexer.ledger import Delivery

__all__ = ["deliveries"]


@click.command(epilog="Exit status: 0 done, 1 an ID cannot be repeated.")
@click.option(
    "--state", type=click.Choice(["waiting", "delivered", "dead"]), help="Only those in this state."
)
@click.option(
    "--repeat", "ids", multiple=True, metavar="ID", help="Try this dead delivery again; may be repeated."
)
@click.option("--repeat-dead", is_flag=True, help="Try all dead deliveries again.")
@json_lines_option
def deliveries(*, state: str | None, ids: tuple[str, ...], repeat_dead: bool, as_json: bool) -> int:
    """List the deliveries of answers to a webhook or to Slack, oldest first.

    One line says when the answer was finished, the delivery's id, its state, how often it was tried, and why the last try
    failed. A running service delivers what is repeated.
    """
    refused: set[str] = set()
    with opened_ledger() as (_, ledger):
        if ids or repeat_dead:
            repeated = ledger.deliveries.repeat(None if repeat_dead else ids, time.time())
            refused = set(ids) - set(repeated)
            say(f"to be tried again: {len(repeated):,}")
            if refused:
                say(f"not dead, or without a body any more, so not tried again: {', '.join(sorted(refused))}")
        found = (one for one in ledger.deliveries.all() if state in (None, one.state))
        nothing = f"no delivery is {state}" if state else "no answer was to be delivered"
        show_all(((_shown(one), _line(one)) for one in found), nothing, as_json=as_json)
    return PROBLEMS if refused else DONE


def _line(one: Delivery) -> str:
    return "  ".join([utc(one.at), one.id, one.state, f"tries {one.tries}", *filter(None, [one.error])])


def _shown(one: Delivery) -> dict[str, str | int | None]:
    names = ("id", "answer", "target", "at", "state", "tries", "next_at", "error")
    next_at = utc(one.next_at) if one.state == "waiting" else None
    return {name: getattr(one, name) for name in names} | {"at": utc(one.at), "next_at": next_at}
