"""Which tickets are evaluated."""

import msgspec

from service.evaluation.cases import newest
from tests.service.evaluation.making import tickets_of


def test_of_two_tickets_with_one_id_the_first_is_kept() -> None:
    """As in a sync, whatever the times of the two say."""
    tickets = tickets_of(["low", "high", "low"])
    again = msgspec.structs.replace(tickets[2], id=tickets[0].id, priority="high")
    assert newest([*tickets, again]) == tuple(tickets)


def test_the_oldest_come_first() -> None:
    """Those without a time come before all that have one, in the order given."""
    timed, untimed = tickets_of(["low"] * 3), tickets_of(["low"] * 5, timed=False)[3:]
    assert newest([*reversed(timed), *untimed]) == (*untimed, *timed)
