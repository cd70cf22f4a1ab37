"""The local Chroma server: found, started and stopped."""

import fcntl
import logging
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from indexer.chroma import supervisor
from indexer.chroma.failures import UnstartableIndexError, full_disk
from indexer.chroma.index_files import disk_is_full
from indexer.chroma.run_state import endpoint_of, is_compacting, order, orders_of, state_of
from indexer.chroma.server_log import tail
from indexer.errors import IndexUnavailableError, PrecedentError
from indexer.privacy import plain_environment, private_folder
from indexer.processes import is_locked

__all__ = ["Endpoint", "LocalServer"]

_log = logging.getLogger(__name__)
_WAIT_SECONDS = 90.0
_START_AGAIN_SECONDS = 0.3
_STARTS = 5  # in a row, none of which answered
_SUPERVISE = """
import sys, pathlib
sys.path.insert(0, str(pathlib.Path(sys.argv[1]).parents[2]))
from indexer.chroma.supervisor import start
start(pathlib.Path(sys.argv[2]))
"""
_EVIDENCE = 3  # of them, in which the server ended by itself
_CRASH_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the server listens. ``run`` is new at every start; ``clean`` tells that its files are as it left them."""

    port: int
    run: str
    clean: bool


class LocalServer:
    """One process's use of the server of a data directory."""

    def __init__(self, data_dir: Path) -> None:
        private_folder(data_dir)
        self._dir = data_dir.resolve()
        self._use: IO[str] | None = None

    def ensure(self) -> Endpoint:
        """Return where the server listens, starting one if none runs; it then stays until `release`.

        :raises UnstartableIndexError: the server ends by itself with these files, time and again.
        :raises FullDiskError: it cannot start for want of space.
        :raises IndexUnavailableError: no server came up; the message ends with the last line of its log.
        """
        if self._use is None:
            self._use = (self._dir / "users.lock").open("a")
            # Waits only while a server that nobody used any more is just being stopped.
            fcntl.flock(self._use, fcntl.LOCK_SH)
        deadline = time.monotonic() + _WAIT_SECONDS
        again, starts = 0.0, 0
        while time.monotonic() < deadline:
            if self._owned():
                endpoint = self._endpoint()
                if endpoint is not None:
                    return endpoint
                if is_compacting(self._dir):
                    deadline = time.monotonic() + _WAIT_SECONDS
            elif time.monotonic() >= again:
                if starts == _STARTS:
                    break
                starts += 1
                # Returns at once: the supervisor goes on as nobody's child.
                subprocess.run(  # noqa: S603 (our own interpreter and file)
                    [sys.executable, "-I", "-c", _SUPERVISE, supervisor.__file__, str(self._dir)],
                    env=plain_environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                    check=False,
                )
                again = time.monotonic() + _START_AGAIN_SECONDS
            time.sleep(0.03)
        raise self._not_up(starts)

    def _not_up(self, starts: int) -> PrecedentError:
        if disk_is_full(self._dir):
            return full_disk(f"Chroma cannot start, the disk with {self._dir}")
        state = state_of(self._dir)
        how = (
            f"did not come up in {starts} starts"
            if starts == _STARTS
            else f"did not answer within {_WAIT_SECONDS:.0f} s"
        )
        log = self._dir / "chroma.log"
        said = tail(log).strip().splitlines() or ["nothing"]
        msg = f"Chroma {how}; {log} ends with: {said[-1].strip()}"
        if starts == _STARTS and state.get("failed", 0) >= _EVIDENCE:
            return UnstartableIndexError(msg, run=str(state["run"]))
        return IndexUnavailableError(msg)

    def release(self) -> None:
        """End this process's use; the last one's end stops the server."""
        if self._use is not None:
            self._use.close()
            self._use = None

    def put_aside(self, run: str, reason: str) -> None:
        """Have the index put aside if that run is still the last one that used it: the next `ensure` starts empty."""
        if state_of(self._dir).get("run") != run:
            return  # another user's complaint was heard, or a server is at work that this one never met
        _log.error(
            "the index in %s is damaged (%s): it is put aside and rebuilt from the ledger", self._dir, reason
        )
        order(self._dir, {"aside": run, "reason": reason})
        self.stop()

    def crash_of(self, run: str) -> str | None:
        """Return how the server of the run crashed by itself, ``None`` when it runs or was ended from outside."""
        deadline = time.monotonic() + _CRASH_SECONDS
        # The supervisor notes it a moment after the connection broke.
        while time.monotonic() < deadline:
            state = state_of(self._dir)
            if state.get("run") != run or not self._owned():
                break
            time.sleep(0.03)
        state = state_of(self._dir)
        died = state.get("died") if state.get("run") == run else None
        return None if died is None else f"the server ended with {died} while it was read"

    def note_checked(self, run: str) -> None:
        """Note that the files are sound as the server of that run has them."""
        if not self.was_checked(run):
            order(self._dir, {"checked": run})

    def was_checked(self, run: str) -> bool:
        """Whether any process noted that since the server was started."""
        return any(order.get("checked") == run for order in orders_of(self._dir))

    def compact(self) -> None:
        """Stop the server; the next one is started on files without anything that was deleted."""
        order(self._dir, {"compact": True})
        self.stop()

    def stop(self) -> bool:
        """Stop the server, whoever uses it; return whether one ran."""
        if not self._owned():
            return False
        endpoint = endpoint_of(self._dir)
        deadline = time.monotonic() + _WAIT_SECONDS
        while self._owned() and time.monotonic() < deadline:
            # The supervisor stops its server; a server that lost its supervisor is told itself.
            told = any(_terminate(endpoint.get(name)) for name in ("pid", "server_pid"))
            time.sleep(0.03)
            endpoint = endpoint if told else endpoint_of(self._dir)
        return True

    def _owned(self) -> bool:
        return is_locked(self._dir / "chroma.lock")

    def _endpoint(self) -> Endpoint | None:
        found = endpoint_of(self._dir)
        if not found or not supervisor.answers(found["port"], found["run"], timeout=5):
            return None
        return Endpoint(found["port"], found["run"], found["clean"])


def process_of_server(data_dir: Path) -> int | None:
    """Return the process id of the server that was started last, ``None`` when it is not known."""
    return endpoint_of(data_dir).get("server_pid")


def _terminate(pid: int | None) -> bool:
    if pid is None:
        return False
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return False
    return True
