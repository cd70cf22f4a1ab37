"""What must hold of a store after anything that happened to it."""

import contextlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import numpy as np

from indexer.ledger import Ledger
from indexer.settings import Settings
from indexer.store import Store
from indexer.ticket import Ticket, text_hash
from tests.indexer.making import SPACE, assert_faithful, sentence, vectors_for
from tests.service.running import Service

__all__ = ["acknowledged", "assert_all_stored", "finds", "nearest", "write_file"]

_ASKING = 4


def write_file(path: Path, tickets: Sequence[Ticket]) -> str:
    """Write the tickets as an export, and return its path."""
    path.write_bytes(msgspec.json.Encoder().encode_lines(tickets))
    return str(path)


def nearest(service: Service, text: str) -> str:
    """Return the id of the stored ticket that is most like the text."""
    return str(service.answer("/v1/similar", text=text, top_k=1)["neighbours"][0]["id"])


def finds(service: Service, number: int) -> bool:
    """Whether the service finds ``make_ticket`` of the number by its text; not while it cannot answer."""
    response = service.post("/v1/similar", text=sentence(number), top_k=1)
    assert response.status_code in {200, 503}, response.text
    return response.status_code == 200 and response.json()["neighbours"][0]["id"] == f"t-{number}"


def acknowledged(settings: Settings) -> set[str]:
    """Return the tickets that the ledger has and the index has."""
    with contextlib.closing(Ledger(settings.database_url, settings.data_dir)) as ledger:
        live = ledger.generations.live()
        return (
            set() if live is None else set(ledger.tickets.ids()) - ledger.generations.pending_ids(live).keys()
        )


def assert_all_stored(settings: Settings, service: Service, expected: Sequence[Ticket]) -> None:
    """Compare the tickets with the ledger, ledger with Chroma, and ask the service for each by its text."""
    with contextlib.closing(Store(settings)) as store:
        store.index.connect()
        stored = store.tickets.get(ticket.id for ticket in expected)
        for ticket in expected:
            found = stored[ticket.id]
            assert (found.text, found.priority, found.resolution) == (
                ticket.text,
                ticket.priority,
                ticket.resolution,
            )
        vectors = store.vectors.get(SPACE, (text_hash(ticket.text) for ticket in expected))
        rows = np.stack([vectors[text_hash(ticket.text)] for ticket in expected])
        np.testing.assert_allclose(rows, vectors_for(expected), atol=1e-6)
        assert_faithful(store)
    with ThreadPoolExecutor(_ASKING) as pool:
        first = list(pool.map(lambda ticket: nearest(service, ticket.text), expected))
    assert first == [ticket.id for ticket in expected]
