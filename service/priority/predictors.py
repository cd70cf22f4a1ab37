"""The columns that the trees split on: the vector, what two linear models think, and values of fields."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.embedding import Matrix
from service.arrays import FloatArray, IntArray
from service.priority.features import Features
from service.priority.linear import Linear, fit_linear
from service.priority.words import BUCKETS, Words

__all__ = ["Predictors", "fit_predictors"]

_FOLDS = 5
_LEAST_ROWS = 50  # below, two linear models say more about chance than about tickets
_MOST_LABELS = 60
_MOST_ROWS, _MOST_WORK = 20_000, 600_000
"""Tickets that a linear model learns from, and labels x tickets: with more it takes longer than the forest, and learns little."""
_WORDS_STRENGTH, _MEANING_STRENGTH = 10.0, 1.0
_MOST_VALUES = 60
_LEAST_SHARE, _LEAST_TICKETS = 0.005, 5  # of the tickets that have a value, for a column of its own
_DIGITS = 3  # of a probability: what another machine sums up in another order makes no other column


@dataclass(frozen=True, slots=True, eq=False)
class Predictors:
    """What makes the columns of tickets.

    :param dimension: length of a vector.
    :param rarity: float32, shape (`BUCKETS`,): how rare a hashed word is (inverse document frequency); empty without linear
        models.
    :param words: a model of the words, ``None`` where there were too few tickets or too many labels.
    :param meaning: a model of the vectors, likewise.
    :param values: the values of fields that have a column each.
    """

    dimension: int
    rarity: NDArray[np.float32]
    words: Linear | None
    meaning: Linear | None
    values: tuple[str, ...]

    @property
    def width(self) -> int:
        """How many columns there are."""
        models = [model for model in (self.words, self.meaning) if model is not None]
        return self.dimension + sum(len(model.bias) for model in models) + len(self.values)

    def matrix(self, features: Features) -> Matrix:
        """Return the columns, float32, shape (rows, width)."""
        return self.put_together(features, self.thought(features))

    def thought(self, features: Features) -> tuple[FloatArray, ...]:
        """Return what both models think, each of the shape (rows, labels); nothing where there are none."""
        if self.words is None or self.meaning is None:
            return ()
        return (
            self.words.probabilities(features.words.weighed(self.rarity)),
            self.meaning.probabilities(features.vectors),
        )

    def put_together(self, features: Features, thought: tuple[FloatArray, ...]) -> Matrix:
        """Return the columns with these probabilities of the two models."""
        matrix = np.zeros((len(features), self.width), np.float32)
        end = 0
        parts: list[NDArray[Any]] = [features.vectors, *(np.round(part, _DIGITS) for part in thought)]
        for part in parts:
            start, end = end, end + part.shape[1]
            matrix[:, start:end] = part
        column = {value: end + number for number, value in enumerate(self.values)}
        for row, own in enumerate(features.values):
            matrix[row, [column[value] for value in own if value in column]] = 1
        return matrix


def fit_predictors(
    features: Features, label: IntArray, labels: int, groups: IntArray
) -> tuple[Predictors, Matrix]:
    """Fit what makes the columns, and return it with the columns of these tickets.

    What the models think of these tickets is what models of the others thought (five folds): a model that has seen a
    ticket's label says nothing about how well it guesses.

    :param label: the column of each ticket's label, shape (rows,).
    :param groups: tickets of one problem have equal numbers: they are in one fold.
    """
    rows = len(features)
    values = _common_values(features)
    none = np.zeros(0, np.float32)
    if rows < _LEAST_ROWS or labels > _MOST_LABELS:
        plain = Predictors(features.vectors.shape[1], none, None, None, values)
        return plain, plain.matrix(features)
    rarity = _rarity(features)
    weighed = features.words.weighed(rarity)
    # Two are enough where either has as many as a model learns from.
    fold = np.unique(groups, return_inverse=True)[1] % (_FOLDS if rows <= 2 * _MOST_ROWS else 2)

    words, words_thought = _fit_apart(weighed.take, label, labels, fold, _WORDS_STRENGTH)
    meaning, meaning_thought = _fit_apart(
        features.vectors.__getitem__, label, labels, fold, _MEANING_STRENGTH
    )
    fitted = Predictors(features.vectors.shape[1], rarity, words, meaning, values)
    return fitted, fitted.put_together(features, (words_thought, meaning_thought))


def _fit_apart(
    take: Callable[[IntArray], Matrix | Words], label: IntArray, labels: int, fold: IntArray, strength: float
) -> tuple[Linear, FloatArray]:
    """Return a model of all tickets, and what models of the other folds think of each.

    :param take: returns the given rows.
    """
    most = min(_MOST_ROWS, _MOST_WORK // labels)
    numbers = np.unique(fold)
    parts = [np.flatnonzero(fold != number) for number in numbers] + [np.arange(len(fold))]
    *apart, whole = fit_linear(take, label, labels, [rows[-most:] for rows in parts], strength=strength)
    thought = np.zeros((len(label), labels))
    for number, model in zip(numbers, apart, strict=True):
        own = np.flatnonzero(fold == number)
        thought[own] = model.probabilities(take(own))
    return whole, thought


def _rarity(features: Features) -> NDArray[np.float32]:
    seen = np.bincount(features.words.bucket, minlength=BUCKETS)
    return (1 + np.log((1 + len(features)) / (1 + seen))).astype(np.float32)


def _common_values(features: Features) -> tuple[str, ...]:
    counts = Counter(value for own in features.values for value in own)
    least = max(_LEAST_TICKETS, _LEAST_SHARE * len(features))
    common = sorted(counts.items(), key=lambda found: (-found[1], found[0]))[:_MOST_VALUES]
    return tuple(value for value, count in common if count >= least)
