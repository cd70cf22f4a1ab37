"""Logistic regression as plain arrays: two of its opinions are columns of the forest."""

import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.embedding import Matrix
from service.arrays import FloatArray, IntArray, softmax
from service.priority.words import BUCKETS, Words

__all__ = ["Linear", "fit_linear"]

_NEVER = -30.0  # bias of a label that was not among the rows
_STEPS = 30
_AT_ONCE = 2  # fits side by side: each holds its rows in double precision


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """A fitted multinomial logistic regression.

    :param weight: float32, shape (labels, width).
    :param bias: float32, shape (labels,).
    """

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]

    def probabilities(self, rows: Matrix | Words) -> FloatArray:
        """Return the probability of each label, shape (rows, labels).

        :param rows: shape (rows, width).
        """
        product = rows.dot(self.weight) if isinstance(rows, Words) else (rows @ self.weight.T).astype(float)
        return softmax(product + self.bias)


def fit_linear(
    take: Callable[[IntArray], Matrix | Words],
    label: IntArray,
    labels: int,
    parts: Sequence[IntArray],
    *,
    strength: float,
) -> list[Linear]:
    """Fit scikit-learn's logistic regression to each of several parts of the tickets, each label weighing alike.

    :param take: returns the given rows, shape (rows, width).
    :param label: the column of each ticket's label, shape (tickets,).
    :param labels: how many columns there are; those that no row has are never probable.
    :param parts: the rows of each part.
    :param strength: scikit-learn's ``C``: how freely the weights follow the rows.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types

    # One thread a fit: it adds up in one order, and two that wait for a busy machine's second core are slower than one.
    with warnings.catch_warnings(), threadpool_limits(1, "blas"), ThreadPoolExecutor(_AT_ONCE) as pool:
        # Not quite at the optimum is good enough for a column, and many labels with few tickets are no regression.
        warnings.simplefilter("ignore")
        return list(pool.map(lambda rows: _fit(take(rows), label[rows], labels, strength), parts))


def _fit(rows: Matrix | Words, label: IntArray, labels: int, strength: float) -> Linear:
    from sklearn.linear_model import LogisticRegression

    known = np.unique(label)
    if isinstance(rows, Words):
        # The others' weights would stay 0, and the steps of the fit would carry them along. One there must be.
        used = np.unique(np.append(rows.bucket, 0))
        width, given = BUCKETS, rows.sparse()[:, used]
    else:
        used, width, given = np.arange(rows.shape[1]), rows.shape[1], rows.astype(np.float64)
    weight = np.zeros((labels, width), np.float32)
    bias = np.full(labels, _NEVER, np.float32)
    if len(known) < 2:  # noqa: PLR2004 (something to tell apart)
        bias[known] = 0
        return Linear(weight, bias)
    # In double precision, so that the last bits, which are another processor's, are not what it converges by.
    model = LogisticRegression(C=strength, class_weight="balanced", max_iter=_STEPS).fit(given, label)
    if len(known) == 2:  # noqa: PLR2004 (then scikit-learn keeps the second label's odds alone)
        weight[known[1], used], bias[known] = model.coef_[0], (0, model.intercept_[0])
    else:
        weight[np.ix_(known, used)], bias[known] = model.coef_, model.intercept_
    return Linear(weight, bias)
