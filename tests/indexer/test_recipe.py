"""What is embedded of a long text, and a ledger of the recipe before."""

import asyncio
import contextlib
import hashlib
import re
import unicodedata

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.embedding.choose import open_embedder
from indexer.ledger.database import Database
from indexer.ledger.tables import spaces, tickets, vectors
from indexer.parsing import parse_ticket
from indexer.recipe import embedding_text
from indexer.rejections import Rejections
from indexer.settings import Settings
from indexer.store import Store
from indexer.sync import Run, count_unembedded, plan, sync
from indexer.ticket import Ticket
from tests.indexer.ledger.earlier import turn_back
from tests.indexer.making import SPACE, assert_faithful, client_of, fill_store, make_ticket, make_tickets
from tests.provider import Provider
from tests.provider.vectors import vectors_of

_LONG = (
    "Upload fails\n\nSince Monday.\n"
    + "INFO all is well\n" * 8_000
    + "java.io.IOException: disk full\nThat is all."
)


def test_a_long_log_is_taken_whole_and_its_telling_parts_are_embedded() -> None:
    """The subject, the error behind it, and the end; never more than 2,000 characters."""
    ticket = parse_ticket({"id": 1, "text": _LONG, "resolution": "r" * 1_000_000})
    assert ticket.text == _LONG
    assert ticket.embedded.startswith("Upload fails Since Monday. INFO")
    assert "IOException: disk full" in ticket.embedded
    assert ticket.embedded.endswith("That is all.")
    assert len(ticket.embedded) <= 2_000


def test_an_error_that_is_repeated_is_said_once() -> None:
    """Numbers apart, a line that comes again takes no room from another."""
    lines = [f"12:00:{n:02} ERROR code {n}" for n in range(60)]
    text = "\n".join(["x" * 1_500, *lines, "fatal: out of memory", *["y" * 100] * 40])
    assert embedding_text(text).count("ERROR code") == 1
    assert "fatal: out of memory" in embedding_text(text)


@given(st.text(max_size=2_000).filter(str.strip))
def test_short_texts_are_as_they_were(text: str) -> None:
    """Up to 2,000 characters it is the whole text, as by the recipe before."""
    before = re.sub(r"\s+", " ", unicodedata.normalize("NFC", text)).strip()
    assert len(before) > 2_000 or embedding_text(text) == before[:2_000].rstrip()


@pytest.mark.parametrize(
    "text",
    [
        "x" * 10**6,
        "\n" * 10**6 + "a",
        "error" * 200_000,
        "error\n" * 160_000,
        "\u0327\u0301" * 500_000,
        " a" * 500_000,
    ],
    ids=["one word", "new lines", "errors", "lines of errors", "marks", "letters"],
)
def test_hostile_texts(text: str) -> None:
    """They end, and give a short text that the recipe leaves as it is."""
    found = embedding_text(text)
    assert 0 < len(found) <= 2_000
    assert embedding_text(found) == found


def _first_2000(text: str) -> str:
    return " ".join(text.split())[:2_000].rstrip()


def _age(store: Store, settings: Settings, ticket: Ticket) -> None:
    """Make the ledger one of the second schema, where the ticket's beginning alone was embedded."""
    former = hashlib.sha256(_first_2000(ticket.text).encode()).hexdigest()
    store.vectors.store(SPACE, [former], vectors_of([_first_2000(ticket.text)], SPACE.dimension))
    with (
        contextlib.closing(Database(settings.database_url, settings.data_dir)) as database,
        database.write() as connection,
    ):
        connection.execute(tickets.update().where(tickets.c.id == ticket.id).values(text_hash=former))
        connection.execute(vectors.delete().where(vectors.c.text_hash == ticket.text_hash))
        connection.execute(spaces.update().values(recipe="text-v1"))
        turn_back(connection, 2)


def test_a_ledger_of_the_recipe_before_is_brought_forward(settings: Settings, provider: Provider) -> None:
    """Short texts keep their vectors; long ones are counted before, and embedded by the next sync, once."""
    long = make_ticket(900, text=_LONG)
    with contextlib.closing(Store(settings)) as store:
        store.prepare()
        fill_store(store, [*make_tickets(30), long])
        collection = client_of(store).get_collection("tickets-0001", embedding_function=None)
        collection.modify(metadata={**collection.metadata, "recipe": "text-v1"})
        _age(store, settings, long)
    provider.clear()
    with contextlib.closing(Store(settings)) as store:
        store.prepare()
        live = store.generations.live()
        assert live is not None
        assert live.space == SPACE
        near = store.index.nearest_ids(live, vectors_of([_first_2000(_LONG)], SPACE.dimension))
        assert near[0][0][0] in {"t-900", *(t.id for t in make_tickets(30))}
        embedder = open_embedder(settings, store.ledger, retries=0)
        assert count_unembedded(store, embedder) == 2, "its text and its first line"
        rejections = Rejections(None, print)
        assert plan(Run(store, embedder, rejections), []).embedding_requests == 1

        async def run() -> tuple[int, int]:
            done = [await sync(Run(store, embedder, rejections), []) for _ in range(2)]
            await embedder.close()
            return done[0].embedded_texts, done[1].embedded_texts

        assert asyncio.run(run()) == (2, 0)
        assert provider.stats().texts == 2
        assert count_unembedded(store, embedder) == 0
        assert_faithful(store)
        stored = store.vectors.get(SPACE, [long.text_hash])
        assert np.allclose(stored[long.text_hash], vectors_of([long.embedded], SPACE.dimension)[0])
        assert msgspec.structs.asdict(store.tickets.get(["t-900"])["t-900"])["text"] == long.text
