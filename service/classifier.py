"""The forest as a service: fitted in a child process on what is stored, loaded when it is done."""

import asyncio
import contextlib
import logging
import os
import sys
from pathlib import Path

import msgspec

from indexer.ledger import Generation
from indexer.settings import Settings
from service.priority import Forest, ForestFileError, NoForest, load

__all__ = ["FitError", "FitOrder", "fit_forest", "latest_forest"]

_log = logging.getLogger(__name__)
_KEPT = 2


class FitError(Exception):
    """The child process that fits the forest failed."""


class FitOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What the child process is told, on its standard input."""

    settings: Settings
    generation: str
    path: Path


async def fit_forest(settings: Settings, generation: Generation, revision: int) -> Forest | NoForest:
    """Return the forest of the generation's vectors as stored at the revision or later.

    It is read from ``DATA_DIR/forests`` when it was fitted before; else a child process at low priority fits it,
    so that neither the event loop nor a query waits.

    :raises FitError: with the last line that the child wrote.
    """
    folder = settings.data_dir / "forests"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{generation.name}-{revision}.npz"
    if path.exists():
        with contextlib.suppress(ForestFileError):
            forest = await asyncio.to_thread(load, path)
            if forest.report.abstention.max_error == settings.max_error:
                return forest
    order = FitOrder(settings=settings, generation=generation.name, path=path)
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "service.refit",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parent.parent, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    try:
        answer, errors = await child.communicate(msgspec.json.encode(order, enc_hook=str))
    except asyncio.CancelledError:
        child.kill()
        await child.wait()
        raise
    if child.returncode:
        words = errors.decode(errors="replace").strip().splitlines()
        raise FitError(words[-1] if words else f"status {child.returncode}")
    if answer:
        return NoForest(state=answer.decode().strip())
    _remove_old(folder)
    return await asyncio.to_thread(load, path)


def latest_forest(settings: Settings, generation: Generation) -> tuple[Forest, int] | None:
    """Return the last forest that was fitted on the generation, and the ledger's revision then; ``None``: there is none."""
    paths = (settings.data_dir / "forests").glob(f"{generation.name}-*.npz")
    for path in sorted(paths, key=lambda p: p.stat().st_mtime, reverse=True):
        try:
            forest = load(path)
        except ForestFileError as error:
            _log.warning("%s", error)
            continue
        if forest.report.abstention.max_error == settings.max_error:
            return forest, int(path.stem.rpartition("-")[2])
    return None


def _remove_old(folder: Path) -> None:
    for old in sorted(folder.glob("*.npz"), key=lambda p: p.stat().st_mtime, reverse=True)[_KEPT:]:
        old.unlink(missing_ok=True)
