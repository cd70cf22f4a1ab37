"""The local Chroma server: found when it runs, started when it does not, stopped when nobody uses it."""

import contextlib
import fcntl
import json
import logging
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from indexer.errors import IndexUnavailableError
from indexer.knowledge import supervisor
from indexer.privacy import plain_environment, private_folder

__all__ = ["Endpoint", "LocalServer"]

_log = logging.getLogger(__name__)
_WAIT_SECONDS = 90.0
_START_AGAIN_SECONDS = 0.3
_STARTS = 5  # in a row, none of which answered


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
            elif time.monotonic() >= again:
                if starts == _STARTS:
                    break
                starts += 1
                # Returns at once: the supervisor goes on as nobody's child.
                subprocess.run(  # noqa: S603 (our own interpreter and file)
                    [sys.executable, "-I", supervisor.__file__, str(self._dir)],
                    env=plain_environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                    check=False,
                )
                again = time.monotonic() + _START_AGAIN_SECONDS
            time.sleep(0.03)
        how = (
            f"did not come up in {starts} starts"
            if starts == _STARTS
            else f"did not answer within {_WAIT_SECONDS:.0f} s"
        )
        msg = f"Chroma {how}; {self._dir / 'chroma.log'} ends with: {self._last_words()}"
        raise IndexUnavailableError(msg)

    def release(self) -> None:
        """End this process's use; the last one's end stops the server."""
        if self._use is not None:
            self._use.close()
            self._use = None

    def put_aside(self, run: str | None, reason: str) -> None:
        """Have the index put aside, if the server of that run still has it: the next `ensure` starts empty.

        :param run: ``None`` when the server never answered.
        """
        deadline = time.monotonic() + _WAIT_SECONDS
        # A server that is just being started may have an index that was put aside meanwhile.
        while (endpoint := self._read()) is None and self._owned() and time.monotonic() < deadline:
            time.sleep(0.03)
        if endpoint is None or endpoint.get("run") == run:
            _log.error(
                "the index in %s is damaged (%s): it is put aside and rebuilt from the ledger",
                self._dir,
                reason,
            )
            (self._dir / "chroma.suspect").write_text(reason)
            self.stop()

    def compact(self) -> None:
        """Stop the server; the next one is started on files without anything that was deleted."""
        (self._dir / "chroma.compact").touch()
        self.stop()

    def stop(self) -> bool:
        """Stop the server, whoever uses it; return whether one ran."""
        if not self._owned():
            return False
        endpoint = self._read() or {}
        deadline = time.monotonic() + _WAIT_SECONDS
        while self._owned() and time.monotonic() < deadline:
            # The supervisor stops its server; a server that lost its supervisor is told itself.
            told = any(_terminate(endpoint.get(name)) for name in ("pid", "server_pid"))
            time.sleep(0.03)
            endpoint = endpoint if told else self._read() or {}
        return True

    def _owned(self) -> bool:
        with (self._dir / "chroma.lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            return False

    def _endpoint(self) -> Endpoint | None:
        found = self._read()
        if found is None:
            return None
        if not supervisor.answers(found["port"], timeout=5):
            return None
        return Endpoint(found["port"], found["run"], found["clean"])

    def _read(self) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = json.loads((self._dir / "chroma.json").read_text())
        except (OSError, ValueError):
            return None
        return found

    def _last_words(self) -> str:
        with contextlib.suppress(OSError):
            lines = (self._dir / "chroma.log").read_text(errors="replace").strip().splitlines()
            return lines[-1].strip() if lines else "nothing"
        return "nothing"


def _terminate(pid: int | None) -> bool:
    if pid is None:
        return False
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return False
    return True
