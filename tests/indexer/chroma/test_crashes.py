"""Chroma is killed under several writers at once: its index is healthy, and stays where it is."""

import contextlib
import json
import logging
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from indexer.chroma.failures import RefusedRequestError
from indexer.chroma.server import LocalServer
from indexer.errors import IndexUnavailableError
from indexer.settings import Settings
from indexer.store import Store
from tests.indexer.chroma.users import endpoint_of, kill
from tests.indexer.making import assert_faithful, fill_store, make_ticket, make_tickets
from tests.leftovers import wait_until

pytestmark = pytest.mark.slow

_WRITERS = 6
_EACH = 12


def _damaged(data_dir: Path) -> list[Path]:
    return list(data_dir.glob("index.damaged-*"))


def test_kills_under_several_writers_leave_the_index_alone(store: Store, data_dir: Path) -> None:
    """Each writer's ticket is stored at last, whatever connection it began on, and nothing is put aside."""
    fill_store(store, make_tickets(150))
    written = threading.Semaphore(0)

    def write(writer: int) -> None:
        for n in range(_EACH):
            fill_store(store, [make_ticket(1_000 * (writer + 1) + n)])
            written.release()

    with ThreadPoolExecutor(_WRITERS) as pool:
        writers = [pool.submit(write, writer) for writer in range(_WRITERS)]
        for _ in range(4):
            for _ in range(_WRITERS):
                assert written.acquire(timeout=120)
            with contextlib.suppress(OSError, ValueError):  # it may just be starting
                os.kill(endpoint_of(data_dir)["server_pid"], signal.SIGKILL)
        for one in writers:
            one.result(timeout=240)
    store.prepare()
    assert_faithful(store)
    assert store.tickets.count() == 150 + _WRITERS * _EACH
    assert _damaged(data_dir) == []


def test_who_asks_meanwhile_takes_the_result(
    store: Store, data_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Six threads that find the server gone bring it back once, together."""
    caplog.set_level(logging.INFO, logger="indexer")
    live = fill_store(store, make_tickets(40))
    kill(endpoint_of(data_dir)["server_pid"])
    connection = store.index.connection
    gate = threading.Barrier(6)

    def ask(_: int) -> None:
        gate.wait()
        store.prepare(instead_of=connection)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(ask, range(6)))
    assert store.index.connection == connection + 1
    assert caplog.text.count("not stopped in order") == 1
    assert store.index.count(live) == 40


def test_a_call_ends_on_the_connection_it_began_on(store: Store) -> None:
    """Who connects anew while others ask disturbs none of them."""
    live = fill_store(store, make_tickets(60))
    stop = threading.Event()

    def ask() -> int:
        asked = 0
        while not stop.is_set():
            assert store.index.count(live) == 60
            asked += 1
        return asked

    with ThreadPoolExecutor(4) as pool:
        askers = [pool.submit(ask) for _ in range(4)]
        for _ in range(15):
            store.index.connect()
        stop.set()
        assert all(asker.result() > 0 for asker in askers)


def test_kills_while_the_index_is_read_are_no_evidence(store: Store, data_dir: Path) -> None:
    """A server that is killed each time it is read gives an error in the end; its index stays."""
    fill_store(store, make_tickets(30))
    stop = threading.Event()

    def kill_again() -> None:
        seen = ""
        while not stop.is_set():
            with contextlib.suppress(OSError, ValueError):
                found = endpoint_of(data_dir)
                if found["run"] != seen:
                    seen = found["run"]
                    os.kill(found["server_pid"], signal.SIGKILL)
            time.sleep(0.002)

    killer = threading.Thread(target=kill_again)
    killer.start()
    failures = 0
    while failures < 3:
        try:
            store.prepare()
        except IndexUnavailableError:
            failures += 1
    stop.set()
    killer.join()
    store.prepare()
    assert_faithful(store)
    assert _damaged(data_dir) == []


def test_several_processes_agree_on_one_recovery(store: Store, settings: Settings, data_dir: Path) -> None:
    """Two stores on one directory (as two processes have it) recover at once, and neither puts aside what the other reads."""
    fill_store(store, make_tickets(60))
    with contextlib.closing(Store(settings)) as other:
        other.prepare()
        for round_ in range(3):
            kill(endpoint_of(data_dir)["server_pid"])
            with ThreadPoolExecutor(2) as pool:
                for done in [
                    pool.submit(fill_store, one, make_tickets(20, start=100 + 1_000 * n + 20 * round_))
                    for n, one in enumerate((store, other))
                ]:
                    done.result()
        assert_faithful(other)
    assert _damaged(data_dir) == []


def test_a_server_that_crashes_of_its_files_is_evidence(store: Store, data_dir: Path) -> None:
    """SIGSEGV, which damaged vectors bring about, counts, unlike SIGKILL; the supervisor tells which it was."""
    fill_store(store, make_tickets(5))
    run = endpoint_of(data_dir)["run"]
    server = LocalServer(data_dir)
    os.kill(endpoint_of(data_dir)["server_pid"], signal.SIGSEGV)
    wait_until(lambda: json.loads((data_dir / "chroma.state").read_text())["died"])
    try:
        assert "signal 11" in str(server.crash_of(run))
        again = server.ensure().run
        kill(endpoint_of(data_dir)["server_pid"])
        assert server.crash_of(again) is None
    finally:
        server.release()
    # Twice, while it is read, it would be put aside; once, while nobody reads, is nothing.
    store.prepare()
    assert _damaged(data_dir) == []


def test_at_most_one_damaged_index_is_kept(store: Store, data_dir: Path) -> None:
    """The folder of an earlier time gives way to the one of this time."""
    fill_store(store, make_tickets(5))
    server = LocalServer(data_dir)
    for n in range(3):
        run = server.ensure().run
        (data_dir / "index" / f"mark{n}").touch()
        server.put_aside(run, "a test says so")
        server.ensure()
    (aside,) = _damaged(data_dir)
    assert (aside / "mark2").exists()
    server.release()
    store.prepare()
    assert_faithful(store)


def test_a_refused_request_is_no_damage(store: Store, data_dir: Path) -> None:
    """More ids than SQLite takes variables, a body above 40 MiB: an error of the request, and nothing is brought back."""
    live = fill_store(store, make_tickets(5))
    endpoint, connection = store.index.endpoint, store.index.connection
    with pytest.raises(RefusedRequestError, match=r"refuses (a|the) request"):
        list(store.index.rows(live, [f"t-{n}" for n in range(300_000)]))
    with pytest.raises(RefusedRequestError, match=r"refuses (a|the) request"):
        store.index.nearest_ids(live, np.random.default_rng(1).random((45_000, 64), dtype=np.float32))
    assert store.index.count(live) == 5
    assert (store.index.endpoint, store.index.connection) == (endpoint, connection)
    store.prepare()
    assert store.index.endpoint == endpoint
    assert _damaged(data_dir) == []
