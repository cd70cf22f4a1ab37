"""Scores with bootstrap intervals: every method on the same resamples of the same tickets."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.evaluation.findings import Interval
from service.evaluation.methods import SERVED, Said
from service.priority.training_set import FloatArray, FloatMatrix, IntArray

__all__ = [
    "Resampled",
    "confusion_matrix",
    "interval",
    "macro_f1",
    "macro_f1_interval",
    "quadratic_kappa",
    "resample",
]

_RESAMPLES = 1_000
_AT_ONCE = 50  # draws; bounds the sums in memory
_BINS = 10  # as those of `service.priority.calibration.calibration_error`
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
    return {key: _resampled(_Scorer(found, label, labels, order), seed) for key, found in said.items()}


def macro_f1_interval(said: IntArray, label: IntArray, labels: int, seed: int) -> Interval | None:
    """Return macro-F1 as `resample` does, without the cost of all other scores.

    :param said: the columns that were said, shape (rows,), as ``label``.
    """

    def score(rows: IntArray) -> float:
        return macro_f1(confusion_matrix(label[rows], said[rows], labels))

    samples = [score(rows) for drawn in _draws(len(label), seed) for rows in drawn]
    return interval(score(np.arange(len(label))), np.array(samples))


def _resampled(scorer: "_Scorer", seed: int) -> Resampled:
    everything = np.arange(scorer.rows)[None]
    # The seed is the same for every method, and so are the draws.
    samples = [scorer(drawn) for drawn in _draws(scorer.rows, seed)]
    return Resampled(scorer(everything)[0], np.concatenate(samples))


def _draws(rows: int, seed: int) -> Iterator[IntArray]:
    """Yield all resamples in parts of the shape (draws, rows)."""
    generator = np.random.default_rng(seed)
    for start in range(0, _RESAMPLES, _AT_ONCE):
        yield generator.integers(rows, size=(min(_AT_ONCE, _RESAMPLES - start), rows))


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
    """All scores of one method on any draws."""

    def __init__(self, found: Said, label: IntArray, labels: int, order: Sequence[int] | None) -> None:
        self.rows = len(label)
        self._label, self._said, self._labels = label, found.label, labels
        self._order = None if order is None else np.ix_(order, order)
        self._right = found.label == label
        self._automatic = found.automatic
        self._after = _Quality(found.probabilities, found.label, label)
        calibrated = found.votes is not found.probabilities
        self._before = _Quality(found.votes, found.label, label) if calibrated else None

    def __call__(self, drawn: IntArray) -> FloatMatrix:
        """Return the scores, shape (draws, scores), of the rows drawn, shape (draws, rows)."""
        counts = np.stack([np.bincount(rows, minlength=self.rows) for rows in drawn]).astype(np.float64)
        missing = np.full((len(drawn), len(_QUALITY)), np.nan)
        said = np.array([self._of_labels(rows) for rows in drawn])
        before = missing if self._before is None else self._before(counts)
        decided = np.array([self._decided(rows) for rows in drawn])
        return np.concatenate([said[:, :2], self._after(counts), before, decided, said[:, 2:]], axis=1)

    def _of_labels(self, rows: IntArray) -> FloatArray:
        """Return macro-F1, kappa and the recall of each label."""
        confusion = confusion_matrix(self._label[rows], self._said[rows], self._labels)
        kappa = float("nan") if self._order is None else quadratic_kappa(confusion[self._order])
        support = confusion.sum(axis=1)
        recall = np.where(support > 0, np.diag(confusion) / np.maximum(support, 1), np.nan)
        return np.array([macro_f1(confusion), kappa, *recall])

    def _decided(self, rows: IntArray) -> tuple[float, float]:
        """Return the share decided automatically, and the share of errors in it."""
        nothing = float("nan")
        if self._automatic is None:
            return nothing, nothing
        automatic = self._automatic[rows]
        error = float(1 - self._right[rows][automatic].mean()) if automatic.any() else nothing
        return float(automatic.mean()), error


class _Quality:
    """Brier score and calibration errors of probabilities, on any draws."""

    def __init__(self, given: FloatMatrix, said: IntArray, label: IntArray) -> None:
        """Look at each probability once: a draw only counts the rows.

        :param given: shape (rows, labels).
        :param said: columns, shape (rows,), and so is ``label``.
        """
        true = label[:, None] == np.arange(given.shape[1])
        self._brier = ((given - true) ** 2).sum(axis=1)
        self._named = _gaps(np.take_along_axis(given, said[:, None], axis=1), (said == label)[:, None])
        self._all = _gaps(given, true)
        self._rows, self._labels = given.shape

    def __call__(self, counts: FloatMatrix) -> FloatMatrix:
        """Return the scores, shape (draws, 3), where each row is drawn so often, shape (draws, rows)."""
        named, every = (np.abs(gaps @ counts.T).sum(axis=0) for gaps in (self._named, self._all))
        means: FloatMatrix = (
            np.stack([counts @ self._brier, named, every / self._labels], axis=1) / self._rows
        )
        return means


def _gaps(given: FloatMatrix, true: NDArray[np.bool_]) -> Any:
    """Return the gap between truth and probability of each row, in the bin where it falls.

    :param given: shape (rows, columns), and so is ``true``.
    :return: sparse, shape (columns x bins, rows).
    """
    from scipy.sparse import csc_array  # type: ignore[import-untyped]  # scipy ships no types

    rows, columns = given.shape
    which = np.minimum((given * _BINS).astype(np.int32), _BINS - 1)
    places = which + np.arange(columns, dtype=np.int32) * _BINS
    ends = np.arange(rows + 1, dtype=np.int32) * columns
    return csc_array(((true - given).ravel(), places.ravel(), ends), shape=(columns * _BINS, rows))


def _sure(found: Interval | None) -> Interval:
    if found is None:  # macro-F1 is a number wherever there is a ticket
        msg = f"no interval for the method {SERVED}"
        raise ValueError(msg)
    return found
