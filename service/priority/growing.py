"""Grow one forest from rows in time order."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.priority.records import Candidate, FloatArray, FloatMatrix, Matrix
from service.priority.trees import Leaves, Trees, extract, vote

__all__ = ["MAX_SAMPLES", "Grown", "grow"]

MAX_SAMPLES = 4_000
"""Tickets that a tree draws at most, so that the work of a tree stops growing with the history."""

_DAY = 86_400.0
_MOST_OVERDRAWN = 10.0
"""A rare label is drawn at most this many times as often as it is common; else one ticket speaks for a whole label."""


@dataclass(frozen=True, slots=True, eq=False)
class Grown:
    """A forest before calibration. ``offset``, shape (labels,), is minus infinity for labels that it does not know."""

    trees: Trees
    leaves: Leaves
    offset: FloatArray

    def votes(self, vectors: Matrix, label: NDArray[np.int32]) -> FloatMatrix:
        """Return each label's share of the vote, shape (rows, labels).

        :param label: the columns of the tickets that it was grown on.
        """
        return vote(self.leaves.votes(label, len(self.offset)), self.trees.walk(vectors))


def grow(
    vectors: Matrix,
    label: NDArray[np.int32],
    times: FloatArray,
    *,
    labels: int,
    candidate: Candidate,
    trees: int,
    seed: int,
) -> Grown:
    """Fit a ``RandomForestClassifier`` and take its arrays out.

    :param vectors: shape (rows, dimension), oldest first.
    :param label: each row's column, of ``labels``.
    :param times: seconds, NaN where unknown.
    """
    from sklearn.ensemble import RandomForestClassifier

    weights, offset = _weights(label, times, labels, candidate)
    fitted = RandomForestClassifier(
        n_estimators=trees,
        min_samples_leaf=candidate.leaf,
        max_features=candidate.features or "sqrt",
        max_samples=min(len(label), MAX_SAMPLES),
        n_jobs=-1,
        random_state=seed,
    ).fit(vectors, label, weights)
    arrays, leaves = extract(fitted, vectors)
    return Grown(trees=arrays, leaves=leaves, offset=offset)


def _weights(
    label: NDArray[np.int32], times: FloatArray, labels: int, candidate: Candidate
) -> tuple[FloatArray, FloatArray]:
    weights = np.ones(len(label))
    known = ~np.isnan(times)
    if candidate.half_life_days is not None and known.any():
        # Without a time a ticket counts as one of the oldest.
        age = np.where(known, times[known].max() - times, np.ptp(times[known])) / _DAY
        weights = 0.5 ** (age / candidate.half_life_days)
        # Draws need probabilities above zero, also for a ticket of thirty years ago.
        weights = np.maximum(weights, weights.max() * 1e-6)
    total = np.bincount(label, weights, minlength=labels)
    present = total > 0
    factor = np.ones(labels)
    if candidate.balanced:
        even = total.sum() / present.sum()
        factor[present] = even / np.maximum(total[present], even / _MOST_OVERDRAWN)
    offset = np.where(present, -np.log(factor), -np.inf)
    drawn = weights * factor[label]
    return drawn / drawn.mean(), offset
