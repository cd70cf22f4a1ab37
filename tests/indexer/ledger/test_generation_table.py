"""Generations, and what each has still to be told."""

from dataclasses import replace

import numpy as np
import pytest

from indexer.errors import SpaceMismatchError
from indexer.ledger import Generation, Ledger
from indexer.ticket import text_hash
from tests.indexer.making import SPACE, make_ticket, make_tickets, store_vectors, vectors_for


@pytest.fixture
def live(ledger: Ledger) -> Generation:
    """A live generation with three tickets, all of which it must be told of."""
    store_vectors(ledger, make_tickets(3))
    ledger.tickets.write(make_tickets(3))
    return ledger.generations.ensure_live(SPACE)


def test_the_first_generation_is_told_of_what_was_there_before(ledger: Ledger, live: Generation) -> None:
    """A new live generation has every stored ticket pending, with its text's vector."""
    assert (live.name, live.status, live.space) == ("tickets-0001", "live", SPACE)
    assert ledger.generations.live() == live
    assert ledger.generations.ensure_live(SPACE) == live
    entries, vectors, revision = ledger.generations.pending(live, 10)
    assert [entry.ticket for entry in entries] == make_tickets(3)
    assert [entry.text_hash for entry in entries] == [text_hash(ticket.text) for ticket in make_tickets(3)]
    assert vectors[[entry.position for entry in entries]].tobytes() == vectors_for(make_tickets(3)).tobytes()
    assert revision == ledger.revision()


def test_another_space_is_refused_with_both_names(ledger: Ledger, live: Generation) -> None:
    """The message names the model that was built with, the one asked for, and what to do."""
    with pytest.raises(SpaceMismatchError, match=r"bge-large.*other-model.*make reindex"):
        ledger.generations.ensure_live(replace(SPACE, model="other-model"))
    with pytest.raises(SpaceMismatchError, match=r"64 dimensions.*65 dimensions"):
        ledger.generations.ensure_live(replace(SPACE, dimension=65))
    assert ledger.generations.all() == [live]


def test_settled_tickets_are_not_pending_any_more(ledger: Ledger, live: Generation) -> None:
    """Exactly the ones named are settled; the limit and the choice of ids hold."""
    entries, _, revision = ledger.generations.pending(live, 2)
    assert len(entries) == 2
    ledger.generations.mark_indexed(live, [entries[0].id], revision)
    assert ledger.generations.count_pending(live) == 2
    chosen, _, _ = ledger.generations.pending(live, 10, only=["t-2", "nobody"])
    assert [entry.id for entry in chosen] == ["t-2"]


def test_a_ticket_changed_after_it_was_read_stays_pending(ledger: Ledger, live: Generation) -> None:
    """Settling an older reading does not settle the change that came after it."""
    entries, _, revision = ledger.generations.pending(live, 10)
    changed = make_ticket(1, priority="changed meanwhile")
    ledger.tickets.write([changed])
    ledger.tickets.delete(["t-2"])
    ledger.generations.mark_pending(live, ["t-0"])
    ledger.generations.mark_indexed(live, [entry.id for entry in entries], revision)
    left, _, _ = ledger.generations.pending(live, 10)
    assert [(entry.id, entry.ticket) for entry in left] == [
        ("t-0", make_ticket(0)),
        ("t-1", changed),
        ("t-2", None),
    ]


def test_deleting_tells_the_generation_of_the_absence(ledger: Ledger, live: Generation) -> None:
    """A deleted ticket is pending without a ticket; written again it is pending with it."""
    entries, _, revision = ledger.generations.pending(live, 10)
    ledger.generations.mark_indexed(live, [entry.id for entry in entries], revision)
    ledger.tickets.delete(["t-1"])
    (gone,), vectors, _ = ledger.generations.pending(live, 10)
    assert (gone.id, gone.ticket, len(vectors)) == ("t-1", None, 0)
    ledger.tickets.write([make_ticket(1)])
    (back,), vectors, _ = ledger.generations.pending(live, 10)
    assert (back.ticket, len(vectors)) == (make_ticket(1), 1)


def test_a_ticket_without_a_vector_waits(ledger: Ledger, live: Generation) -> None:
    """A ticket whose text was not embedded in the generation's space is pending but never handed out."""
    ledger.tickets.write([make_ticket(9)])
    other = replace(SPACE, model="another")
    ledger.vectors.store(other, [text_hash(make_ticket(9).text)], np.ones((1, 64), dtype=np.float32))
    assert ledger.generations.count_pending(live) == 4
    entries, _, _ = ledger.generations.pending(live, 10)
    assert [entry.id for entry in entries] == ["t-0", "t-1", "t-2"]
    store_vectors(ledger, [make_ticket(9)])
    assert len(ledger.generations.pending(live, 10)[0]) == 4


def test_large_numbers_of_pending_tickets(ledger: Ledger) -> None:
    """1,200 tickets are noted, read in pages and settled, each exactly once."""
    tickets = make_tickets(1_200)
    store_vectors(ledger, tickets)
    live = ledger.generations.ensure_live(SPACE)
    ledger.tickets.write(tickets)
    seen: list[str] = []
    while entries := (page := ledger.generations.pending(live, 500))[0]:
        ids = [entry.id for entry in entries]
        seen += ids
        ledger.generations.mark_indexed(live, ids, page[2])
    assert sorted(seen) == sorted(ticket.id for ticket in tickets)
    assert ledger.generations.count_pending(live) == 0
