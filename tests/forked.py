"""Processes of this project, forked from one that has imported what they need: a start costs no seconds of imports."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

__all__ = ["FORKED", "Forked"]

_IMPORTED = [
    "service.cli", "service.app", "service.connections", "service.middleware",
    "indexer.chroma.client", "indexer.embedding.openai_compatible", "openai", "uvicorn",
    # These are imported while they run.
    "anyio._backends._asyncio", "chromadb.api.fastapi", "chromadb.telemetry.product.posthog", "encodings.idna", "httpcore", "httpcore2", "jiter",
    "litestar.plugins.attrs", "litestar.plugins.pydantic", "numpy.ma", "openai.lib.streaming.chat", "openai.resources.chat.completions.completions", "truststore",
    "uvicorn.lifespan.on", "uvicorn.loops.auto", "uvicorn.loops.uvloop", "uvicorn.protocols.http.httptools_impl",
    "tests.frozen",
]  # fmt: skip
FORKED = multiprocessing.get_context("forkserver")
"""Starts processes that have these imports."""
FORKED.set_forkserver_preload(_IMPORTED)


class Forked:
    """``precedent`` with these arguments in a process of its own, asked and ended as a `subprocess.Popen`.

    All but its start is as if it had been run: its environment, folder, signals, files and exit status are its own.

    :param output: file that standard output and error are appended to.
    :param main: what runs instead of ``precedent``, and returns the exit status.
    """

    def __init__(
        self,
        *arguments: str,
        cwd: Path,
        env: Mapping[str, str],
        output: Path,
        main: Callable[[tuple[str, ...]], int] | None = None,
    ) -> None:
        self.args = arguments
        self._output = output
        self._process = FORKED.Process(target=_main, args=(arguments, cwd, dict(env), output, main))
        self._process.start()
        assert self._process.pid is not None
        self.pid: int = self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit status, negative for a signal; ``None`` while it runs."""
        return self._process.exitcode

    @property
    def output(self) -> str:
        """All that is in the file."""
        return self._output.read_text()

    def poll(self) -> int | None:
        """Return the exit status, or ``None`` while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended, and return the exit status.

        :raises TimeoutExpired: it still runs after that many seconds.
        """
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it by SIGKILL, unless it has ended."""
        self.send_signal(signal.SIGKILL)


def _main(
    arguments: tuple[str, ...],
    cwd: Path,
    env: dict[str, str],
    output: Path,
    main: Callable[[tuple[str, ...]], int] | None,
) -> None:
    threading.Thread(target=_end_with_pytest, daemon=True).start()
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    with output.open("ab") as file, Path(os.devnull).open() as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    from service.cli import main as precedent

    sys.exit((main or precedent)(arguments))


def _end_with_pytest() -> None:
    pytest = multiprocessing.parent_process()
    assert pytest is not None
    pytest.join()
    os._exit(1)
