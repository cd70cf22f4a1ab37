"""Which tickets are evaluated."""

import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec

from indexer.ticket import Ticket
from service.evaluation.cases import MAX_TICKETS, newest
from tests.service.evaluation.making import tickets_of


def test_of_two_tickets_with_one_id_the_later_is_kept() -> None:
    """As in a sync: by their own times of update, and by their order where either has none."""
    tickets = tickets_of(["low", "high", "low"])
    again = msgspec.structs.replace(tickets[2], id=tickets[0].id, priority="high")
    assert newest([*tickets, again]) == (tickets[1], tickets[2], again)
    early, late = (
        msgspec.structs.replace(again, updated_at=datetime(2026, 1, day, tzinfo=UTC)) for day in (1, 2)
    )
    assert newest([late, early, tickets[1]]) == newest([early, late, tickets[1]]) == (tickets[1], late)


def test_the_oldest_come_first() -> None:
    """Those without a time come before all that have one, in the order given."""
    timed, untimed = tickets_of(["low"] * 3), tickets_of(["low"] * 5, timed=False)[3:]
    assert newest([*reversed(timed), *untimed]) == (*untimed, *timed)


def test_never_more_are_held_than_are_evaluated() -> None:
    """Three times as many as are evaluated, the newest in the middle, take little more memory than these."""
    size = 2_000

    def tickets() -> Iterator[Ticket]:
        for number in range(3 * MAX_TICKETS):
            late = MAX_TICKETS <= number < 2 * MAX_TICKETS
            created = datetime(2026 if late else 2020, 1, 1, tzinfo=UTC)
            yield Ticket(id=str(number), text=str(number).ljust(size, "x"), created_at=created)

    tracemalloc.start()
    found = newest(tickets())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [ticket.id for ticket in found] == [str(n) for n in range(MAX_TICKETS, 2 * MAX_TICKETS)]
    assert peak < 1.7 * MAX_TICKETS * size
