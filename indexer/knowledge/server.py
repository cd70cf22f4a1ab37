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
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from indexer.errors import IndexUnavailableError
from indexer.knowledge import supervisor

__all__ = ["Endpoint", "LocalServer"]

_log = logging.getLogger(__name__)
_WAIT_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the server listens. ``run`` is new at every start; ``clean`` tells that its files are as it left them."""

    port: int
    run: str
    clean: bool


class LocalServer:
    """One process's use of the server of a data directory."""

    def __init__(self, data_dir: Path) -> None:
        data_dir.mkdir(parents=True, exist_ok=True)
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
        started: subprocess.Popen[bytes] | None = None
        while time.monotonic() < deadline:
            if self._owned():
                endpoint = self._endpoint()
                if endpoint is not None:
                    return endpoint
            elif started is None or started.poll() is not None:
                started = subprocess.Popen(  # noqa: S603 (our own interpreter and file)
                    [sys.executable, "-I", supervisor.__file__, str(self._dir)],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
            time.sleep(0.03)
        msg = f"Chroma did not start within {_WAIT_SECONDS:.0f} s; {self._dir / 'chroma.log'} ends with: {self._last_words()}"
        raise IndexUnavailableError(msg)

    def release(self) -> None:
        """End this process's use; the last one's end stops the server."""
        if self._use is not None:
            self._use.close()
            self._use = None

    def put_aside(self, run: str, reason: str) -> None:
        """Have the index put aside, if the server of that run still has it: the next `ensure` starts empty."""
        endpoint = self._read()
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
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{found['port']}/api/v2/heartbeat", timeout=5):
                return Endpoint(found["port"], found["run"], found["clean"])
        except OSError:
            return None

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
