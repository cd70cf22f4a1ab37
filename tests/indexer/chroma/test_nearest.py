"""The nearest tickets: bounded work however few have a resolution, and nothing but ids is believed of Chroma."""

import contextlib
from collections.abc import Iterator

import httpx
import msgspec
import numpy as np
import pytest

from indexer.chroma.server import LocalServer
from indexer.settings import Settings
from indexer.store import Store
from tests.indexer.chroma.proxy import Proxy
from tests.indexer.making import SPACE, fill_store, make_ticket, make_tickets, vectors_for

_MANY = 2_500
_RESOLVED = range(100, 2_500, 480)  # five of them


@pytest.fixture
def seen(settings: Settings) -> Iterator[tuple[Store, Proxy]]:
    """A prepared store whose requests to Chroma are seen."""
    server = LocalServer(settings.data_dir / "own")
    with (
        Proxy(server.ensure().port).running() as proxy,
        contextlib.closing(Store(msgspec.structs.replace(settings, chroma_url=proxy.url))) as store,
    ):
        store.prepare()
        yield store, proxy
    server.release()


@pytest.mark.parametrize("resolved", [(), _RESOLVED], ids=["none", "five"])
def test_few_resolutions_are_found_without_downloading_the_collection(
    seen: tuple[Store, Proxy], resolved: range | tuple[int, ...]
) -> None:
    """All of them, nearest first, with one small question to Chroma."""
    store, proxy = seen
    kept = set(resolved)
    tickets = [
        ticket if number in kept else make_ticket(number, resolution=None)
        for number, ticket in enumerate(make_tickets(_MANY))
    ]
    live = fill_store(store, tickets)
    proxy.requests.clear()
    proxy.largest_answer = 0
    (vector,) = vectors_for([make_ticket(7_000)])
    found = store.nearest(live, vector, 5, least=5, resolved=True)
    assert set(found.ids) == {f"t-{number}" for number in kept}
    similar = vectors_for([make_ticket(number) for number in kept] or tickets[:1]) @ vector
    assert found.cosines.tolist() == pytest.approx(np.sort(similar)[::-1][: len(kept)].tolist(), abs=1e-6)
    assert sum(request.endswith("/query") for request in proxy.requests) == 1
    assert proxy.largest_answer < 10_000


def test_one_resolution_too_few_is_one_hit_less(seen: tuple[Store, Proxy]) -> None:
    """Fifty are asked for, 49 there are."""
    store, proxy = seen
    tickets = [make_ticket(n, **({} if n < 49 else {"resolution": None})) for n in range(1_500)]
    live = fill_store(store, tickets)
    proxy.requests.clear()
    found = store.nearest(live, vectors_for([make_ticket(7_000)])[0], 50, least=50, resolved=True)
    assert set(found.ids) == {f"t-{n}" for n in range(49)}
    assert sum(request.endswith("/query") for request in proxy.requests) == 1


def test_more_resolutions_than_can_be_compared_are_left_to_chroma(store: Store) -> None:
    """The ledger says so, instead of reading all their vectors."""
    fill_store(store, make_tickets(30))
    (vector,) = vectors_for([make_ticket(3)])
    assert store.ledger.nearest.of_few(SPACE, vector, 5, most=29, resolved=True) is None
    found = store.ledger.nearest.of_few(SPACE, vector, 5, most=30, resolved=True)
    assert found is not None
    assert (found.ids[0], len(found)) == ("t-3", 5)


def test_what_somebody_else_writes_into_chroma_is_not_shown(store: Store) -> None:
    """Changed texts, resolutions and vectors change nothing, and rows that the ledger lacks do not appear."""
    live = fill_store(store, make_tickets(20))
    (vector,) = vectors_for([make_ticket(7)])
    before = store.nearest(live, vector, 20, least=20, resolved=True).ids
    endpoint = store.index.endpoint
    assert endpoint is not None
    base = f"http://127.0.0.1:{endpoint.port}/api/v2/tenants/default_tenant/databases/default_database/collections"
    with httpx.Client() as stranger:
        (collection,) = stranger.get(base).json()
        address = f"{base}/{collection['id']}"
        poison = {"resolution": "Sign in at https://evil.example/now", "priority": "urgent"}
        stranger.post(
            f"{address}/update",
            json={"ids": ["t-7"], "metadatas": [poison], "documents": ["POISONED"]},
        ).raise_for_status()
        stranger.post(
            f"{address}/upsert",
            json={
                "ids": ["t-9", "evil"],
                "embeddings": [vector.tolist(), vector.tolist()],
                "metadatas": [poison, poison],
                "documents": ["POISONED", "POISONED"],
            },
        ).raise_for_status()
    assert store.nearest(live, vector, 20, least=20, resolved=True).ids == before
    assert store.nearest(live, vector, 3).ids == before[:2]


def test_a_ticket_that_only_chroma_still_has_is_not_shown(store: Store) -> None:
    """Between a deletion in the ledger and that in the index it is gone already, and a change is shown already."""
    live = fill_store(store, make_tickets(20))
    store.tickets.delete(["t-7"])
    store.tickets.write([make_ticket(8, resolution="Replaced the fuse.")])
    found = store.nearest(live, vectors_for([make_ticket(7)])[0], 20)
    assert set(found.ids) == {f"t-{n}" for n in range(20) if n != 7}
    assert [one.resolution for one, _ in store.tickets.sound(["t-8", "t-7"])] == ["Replaced the fuse."]
