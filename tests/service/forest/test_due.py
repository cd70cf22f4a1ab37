"""When another forest is fitted, and what asking costs."""

import asyncio
import contextlib
import math
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from indexer.ledger import Ledger
from indexer.settings import Settings
from service.forest import Forests, ServedForest
from service.intervals import Intervals
from service.priority import NoForest
from tests.indexer.making import SPACE, make_ticket, make_tickets, store_vectors


@pytest.fixture
def ledger(data_dir: Path, database_url: str | None) -> Iterator[Ledger]:
    """A ledger with sixty labelled tickets."""
    with contextlib.closing(Ledger(database_url, data_dir)) as opened:
        store_vectors(opened, make_tickets(70))
        opened.generations.ensure_live(SPACE)
        opened.tickets.write(make_tickets(60))
        yield opened


def served(revision: int | None, *, forest: bool = False) -> ServedForest:
    """Return what serves after a fit at a revision of the ledger."""
    stand_in: Any = object()  # is never asked: only whether there is one counts
    return ServedForest(forest=stand_in if forest else NoForest("few"), revision=revision)


def test_a_change_without_a_label_is_looked_at_once(ledger: Ledger, data_dir: Path) -> None:
    """However often is asked, the ledger is read once for a revision."""
    now = served(ledger.revision())
    store_vectors(ledger, [make_ticket(65)])
    ledger.tickets.write([make_ticket(65, priority=None)])
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements.append(statement)

    forests = Forests(Settings(data_dir=data_dir), ledger, Intervals(settle=0.0))
    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        assert not any(forests.is_due(now, ledger.revision()) for _ in range(5))
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
    assert sum("label_revision" in statement for statement in statements) == 1


def test_changed_labels_are_found_by_an_index(data_dir: Path) -> None:
    """What changed is counted, not what is stored."""
    Ledger(None, data_dir).close()
    plan = "EXPLAIN QUERY PLAN SELECT count(*) FROM tickets WHERE label_revision > 3"
    with contextlib.closing(sqlite3.connect(data_dir / "ledger.sqlite3")) as connection:
        assert "COVERING INDEX ix_tickets_label_revision" in str(connection.execute(plan).fetchall())


def test_without_a_forest_nothing_is_waited_for(ledger: Ledger, data_dir: Path) -> None:
    """The first fit is due at once, and so is one after a label that changed while there are too few."""
    forests = Forests(Settings(data_dir=data_dir), ledger, Intervals(settle=math.inf))
    assert forests.is_due(served(None), ledger.revision())
    learned = ledger.revision()
    assert not forests.is_due(served(learned), ledger.revision())
    ledger.tickets.write([make_ticket(61)])
    assert forests.is_due(served(learned), ledger.revision())


def test_beside_a_forest_writing_has_to_pause(ledger: Ledger, data_dir: Path) -> None:
    """Enough changed labels are due once nothing was written for the settling time, and at once when overdue."""
    settings, learned = Settings(data_dir=data_dir), ledger.revision()
    ledger.tickets.write([make_ticket(61)])
    for intervals, due in (
        (Intervals(settle=math.inf, refit=math.inf), False),
        (Intervals(settle=0.0, refit=math.inf), True),
        (Intervals(settle=math.inf, refit=0.0), True),
    ):
        forests = Forests(settings, ledger, intervals)
        assert forests.is_due(served(learned, forest=True), ledger.revision()) is due, intervals


def test_too_few_changes_wait_until_they_are_overdue(ledger: Ledger, data_dir: Path) -> None:
    """One label of more than a hundred is learned only when the last fit is long ago."""
    ledger.tickets.write(make_tickets(70))
    store_vectors(ledger, more := make_tickets(60, start=70))
    ledger.tickets.write(more)
    settings, learned = Settings(data_dir=data_dir), ledger.revision()
    ledger.tickets.write([make_ticket(0, priority=None)])
    for refit, due in ((math.inf, False), (0.0, True)):
        forests = Forests(settings, ledger, Intervals(settle=0.0, refit=refit))
        assert forests.is_due(served(learned, forest=True), ledger.revision()) is due


@pytest.mark.parametrize(
    ("priorities", "state"),
    [
        ([None] * 8, "no labelled tickets"),
        (["high"] * 8, "only one label: 'high'"),
        (["high", "low", "low", "low"], "too few labelled tickets: 4, at least 5 are needed"),
    ],
)
def test_too_few_labels_need_no_process(
    tmp_path: Path, data_dir: Path, priorities: list[str | None], state: str
) -> None:
    """The ledger alone tells that no forest can be fitted: a process that looked in its own, empty one would fail."""
    tickets = [make_ticket(n, priority=priority) for n, priority in enumerate(priorities)]
    with contextlib.closing(Ledger(None, data_dir)) as ledger:
        store_vectors(ledger, tickets)
        live = ledger.generations.ensure_live(SPACE)
        ledger.tickets.write(tickets)
        forests = Forests(Settings(data_dir=tmp_path / "empty"), ledger, Intervals())
        found = asyncio.run(forests.fit(live, served(None), ledger.revision()))
    assert found.forest.state == state
    assert found.revision is not None
