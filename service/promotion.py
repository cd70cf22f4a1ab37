"""Whether a new forest may take the place of the one that serves."""

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import f1_score

from service.priority import Forest, TrainingSet

__all__ = ["compare"]

_LEAST = 30
_RESAMPLES = 500
_SURE = 0.95


def compare(old: Forest, new: Forest, training: TrainingSet) -> tuple[bool, str]:
    """Judge both on the newest labelled tickets, which the old one was not fitted on.

    What the new one says of each comes from a forest of its kind that saw only what came before. It is held back
    when it is worse by macro-F1 in 19 of 20 resamples.

    :return: whether the new one is promoted, and why.
    """
    known = set(old.ids)
    fresh = [place for place, row in enumerate(new.later) if new.ids[row] not in known]
    if len(fresh) < _LEAST:
        return True, f"only {len(fresh)} new tickets to compare on, {_LEAST} are needed"
    rows = new.later[fresh]
    position = {ticket_id: row for row, ticket_id in enumerate(training.ids)}
    vectors = training.vectors[[position[new.ids[row]] for row in rows]]
    truth = np.array([new.labels[new.label[row]] for row in rows])
    by_new = np.array([new.labels[column] for column in new.later_said[fresh]])
    by_old = np.array([old.labels[column] for column in old.classify(vectors).said])
    found = f"macro-F1 {_score(truth, by_new):.3f} against {_score(truth, by_old):.3f} on {len(fresh)} new tickets"
    draws = np.random.default_rng(0).integers(0, len(fresh), (_RESAMPLES, len(fresh)))
    worse = np.mean([_score(truth[draw], by_new[draw]) < _score(truth[draw], by_old[draw]) for draw in draws])
    return bool(worse < _SURE), found


def _score(truth: NDArray[np.str_], said: NDArray[np.str_]) -> float:
    return float(f1_score(truth, said, average="macro", zero_division=0))
