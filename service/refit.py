"""The child process that fits a forest: ``python -m service.refit``, its order on standard input."""

import os
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from indexer.ledger import Generation, Ledger, TrainingRows
from service.classifier import FitOrder
from service.priority import NoForest, TrainingSet, fit, save

__all__ = ["training_set"]

_NICENESS = 15


def main() -> None:
    """Fit what the order says and save it."""
    os.nice(_NICENESS)
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=FitOrder, dec_hook=_decode)
    ledger = Ledger(order.settings.database_url, order.settings.data_dir)
    generation = next(g for g in ledger.generations.all() if g.name == order.generation)
    rows = ledger.vectors.training_rows(generation.space)
    ledger.close()
    forest = fit(training_set(rows), max_error=order.settings.max_error, fitted_on=_origin(generation, rows))
    if isinstance(forest, NoForest):
        sys.stdout.write(forest.state)
    else:
        save(forest, order.path)


def training_set(rows: TrainingRows) -> TrainingSet:
    """Return the ledger's rows as the forest takes them; tickets of one text are one problem."""
    groups = {text: number for number, text in enumerate(dict.fromkeys(rows.text_hashes))}
    return TrainingSet(
        ids=rows.ids,
        vectors=rows.vectors,
        labels=rows.labels,
        times=np.array(rows.times, dtype=np.float64),
        groups=np.array([groups[text] for text in rows.text_hashes], dtype=np.int64),
    )


def _origin(generation: Generation, rows: TrainingRows) -> dict[str, str]:
    return {"generation": generation.name, "revision": str(rows.revision)}


def _decode(kind: type, value: Any) -> Any:
    return Path(value) if kind is Path else value


if __name__ == "__main__":
    main()
