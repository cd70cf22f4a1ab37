"""The files of fitted forests, in the folder ``forests`` of the data directory."""

import logging
from collections.abc import Set as AbstractSet
from pathlib import Path

from indexer.ledger import Generation, Ledger
from indexer.settings import Settings
from service.forest.served import ServedForest
from service.priority import ForestFileError, load

__all__ = ["forest_path", "latest_forest", "origin", "remove_old_forests"]

_log = logging.getLogger(__name__)
_KEPT = 2


def forest_path(settings: Settings, generation: Generation, revision: int) -> Path:
    """Return the file of a forest fitted on the generation at the ledger's revision; its folder is made."""
    folder = settings.data_dir / "forests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{generation.name}-{revision}.npz"


def origin(settings: Settings, ledger: Ledger, generation: Generation) -> dict[str, str]:
    """Return what a forest's report says of its origin if it was fitted on this generation by these settings."""
    half_life = settings.half_life_days
    return {
        "generation": generation.name,
        "ledger": ledger.id,
        "half_life_days": "tried" if half_life is None else str(half_life),
        "costs": ",".join(f"{name}={cost:g}" for name, cost in sorted(settings.costs.items())),
        "alert": f"{settings.alert or ''} of {','.join(settings.priority_order)}",
        "fields": ",".join(settings.forest_fields),
    }


def latest_forest(settings: Settings, ledger: Ledger, generation: Generation) -> ServedForest | None:
    """Return the newest stored forest of this generation and these settings, ``None`` if there is none.

    Files that cannot be read, and those of another ledger or of a later state of this one, are passed over.
    """
    wanted = origin(settings, ledger, generation)
    paths = (settings.data_dir / "forests").glob(f"{generation.name}-*.npz")
    for path in sorted(paths, key=_revision, reverse=True):
        try:
            forest = load(path)
        except ForestFileError as error:
            _log.warning("%s", error)
            continue
        fitted_on, budgets = forest.report.fitted_on, forest.report.abstention
        if (
            wanted.items() <= fitted_on.items()
            and (budgets.max_error, budgets.max_missed) == (settings.max_error, settings.max_missed)
            and forest.predictors.dimension == generation.space.dimension
            and int(fitted_on["revision"]) <= ledger.revision()
        ):
            return ServedForest(forest=forest, path=path, revision=int(fitted_on["revision"]))
    return None


def remove_old_forests(folder: Path, *, kept: AbstractSet[Path]) -> None:
    """Remove all files but those named; where only one is, the newest other one stays too."""
    others = sorted(set(folder.glob("*.npz")) - kept, key=_revision, reverse=True)
    for old in others[_KEPT - len(kept) :]:
        old.unlink(missing_ok=True)


def _revision(path: Path) -> int:
    """Return the ledger's revision in a file's name. File times are no measure: a clock may be set back."""
    number = path.stem.rpartition("-")[2]
    return int(number) if number.isdecimal() else -1
