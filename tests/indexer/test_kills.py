"""Killed at eighteen random moments of sync, rebuild, rollback, forget and restore, the store is whole or says what to run."""

import contextlib
import random
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from indexer.forget import unfinished
from indexer.progress import no_progress
from indexer.settings import Settings
from indexer.store import Store
from indexer.ticket import Ticket
from indexer.verify import Problem, repair, verify
from tests.forked import Forked
from tests.indexer.command import fork_command, report_of, run_command
from tests.indexer.making import fill_store, make_ticket, make_tickets, prepared
from tests.provider import Provider

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

_COUNT = 250
_PATIENCE = 60.0
_MENDS = ("precedent verify --repair", "precedent forget")


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """A store whose Chroma runs all the time, as with a service beside the commands."""
    with prepared(settings) as opened:
        fill_store(opened, make_tickets(_COUNT))
        yield opened


def _holds(process: Forked, name: str) -> bool:
    with contextlib.suppress(OSError):
        return any(str(link.readlink()).endswith(name) for link in Path(f"/proc/{process.pid}/fd").iterdir())
    return False


def _wait_for(process: Forked, name: str) -> None:
    """Wait until the process has the file open: its work begins."""
    deadline = time.monotonic() + _PATIENCE
    while process.poll() is None and not _holds(process, name):
        assert time.monotonic() < deadline, f"{name} was not opened"
        time.sleep(0.002)


def _duration(settings: Settings, *arguments: str, opens: str, **changes: str) -> float:
    """Run the command to its end and return how long its work took."""
    process = fork_command(settings, *arguments, **changes)
    _wait_for(process, opens)
    began = time.monotonic()
    assert process.wait(_PATIENCE) == 0, process.output
    return time.monotonic() - began


def _kill(settings: Settings, *arguments: str, opens: str, after: float, **changes: str) -> bool:
    """Run the command, kill it some time after its work began, and return whether it was still at work."""
    process = fork_command(settings, *arguments, **changes)
    _wait_for(process, opens)
    time.sleep(after)
    process.kill()
    return process.wait(_PATIENCE) == -9


def _known(length: float, after: float, *, fell: bool) -> float:
    """Return what is known of a command's length: one that ended before its kill is shorter than was measured."""
    return length if fell else min(length, after)


def _problems(store: Store, settings: Settings) -> tuple[Problem, ...]:
    return verify(store, settings.data_dir, full=True, progress=no_progress).problems


def _mend(store: Store, settings: Settings) -> None:
    """Do what verify says, nothing else, and require that it is clean then."""
    problems = _problems(store, settings)
    for problem in problems:
        assert problem.mend.startswith(_MENDS), problem
    if unfinished(settings.data_dir):
        run_command(settings, "forget")
        problems = _problems(store, settings)
    if problems:
        repair(store, full=True, progress=no_progress)
        assert _problems(store, settings) == ()
    assert [g.status for g in store.generations.all()].count("live") == 1


def test_rebuild_switch_and_rollback(store: Store, settings: Settings, provider: Provider) -> None:
    """Six kills, half of them near the switch: one whole generation is live each time, and every ticket is there."""
    generator = random.Random(3)
    whole = _duration(settings, "rebuild", opens="maintenance.lock", EMBEDDING_MODEL="model-0")
    back = _duration(settings, "rebuild", "--rollback", opens="maintenance.lock")
    killed = 0
    for number in range(6):
        near_the_end = number % 2
        if number % 3 == 2:
            arguments, length = ["rebuild", "--rollback"], back
        else:
            arguments, length = ["rebuild"], whole
        after = length * generator.uniform(0.75 if near_the_end else 0.0, 1.0)
        killed += _kill(
            settings,
            *arguments,
            opens="maintenance.lock",
            after=after,
            EMBEDDING_MODEL=f"model-{1 + number // 3}",
        )
        assert set(store.tickets.ids()) == {f"t-{n}" for n in range(_COUNT)}
        _mend(store, settings)
        store_in_live(store, number)
    assert killed  # how many fall within the command depends on the machine's speed
    run_command(settings, "rebuild", EMBEDDING_MODEL="model-9")
    _mend(store, settings)


def store_in_live(store: Store, number: int) -> None:
    """Acknowledge a change of a ticket, which later generations must have."""
    changed = make_ticket(number, priority=f"p{number}")
    store.tickets.write([changed])
    live = store.generations.live()
    assert live is not None
    store.replay(live, only=[changed.id])


def test_forget(store: Store, settings: Settings) -> None:
    """Four kills: the run goes on when it is called again, and nothing else is lost."""
    generator = random.Random(5)
    length = _duration(settings, "forget", "t-0", opens="maintenance.lock")
    killed = 0
    for number in range(1, 5):
        after = length * generator.uniform(0.0, 1.0)
        fell = _kill(settings, "forget", f"t-{number}", opens="maintenance.lock", after=after)
        killed, length = killed + fell, _known(length, after, fell=fell)
        _mend(store, settings)
        left = set(store.tickets.ids())
        if f"t-{number}" in left:
            assert not unfinished(settings.data_dir)
            run_command(settings, "forget", f"t-{number}")
        assert left >= {f"t-{n}" for n in range(number + 1, _COUNT)}
        # By another process: to close a file that SQLite has open here would end its locks.
        words = make_ticket(number).text[:24]
        assert subprocess.run(["grep", "-rqaF", words, settings.data_dir], check=False).returncode == 1
    assert killed  # how many fall within the command depends on the machine's speed


def test_restore(store: Store, settings: Settings, tmp_path: Path) -> None:
    """Four kills: the store is empty or whole."""
    generator = random.Random(7)
    file = str(tmp_path / "made.backup")
    run_command(settings, "backup", file)
    everything = {ticket.id: ticket for ticket in store.tickets.records()}

    def empty(name: str) -> Settings:
        return msgspec.structs.replace(settings, data_dir=tmp_path / name)

    length = _duration(empty("whole"), "restore", file, opens="ledger.sqlite3")
    killed = 0
    for number in range(4):
        chosen = empty(f"store-{number}")
        after = length * generator.uniform(0.0, 1.0)
        fell = _kill(chosen, "restore", file, opens="ledger.sqlite3", after=after)
        killed, length = killed + fell, _known(length, after, fell=fell)
        with contextlib.closing(Store(chosen)) as restored:
            restored.index.connect()
            if restored.ledger.copies.is_empty():
                assert _problems(restored, chosen) == ()
            else:
                assert {ticket.id: ticket for ticket in restored.ledger.tickets.records()} == everything
                _mend(restored, chosen)
    assert killed  # how many fall within the command depends on the machine's speed


def test_sync(store: Store, settings: Settings, tmp_path: Path) -> None:
    """Four kills: the store is whole after each, nothing acknowledged is lost, and the last sync stores the rest."""
    generator = random.Random(11)
    source = tmp_path / "tickets.jsonl"

    def write(tickets: list[Ticket]) -> str:
        source.write_bytes(b"".join(msgspec.json.encode(ticket) + b"\n" for ticket in tickets))
        return str(source)

    length = _duration(settings, "sync", write(make_tickets(400, start=2_000)), opens="ledger.sqlite3")
    tickets, killed = list[Ticket](), 0
    for number in range(4):
        tickets += make_tickets(400, start=10_000 * (number + 1))
        after = length * generator.uniform(0.2, 1.0)
        fell = _kill(settings, "sync", write(tickets), opens="ledger.sqlite3", after=after)
        killed, length = killed + fell, _known(length, after, fell=fell)
        acknowledged = store.tickets.count()
        _mend(store, settings)
        assert store.tickets.count() == acknowledged
    assert killed  # how many fall within the command depends on the machine's speed
    report = report_of(run_command(settings, "sync", str(source), "--json"))
    assert report["added"] + report["unchanged"] == len(tickets)
    assert len(store.tickets.get(ticket.id for ticket in tickets)) == len(tickets)
    assert _problems(store, settings) == ()
