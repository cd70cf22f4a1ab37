"""When another forest is fitted, and what asking costs."""

import contextlib
import math
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from indexer.ledger import Generation, Ledger
from indexer.settings import Settings
from service.forest.schedule import Refits
from service.priority import NoForest
from service.snapshot import Snapshot
from tests.indexer.making import SPACE, make_ticket, make_tickets, store_vectors


@pytest.fixture
def ledger(data_dir: Path, database_url: str | None) -> Iterator[Ledger]:
    """A ledger with sixty labelled tickets."""
    with contextlib.closing(Ledger(database_url, data_dir)) as opened:
        store_vectors(opened, make_tickets(70))
        opened.generations.ensure_live(SPACE)
        opened.tickets.write(make_tickets(60))
        yield opened


def serving(ledger: Ledger, learned: int | None) -> Snapshot:
    """Return what is served after a fit at a revision of the ledger."""
    generation = ledger.generations.live()
    assert isinstance(generation, Generation)
    embedder: Any = None  # nothing is embedded here
    return Snapshot(generation, embedder, 60, ledger.revision(), 0.5, NoForest("few"), None, learned, None)


def test_a_change_without_a_label_is_looked_at_once(ledger: Ledger, data_dir: Path) -> None:
    """However often is asked, the ledger is read once for a revision."""
    now = serving(ledger, ledger.revision())
    store_vectors(ledger, [make_ticket(65)])
    ledger.tickets.write([make_ticket(65, priority=None)])
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements.append(statement)

    refits = Refits(Settings(data_dir=data_dir), settle=0.0)
    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        assert not any(refits.due(ledger, now, ledger.revision()) for _ in range(5))
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
    refits = Refits(Settings(data_dir=data_dir), settle=math.inf)
    assert refits.due(ledger, serving(ledger, None), ledger.revision())
    learned = ledger.revision()
    assert not refits.due(ledger, serving(ledger, learned), ledger.revision())
    ledger.tickets.write([make_ticket(61)])
    assert refits.due(ledger, serving(ledger, learned), ledger.revision())
