"""The forest as a service: fitted in a child process on what is stored, loaded when it is done."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Set as AbstractSet
from pathlib import Path

import msgspec

from indexer.ledger import Generation, Ledger
from indexer.privacy import plain_environment
from indexer.settings import Settings
from service.priority import Forest, ForestFileError, ForestReport, NoForest, load

__all__ = ["FitError", "FitOrder", "Fitted", "Verdict", "conditions", "fit_forest", "latest_forest"]

_log = logging.getLogger(__name__)
_KEPT = 2


class FitError(Exception):
    """The child process that fits the forest failed."""


class FitOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What the child process is told, on its standard input; ``rival`` is the forest that serves.

    ``service`` is the process id of who waits for the forest.
    """

    settings: Settings
    generation: str
    path: Path
    rival: Path | None
    service: int


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the child process says, on its standard output: whether the new forest is to serve, and why."""

    promoted: bool
    why: str
    report: ForestReport | None = None


class Fitted(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a fit; without ``forest`` the one that serves goes on."""

    forest: Forest | NoForest | None
    path: Path | None
    verdict: Verdict


async def fit_forest(
    settings: Settings, generation: Generation, revision: int, *, rival: Path | None
) -> Fitted:
    """Fit a forest on the generation's vectors as stored at the revision or later, and judge it against its rival.

    A child process at low priority does it, so that neither the event loop nor a query waits.

    :param rival: the file of the forest that serves, ``None`` when none does.
    :raises FitError: with the last line that the child wrote, or with how it ended.
    """
    path = _folder(settings) / f"{generation.name}-{revision}.npz"
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
    if child.returncode:
        words = errors.decode(errors="replace").strip().splitlines()
        raise FitError(words[-1] if words else _ending(child.returncode))
    verdict = msgspec.json.decode(answer, type=Verdict)
    if not verdict.promoted:
        return Fitted(forest=None, path=None, verdict=verdict)
    if verdict.report is None:
        return Fitted(forest=NoForest(verdict.why), path=None, verdict=verdict)
    forest = await asyncio.to_thread(load, path)
    await asyncio.to_thread(_remove_old, path.parent, kept={path, rival})
    return Fitted(forest=forest, path=path, verdict=verdict)


def latest_forest(
    settings: Settings, ledger: Ledger, generation: Generation
) -> tuple[Forest, Path, int] | None:
    """Return the last forest fitted on the ledger's generation by these settings, and the ledger's revision then.

    ``None``: there is none. Files of another ledger, or of a later state of this one, are passed over.
    """
    wanted = {"generation": generation.name} | conditions(settings, ledger)
    paths = _folder(settings).glob(f"{generation.name}-*.npz")
    for path in sorted(paths, key=_revision, reverse=True):
        try:
            forest = load(path)
        except ForestFileError as error:
            _log.warning("%s", error)
            continue
        origin, budgets = forest.report.fitted_on, forest.report.abstention
        if (
            wanted.items() <= origin.items()
            and (budgets.max_error, budgets.max_missed) == (settings.max_error, settings.max_missed)
            and forest.dimension == generation.space.dimension
            and int(origin["revision"]) <= ledger.revision()
        ):
            return forest, path, int(origin["revision"])
    return None


def conditions(settings: Settings, ledger: Ledger) -> dict[str, str]:
    """Return what a forest's report must say of its origin, besides the generation, for it to serve."""
    half_life = settings.half_life_days
    return {"ledger": ledger.id, "half_life_days": "tried" if half_life is None else str(half_life)}


def _ending(status: int) -> str:
    if status == -signal.SIGKILL:
        return "its process was killed, as happens where memory is short"
    return f"its process ended with status {status}"


def _folder(settings: Settings) -> Path:
    folder = settings.data_dir / "forests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _revision(path: Path) -> int:
    """Return the ledger's revision in a forest's name. Times of files tell nothing: a clock may be set back."""
    number = path.stem.rpartition("-")[2]
    return int(number) if number.isdecimal() else -1


def _remove_old(folder: Path, *, kept: AbstractSet[Path | None]) -> None:
    others = sorted(set(folder.glob("*.npz")) - kept, key=_revision, reverse=True)
    for old in others[_KEPT - len(kept - {None}) :]:
        old.unlink(missing_ok=True)
