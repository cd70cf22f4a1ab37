"""Which tickets are evaluated."""

import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec

from indexer.ticket import Ticket
from service.evaluation.cases import MAX_TICKETS, newest
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
    assert peak < 1.5 * MAX_TICKETS * size
