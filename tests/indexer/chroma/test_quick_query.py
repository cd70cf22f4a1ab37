"""The query that every question asks: the same ids as chromadb's client gives, and the client's words where it fails."""

from pathlib import Path
from types import SimpleNamespace

import httpx
import numpy as np
import pytest

from indexer.chroma.failures import MissingCollectionError
from indexer.chroma.quick_query import QuickQueries, QuickQueryError
from indexer.errors import IndexUnavailableError
from indexer.store import Store
from tests.indexer.chroma.proxy import Proxy
from tests.indexer.chroma.users import endpoint_of, kill
from tests.indexer.making import fill_store, make_ticket, make_tickets, vectors_for

_DATABASE = "/api/v2/tenants/default_tenant/databases/default_database"


def test_the_ids_are_those_of_the_client(store: Store) -> None:
    """In the same order, as many as are asked for, or as there are."""
    live = fill_store(store, make_tickets(120))
    vectors = np.concatenate([vectors_for([make_ticket(7)]), np.eye(4, 64, dtype=np.float32)])
    for limit in (1, 50, 500):
        for vector, rows in zip(vectors, store.index.nearest_ids(live, vectors, limit), strict=True):
            near = store.index.ids_near(live, vector, limit, patience=60)
            assert near == [ticket_id for ticket_id, _ in rows]
            assert len(near) == min(limit, 120)


def test_a_failure_has_the_words_of_the_client(store: Store, data_dir: Path) -> None:
    """Of a collection that is gone, and of a server that is, while a connection to it is kept."""
    live = fill_store(store, make_tickets(3))
    (vector,) = vectors_for([make_ticket(1)])
    assert store.index.ids_near(live, vector, 1, patience=60) == ["t-1"]
    server = endpoint_of(data_dir)
    with httpx.Client(base_url=f"http://127.0.0.1:{server['port']}{_DATABASE}") as client:
        client.delete(f"/collections/{live.name}").raise_for_status()
    with pytest.raises(MissingCollectionError):
        store.index.ids_near(live, vector, 1, patience=60)
    kill(server["server_pid"])
    with pytest.raises(IndexUnavailableError, match="cannot be reached"):
        store.index.ids_near(live, vector, 1, patience=60)


def test_it_waits_no_longer_than_it_may(store: Store, data_dir: Path) -> None:
    """A server that is silent costs the time that was given, and no connection: the next one is answered."""
    live = fill_store(store, make_tickets(3))
    (vector,) = vectors_for([make_ticket(1)])
    port = endpoint_of(data_dir)["port"]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}{_DATABASE}") as client:
        found = client.get(f"/collections/{live.name}").raise_for_status().json()
    collection = SimpleNamespace(tenant="default_tenant", database="default_database", id=found["id"])
    with Proxy(port).running() as proxy:
        queries = QuickQueries(int(proxy.url.rpartition(":")[2]))
        proxy.silent_for = "/query"
        with pytest.raises(TimeoutError):
            queries.ids_near(collection, vector, 1, seconds=1)
        proxy.silent_for = None
        assert queries.ids_near(collection, vector, 1, seconds=60) == ["t-1"]
        queries.close()
    collection.id = "no collection"
    queries = QuickQueries(port)
    with pytest.raises(QuickQueryError):
        queries.ids_near(collection, vector, 1, seconds=60)
    queries.close()
