"""Train one random forest on given columns, the way a candidate says."""

import inspect
import math
import warnings
from typing import Any

import numpy as np

from indexer.embedding import Matrix
from service.arrays import FloatArray, IntArray
from service.priority.forest_report import Candidate

__all__ = ["draws", "train"]

_ALL_DRAWN = 3_000
_DAY = 86_400.0
_MOST_OVERDRAWN = 10.0
"""A rare label is drawn at most this many times as often as it is common; else one ticket speaks for a whole label."""


def draws(rows: int) -> int:
    """Return how many of so many tickets a tree draws, with replacement.

    As many as there are; of more than 3,000 these times the fourth root of how many times 3,000 there are: 3,948 of 9,000,
    4,821 of 20,000, 7,208 of 100,000. So a tree learns from more as the history grows, and from an ever smaller share of
    it, which keeps the trees different and a fit within a minute.
    """
    return min(rows, round(math.sqrt(math.sqrt(_ALL_DRAWN**3 * rows))))


def train(
    matrix: Matrix,
    label: IntArray,
    times: FloatArray,
    *,
    candidate: Candidate,
    trees: int,
    seed: int,
    drawn: int | None = None,
) -> Any:
    """Return a fitted ``RandomForestClassifier``.

    :param matrix: the columns that are split on, shape (rows, width), oldest first.
    :param label: each row's column.
    :param times: seconds, NaN where unknown.
    :param drawn: how many tickets a tree draws at most; ``None``: as `draws` says.
    """
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.tree import DecisionTreeClassifier

    # scikit-learn looks it up five times for each tree, which takes longer than to grow a small one.
    DecisionTreeClassifier.__init__.__signature__ = inspect.signature(DecisionTreeClassifier.__init__)
    fitted = RandomForestClassifier(
        n_estimators=trees,
        min_samples_leaf=candidate.leaf,
        max_features=candidate.features,
        max_samples=min(draws(len(label)), drawn or len(label)),
        n_jobs=-1,
        random_state=seed,
    )
    with warnings.catch_warnings(record=True):
        # scikit-learn 1.9 hands the list of warning filters to its threads, which empty it for one another, and then
        # warns that it is empty. Without this, it does so at random, and the process has lost its filters.
        warnings.simplefilter("ignore")
        return fitted.fit(matrix, label, _weights(label, times, candidate))


def _weights(label: IntArray, times: FloatArray, candidate: Candidate) -> FloatArray:
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
