"""The fit of a forest in a child process at low priority, so that neither the event loop nor a query waits."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import msgspec

from indexer.ledger import Generation
from indexer.privacy import plain_environment
from indexer.settings import Settings
from service.forest.served import Verdict

__all__ = ["FitError", "FitOrder", "fit_in_child"]


class FitError(Exception):
    """The child process that fits the forest failed."""


class FitOrder(msgspec.Struct, frozen=True, kw_only=True):
    """The order that the child process reads from its standard input."""

    settings: Settings
    generation: str
    path: Path
    """Where the new forest is saved."""
    rival: Path | None
    """The file of the forest that serves."""
    service: int
    """Process id of the service that waits for the forest."""


async def fit_in_child(
    settings: Settings, generation: Generation, path: Path, *, rival: Path | None
) -> Verdict:
    """Fit a forest on the generation's vectors and judge it against its rival.

    :param path: where the forest is saved if it is promoted and the verdict has a report.
    :param rival: the file of the forest that serves, ``None`` when none does.
    :raises FitError: with the last line that the child wrote, or with how it ended.
    """
    order = FitOrder(
        settings=settings, generation=generation.name, path=path, rival=rival, service=os.getpid()
    )
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "service.forest.child",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2], env=plain_environment("PG") | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    try:
        # Not as JSON, which has no infinity: a half-life of that would arrive as none.
        answer, errors = await child.communicate(msgspec.msgpack.encode(order, enc_hook=str))
    except asyncio.CancelledError:
        child.kill()
        await child.wait()
        raise
    if child.returncode == -signal.SIGKILL:
        msg = "its process was killed, as happens where memory is short"
        raise FitError(msg)
    if child.returncode:
        lines = errors.decode(errors="replace").strip().splitlines()
        raise FitError(lines[-1] if lines else f"its process ended with status {child.returncode}")
    return msgspec.json.decode(answer, type=Verdict)
