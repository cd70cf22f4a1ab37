"""The child process that fits a forest: ``python -m service.forest.child``, its order on standard input."""

import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from indexer.errors import PrecedentError
from indexer.ledger import Generation, Ledger, TrainingRows
from indexer.processes import forests
from service.forest.fitting_process import FitOrder, Verdict, conditions
from service.forest.promotion import compare
from service.priority import Forest, ForestFileError, NoForest, TrainingSet, fit, load, save
from service.priority.fitting import MAX_ROWS
from service.priority.spelling import one_spelling

__all__ = ["training_set"]

_NICENESS = 15
_POLL_SECONDS = 0.5


def main() -> None:
    """Fit what the order says and save it."""
    os.nice(_NICENESS)
    order = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=FitOrder, dec_hook=_decode)
    # Not this process's parent as it is now: the service may have ended while modules were imported.
    threading.Thread(target=_end_with, args=(order.service,), daemon=True).start()
    with forests(order.settings.data_dir):
        ledger = Ledger(order.settings.database_url, order.settings.data_dir)
        generation = ledger.generations.named(order.generation)
        rows = ledger.vectors.training_rows(generation.space, limit=MAX_ROWS)
        ledger.close()
        training = training_set(rows)
        settings = order.settings
        forest = fit(
            training,
            max_error=settings.max_error,
            max_missed=settings.max_missed,
            half_life_days=settings.half_life_days,
            fitted_on=_origin(generation, rows) | conditions(settings, ledger),
        )
        verdict = _judged(forest, training, order)
        if verdict.promoted and isinstance(forest, Forest):
            save(forest, order.path)
    sys.stdout.write(msgspec.json.encode(verdict).decode())


def _end_with(service: int) -> None:
    """End when the service has, however it ended: nobody waits for the forest any more."""
    while os.getppid() == service:
        time.sleep(_POLL_SECONDS)
    os._exit(1)


def _judged(forest: Forest | NoForest, training: TrainingSet, order: FitOrder) -> Verdict:
    if isinstance(forest, NoForest):
        return Verdict(promoted=True, why=forest.state)
    if order.rival is None:
        return Verdict(promoted=True, why="it is the first", report=forest.report)
    try:
        rival = load(order.rival)
    except ForestFileError:
        # The service has it in memory still, but would not find it at its next start.
        return Verdict(promoted=True, why="the one that serves cannot be read", report=forest.report)
    promoted, why = compare(rival, forest, training)
    return Verdict(promoted=promoted, why=why, report=forest.report)


def training_set(rows: TrainingRows) -> TrainingSet:
    """Return the ledger's rows as the forest takes them; tickets of one text are one problem."""
    groups = {text: number for number, text in enumerate(dict.fromkeys(rows.text_hashes))}
    return TrainingSet(
        ids=rows.ids,
        vectors=rows.vectors,
        labels=one_spelling(rows.labels),
        times=np.array(rows.times, dtype=np.float64),
        known=np.array(rows.known, dtype=np.float64),
        groups=np.array([groups[text] for text in rows.text_hashes], dtype=np.int64),
    )


def _origin(generation: Generation, rows: TrainingRows) -> dict[str, str]:
    return {"generation": generation.name, "revision": str(rows.revision)}


def _decode(kind: type, value: Any) -> Any:
    return Path(value) if kind is Path else value


if __name__ == "__main__":
    try:
        main()
    except PrecedentError as error:
        sys.exit(str(error))
