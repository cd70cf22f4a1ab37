"""Killed eight times at random moments, indexer, service and Chroma start again, and no acknowledged ticket is lost."""

import contextlib
import os
import random
import signal
import time
from pathlib import Path

import pytest

from indexer.settings import Settings
from tests.chaos.checking import acknowledged, assert_all_stored, finds, write_file
from tests.forked import Forked
from tests.indexer.command import fork_command, report_of, run_command
from tests.indexer.making import make_ticket, make_tickets
from tests.leftovers import assert_nothing_runs, processes_of, wait_until
from tests.provider import Provider
from tests.service.running import start_service

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

_EACH_VICTIM = 2
_ROUNDS = 20
_EACH = 80
_SMALL = {"EMBEDDING_BATCH_SIZE": "16", "EMBEDDING_CONCURRENCY": "1"}  # many windows, each acknowledged alone
_PORTION = 1_000
_PRIORITY = "high"  # a single one, so that no forest is fitted at each of the many starts
_VICTIMS = ("indexer", "service", "server", "supervisor")
_NAMED = {"server": "chroma run", "supervisor": "supervisor.py"}  # on the command line


class World:
    """One data directory, the service on it, and what was acknowledged so far."""

    def __init__(self, settings: Settings, provider: Provider, folder: Path) -> None:
        self.settings = settings
        self.provider = provider
        self.folder = folder
        self.service = start_service(settings.data_dir, provider)
        self.acknowledged: set[str] = set()

    def start_sync(self, number: int) -> Forked:
        """Begin to sync a file of tickets that no other round has, and wait until it works."""
        tickets = make_tickets(_EACH, start=number * _PORTION, priority=_PRIORITY)
        file = write_file(self.folder / f"{number}.jsonl", tickets)
        process = fork_command(self.settings, "sync", file, "--json", **_SMALL)
        descriptors = Path(f"/proc/{process.pid}/fd")

        def works() -> bool:
            with contextlib.suppress(OSError):
                return any(link.readlink().name == "ledger.sqlite3" for link in descriptors.iterdir())
            return False

        wait_until(lambda: works() or process.poll() is not None)
        return process

    def end_sync(self, process: Forked, number: int, *, killed: bool) -> None:
        """Wait for the sync, and note what is acknowledged then."""
        status = process.wait(100)
        if not killed:
            assert status == 0, f"{process.output}\n{self.service.log}"
            assert report_of(process)["added"] == _EACH
            self.acknowledged |= {f"t-{number * _PORTION + n}" for n in range(_EACH)}
        stored = acknowledged(self.settings)
        assert stored >= self.acknowledged
        self.acknowledged |= stored

    def kill(self, victim: str, sync: Forked) -> bool:
        """Kill one of the processes, and tell whether it was there to be killed."""
        if victim in _NAMED:
            found = [
                pid
                for pid, command in processes_of(self.settings.data_dir).items()
                if _NAMED[victim] in command
            ]
            for pid in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return bool(found)
        process = sync if victim == "indexer" else self.service.process
        process.kill()
        if process.wait() != -signal.SIGKILL:
            return False
        if victim == "service":
            self.service.http.close()
            self.service = start_service(self.settings.data_dir, self.provider)
        return True

    def wait_for_answers(self) -> None:
        """Wait until the service finds an acknowledged ticket by its text."""
        asked = int(max(self.acknowledged).removeprefix("t-"))
        self.service.until(lambda: finds(self.service, asked), f"ticket {asked} is found")

    def close(self) -> None:
        """End the service whatever its state."""
        self.service.http.close()
        self.service.process.kill()
        self.service.process.wait()


def test_eight_kills(settings: Settings, provider: Provider, tmp_path: Path) -> None:
    """A sync of a new file goes on at each; every next start works, and in the end all is there and found."""
    generator = random.Random(23)
    provider.configure(latency=0.05)
    world = World(settings, provider, tmp_path)
    try:
        for number in range(
            2
        ):  # the first one waits for Chroma to start, the second tells how long a sync takes
            sync = world.start_sync(number)
            began = time.monotonic()
            world.end_sync(sync, number, killed=False)
            length = time.monotonic() - began
            world.wait_for_answers()
        at_work = 0
        victims = list(_VICTIMS) * _EACH_VICTIM
        generator.shuffle(victims)
        for number in range(2, _ROUNDS):
            sync = world.start_sync(number)
            victim = victims[-1]
            time.sleep(generator.uniform(0.0, length))
            at_work += sync.poll() is None
            killed = world.kill(
                victim, sync
            )  # unless it has just ended by itself: it is another round's then
            world.end_sync(sync, number, killed=killed and victim == "indexer")
            if victim != "service":  # one that was just started is still starting while the next sync begins
                world.wait_for_answers()
            if killed:
                victims.pop()
            if not victims:
                break
        assert victims == []
        assert at_work, "every sync was over when something was killed"
        sync = world.start_sync(_ROUNDS)
        world.end_sync(sync, _ROUNDS, killed=False)
        world.wait_for_answers()
        numbers = sorted(int(ticket_id.removeprefix("t-")) for ticket_id in world.acknowledged)
        expected = [make_ticket(number, priority=_PRIORITY) for number in numbers]
        assert_all_stored(settings, world.service, expected)
        run_command(settings, "stop")
        world.service.process.wait(60)
        assert_nothing_runs(settings.data_dir)
    finally:
        world.close()
