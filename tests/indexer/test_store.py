"""Ledger and index as one: what Chroma lacks is replayed, whichever of the two was interrupted or replaced."""

import contextlib
from pathlib import Path

import msgspec
import pytest

from indexer.chroma.server import LocalServer
from indexer.errors import IndexUnavailableError
from indexer.settings import Settings
from indexer.store import Store
from tests.indexer.chroma.proxy import Proxy
from tests.indexer.chroma.users import endpoint_of, kill
from tests.indexer.making import (
    SPACE,
    assert_faithful,
    client_of,
    fill_store,
    make_tickets,
    prepared,
    store_vectors,
)
from tests.leftovers import assert_nothing_runs


def test_an_empty_store_is_ready(store: Store) -> None:
    """Before the first ticket there is nothing to check, and preparing again changes nothing."""
    store.prepare()
    assert store.index.unknown_collections([]) == []


def test_what_the_ledger_has_and_chroma_lacks_is_replayed(store: Store, settings: Settings) -> None:
    """Tickets that were acknowledged by the ledger alone are in the index after the next start."""
    live = fill_store(store, make_tickets(20))
    store_vectors(store.ledger, make_tickets(700, start=100))
    store.tickets.write(make_tickets(700, start=100))
    store.tickets.delete(["t-3"])
    seen: list[tuple[str, int, int]] = []
    with contextlib.closing(Store(settings)) as other:
        other.prepare(lambda *step: seen.append(step))
        assert_faithful(other)
        assert other.generations.count_pending(live) == 0
    assert seen[-1] == ("replay", 701, 701)


def test_rows_that_chroma_lost_or_invented_are_put_right(store: Store) -> None:
    """A collection that lacks rows and has others is brought back to the ledger's tickets."""
    live = fill_store(store, make_tickets(20))
    store.index.delete(live, ["t-1", "t-2", "t-3"])
    store.prepare()
    assert_faithful(store)
    client = client_of(store)  # somebody else writes to the collection
    client.get_collection(live.name, embedding_function=None).add(ids=["foreign"], embeddings=[[1.0] * 64])
    store.prepare()
    assert_faithful(store)


def test_only_the_named_tickets_are_replayed(store: Store) -> None:
    """A writer tells the index of its own tickets, however many, and leaves the others to whoever wrote them."""
    live = fill_store(store, make_tickets(5))
    many = make_tickets(1_100, start=100)
    store_vectors(store.ledger, many)
    store.tickets.write(many)
    assert store.replay(live, only=[ticket.id for ticket in many[:1_050]]) == 1_050
    assert store.generations.count_pending(live) == 50
    # More ids than a database takes in one statement, most of which nothing is pending for.
    assert store.replay(live, only=[f"t-{n}" for n in range(40_000)]) == 50
    assert_faithful(store)


@pytest.mark.parametrize("victim", ["pid", "server_pid"])
def test_a_server_killed_in_use_is_replaced_without_an_error(
    store: Store, data_dir: Path, victim: str
) -> None:
    """Writing goes on after kill -9 of Chroma or its supervisor; nothing acknowledged is lost."""
    fill_store(store, make_tickets(300))
    kill(endpoint_of(data_dir)[victim])
    fill_store(store, make_tickets(300, start=300))
    assert_faithful(store)
    assert list(data_dir.glob("index.damaged-*")) == []


def test_a_server_that_dies_between_ledger_and_index(store: Store, data_dir: Path) -> None:
    """What the ledger acknowledged while there was no server is in the index after the next write."""
    live = fill_store(store, make_tickets(10))
    store_vectors(store.ledger, make_tickets(10, start=10))
    store.tickets.write(make_tickets(10, start=10))
    kill(endpoint_of(data_dir)["server_pid"])
    assert store.replay(live) in (0, 10)  # connecting anew replays too
    assert_faithful(store)


def test_a_slow_server_is_not_taken_for_a_damaged_one(settings: Settings, tmp_path: Path) -> None:
    """When answers time out, preparing ends with an error that says so."""
    server = LocalServer(tmp_path / "own")
    with Proxy(server.ensure().port).running() as proxy:
        patient = msgspec.structs.replace(settings, chroma_url=proxy.url)
        with prepared(patient) as store:
            fill_store(store, make_tickets(3))
        proxy.silent_for = "/count"
        with (
            contextlib.closing(Store(msgspec.structs.replace(patient, chroma_timeout=0.3))) as store,
            pytest.raises(IndexUnavailableError, match="did not answer in time"),
        ):
            store.prepare()
        proxy.silent_for = None
        with prepared(patient) as store:
            assert_faithful(store)
    server.release()


def test_a_server_of_ones_own_that_lost_everything_is_filled_again(
    settings: Settings, tmp_path: Path
) -> None:
    """A remote Chroma that was replaced by an empty one is replayed from the ledger."""
    server = LocalServer(tmp_path / "own")
    first = server.ensure()
    with prepared(msgspec.structs.replace(settings, chroma_url=f"http://127.0.0.1:{first.port}")) as store:
        fill_store(store, make_tickets(30))
    server.put_aside(first.run, "a test replaces it")
    second = server.ensure()
    with prepared(msgspec.structs.replace(settings, chroma_url=f"http://127.0.0.1:{second.port}")) as store:
        assert_faithful(store)
    server.release()


def test_two_stores_in_one_process(settings: Settings, tmp_path: Path) -> None:
    """Each has its own server, and neither sees the other's tickets."""
    with (
        prepared(settings) as one,
        prepared(msgspec.structs.replace(settings, data_dir=tmp_path / "other")) as other,
    ):
        fill_store(one, make_tickets(5))
        fill_store(other, make_tickets(5, start=100))
        assert_faithful(one)
        assert_faithful(other)
    assert SPACE.dimension == 64
    assert_nothing_runs(tmp_path / "other")
