"""Long computations in a child process at low priority, so that neither the event loop nor a question waits for them."""

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from indexer.errors import PrecedentError
from indexer.forest_folder import forest_folder
from indexer.privacy import plain_environment
from indexer.settings import Settings

__all__ = ["ChildError", "ChildOrder", "answer_order", "begin_child", "run_child"]

_NICENESS = 15
_POLL_SECONDS = 0.5


class ChildOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a process that computes something of a generation reads from its standard input."""

    settings: Settings
    generation: str
    service: int = msgspec.field(default_factory=os.getpid)
    """Process id of the service that waits for it."""


_Order = TypeVar("_Order", bound=ChildOrder)


class ChildError(Exception):
    """A child process failed."""


async def run_child(module: str, order: ChildOrder) -> bytes:
    """Run a module of the service in a process of its own, and return what it wrote to standard output.

    :raises ChildError: with the last line that the child wrote, or with how it ended.
    """
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[1], env=plain_environment("PG") | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    try:
        # Not as JSON, which has no infinity: a half-life of that would arrive as none.
        answer, errors = await child.communicate(msgspec.msgpack.encode(order, enc_hook=str))
    except asyncio.CancelledError:
        child.kill()
        await child.wait()
        raise
    except RuntimeError:
        # What uvloop raises of a child that has ended before its order was written.
        answer, errors = b"", b""
        await child.wait()
    if child.returncode == -signal.SIGKILL:
        msg = "its process was killed, as happens where memory is short"
        raise ChildError(msg)
    if child.returncode or not answer:
        lines = errors.decode(errors="replace").strip().splitlines()
        raise ChildError(lines[-1] if lines else f"its process ended with status {child.returncode}")
    return answer


def answer_order(kind: type[_Order], answer: Callable[[_Order], bytes]) -> None:
    """Read this process's order from standard input, begin as `begin_child` says, and write the answer to it.

    Meanwhile it holds the lock of the forests' folder: whoever erases tickets waits for it, and then removes what it made.
    """
    order = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=kind, dec_hook=_path)
    begin_child(order.service)
    try:
        with forest_folder(order.settings.data_dir, exclusive=False):
            sys.stdout.buffer.write(answer(order))
    except PrecedentError as error:
        sys.exit(str(error))


def _path(_kind: type[Path], value: Any) -> Path:
    return Path(value)


def begin_child(service: int, *, niceness: int = _NICENESS, by: int = signal.SIGKILL) -> None:
    """Lower this process's priority, and have it end when the service has ended, however that did.

    :param service: process id of the service. It is not this process's parent as it is now: the service may have ended
        while modules were imported.
    :param by: the signal that ends it.
    """
    os.nice(niceness)
    threading.Thread(target=_end_with, args=(service, by), daemon=True).start()


def _end_with(service: int, by: int) -> None:
    while os.getppid() == service:
        time.sleep(_POLL_SECONDS)
    os.kill(os.getpid(), by)
