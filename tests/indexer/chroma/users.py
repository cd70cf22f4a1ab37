"""Users of a data directory's Chroma server in processes of their own, which a test can kill."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.leftovers import is_gone, wait_until

__all__ = ["User", "endpoint_of", "halt", "kill"]

_ROOT = Path(__file__).parents[3]
_USE = """
import signal
import sys
from pathlib import Path
from indexer.chroma.server import LocalServer
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job inherits that it is ignored
server = LocalServer(Path(sys.argv[1]))
print(server.ensure().run, flush=True)
sys.stdin.readline()
server.release()
"""


class User:
    """A process that uses the server until it is told, or killed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert process.stdout is not None
        self.run = process.stdout.readline().strip()
        """The run of the server that it found or started."""

    @classmethod
    @contextlib.contextmanager
    def start(cls, data_dir: Path) -> Iterator["User"]:
        """Run a user for at most as long as the ``with`` block lasts; the block begins when it has the server."""
        with cls.spawn(data_dir) as process:
            try:
                yield cls(process)
            finally:
                process.kill()

    @staticmethod
    def spawn(data_dir: Path) -> subprocess.Popen[str]:
        """Start a user without waiting for it."""
        return subprocess.Popen(
            [sys.executable, "-c", _USE, data_dir],
            cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, process_group=0,
        )  # fmt: skip

    def end(self) -> None:
        """Let it end in order."""
        self._process.communicate("\n")

    def interrupt(self) -> None:
        """Press Ctrl-C: the interrupt goes to its whole process group."""
        os.killpg(self._process.pid, signal.SIGINT)
        self._process.wait()

    def kill(self) -> None:
        """End it by SIGKILL."""
        self._process.kill()
        self._process.wait()


def endpoint_of(data_dir: Path) -> dict[str, Any]:
    """Return what the supervisor wrote about the running server."""
    found: dict[str, Any] = json.loads((data_dir / "chroma.json").read_text())
    return found


def kill(pid: int) -> None:
    """End a process of the data directory by SIGKILL, and wait until it is gone."""
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: is_gone(pid))


def halt(pid: int) -> None:
    """Stop a process of the data directory by SIGSTOP, and wait until none of its threads runs any more."""
    os.kill(pid, signal.SIGSTOP)
    threads = Path(f"/proc/{pid}/task")
    wait_until(lambda: all("State:\tT" in (one / "status").read_text() for one in threads.iterdir()))
