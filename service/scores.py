"""Scores of predicted labels and their probabilities, and what chance does to them (bootstrap)."""

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np

from service.arrays import BoolArray, FloatArray, IntArray

__all__ = [
    "SEED",
    "Bin",
    "Interval",
    "ProbabilityScores",
    "bin_of",
    "confusion_matrix",
    "interval",
    "macro_f1",
    "quadratic_kappa",
    "reliability",
    "resample",
    "resample_macro_f1",
]

SEED = 0
"""What every drawing of a back-test begins with, so that a second run says the same."""

_BINS = 10
_RESAMPLES = 1_000
_AT_ONCE = 50  # resamples; bounds the counts in memory to rows x 50


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """A measured value between the ends of its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


class Bin(msgspec.Struct, frozen=True, kw_only=True):
    """Tickets that were given about the same confidence: its mean, and the share that was right."""

    confidence: float
    right: float
    tickets: int


def confusion_matrix(
    label: IntArray, predicted: IntArray, labels: int, counts: FloatArray | None = None
) -> FloatArray:
    """Return how many tickets of a label (row) were given a label (column), shape (labels, labels).

    :param label: the true columns, shape (rows,), as ``predicted``.
    :param counts: how often each row counts, same shape; ``None``: once.
    """
    cells = np.bincount(label * labels + predicted, counts, minlength=labels * labels)
    return cells.astype(np.float64).reshape(labels, labels)


def macro_f1(confusion: FloatArray) -> float:
    """Return the mean F1 of the labels that are true or predicted for any ticket; there is at least one."""
    hits = np.diag(confusion)
    either = confusion.sum(axis=0) + confusion.sum(axis=1)
    return float((2 * hits[either > 0] / either[either > 0]).mean())


def quadratic_kappa(confusion: FloatArray) -> float:
    """Return Cohen's kappa with quadratic weights, labels in order; NaN where all is one label.

    It is `sklearn.metrics.cohen_kappa_score`, which takes too long for thousands of resamples.
    """
    places = np.arange(len(confusion))
    weights = (places[:, None] - places) ** 2
    expected = np.outer(confusion.sum(axis=1), confusion.sum(axis=0)) / confusion.sum()
    by_chance = (weights * expected).sum()
    return float(1 - (weights * confusion).sum() / by_chance) if by_chance else float("nan")


def bin_of(probabilities: FloatArray) -> IntArray:
    """Return in which of ten equally wide bins each probability falls; certainty is in the last."""
    return np.minimum((probabilities * _BINS).astype(np.int64), _BINS - 1)


def reliability(confidence: FloatArray, right: BoolArray) -> tuple[Bin, ...]:
    """Return how often predictions of about the same confidence were right; empty bins are left out.

    :param confidence: in the predicted label, shape (rows,); ``right``: whether it was, same shape.
    """
    which = bin_of(confidence)
    return tuple(
        Bin(
            confidence=float(confidence[which == number].mean()),
            right=float(right[which == number].mean()),
            tickets=int((which == number).sum()),
        )
        for number in np.unique(which)
    )


class ProbabilityScores:
    """Brier score and calibration errors of probabilities, on all rows or on resamples of them."""

    def __init__(self, probabilities: FloatArray, predicted: IntArray, label: IntArray) -> None:
        """Look at each probability once: a resample only counts the rows.

        :param probabilities: shape (rows, labels).
        :param predicted: the columns of the predicted labels, shape (rows,); ``label``: of the true ones.
        """
        true = label[:, None] == np.arange(probabilities.shape[1])
        self._brier = ((probabilities - true) ** 2).sum(axis=1)
        confidence = np.take_along_axis(probabilities, predicted[:, None], axis=1)
        self._of_predicted = _gaps(confidence, (predicted == label)[:, None])
        self._of_all = _gaps(probabilities, true)
        self._rows, self._labels = probabilities.shape

    def __call__(self, counts: FloatArray) -> FloatArray:
        """Return Brier score and both calibration errors, shape (resamples, 3).

        The Brier score is the mean squared distance to the truth, 0 (best) to 2. The expected calibration errors, 0
        (best) to 1, are that of the confidence in the predicted label, and the mean over all labels of that of each
        label's probability.

        :param counts: how often each row counts, shape (resamples, rows).
        """
        confidence, every = (
            np.abs(gaps @ counts.T).sum(axis=0) for gaps in (self._of_predicted, self._of_all)
        )
        totals = np.stack([counts @ self._brier, confidence, every / self._labels], axis=1)
        scores: FloatArray = totals / self._rows
        return scores


def resample(rows: int, measure: Callable[[FloatArray], FloatArray]) -> FloatArray:
    """Return what is measured on all rows and then on 1,000 resamples of them, each time the same ones.

    :param measure: takes how often each row counts, shape (resamples, rows); returns values of the shape
        (resamples, …).
    :return: shape (1 + 1,000, …).
    """
    generator = np.random.default_rng(SEED)
    values = [measure(np.ones((1, rows)))]
    for _ in range(0, _RESAMPLES, _AT_ONCE):
        drawn = generator.integers(rows, size=(_AT_ONCE, rows))
        values.append(
            measure(np.stack([np.bincount(draw, minlength=rows) for draw in drawn]).astype(np.float64))
        )
    return np.concatenate(values)


def resample_macro_f1(label: IntArray, predicted: IntArray, labels: int) -> FloatArray:
    """Return macro-F1 on all rows and then on the resamples, as `resample` does.

    :param label: the true columns, shape (rows,), as ``predicted``; there is at least one row.
    """

    def measure(counts: FloatArray) -> FloatArray:
        return np.array([macro_f1(confusion_matrix(label, predicted, labels, drawn)) for drawn in counts])

    return resample(len(label), measure)


def interval(values: FloatArray) -> Interval:
    """Return the value on all rows with the middle 95 % of its resamples; those that are NaN do not count.

    :param values: as `resample` returns them, shape (1 + resamples,); the first is not NaN.
    """
    point = float(values[0])
    low, high = np.nanquantile(values[1:], [0.025, 0.975])
    # Calibration error can only grow by resampling, so that the middle may lie beside the value.
    return Interval(value=point, low=min(float(low), point), high=max(float(high), point))


def _gaps(probabilities: FloatArray, true: BoolArray) -> Any:
    """Return the gap between truth and probability of each row, in the bin where it falls.

    :param probabilities: shape (rows, columns), as ``true``.
    :return: sparse, shape (columns x bins, rows).
    """
    from scipy.sparse import csc_array  # type: ignore[import-untyped]  # scipy ships no types

    rows, columns = probabilities.shape
    places = bin_of(probabilities) + np.arange(columns) * _BINS
    ends = np.arange(rows + 1) * columns
    return csc_array(((true - probabilities).ravel(), places.ravel(), ends), shape=(columns * _BINS, rows))
