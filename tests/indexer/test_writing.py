"""The one way in: embedded once, recorded by the ledger, told to the index."""

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from indexer.embedding.choose import open_embedder
from indexer.errors import PrecedentError, ProviderError, SpaceMismatchError
from indexer.ledger import Ledger, Outcome
from indexer.settings import Settings
from indexer.store import Store
from indexer.ticket import Ticket, embedding_text, text_hash
from indexer.writing import Embedding, embed_texts, record_tickets, require_space
from tests.indexer.making import (
    SPACE,
    assert_faithful,
    make_ticket,
    make_tickets,
    store_vectors,
    vectors_for,
    write_tickets,
)
from tests.provider import Provider


@pytest.fixture
def ledger(database_url: str | None, data_dir: Path) -> Iterator[Ledger]:
    """An empty ledger on each database."""
    with contextlib.closing(Ledger(database_url, data_dir)) as opened:
        yield opened


def _embed(ledger: Ledger, settings: Settings, tickets: Sequence[Ticket]) -> Embedding:
    async def main() -> Embedding:
        embedder = open_embedder(settings, ledger, retries=0)
        try:
            return await embed_texts(ledger, embedder, {t.text_hash: t.embedded for t in tickets})
        finally:
            await embedder.close()

    return asyncio.run(main())


def test_each_text_is_embedded_once_and_its_own(
    ledger: Ledger, settings: Settings, provider: Provider
) -> None:
    """Every vector is that of its text although answers come in any order; known texts are not asked for."""
    tickets = [*make_tickets(500), make_ticket(900, text=make_ticket(3).text)]
    first = _embed(ledger, settings, tickets)
    assert first == Embedding(SPACE, 8, 500, {}, first.tokens)
    assert first.tokens > 500
    stored = ledger.vectors.get(SPACE, [text_hash(ticket.text) for ticket in tickets])
    for ticket, vector in zip(tickets, vectors_for(tickets), strict=True):
        assert stored[text_hash(ticket.text)].tobytes() == vector.tobytes()
    second = _embed(ledger, settings, [*tickets, make_ticket(901)])
    assert second == Embedding(SPACE, 1, 1, {}, second.tokens)
    assert provider.stats().embedded == 501
    (spent,) = ledger.spend.since("")
    assert (spent.kind, spent.model) == ("embeddings", settings.embedding_model)
    assert (spent.requests, spent.prompt_tokens) == (9, first.tokens + second.tokens)
    assert _embed(ledger, settings, []) == Embedding(SPACE, 0, 0, {}, 0)


def test_two_at_one_time_embed_the_same_and_store_it_once(
    ledger: Ledger, settings: Settings, provider: Provider
) -> None:
    """Neither knows of the other before its vectors are stored: some texts are paid for twice, and nothing else is wrong."""
    tickets = make_tickets(200)
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(lambda _: _embed(ledger, settings, tickets), range(2)))
    assert 200 < sum(each.texts for each in found) <= 400
    stored = ledger.vectors.get(SPACE, [ticket.text_hash for ticket in tickets])
    for ticket, vector in zip(tickets, vectors_for(tickets), strict=True):
        assert stored[ticket.text_hash].tobytes() == vector.tobytes()
    assert _embed(ledger, settings, tickets).texts == 0


def test_what_is_sent_is_the_recipes_text(ledger: Ledger, settings: Settings, provider: Provider) -> None:
    """The provider gets the text that the hash is of, not the ticket's own."""
    ticket = make_ticket(1, text="  Many\n\n\tspaces  " + "x" * 5_000)
    _embed(ledger, settings, [ticket])
    assert provider.stats().bodies[-1]["input"] == [embedding_text(ticket.text)]


def test_what_came_before_a_failure_stays(ledger: Ledger, settings: Settings, provider: Provider) -> None:
    """Of ten batches three arrive: their vectors are stored, and only the others are asked for next time."""
    small = msgspec.structs.replace(settings, embedding_batch_size=10, embedding_concurrency=1)
    provider.fail("500", times=None, after=3, endpoint="embeddings")
    with pytest.raises(ProviderError):
        _embed(ledger, small, make_tickets(100))
    provider.clear()
    assert len(ledger.vectors.missing(SPACE, [text_hash(t.text) for t in make_tickets(100)])) == 70
    assert _embed(ledger, small, make_tickets(100)).texts == 70


def test_recording_without_vectors_is_refused(ledger: Ledger) -> None:
    """A ticket whose vector is not there is not acknowledged: no query would ever find it."""
    store_vectors(ledger, make_tickets(2))
    with pytest.raises(PrecedentError, match="run the same again"):
        record_tickets(ledger, SPACE, make_tickets(3))
    assert ledger.tickets.count() == 0
    generation, outcomes = record_tickets(ledger, SPACE, make_tickets(2))
    assert (generation.name, outcomes) == ("tickets-0001", [Outcome.ADDED] * 2)


def test_another_space_is_refused_before_anything_is_written(ledger: Ledger, settings: Settings) -> None:
    """Tickets that were embedded by another model than the live generation's are not acknowledged."""
    store_vectors(ledger, make_tickets(2))
    record_tickets(ledger, SPACE, make_tickets(2))
    other = replace(SPACE, model="other")
    store_vectors(ledger, make_tickets(4), other)
    with pytest.raises(SpaceMismatchError):
        record_tickets(ledger, other, make_tickets(4))
    assert ledger.tickets.count() == 2
    with pytest.raises(SpaceMismatchError, match=r"bge-large.*other"):
        require_space(
            ledger,
            open_embedder(msgspec.structs.replace(settings, embedding_model="other"), retries=0),
        )


def test_a_ticket_is_found_when_writing_it_returns(settings: Settings) -> None:
    """Both halves together: outcomes in order, and the index has what the ledger has, also of a refused version."""
    with contextlib.closing(Store(settings)) as store:
        store.prepare()
        store_vectors(store.ledger, make_tickets(3))
        batch = [make_ticket(1), make_ticket(2), make_ticket(1, priority="urgent"), make_ticket(2)]
        live, outcomes = write_tickets(store, SPACE, batch)
        assert outcomes == [Outcome.ADDED, Outcome.ADDED, Outcome.UPDATED, Outcome.UNCHANGED]
        assert_faithful(store)
        generation, _ = record_tickets(store.ledger, SPACE, [make_ticket(0)])
        assert store.generations.count_pending(live) == 1
        store.replay(generation, only=["t-0"])
        assert_faithful(store)
