"""Vectors in the ledger: under their texts' hashes, bit for bit."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from indexer.ledger import Ledger
from indexer.ticket import moments, text_hash
from tests.indexer.making import SPACE, make_ticket, make_tickets, store_vectors, vectors_for


def test_vectors_come_back_bit_for_bit(ledger: Ledger) -> None:
    """Denormal numbers, negative zero and the largest float included; float64 is rounded to float32 once."""
    odd = np.zeros((3, 64), dtype=np.float32)
    odd[0, :4] = np.array([1e-45, -0.0, 3.4028235e38, 1 / 3], dtype=np.float32)
    odd[1] = np.random.default_rng(7).standard_normal(64)
    odd[2, 0] = 1
    ledger.vectors.store(SPACE, ["a", "b", "c"], odd[::1])
    found = ledger.vectors.get(SPACE, ["a", "b", "c", "d"])
    assert {key: value.tobytes() for key, value in found.items()} == {
        key: row.tobytes() for key, row in zip("abc", odd, strict=True)
    }


def test_a_stored_vector_stays(ledger: Ledger) -> None:
    """The vector of a text is stored once; a later one for the same text is not taken."""
    first, second = np.eye(64, dtype=np.float32)[:2]
    ledger.vectors.store(SPACE, ["a"], first[np.newaxis])
    ledger.vectors.store(SPACE, ["a", "b"], np.stack([second, second]))
    found = ledger.vectors.get(SPACE, ["a", "b"])
    assert found["a"].tobytes() == first.tobytes()
    assert found["b"].tobytes() == second.tobytes()


def test_a_call_may_name_a_text_twice_or_nothing(ledger: Ledger) -> None:
    """Two rows for one hash keep the first; no rows at all are no error."""
    rows = np.eye(64, dtype=np.float32)[:2]
    ledger.vectors.store(SPACE, ["a", "a"], rows)
    ledger.vectors.store(SPACE, [], rows[:0])
    assert ledger.vectors.get(SPACE, ["a"])["a"].tobytes() == rows[0].tobytes()


@pytest.mark.parametrize("change", [{"model": "other"}, {"recipe": "text-v0"}, {"kind": "local"}])
def test_spaces_are_apart(ledger: Ledger, change: dict[str, str]) -> None:
    """A vector is of its own kind, model and recipe only."""
    store_vectors(ledger, [make_ticket(1)])
    other = replace(SPACE, **change)  # type: ignore[arg-type] # each value fits its field
    key = text_hash(make_ticket(1).text)
    assert ledger.vectors.missing(SPACE, [key]) == set()
    assert ledger.vectors.missing(other, [key]) == {key}
    assert ledger.vectors.get(other, [key]) == {}


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_vector_that_is_not_finite_is_refused_whole(ledger: Ledger, value: float) -> None:
    """Of a batch with one bad value, nothing is stored."""
    rows = np.ones((2, 64), dtype=np.float32)
    rows[1, 5] = value
    with pytest.raises(ValueError, match="finite"):
        ledger.vectors.store(SPACE, ["a", "b"], rows)
    assert ledger.vectors.missing(SPACE, ["a", "b"]) == {"a", "b"}


@pytest.mark.parametrize("shape", [(2, 63), (1, 64), (3, 64)])
def test_a_matrix_of_another_shape_is_refused(ledger: Ledger, shape: tuple[int, int]) -> None:
    """Rows must be as many as hashes, and as long as the space has dimensions."""
    with pytest.raises(ValueError, match="shape"):
        ledger.vectors.store(SPACE, ["a", "b"], np.ones(shape, dtype=np.float32))


def test_missing_over_many_pages(ledger: Ledger) -> None:
    """1,200 hashes are stored and asked for in one call each."""
    tickets = make_tickets(1_200)
    store_vectors(ledger, tickets)
    hashes = [text_hash(ticket.text) for ticket in tickets]
    assert ledger.vectors.missing(SPACE, [*hashes, "new"]) == {"new"}
    assert len(ledger.vectors.get(SPACE, hashes)) == 1_200


def test_known_space_is_the_live_generations_else_the_last_one(ledger: Ledger) -> None:
    """A provider that changed its dimension is believed until a generation is live; then that one counts."""
    assert ledger.vectors.known_space("hosted", SPACE.model) is None
    store_vectors(ledger, [make_ticket(1)])
    wider = replace(SPACE, dimension=65)
    ledger.vectors.store(wider, ["a"], np.ones((1, 65), dtype=np.float32))
    assert ledger.vectors.known_space("hosted", SPACE.model) == wider
    ledger.generations.ensure_live(SPACE)
    assert ledger.vectors.known_space("hosted", SPACE.model) == SPACE
    assert ledger.vectors.known_space("local", SPACE.model) is None


def test_training_rows_are_the_tickets_with_their_vectors(ledger: Ledger) -> None:
    """Ids, labels, times and vectors stand in the same order; without a vector or a priority a ticket is left out."""
    tickets = [
        *make_tickets(700),
        make_ticket(700, priority=None),
        make_ticket(701, text=make_ticket(0).text),
    ]
    store_vectors(ledger, tickets[:-1])
    ledger.tickets.write(tickets)
    ledger.tickets.write([make_ticket(900)])
    rows = ledger.vectors.training_rows(SPACE, limit=10_000)
    assert rows.revision == ledger.revision()
    assert rows.ids == tuple(sorted(ticket.id for ticket in tickets if ticket.priority is not None))
    by_id = {ticket.id: ticket for ticket in tickets}
    assert rows.labels == tuple(by_id[one].priority for one in rows.ids)
    assert rows.text_hashes == tuple(text_hash(by_id[one].text) for one in rows.ids)
    assert np.isnan(rows.times).all()
    assert np.isnan(rows.known).all()
    assert rows.vectors.tobytes() == vectors_for([by_id[one] for one in rows.ids]).tobytes()
    assert rows.vectors.dtype == np.float32


def test_training_rows_are_the_newest(ledger: Ledger) -> None:
    """By the time of creation, else that of resolution; without either a ticket is older than all others."""
    day = datetime(2026, 3, 1, tzinfo=UTC)
    tickets = [
        make_ticket(1, created_at=day + timedelta(days=3), resolved_at=day + timedelta(days=9)),
        make_ticket(2, created_at=None, resolved_at=day + timedelta(days=2)),
        make_ticket(3, created_at=day + timedelta(days=1)),
        make_ticket(4),
        make_ticket(5, created_at=day + timedelta(days=5), priority=None),
    ]
    store_vectors(ledger, tickets)
    ledger.tickets.write(tickets)
    assert ledger.vectors.training_rows(SPACE, limit=9).ids == ("t-4", "t-3", "t-2", "t-1")
    rows = ledger.vectors.training_rows(SPACE, limit=2)
    first, second = (moments(ticket) for ticket in (tickets[1], tickets[0]))
    assert rows.ids == ("t-2", "t-1")
    assert rows.times == (first[0], second[0])
    assert rows.known == (first[1], second[1])


def test_a_sample_is_of_tickets_that_are_stored(ledger: Ledger) -> None:
    """Each text comes once; not among them are texts that were changed, deleted, or never a ticket's."""
    kept = make_tickets(40)
    again = make_ticket(900, text=kept[0].text)
    gone, edited, foreign = make_ticket(901), make_ticket(902), make_ticket(903)
    store_vectors(ledger, [*kept, gone, edited, foreign])
    ledger.tickets.write([*kept, again, gone, edited])
    ledger.tickets.write([make_ticket(902, text=kept[1].text)])
    ledger.tickets.delete([gone.id])
    found = ledger.nearest.sample(SPACE, 100)
    assert set(found.ids) == {ticket.id for ticket in kept}
    there = ledger.tickets.get(found.ids)
    assert found.vectors == pytest.approx(vectors_for([there[i] for i in found.ids]), abs=1e-6)
    assert ledger.nearest.sample(SPACE, 7).ids == found.ids[:7]


def test_training_rows_of_an_empty_ledger(ledger: Ledger) -> None:
    """There is a matrix of no rows, of the space's dimension."""
    assert ledger.vectors.training_rows(SPACE, limit=10).vectors.shape == (0, 64)
    assert ledger.nearest.sample(SPACE, 10).vectors.shape == (0, 64)


def test_unused_vectors_are_cleared_after_a_grace_time(ledger: Ledger) -> None:
    """Those of no ticket go once they are old enough; those that a ticket has, and new ones, stay."""
    old, new = make_tickets(6), make_ticket(100)
    store_vectors(ledger, old)
    ledger.tickets.write(old[:4])
    ledger.tickets.write([make_ticket(0, text="changed")])
    between = time.time()
    store_vectors(ledger, [new])
    assert ledger.vectors.clear_unused(between) == 3
    hashes = {text_hash(ticket.text): ticket.id for ticket in [*old, new]}
    assert {hashes[h] for h in ledger.vectors.get(SPACE, hashes)} == {"t-1", "t-2", "t-3", "t-100"}


def test_served_tombstones_are_cleared(ledger: Ledger) -> None:
    """Notes of deletions stay until a forget has rewritten the files, or the ticket is stored again."""
    ledger.tickets.write(make_tickets(4))
    ledger.tickets.delete(["t-1", "t-2"])
    ledger.tickets.write([make_ticket(2)])
    assert ledger.tombstones.clear(time.time()) == 1
    assert list(ledger.tombstones.deleted()) == ["t-1"]
    ledger.tombstones.note_rewritten(time.time())
    assert ledger.tombstones.clear(time.time() - 60) == 0
    assert ledger.tombstones.clear(time.time()) == 1
    assert ledger.tombstones.deleted() == {}
