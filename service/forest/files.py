"""The files of fitted forests, in the folder ``forests`` of the data directory."""

import logging
from collections.abc import Set as AbstractSet
from pathlib import Path

from indexer.ledger import Generation, Ledger
from indexer.settings import Settings
from service.decided_fields import PRIORITY, rules_of
from service.forest.served import ServedForest
from service.priority import ForestFileError, load

__all__ = ["forest_path", "latest_forest", "origin", "remove_old_forests"]

_log = logging.getLogger(__name__)
_KEPT = 2


def forest_path(settings: Settings, generation: Generation, field: str, revision: int) -> Path:
    """Return the file of a field's forest, fitted on the generation at the ledger's revision; its folder is made."""
    folder = settings.data_dir / "forests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{_stem(generation, field)}-{revision}.npz"


def origin(settings: Settings, ledger: Ledger, generation: Generation, field: str) -> dict[str, str]:
    """Return what a report says of its origin if the field's forest was fitted on this generation by these settings."""
    half_life, rules = settings.half_life_days, rules_of(settings, field)
    return ({} if field == PRIORITY else {"field": field}) | {
        "generation": generation.name,
        "ledger": ledger.id,
        "half_life_days": "tried" if half_life is None else str(half_life),
        "costs": ",".join(f"{name}={cost:g}" for name, cost in sorted(rules.costs.items())),
        "alert": f"{rules.alert or ''} of {','.join(rules.order)}",
        "fields": ",".join(rules.reads),
    }


def latest_forest(
    settings: Settings, ledger: Ledger, generation: Generation, field: str = PRIORITY
) -> ServedForest | None:
    """Return the field's newest stored forest of this generation and these settings, ``None`` if there is none.

    Files that cannot be read, and those of another ledger or of a later state of this one, are passed over.
    """
    wanted, rules = origin(settings, ledger, generation, field), rules_of(settings, field)
    paths = (settings.data_dir / "forests").glob(f"{_stem(generation, field)}-*.npz")
    for path in sorted(paths, key=_revision, reverse=True):
        try:
            forest = load(path)
        except ForestFileError as error:
            _log.warning("%s", error)
            continue
        fitted_on, budgets = forest.report.fitted_on, forest.report.abstention
        if (
            wanted.items() <= fitted_on.items()
            and (budgets.max_error, budgets.max_missed) == (rules.max_error, rules.max_missed)
            and forest.predictors.dimension == generation.space.dimension
            and int(fitted_on["revision"]) <= ledger.revision()
        ):
            return ServedForest(forest=forest, path=path, revision=int(fitted_on["revision"]))
    return None


def remove_old_forests(folder: Path, field: str, *, kept: AbstractSet[Path]) -> None:
    """Remove all files of the field but those named; where only one is, the newest other one stays too."""
    of_field = {path for path in folder.glob("*.npz") if _field(path) == field}
    others = sorted(of_field - kept, key=_revision, reverse=True)
    for old in others[_KEPT - len(kept) :]:
        old.unlink(missing_ok=True)


def _stem(generation: Generation, field: str) -> str:
    return generation.name if field == PRIORITY else f"{generation.name}.{field}"


def _field(path: Path) -> str:
    return path.stem.rpartition("-")[0].partition(".")[2] or PRIORITY


def _revision(path: Path) -> int:
    """Return the ledger's revision in a file's name. File times are no measure: a clock may be set back."""
    number = path.stem.rpartition("-")[2]
    return int(number) if number.isdecimal() else -1
