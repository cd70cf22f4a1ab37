"""Scores with bootstrap intervals: every method on the same resamples of the same tickets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.evaluation.methods import SERVED, Said
from service.evaluation.records import Interval
from service.priority.calibration import calibration_error, classwise_error
from service.priority.records import FloatArray, FloatMatrix, IntArray

__all__ = ["Resampled", "confusion_matrix", "interval", "macro_f1", "quadratic_kappa", "resample"]

_RESAMPLES = 1_000
_QUALITY = ("brier", "ece", "classwise")
_FIXED = ("macro_f1", "kappa", *_QUALITY, *(f"{name}_before" for name in _QUALITY), "coverage", "error")


@dataclass(frozen=True, slots=True, eq=False)
class Resampled:
    """One method's scores on all tickets and on each resample.

    :param point: shape (scores,), NaN where there is nothing to measure.
    :param samples: shape (resamples, scores).
    """

    point: FloatArray
    samples: FloatMatrix

    def __getitem__(self, score: str) -> Interval | None:
        """Return a score, named as in `MethodScore`."""
        return self._interval(_FIXED.index(score))

    def recall(self, column: int) -> Interval | None:
        """Return the recall of the label of a column."""
        return self._interval(len(_FIXED) + column)

    def ahead_of(self, other: "Resampled") -> Interval:
        """Return the difference of macro-F1 to another method, resample by resample."""
        return _sure(
            interval(float(self.point[0] - other.point[0]), self.samples[:, 0] - other.samples[:, 0])
        )

    def _interval(self, column: int) -> Interval | None:
        return interval(float(self.point[column]), self.samples[:, column])


def resample(
    said: Mapping[str, Said], label: IntArray, labels: int, order: Sequence[int] | None, seed: int
) -> dict[str, Resampled]:
    """Score every method on all tickets and on 1,000 resamples of them.

    :param said: by the method's key, rows as in ``label``.
    :param label: the true columns, shape (rows,).
    :param order: the columns from least to most urgent; ``None`` leaves quadratic kappa out.
    """
    scorers = {key: _Scorer(found, label, labels, order) for key, found in said.items()}
    everything = np.arange(len(label))
    points = {key: scorer(everything) for key, scorer in scorers.items()}
    generator = np.random.default_rng(seed)
    samples = {key: np.empty((_RESAMPLES, len(_FIXED) + labels)) for key in said}
    for number in range(_RESAMPLES):
        rows = generator.integers(len(label), size=len(label))
        for key, scorer in scorers.items():
            samples[key][number] = scorer(rows)
    return {key: Resampled(points[key], samples[key]) for key in said}


def interval(point: float, samples: FloatArray) -> Interval | None:
    """Return the value with the middle 95 % of its resamples, ``None`` where it is NaN."""
    measured = samples[~np.isnan(samples)]
    if np.isnan(point) or not len(measured):
        return None
    low, high = np.quantile(measured, [0.025, 0.975])
    # Calibration error can only grow by resampling, so that the middle may lie beside the value.
    return Interval(value=point, low=min(float(low), point), high=max(float(high), point))


def confusion_matrix(label: IntArray, said: IntArray, labels: int) -> NDArray[np.int64]:
    """Return how many tickets of a label (row) were given a label (column)."""
    return np.bincount(label * labels + said, minlength=labels * labels).reshape(labels, labels)


def macro_f1(confusion: NDArray[np.int64]) -> float:
    """Return the mean F1 of the labels that are true or said of any ticket."""
    hits = np.diag(confusion)
    either = confusion.sum(axis=0) + confusion.sum(axis=1)
    return float((2 * hits[either > 0] / either[either > 0]).mean())


def quadratic_kappa(confusion: NDArray[np.int64]) -> float:
    """Return Cohen's kappa with quadratic weights, labels in order; NaN where all is one label."""
    places = np.arange(len(confusion))
    weights = (places[:, None] - places) ** 2
    expected = np.outer(confusion.sum(axis=1), confusion.sum(axis=0)) / confusion.sum()
    by_chance = (weights * expected).sum()
    return float(1 - (weights * confusion).sum() / by_chance) if by_chance else float("nan")


class _Scorer:
    """All scores of one method on any rows."""

    def __init__(self, found: Said, label: IntArray, labels: int, order: Sequence[int] | None) -> None:
        at = np.arange(len(label))
        true = np.zeros((len(label), labels))
        true[at, label] = 1
        self._label, self._said, self._labels = label, found.label, labels
        self._order = None if order is None else np.ix_(order, order)
        self._right = found.label == label
        self._automatic = found.automatic
        self._calibrated = found.votes is not found.probabilities
        self._given = found.probabilities, found.votes
        self._brier = [((given - true) ** 2).sum(axis=1) for given in self._given]
        self._confidence = [given[at, found.label] for given in self._given]

    def __call__(self, rows: IntArray) -> FloatArray:
        confusion = confusion_matrix(self._label[rows], self._said[rows], self._labels)
        right = self._right[rows]
        nothing = float("nan")
        kappa = nothing if self._order is None else quadratic_kappa(confusion[self._order])
        after = self._quality(0, rows, right)
        before = self._quality(1, rows, right) if self._calibrated else [nothing] * len(_QUALITY)
        coverage = error = nothing
        if self._automatic is not None:
            automatic = self._automatic[rows]
            coverage = float(automatic.mean())
            error = float(1 - right[automatic].mean()) if automatic.any() else nothing
        support = confusion.sum(axis=1)
        recall = np.where(support > 0, np.diag(confusion) / np.maximum(support, 1), np.nan)
        return np.array([macro_f1(confusion), kappa, *after, *before, coverage, error, *recall])

    def _quality(self, which: int, rows: IntArray, right: NDArray[Any]) -> list[float]:
        return [
            float(self._brier[which][rows].mean()),
            calibration_error(self._confidence[which][rows], right),
            classwise_error(self._given[which][rows], self._label[rows]),
        ]


def _sure(found: Interval | None) -> Interval:
    if found is None:  # macro-F1 is a number wherever there is a ticket
        msg = f"no interval for the method {SERVED}"
        raise ValueError(msg)
    return found
