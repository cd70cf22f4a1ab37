"""Filters: fields, tags, source and dates narrow a list and a search; they follow every write."""

import contextlib
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from indexer.ledger import Filter, Ledger
from indexer.ledger.tables import facets, state, subjects
from indexer.parsing import parse_ticket
from indexer.ticket import Ticket
from tests.indexer.ledger.earlier import turn_back
from tests.indexer.making import SPACE, make_tickets, store_vectors, vectors_for

_LATER = "2025-06-01T00:00:00Z"


def _tickets() -> list[Ticket]:
    return [
        parse_ticket(
            {
                "id": f"t{number}",
                "text": f"the export of report {number} stops",
                "tags": ["Billing", "EU"] if number % 2 else ["billing"],
                "fields": {"Product": "API" if number % 3 else ["CLI", "API"], "team": f"team {number % 4}"},
                "source": "portal" if number < 5 else "mail",
                "created_at": f"2025-{number % 12 + 1:02}-01T00:00:00Z",
                "priority": "high" if number == 3 else "low",
                "resolution": "Raised the limit." if number % 2 else None,
            }
        )
        for number in range(12)
    ]


def _ids(ledger: Ledger, which: Filter) -> set[str]:
    return {ticket.id for ticket in ledger.tickets.page(which, limit=100)}


@pytest.mark.parametrize(
    ("which", "numbers"),
    [
        (Filter(), range(12)),
        (Filter(tags=("BILLING",)), range(12)),
        (Filter(tags=("billing", "eu")), range(1, 12, 2)),
        (Filter(fields={"product": "cli"}), range(0, 12, 3)),
        (Filter(fields={"Product": ("CLI", "api")}), range(12)),
        (Filter(fields={"product": "cli", "team": "team 0"}), (0,)),
        (Filter(fields={"product": "nothing"}), ()),
        (Filter(fields={"": "billing"}), ()),
        (Filter(source="portal"), range(5)),
        (Filter(priority="high"), (3,)),
        (Filter(created_after=parse_ticket({"id": 1, "text": "x", "created_at": _LATER}).created_at), range(5, 12)),
        (Filter(created_before=parse_ticket({"id": 1, "text": "x", "created_at": _LATER}).created_at), range(5)),
    ],
)  # fmt: skip
def test_each_condition_narrows(ledger: Ledger, which: Filter, numbers: range) -> None:
    """Names and values do not regard case, a border belongs to the later side, and all conditions must be met."""
    ledger.tickets.write(_tickets())
    assert _ids(ledger, which) == {f"t{number}" for number in numbers}


def test_pages_go_on_behind_the_last_id(ledger: Ledger) -> None:
    """A list in pages has every ticket once."""
    ledger.tickets.write(_tickets())
    seen: list[str] = []
    while page := ledger.tickets.page(Filter(tags=("eu",)), after=seen[-1] if seen else "", limit=4):
        seen += [ticket.id for ticket in page]
    assert seen == sorted(f"t{number}" for number in range(1, 12, 2))


def test_a_change_and_a_deletion_are_followed(ledger: Ledger) -> None:
    """A filter never finds what a ticket was before."""
    ledger.tickets.write(_tickets())
    ledger.tickets.write([parse_ticket({"id": "t1", "text": "other", "tags": ["new"]})])
    ledger.tickets.delete(["t3"])
    ledger.tickets.erase(["t5"])
    assert _ids(ledger, Filter(tags=("eu",))) == {"t7", "t9", "t11"}
    assert _ids(ledger, Filter(tags=("new",))) == {"t1"}


def test_the_nearest_that_meet_a_filter_are_found(ledger: Ledger) -> None:
    """Of few tickets each is compared; with more than that the caller looks otherwise."""
    written = _tickets()
    store_vectors(ledger, written)
    ledger.tickets.write(written)
    vector = vectors_for([written[4]])[0]
    which = Filter(fields={"product": "api"}, tags=("eu",))
    found = ledger.nearest.of_few(SPACE, vector, 3, most=6, which=which)
    assert found is not None
    rows = vectors_for(written[1::2])
    cosines = rows @ vector / np.linalg.norm(rows, axis=1) / np.linalg.norm(vector)
    assert found.cosines.tolist() == pytest.approx(sorted(cosines, reverse=True)[:3], abs=1e-5)
    assert ledger.nearest.of_few(SPACE, vector, 3, most=5, which=which) is None


def test_a_ledger_of_before_learns_what_its_tickets_can_be_filtered_by(tmp_path: Path) -> None:
    """Tags of tickets that an earlier release stored are found after an upgrade, as are restored ones."""
    with contextlib.closing(Ledger(None, tmp_path)) as ledger:
        ledger.tickets.write(_tickets())
        ledger.tickets.write(make_tickets(3))
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    with engine.begin() as connection:
        turn_back(connection, 5)
        facets.drop(connection)
        subjects.drop(connection)
        connection.execute(state.update().values(schema=3))
    engine.dispose()
    with contextlib.closing(Ledger(None, tmp_path)) as ledger:
        assert _ids(ledger, Filter(tags=("eu",))) == {f"t{number}" for number in range(1, 12, 2)}
    with contextlib.closing(Ledger(None, tmp_path)) as again:
        assert len(_ids(again, Filter(tags=("billing",)))) == 12
