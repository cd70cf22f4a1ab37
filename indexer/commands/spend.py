"""``spend``: what was asked of the provider, and what it cost."""

from datetime import UTC, datetime, timedelta

import click
import msgspec

from indexer.commands.output import DONE, json_lines_option, opened_ledger, show_all
from indexer.ledger import Spent
from indexer.prices import cost

__all__ = ["spend"]

_DAYS = 30


@click.command
@click.option(
    "--since",
    type=click.DateTime(formats=["%Y-%m-%d"]),
    metavar="DAY",
    help=f"Only from this day on, such as 2026-03-31 (UTC); when not given: the last {_DAYS} days.",
)
@json_lines_option
def spend(*, since: datetime | None, as_json: bool) -> int:
    """Print what was asked of the provider, by day, API key or command, model and kind.

    Costs are by PRECEDENT_PRICES and PRECEDENT_PRICE_PER_REQUEST, in their currency; without a price none is told. Tokens
    that the provider did not tell, because an answer was ended early, are estimated: `estimated` is how many.
    """
    day = (since or datetime.now(UTC) - timedelta(days=_DAYS)).date().isoformat()
    with opened_ledger() as (settings, ledger):
        found = ((one, cost(settings, [one])) for one in ledger.spend.since(day))
        lines = ((msgspec.structs.asdict(one) | {"cost": money}, _line(one, money)) for one, money in found)
        show_all(lines, f"nothing was asked of the provider since {day}", as_json=as_json)
    return DONE


def _line(one: Spent, money: float | None) -> str:
    about = "about " if one.estimated else ""
    line = (
        f"{one.day}  {one.who or 'nobody'}  {one.model} ({one.kind})  {one.requests:,} requests  "
        f"{about}{one.prompt_tokens:,} + {one.completion_tokens:,} tokens"
    )
    return line if money is None else f"{line}  {about}{money:.4f}"
