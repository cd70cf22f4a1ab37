"""Whether a new forest may take the place of the one that serves."""

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import f1_score

from service.priority import Forest, TrainingSet
from service.priority.calibration import most_probable, smooth
from service.priority.training import grow

__all__ = ["compare"]

_LEAST = 30
_RESAMPLES = 500
_SURE = 0.75


def compare(old: Forest, new: Forest, training: TrainingSet) -> tuple[bool, str]:
    """Judge both on the newest labelled tickets, which the old one was not fitted on.

    The new one was, so a forest of its kind answers for it that was grown on no ticket that the old one does not
    know. It is held back when it is worse by macro-F1 in three of four resamples.

    :param training: what the new one was fitted on.
    :return: whether the new one is promoted, and why.
    """
    known = set(old.ids)
    fresh = np.array([row for row in new.later if new.ids[row] not in known], np.int64)
    shared = np.array([row for row, ticket_id in enumerate(new.ids) if ticket_id in known], np.int64)
    if len(fresh) < _LEAST:
        return True, f"only {len(fresh)} new tickets to compare on, {_LEAST} are needed"
    if len(np.unique(new.label[shared])) < 2:  # noqa: PLR2004 (something to tell apart)
        return True, "of the tickets that the old one knows too few are left to compare on"
    position = {ticket_id: row for row, ticket_id in enumerate(training.ids)}
    of_new = training.take(np.array([position[ticket_id] for ticket_id in new.ids], np.int64))
    vectors = np.ascontiguousarray(of_new.vectors[fresh])
    truth = np.array(new.labels)[new.label[fresh]]
    by_old = np.array(old.labels)[old.classify(vectors).said]
    trees, leaves = grow(
        of_new.vectors[shared],
        new.label[shared],
        of_new.times[shared],
        candidate=new.report.chosen,
        trees=len(new.trees.roots),
        seed=new.report.seed,
    )
    votes = leaves.votes(new.label[shared], len(new.labels)).mean(trees.walk(vectors))
    by_new = np.array(new.labels)[most_probable(new.calibrator(smooth(votes, len(shared))))]
    found = f"macro-F1 {_score(truth, by_new):.3f} against {_score(truth, by_old):.3f} on {len(fresh)} new tickets"
    draws = np.random.default_rng(0).integers(0, len(fresh), (_RESAMPLES, len(fresh)))
    worse = np.mean([_score(truth[draw], by_new[draw]) < _score(truth[draw], by_old[draw]) for draw in draws])
    return bool(worse < _SURE), found


def _score(truth: NDArray[np.str_], said: NDArray[np.str_]) -> float:
    return float(f1_score(truth, said, average="macro", zero_division=0))
