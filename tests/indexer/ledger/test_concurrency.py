"""Several processes write to one ledger at once, and nothing is lost."""

import contextlib
import os
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing.synchronize import Barrier
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from indexer.errors import IndexBusyError
from indexer.ledger import Ledger, Outcome
from indexer.ticket import text_hash
from tests.forked import FORKED
from tests.indexer.making import SPACE, make_ticket, make_tickets, store_vectors, vectors_for

_PROCESSES = 4
_ROUNDS = 12
_BATCH = 40
_barrier: Barrier


class AtOnce:
    """Processes that begin the same work at the same moment. Each gets its number."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    def __call__(self, work: Callable[..., object], url: str | None, data_dir: Path) -> Sequence[object]:
        """Return what each of them returned."""
        started = [self._pool.submit(work, url, data_dir, number) for number in range(_PROCESSES)]
        return [one.result() for one in started]


@pytest.fixture(scope="module")
def at_once() -> Iterator[AtOnce]:
    with ProcessPoolExecutor(
        _PROCESSES, FORKED, initializer=_meet_at, initargs=(FORKED.Barrier(_PROCESSES),)
    ) as pool:
        yield AtOnce(pool)


def _meet_at(barrier: Barrier) -> None:
    global _barrier  # noqa: PLW0603 (a process of a pool is given it once)
    _barrier = barrier


def _open_first(url: str | None, data_dir: Path, _number: int) -> str:
    _barrier.wait()
    with contextlib.closing(Ledger(url, data_dir)) as ledger:
        return ledger.id


def _write(url: str | None, data_dir: Path, number: int) -> list[Outcome]:
    outcomes: list[Outcome] = []
    with contextlib.closing(Ledger(url, data_dir)) as ledger:
        _barrier.wait()
        for round_ in range(_ROUNDS):
            own = make_tickets(_BATCH, start=1_000 * (number + 1) + round_ * _BATCH)
            # The same tickets in every process, each time in another order: the worst case for row locks.
            shared = [make_ticket(n, priority=f"of {number}") for n in range(_BATCH)]
            batch = own + shared
            random.Random(number * 100 + round_).shuffle(batch)
            store_vectors(ledger, batch)
            live = ledger.generations.ensure_live(SPACE)
            outcomes += ledger.tickets.write(batch)
            entries, _, revision = ledger.generations.pending(live, _BATCH)
            ledger.generations.mark_indexed(live, [entry.id for entry in reversed(entries)], revision)
            ledger.tickets.delete([own[0].id])
    return outcomes


def _write_first_vectors(url: str | None, data_dir: Path, number: int) -> None:
    with contextlib.closing(Ledger(url, data_dir)) as ledger:
        tickets = make_tickets(200)
        random.Random(number).shuffle(tickets)
        _barrier.wait()
        store_vectors(ledger, tickets)


def _under_the_lock(url: str | None, data_dir: Path, _number: int) -> None:
    counter = data_dir / "counter"
    with contextlib.closing(Ledger(url, data_dir)) as ledger:
        _barrier.wait()
        for _ in range(25):
            with ledger.index_lock():
                counter.write_text(str(int(counter.read_text()) + 1))


def test_processes_that_open_an_empty_ledger_at_once_agree(
    at_once: AtOnce, database_url: str | None, data_dir: Path
) -> None:
    """One of them makes it, and all have the same id."""
    assert len(set(at_once(_open_first, database_url, data_dir))) == 1


def test_nothing_of_concurrent_writers_is_lost(
    at_once: AtOnce, database_url: str | None, data_dir: Path
) -> None:
    """Each acknowledged ticket is there, with its vector, and pending if it was not settled."""
    results = at_once(_write, database_url, data_dir)
    written = _ROUNDS * 2 * _BATCH
    assert all(isinstance(outcomes, list) and len(outcomes) == written for outcomes in results)
    with contextlib.closing(Ledger(database_url, data_dir)) as ledger:
        own = {
            ticket.id: ticket
            for number in range(_PROCESSES)
            for ticket in make_tickets(_ROUNDS * _BATCH, start=1_000 * (number + 1))
        }
        deleted = {
            f"t-{1_000 * (number + 1) + round_ * _BATCH}"
            for number in range(_PROCESSES)
            for round_ in range(_ROUNDS)
        }
        shared = {f"t-{n}" for n in range(_BATCH)}
        found = ledger.tickets.get(ledger.tickets.hashes())
        assert {i: t for i, t in found.items() if i in own} == {
            i: t for i, t in own.items() if i not in deleted
        }
        assert found.keys() == (own.keys() - deleted) | shared
        assert {found[i].priority for i in shared} <= {f"of {number}" for number in range(_PROCESSES)}
        rows = ledger.vectors.training_rows(SPACE, limit=10_000)
        assert rows.ids == tuple(sorted(found, key=rows.ids.index))
        expected = vectors_for([found[i] for i in rows.ids])
        assert np.array_equal(rows.vectors, expected)
        assert ledger.revision() <= _PROCESSES * _ROUNDS * 3 + 1


def test_the_first_vectors_of_a_space_may_come_from_several_processes(
    at_once: AtOnce, database_url: str | None, data_dir: Path
) -> None:
    """All store the same texts' vectors, each in another order, into a space that none has seen yet."""
    Ledger(database_url, data_dir).close()
    at_once(_write_first_vectors, database_url, data_dir)
    with contextlib.closing(Ledger(database_url, data_dir)) as ledger:
        found = ledger.vectors.get(SPACE, [text_hash(ticket.text) for ticket in make_tickets(200)])
        assert len(found) == 200


def test_the_index_lock_has_one_holder(at_once: AtOnce, database_url: str | None, data_dir: Path) -> None:
    """Counting under the lock in four processes loses no count."""
    data_dir.mkdir()
    (data_dir / "counter").write_text("0")
    at_once(_under_the_lock, database_url, data_dir)
    assert (data_dir / "counter").read_text() == str(_PROCESSES * 25)


def test_the_index_lock_ends_with_its_holder(database_url: str | None, data_dir: Path) -> None:
    """A process that dies while it holds the lock leaves it free."""
    child = FORKED.Process(target=_die_with_the_lock, args=(database_url, data_dir))
    child.start()
    child.join()
    assert child.exitcode == -9
    with contextlib.closing(Ledger(database_url, data_dir)) as ledger, ledger.index_lock():
        pass


def test_a_wait_for_the_index_lock_has_an_end(database_url: str | None, data_dir: Path) -> None:
    """Threads and other processes wait as long as they were told to, and are told that it is busy; then it works."""
    with (
        contextlib.closing(Ledger(database_url, data_dir)) as ledger,
        contextlib.closing(Ledger(database_url, data_dir)) as other,
    ):
        with ledger.index_lock():
            for one in (ledger, other):
                with (
                    pytest.raises(IndexBusyError, match=r"for more than 0\.2 s"),
                    one.index_lock(patience=0.2),
                ):
                    pass
        for one in (ledger, other):
            with one.index_lock(patience=0.2):
                pass


def test_who_waits_for_the_index_lock_is_told_who_has_it(data_dir: Path) -> None:
    """The message names the process, by its number."""
    with (
        contextlib.closing(Ledger(None, data_dir)) as ledger,
        FileLock(data_dir / "index.lock"),
        pytest.raises(IndexBusyError, match=f"process {os.getpid()} "),
        ledger.index_lock(patience=0.1),
    ):
        pass


def test_writers_that_wait_leave_the_database_to_the_holder(database_url: str | None, data_dir: Path) -> None:
    """Thirty threads wait for the index; who has it reads and writes the ledger all the same."""
    with contextlib.closing(Ledger(database_url, data_dir)) as ledger, ThreadPoolExecutor(30) as pool:
        held = threading.Barrier(31)

        def wait() -> None:
            held.wait()
            with ledger.index_lock(patience=120):
                pass

        with ledger.index_lock():
            waiting = [pool.submit(wait) for _ in range(30)]
            held.wait()
            time.sleep(0.5)
            store_vectors(ledger, make_tickets(20))
            ledger.tickets.write(make_tickets(20))
            assert ledger.tickets.count() == 20
        for one in waiting:
            one.result()


def _die_with_the_lock(url: str | None, data_dir: Path) -> None:
    import os
    import signal

    with Ledger(url, data_dir).index_lock():
        os.kill(os.getpid(), signal.SIGKILL)
