"""Collections in Chroma: what is written is what is found."""

import contextlib
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import msgspec
import numpy as np
import pytest

from indexer.chroma.failures import DamagedIndexError, MissingCollectionError, SlowIndexError
from indexer.chroma.index import Index
from indexer.chroma.server import LocalServer
from indexer.errors import IndexUnavailableError, SpaceMismatchError
from indexer.ledger import Generation, IndexEntry
from indexer.settings import Settings
from indexer.store import Store
from indexer.ticket import text_hash
from tests.indexer.chroma.proxy import Proxy
from tests.indexer.making import SPACE, assert_faithful, fill_store, make_ticket, make_tickets, vectors_for

_COLLECTIONS = "/api/v2/tenants/default_tenant/databases/default_database/collections"
_GENERATION = Generation("tickets-0001", SPACE, "live")


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a Chroma server that stands for a team's own."""
    server = LocalServer(tmp_path_factory.mktemp("own"))
    yield server.ensure().port
    server.release()


@pytest.fixture
def chroma_port(own_server: int) -> Iterator[int]:
    """The port of that server, without any collection."""
    yield own_server
    with httpx.Client(base_url=f"http://127.0.0.1:{own_server}") as client:
        for collection in client.get(_COLLECTIONS).raise_for_status().json():
            client.delete(f"{_COLLECTIONS}/{collection['name']}").raise_for_status()


def _remote(settings: Settings, url: str, **changes: object) -> Settings:
    return msgspec.structs.replace(settings, chroma_url=url, **changes)


def _write(index: Index, *numbers: int) -> None:
    tickets = [make_ticket(number) for number in numbers]
    entries = [IndexEntry(t.id, t, text_hash(t.text), row) for row, t in enumerate(tickets)]
    index.write(_GENERATION, entries, vectors_for(tickets))


def test_what_is_written_is_found(store: Store) -> None:
    """The nearest row to a ticket's vector is the ticket, with its fields, and the rest in order of similarity."""
    live = fill_store(store, make_tickets(30))
    (vector,) = vectors_for([make_ticket(7)])
    found = store.nearest(live, vector, 5)
    assert list(store.tickets.sound(found.ids[:1])) == [(make_ticket(7), None)]
    expected = np.sort(vectors_for(make_tickets(30)) @ vector)[::-1][:5]
    assert found.cosines.tolist() == pytest.approx(expected.tolist(), abs=1e-5)
    assert len(store.nearest(live, vector, 100)) == 30
    assert_faithful(store)


def test_vectors_keep_their_length(store: Store) -> None:
    """Vectors that are not of unit norm are compared by cosine and come back as they were."""
    tickets = make_tickets(20)
    scaled = vectors_for(tickets) * np.linspace(0.01, 50, 20, dtype=np.float32)[:, np.newaxis]
    store.vectors.store(SPACE, [text_hash(t.text) for t in tickets], scaled)
    fill_store(store, tickets)
    assert_faithful(store)


@pytest.mark.parametrize(
    "lost", [{"priority": None}, {"resolution": None}, {"priority": None, "resolution": None}]
)
def test_a_field_that_a_ticket_lost_is_lost_in_chroma_too(store: Store, lost: dict[str, None]) -> None:
    """An upsert merges metadata; still nothing of the older version stays."""
    fill_store(store, make_tickets(3))
    fill_store(store, [make_ticket(1, **lost)])
    assert_faithful(store)


@pytest.mark.parametrize(
    ("changes", "sent"),
    [
        ({"priority": "changed", "resolution": None}, ["get", "update"]),
        ({"text": "quite another text"}, ["get", "delete", "upsert"]),
        ({"text": make_ticket(1).text + " \n"}, ["get", "delete", "upsert"]),
    ],
    ids=["labels", "text", "spaces"],
)
def test_no_row_gets_another_vector_in_place(
    settings: Settings, chroma_port: int, changes: dict[str, str | None], sent: list[str]
) -> None:
    """Where the text stays, the graph is not touched; where it does not, the row is made anew."""
    with (
        Proxy(chroma_port).running() as proxy,
        contextlib.closing(Store(_remote(settings, proxy.url))) as store,
    ):
        store.prepare()
        fill_store(store, make_tickets(3))
        before = len(proxy.requests)
        fill_store(store, [make_ticket(1, **changes)])
        paths = [request.rpartition("/")[2] for request in proxy.requests[before:]]
        assert [path for path in paths if path in ("get", "delete", "upsert", "update")] == sent
        assert_faithful(store)


def test_a_deleted_ticket_is_not_found(store: Store) -> None:
    """It leaves the index; written again with another text it is found by that one."""
    live = fill_store(store, make_tickets(5))
    store.tickets.delete(["t-2", "t-3"])
    store.replay(live)
    (vector,) = vectors_for([make_ticket(2)])
    assert set(store.nearest(live, vector, 10).ids) == {"t-0", "t-1", "t-4"}
    fill_store(store, [make_ticket(2, text="quite another text")])
    assert_faithful(store)


def test_long_texts_are_sent_in_several_requests(settings: Settings, chroma_port: int) -> None:
    """A page of long tickets is more than Chroma takes at once (40 MiB), or within its time; in parts it is stored."""
    with Proxy(chroma_port).running() as proxy:
        with contextlib.closing(Store(_remote(settings, proxy.url))) as store:
            store.prepare()
            fill_store(store, [make_ticket(n, resolution=f"{n} " + '"' * 99_000) for n in range(60)])
            assert_faithful(store)
        assert sum("/upsert" in request for request in proxy.requests) > 1
        assert proxy.largest < 10 * 2**20


def test_a_collection_of_another_space_is_refused(store: Store) -> None:
    """The message names both models and what to do, before any query is sent."""
    fill_store(store, make_tickets(3))
    other = Generation("tickets-0001", replace(SPACE, model="other-model", dimension=32), "live")
    index = store.index
    index.connect()  # as a process that has not seen it yet
    for use in (
        lambda: index.create(other),
        lambda: index.nearest_ids(other, np.ones((1, 32), dtype=np.float32)),
        lambda: index.count(other),
    ):
        with pytest.raises(
            SpaceMismatchError, match=r"holds bge-large \(64 .*the ledger's is other-model \(32 "
        ):
            use()
    assert_faithful(store)


def test_a_collection_of_another_ledger_is_refused(
    settings: Settings, chroma_port: int, tmp_path: Path
) -> None:
    """Two ledgers that are given one Chroma do not mix: the second is told, and the first keeps its own."""
    url = f"http://127.0.0.1:{chroma_port}"
    with (
        contextlib.closing(Store(_remote(settings, url))) as first,
        contextlib.closing(Store(_remote(settings, url, data_dir=tmp_path / "second"))) as second,
    ):
        first.prepare()
        second.prepare()
        fill_store(first, make_tickets(3))
        with pytest.raises(SpaceMismatchError, match="of another ledger"):
            fill_store(second, make_tickets(3, start=10))
        assert_faithful(first)


def test_a_dropped_collection_is_missing(store: Store) -> None:
    """Dropping is idempotent; what asks for the collection then is told that it is not there."""
    live = fill_store(store, make_tickets(3))
    store.index.drop(live.name)
    store.index.drop(live.name)
    with pytest.raises(MissingCollectionError):
        store.index.count(live)
    store.prepare()
    assert_faithful(store)


@pytest.mark.parametrize("header", ["Authorization", "X-Chroma-Token"])
def test_the_token_reaches_every_request(settings: Settings, chroma_port: int, header: str) -> None:
    """A proxy that asks for a token lets all of our requests pass."""
    value = "Bearer t0ken" if header == "Authorization" else "t0ken"
    with Proxy(chroma_port, require=(header, value)).running() as proxy:
        remote = _remote(settings, proxy.url, chroma_token="t0ken", chroma_token_header=header)
        with contextlib.closing(Store(remote)) as store:
            store.prepare()
            live = fill_store(store, make_tickets(3))
            store.tickets.delete(["t-0"])
            store.replay(live)
            assert_faithful(store)
        assert len(proxy.requests) > 8
        assert proxy.refused == 0


def test_a_server_under_a_path(settings: Settings, chroma_port: int) -> None:
    """The path of the address goes before that of each request."""
    with Proxy(chroma_port, prefix="/tools/chroma").running() as proxy:
        with contextlib.closing(Store(_remote(settings, proxy.url))) as store:
            store.prepare()
            fill_store(store, make_tickets(3))
            assert_faithful(store)
        assert all(" /tools/chroma/api/v2/" in request for request in proxy.requests)


def test_a_wrong_token_is_a_clear_error(settings: Settings, chroma_port: int) -> None:
    """What the proxy answers is not taken for a damaged index, and the token is not shown."""
    with Proxy(chroma_port, require=("Authorization", "Bearer right")).running() as proxy:
        index = Index(_remote(settings, proxy.url, chroma_token="t0ken"), "ledger")
        with pytest.raises(IndexUnavailableError, match="refuses the request") as error:
            index.connect()
    assert not isinstance(error.value, DamagedIndexError)
    assert "t0ken" not in str(error.value)


def test_a_tenant_or_database_that_is_not_there_is_named(settings: Settings, chroma_port: int) -> None:
    """The message says what the server lacks."""
    url = f"http://127.0.0.1:{chroma_port}"
    for changes in ({"chroma_tenant": "nobody"}, {"chroma_database": "nothing"}):
        index = Index(_remote(settings, url, **changes), "ledger")
        with pytest.raises(IndexUnavailableError, match=r"nobody|nothing"):
            index.connect()


def test_nobody_listens(settings: Settings) -> None:
    """A server of one's own that does not run is named, and nothing is started in its place."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    index = Index(_remote(settings, f"http://127.0.0.1:{port}"), "ledger")
    with pytest.raises(IndexUnavailableError, match=f"127.0.0.1:{port} cannot be reached"):
        index.connect()
    assert not (settings.data_dir / "chroma.lock").exists()


def test_a_server_that_never_answers_is_given_up(settings: Settings) -> None:
    """Connecting to something that accepts and then is silent ends after the time-out."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        index = Index(_remote(settings, url, chroma_timeout=0.2), "ledger")
        with pytest.raises(SlowIndexError, match="PRECEDENT_CHROMA_TIMEOUT"):
            index.connect()


_USES: dict[str, tuple[str, Callable[[Index], object]]] = {
    "identity": ("/identity", lambda index: index.connect()),
    "tenant": ("/tenants/default_tenant", lambda index: index.connect()),
    "database": ("/databases/default_database", lambda index: index.connect()),
    "create": ("/collections", lambda index: index.create(_GENERATION)),
    "upsert": ("/upsert", lambda index: _write(index, 3)),
    "update": ("/update", lambda index: _write(index, 1)),
    "delete": (
        "/delete",
        lambda index: index.write(
            _GENERATION, [IndexEntry("t-1", None, "", 0)], np.empty((0, 64), np.float32)
        ),
    ),
    "query": ("/query", lambda index: index.nearest_ids(_GENERATION, vectors_for([make_ticket(1)]))),
    "ids": (
        "/query",
        lambda index: index.ids_near(_GENERATION, vectors_for([make_ticket(1)])[0], 10, patience=60),
    ),
    "count": ("/count", lambda index: index.count(_GENERATION)),
    "get": ("/get", lambda index: index.hashes(_GENERATION)),
    "names": ("/collections", lambda index: index.unknown_collections([])),
}


@pytest.mark.parametrize("use", _USES)
def test_the_time_out_reaches_every_request(settings: Settings, chroma_port: int, use: str) -> None:
    """Whatever request the server does not answer, it is given up after the time-out, and later ones go well."""
    path, action = _USES[use]
    with Proxy(chroma_port).running() as proxy:
        index = Index(_remote(settings, proxy.url, chroma_timeout=5), "ledger")
        index.connect()
        index.create(_GENERATION)
        _write(index, 1, 2)
        index.close()
        impatient = Index(_remote(settings, proxy.url, chroma_timeout=1), "ledger")
        if use not in ("identity", "tenant", "database"):
            impatient.connect()
            impatient.count(_GENERATION)
        proxy.silent_for = path
        with pytest.raises(SlowIndexError):
            action(impatient)
        proxy.silent_for = None
        impatient.connect()
        assert impatient.count(_GENERATION) == 2
        impatient.close()
