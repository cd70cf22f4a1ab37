"""Tickets, spaces and vectors for tests of the write side."""

import contextlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from indexer.embedding import Matrix
from indexer.ledger import FeedbackEntry, Generation, Ledger, Outcome, Space
from indexer.settings import Settings
from indexer.store import Store
from indexer.ticket import RECIPE, Ticket, embedding_text, text_hash
from indexer.writing import record_tickets
from tests.provider.vectors import vectors_of

__all__ = [
    "EDITED_REPLY",
    "FULL_TICKET",
    "OTHER_SPACE",
    "SPACE",
    "assert_faithful",
    "client_of",
    "fill_store",
    "make_ticket",
    "make_tickets",
    "mislead",
    "prepared",
    "sentence",
    "store_vectors",
    "vectors_for",
    "write_tickets",
]

SPACE = Space(kind="hosted", model="bge-large", dimension=64, recipe=RECIPE)
"""The space of the stand-in provider's default model."""
OTHER_SPACE = replace(SPACE, model="other-model", dimension=48)
"""Another space, in which vectors of the same texts can stand beside those of `SPACE`."""

_QUERIES = 100
_WORDS = [
    "account",
    "alarm",
    "backup",
    "billing",
    "browser",
    "cache",
    "certificate",
    "checkout",
    "cluster",
    "cookie",
    "dashboard",
    "database",
    "deploy",
    "export",
    "firewall",
    "gateway",
    "header",
    "import",
    "invoice",
    "kernel",
    "latency",
    "ledger",
    "login",
    "mailbox",
    "migration",
    "network",
    "outage",
    "password",
    "payment",
    "plugin",
    "printer",
    "proxy",
    "queue",
    "quota",
    "report",
    "restore",
    "router",
    "schema",
    "search",
    "session",
    "storage",
    "timeout",
    "token",
    "upload",
]


def sentence(number: int) -> str:
    """Return a text that no other number has, and whose vector is nearest to itself."""
    words = random.Random(number).choices(_WORDS, k=9)
    return f"Case c{number:06d}: {' '.join(words)} n{number * 7919 % 1_000_003}"


def make_ticket(number: int, **fields: object) -> Ticket:
    """Return a resolved ticket; fields given go before its own."""
    values = {
        "id": f"t-{number}",
        "text": sentence(number),
        "priority": ("low", "medium", "high")[number % 3],
        "resolution": f"Restart unit {number}.",
        **fields,
    }
    return Ticket(**values)  # type: ignore[arg-type] # the callers' fields are a ticket's


FULL_TICKET = make_ticket(
    9_077,
    text='Zeilen\nmit "Zeichen" и ещё\u2028 eines \U0001f642',
    tags=("customer:1", "x"),
    source="desk",
    created_at=datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
    updated_at=datetime(2026, 2, 3, tzinfo=UTC),
)
"""A ticket with more fields than most, and with characters that are easily lost."""
EDITED_REPLY = FeedbackEntry(
    action="edited", triage_id="a-1", ticket_id="t-3", priority=None, reply="Zeilen\nund \U0001f642"
)
"""Feedback with a reply of two lines."""


def make_tickets(count: int, *, start: int = 0, **fields: object) -> list[Ticket]:
    """Return that many tickets with consecutive numbers; fields given go before their own.

    With ``priority=None`` a service fits no forest on them, which costs seconds.
    """
    return [make_ticket(number, **fields) for number in range(start, start + count)]


def vectors_for(tickets: Sequence[Ticket], dimension: int = SPACE.dimension) -> Matrix:
    """Return the vectors that the stand-in provider would send for these tickets."""
    return vectors_of([embedding_text(ticket.text) for ticket in tickets], dimension)


def store_vectors(ledger: Ledger, tickets: Sequence[Ticket], space: Space = SPACE) -> None:
    """Store the tickets' vectors, as if they had been embedded."""
    ledger.vectors.store(
        space, [text_hash(ticket.text) for ticket in tickets], vectors_for(tickets, space.dimension)
    )


@contextlib.contextmanager
def prepared(settings: Settings) -> Iterator[Store]:
    """Open a store that is prepared, for as long as the ``with`` block lasts."""
    with contextlib.closing(Store(settings)) as store:
        store.prepare()
        yield store


def fill_store(store: Store, tickets: Sequence[Ticket]) -> Generation:
    """Acknowledge tickets without asking a provider, and return the live generation."""
    store_vectors(store.ledger, tickets)
    return write_tickets(store, SPACE, tickets)[0]


def write_tickets(store: Store, space: Space, tickets: Sequence[Ticket]) -> tuple[Generation, list[Outcome]]:
    """Acknowledge tickets whose vectors are stored, and tell the index."""
    generation, outcomes = record_tickets(store.ledger, space, tickets)
    store.replay(generation, only=[ticket.id for ticket in tickets])
    return generation, outcomes


def client_of(store: Store) -> Any:
    """Return the Chroma client of a store that is connected, without our code around it."""
    connection = store.index._connections.current  # noqa: SLF001 (nothing but a test needs it)
    assert connection is not None
    return connection.client


def mislead(store: Store, generation: Generation, ids: Sequence[str]) -> None:
    """Give rows of Chroma vectors that are not theirs, as damaged files would."""
    collection = client_of(store).get_collection(generation.name, embedding_function=None)
    rows = collection.get(ids=list(ids), include=["documents", "metadatas"])
    collection.delete(ids=rows["ids"])
    wrong = vectors_of([f"not {ticket_id}" for ticket_id in rows["ids"]], generation.space.dimension)
    collection.add(
        ids=rows["ids"], embeddings=wrong, documents=rows["documents"], metadatas=rows["metadatas"]
    )


def assert_faithful(store: Store) -> None:
    """Compare Chroma's rows with the ledger, field by field and number by number, and find each by its own vector."""
    ledger, index = store.ledger, store.index
    live = ledger.generations.live()
    assert live is not None
    assert ledger.generations.count_pending(live) == 0
    hashes = ledger.tickets.hashes()
    tickets = ledger.tickets.get(hashes)
    vectors = ledger.vectors.get(live.space, hashes.values())
    seen: set[str] = set()
    for rows, found in index.rows(live):
        for row, vector in zip(rows, found, strict=True):
            ticket = tickets[row.id]
            assert row.id not in seen
            assert (row.text, row.priority, row.resolution) == (
                ticket.text,
                ticket.priority,
                ticket.resolution,
            )
            assert row.text_hash == hashes[row.id]
            # Chroma reads JSON numbers to within one unit in the last place.
            np.testing.assert_array_almost_equal_nulp(vector, vectors[row.text_hash], nulp=1)
            seen.add(row.id)
    assert seen == tickets.keys()
    ids = sorted(tickets)
    lost: list[str] = []
    for start in range(0, len(ids), _QUERIES):
        asked = ids[start : start + _QUERIES]
        near = index.nearest_ids(live, np.stack([vectors[hashes[one]] for one in asked]))
        for one, hits in zip(asked, near, strict=True):
            # Tickets of one text have one vector: any of them may come first.
            if hashes[one] not in {hashes[hit] for hit, _ in hits}:
                lost.append(one)
    assert lost == [], "not found by their own vectors"
