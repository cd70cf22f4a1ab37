"""Grow one forest from rows in time order."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.priority.training_set import Candidate, FloatArray, Matrix
from service.priority.trees import Leaves, Trees, extract

__all__ = ["MAX_SAMPLES", "classifier", "grow"]

MAX_SAMPLES = 3_000
"""Tickets that a tree draws at most, so that the work of a tree stops growing with the history."""

_DAY = 86_400.0
_MOST_OVERDRAWN = 10.0
"""A rare label is drawn at most this many times as often as it is common; else one ticket speaks for a whole label."""


def grow(
    vectors: Matrix,
    label: NDArray[np.int64],
    times: FloatArray,
    *,
    candidate: Candidate,
    trees: int,
    seed: int,
) -> tuple[Trees, Leaves]:
    """Fit a `classifier` and take its arrays out."""
    fitted = classifier(vectors, label, times, candidate=candidate, trees=trees, seed=seed)
    return extract(fitted, vectors)


def classifier(
    vectors: Matrix,
    label: NDArray[np.int64],
    times: FloatArray,
    *,
    candidate: Candidate,
    trees: int,
    seed: int,
) -> Any:
    """Return a fitted ``RandomForestClassifier``.

    :param vectors: shape (rows, dimension), oldest first.
    :param label: each row's column.
    :param times: seconds, NaN where unknown.
    """
    from sklearn.ensemble import RandomForestClassifier

    fitted = RandomForestClassifier(
        n_estimators=trees,
        min_samples_leaf=candidate.leaf,
        max_features=candidate.features,
        max_samples=min(len(label), MAX_SAMPLES),
        n_jobs=-1,
        random_state=seed,
    )
    with warnings.catch_warnings(record=True):
        # scikit-learn 1.9 hands the list of warning filters to its threads, which empty it for one another, and then
        # warns that it is empty. Without this, it does so at random, and the process has lost its filters.
        warnings.simplefilter("ignore")
        return fitted.fit(vectors, label, _weights(label, times, candidate))


def _weights(label: NDArray[np.int64], times: FloatArray, candidate: Candidate) -> FloatArray:
    weights = np.ones(len(label))
    known = ~np.isnan(times)
    if candidate.half_life_days is not None and known.any():
        # Without a time a ticket counts as one of the oldest.
        age = np.where(known, times[known].max() - times, np.ptp(times[known])) / _DAY
        # Never quite zero: each ticket must stay a possible draw, also one of thirty years ago.
        weights = np.maximum(0.5 ** (age / candidate.half_life_days), 1e-6)
    if candidate.balanced:
        total = np.bincount(label, weights)
        even = total.sum() / np.count_nonzero(total)
        weights = weights / np.maximum(total, even / _MOST_OVERDRAWN)[label]
    return weights
