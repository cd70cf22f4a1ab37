"""Tickets that are kept in memory: whatever another process does to them, a question compares with them as they are."""

import contextlib
import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from indexer.ledger import Candidates, Ledger, Space
from indexer.ledger.database import Database
from indexer.ledger.nearest import Nearest
from indexer.ledger.ticket_cache import LookedUp, TicketCache
from tests.indexer.making import OTHER_SPACE, SPACE, make_ticket, make_tickets, store_vectors, vectors_for

_IDS = [f"t-{number}" for number in range(40)]


def _asked(ledger: Ledger, space: Space = SPACE, *, resolved: bool = False) -> list[tuple[object, ...]]:
    vector = np.ones(space.dimension, np.float32)
    return _rows(
        ledger.nearest.among(space, vector, _IDS, len(_IDS), resolved=resolved, measure=_first_component)
    )


def _first_component(vectors: np.ndarray) -> np.ndarray:
    return vectors[:, 0].astype(np.float64)


def _rows(found: Candidates) -> list[tuple[object, ...]]:
    vectors = zip(found.vectors, found.subjects, strict=True)
    return [
        (ticket_id, cosine, length, repr(created), text.tobytes(), subject.tobytes())
        for ticket_id, cosine, length, created, (text, subject) in zip(
            found.ids,
            found.cosines.tolist(),
            [] if found.lengths is None else found.lengths.tolist(),
            found.created.tolist(),
            vectors,
            strict=True,
        )
    ]


def test_it_is_never_behind_the_ledger(ledger: Ledger, database_url: str | None, data_dir: Path) -> None:
    """After each of many changes by another process, what has been asked before is what one that has just begun is told."""
    drawn = random.Random(3)
    tickets = make_tickets(40)

    def write(**changed: object) -> None:
        batch = [make_ticket(drawn.randrange(40), **changed) for _ in range(3)]
        store_vectors(other, batch)
        other.tickets.write(batch)

    changes: list[Callable[[], object]] = [
        lambda: write(text=f"another text {drawn.random()}"),
        lambda: write(text=f"Short subject {drawn.randrange(3)}\nand a body of {drawn.random()}"),
        lambda: write(resolution=None, created_at=datetime(2026, 1, drawn.randint(1, 28), tzinfo=UTC)),
        lambda: write(status="Open"),
        write,
        lambda: other.tickets.delete([f"t-{drawn.randrange(40)}"]),
        lambda: other.tickets.erase([f"t-{drawn.randrange(40)}"]),
        # The vectors of subjects may come later than their tickets.
        lambda: store_vectors(other, [make_ticket(0, text=f"Short subject {n}") for n in range(3)]),
    ]
    with (
        contextlib.closing(Ledger(database_url, data_dir)) as other,
        contextlib.closing(Ledger(database_url, data_dir)) as fresh,
    ):
        store_vectors(other, tickets)
        other.tickets.write(tickets)
        assert len(_asked(ledger)) == 40
        for _ in range(30):
            if drawn.random() < 1 / 3:
                ledger.nearest.fill(SPACE, _first_component)
            drawn.choice(changes)()
            for resolved in (False, True):
                fresh.nearest.clear()
                wanted = _asked(fresh, resolved=resolved)
                assert _asked(ledger, resolved=resolved) == wanted
                assert _asked(ledger, resolved=resolved) == wanted, "and when it is asked again"
    assert 0 < len(wanted) < 40


def test_tickets_are_looked_up_ahead(ledger: Ledger, database_url: str | None, data_dir: Path) -> None:
    """Some thousands at a time, until all are, and again after a deletion: questions then need no vector of the ledger."""
    tickets = make_tickets(4_300)
    store_vectors(ledger, tickets)
    ledger.tickets.write(tickets)

    def in_memory() -> int:
        found, _, _ = cache.take(SPACE, [ticket.id for ticket in tickets], _first_component)
        return len(found.ids)

    with contextlib.closing(Database(database_url, data_dir)) as db:
        nearest = Nearest(db)
        cache = nearest._cache  # noqa: SLF001 (from outside, what is kept only takes less time)
        for kept in (4_000, 4_300, 4_300):
            nearest.fill(SPACE, _first_component)
            assert in_memory() == kept
        ledger.tickets.delete(["t-7"])
        assert in_memory() == 0
        for _ in range(2):
            nearest.fill(SPACE, _first_component)
        assert in_memory() == 4_299


def test_no_more_is_looked_up_ahead_than_there_is_room_for(
    ledger: Ledger, database_url: str | None, data_dir: Path
) -> None:
    """Where all slots are taken, the rest is left until somebody asks."""
    with contextlib.closing(Database(database_url, data_dir)) as db:
        cache = TicketCache(db, 8 * 2 * 4 * SPACE.dimension)
        cache.take(SPACE, ["t-0"])
        assert cache.place == ""
        cache.go_on("", "t-3")
        assert cache.place == "t-3"
        cache.go_on("", "t-9")
        assert cache.place == "t-3", "another place than it was gone on from"
        ids = [f"t-{n}" for n in range(8)]
        no, zeros, vectors = np.zeros(8, np.bool_), np.zeros(8), np.ones((8, SPACE.dimension), np.float32)
        cache.add(LookedUp(ids, vectors, vectors, zeros, no, no, zeros, ~no), SPACE, 0)
        cache.go_on("t-3", "t-7")
        assert cache.place is None


def test_spaces_are_kept_apart(ledger: Ledger) -> None:
    """In turns, each question gets the vectors of its own space."""
    tickets = make_tickets(40)
    store_vectors(ledger, tickets)
    ledger.vectors.store(
        OTHER_SPACE, [ticket.text_hash for ticket in tickets[:20]], vectors_for(tickets[:20], 48)
    )
    ledger.tickets.write(tickets)
    for _ in range(2):
        assert len(_asked(ledger)) == 40
        assert len(_asked(ledger, OTHER_SPACE)) == 20


def test_it_is_bounded(ledger: Ledger, database_url: str | None, data_dir: Path) -> None:
    """Where there is room for eight tickets, the newest eight are kept, and a deletion leaves none."""
    tickets = make_tickets(12)
    store_vectors(ledger, tickets)
    ledger.tickets.write(tickets)
    vectors = vectors_for(tickets)

    def kept(revision: int | None = None) -> list[str]:
        found, others, seen = cache.take(SPACE, [ticket.id for ticket in tickets])
        cache.add(looked_up(others), SPACE, seen if revision is None else revision)
        assert found.ids + others == sorted(found.ids, key=_IDS.index) + sorted(others, key=_IDS.index)
        assert found.texts.tobytes() == looked_up(found.ids).texts.tobytes()
        return found.ids

    def looked_up(ids: list[str]) -> LookedUp:
        at = [int(ticket_id.removeprefix("t-")) for ticket_id in ids]
        no = np.zeros(len(ids), np.bool_)
        zeros = np.zeros(len(ids))
        return LookedUp(ids, vectors[at], vectors[at], zeros, no, no, zeros, ~no)

    with contextlib.closing(Database(database_url, data_dir)) as db:
        cache = TicketCache(db, 8 * 2 * 4 * SPACE.dimension)
        assert kept() == []
        assert kept(revision=0) == [f"t-{n}" for n in range(4, 12)]
        assert kept() == [f"t-{n}" for n in range(4, 12)], "what was read before a change is not kept"
        assert kept(revision=0) == [f"t-{n}" for n in (0, 1, 2, 3, 8, 9, 10, 11)]
        ledger.tickets.write([make_ticket(9, priority="urgent")])
        assert kept(revision=0) == [f"t-{n}" for n in (0, 1, 2, 3, 8, 10, 11)]
        ledger.tickets.delete(["t-11"])
        assert kept(revision=0) == []
