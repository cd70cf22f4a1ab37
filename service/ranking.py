"""The order in which stored tickets are shown: by text, subject and date, as the store's own vectors have taught."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from indexer.embedding import Matrix
from indexer.ledger import Candidates, Generation, Ledger
from indexer.settings import Settings
from service.arrays import FloatArray

__all__ = ["CANDIDATES", "Question", "Ranked", "Ranking", "Whitening", "learn_ranking"]

CANDIDATES = 200
"""The nearest tickets that are put in order."""

_LEARNED_FROM = 5_000  # tickets; 1,000 suffice
_LEAST = 50  # tickets; with fewer, their spread and chance pairs say little
_PAIRED = 1_000  # tickets whose pairs are measured
_QUANTILE = 0.99
_DEFAULT_COSINE = 0.35
_DAY = 86_400.0
_RIDGE, _POWER = 0.02, 0.25
_DIGITS = 6
_SAME, _ALIKE = 0.95, 0.7  # cosines, in words


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """What is compared with stored tickets.

    :param vector: of the text, shape (dimension,); ``subject`` of its subject, likewise, or of the text again.
    :param created: when it was asked, in seconds since the epoch.
    """

    vector: Matrix
    subject: Matrix
    created: float = field(default_factory=time.time)


@dataclass(frozen=True, slots=True)
class Ranked:
    """A stored ticket's place among others.

    :param similarity: the cosine of the two texts.
    :param subject: the cosine of the two subjects.
    :param days: between the two tickets, NaN where unknown.
    :param relevance: what text and subject say; a draft never rests on less than the floor.
    :param score: the relevance, less what the time between them takes; the order is by it.
    """

    id: str
    similarity: float
    subject: float
    days: float
    relevance: float
    score: float

    def why(self, floor: float) -> str:
        """Return in words what puts it at its place."""
        text = "similar text" if self.relevance >= floor else "little alike"
        said = ["nearly the same text" if self.similarity >= _SAME else text]
        if self.subject != self.similarity and self.subject >= _ALIKE:
            said.append("the same subject" if self.subject >= _SAME else "a similar subject")
        if not math.isnan(self.days):
            said.append(_apart(self.days))
        return ", ".join(said)


@dataclass(frozen=True, slots=True, eq=False)
class Whitening:
    """Takes out of vectors what all tickets of the store share, softly, so that the rest tells them apart.

    :param mean: shape (dimension,).
    :param matrix: shape (dimension, dimension).
    """

    mean: Matrix
    matrix: Matrix

    @classmethod
    def learn(cls, vectors: Matrix) -> "Whitening":
        """Learn it from vectors of unit length, shape (rows, dimension); few of them change nothing.

        With the eigenvectors E and eigenvalues of their covariance, a vector x becomes
        (x - mean) · E · (eigenvalue + 0.02 · mean eigenvalue)^(-1/4). Whitening in full, with the power -1/2, is worse.
        """
        dimension = vectors.shape[1]
        if len(vectors) < _LEAST:
            return cls(np.zeros(dimension, np.float32), np.eye(dimension, dtype=np.float32))
        mean = vectors.mean(axis=0, dtype=np.float64)
        spread = vectors.astype(np.float64) - mean
        values, directions = np.linalg.eigh(spread.T @ spread / len(vectors))
        values = np.maximum(values, 0.0)
        ridge = max(_RIDGE * float(values.mean()), np.finfo(np.float32).tiny)
        scale = (values + ridge) ** -_POWER
        return cls(mean.astype(np.float32), (directions * scale).astype(np.float32))

    def __call__(self, vectors: Matrix) -> Matrix:
        """Return vectors of unit length, shape (rows, dimension)."""
        spread = (vectors - self.mean) @ self.matrix
        lengths = np.linalg.norm(spread, axis=1, keepdims=True)
        unit: Matrix = spread / np.maximum(lengths, np.finfo(np.float32).tiny)
        return unit


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """Puts candidates in order.

    The score is ``cosine of the whitened texts + subject weight · cosine of the subjects - date weight · ln(1 + days)``.

    :param floor: the relevance that 99 of 100 pairs of stored tickets, drawn at random, stay below.
    """

    whitening: Whitening
    subject_weight: float
    date_weight: float
    floor: float = 0.0

    def rank(self, question: Question, found: Candidates) -> Iterator[Ranked]:
        """Yield the candidates, best first; of equals the one with the lower id.

        A candidate without a date counts as being as far away as half of the others.
        """
        if not len(found):
            return
        both = np.stack([question.vector, question.subject]).astype(np.float32)
        both /= np.linalg.norm(both, axis=1, keepdims=True)
        subjects = found.subjects @ both[1]
        relevance = self._relevance(found.vectors, both[:1])[:, 0] + self.subject_weight * subjects
        days = np.abs(found.created - question.created) / _DAY
        known = ~np.isnan(days)
        distance = np.log1p(np.where(known, days, np.median(days[known]) if known.any() else 0.0))
        # Rounded, so that the last bits, which are another machine's, never decide.
        score = np.round(relevance - self.date_weight * distance, _DIGITS)
        for row in np.lexsort((found.ids, -score)).tolist():
            yield Ranked(
                id=found.ids[row],
                similarity=round(float(found.cosines[row]), _DIGITS),
                subject=round(float(subjects[row]), _DIGITS),
                days=float(days[row]),
                relevance=round(float(relevance[row]), _DIGITS),
                score=float(score[row]),
            )

    def measure_floor(self, sample: Candidates) -> float:
        """Return the relevance that 99 of 100 pairs of these tickets stay below."""
        pairs = self._relevance(sample.vectors, sample.vectors)
        pairs += self.subject_weight * (sample.subjects @ sample.subjects.T)
        return round(float(np.quantile(pairs[np.triu_indices(len(pairs), k=1)], _QUANTILE)), 3)

    def _relevance(self, some: Matrix, others: Matrix) -> FloatArray:
        relevance: FloatArray = (self.whitening(some) @ self.whitening(others).T).astype(np.float64)
        return relevance


def _apart(days: float) -> str:
    for unit, length in (("year", 365.25), ("month", 30.44), ("week", 7.0), ("day", 1.0)):
        if days >= (2 * length if length > 1 else 1):
            count = round(days / length)
            return f"{count} {unit}{'s' if count > 1 else ''} apart"
    return "on the same day"


def learn_ranking(settings: Settings, ledger: Ledger, generation: Generation) -> Ranking:
    """Learn how the generation's tickets are ranked, from their own vectors; no text is embedded for it.

    Models differ in how alike they find unrelated texts, so a fixed floor would suit only one of them. The setting goes
    before the measurement; so does a default while there are fewer than 50 tickets.
    """
    sample = ledger.nearest.sample(generation.space, _LEARNED_FROM)
    weights = settings.subject_weight, settings.date_weight
    ranking = Ranking(Whitening.learn(sample.vectors), *weights)
    floor = settings.similarity_floor
    if floor is None and len(sample) < _LEAST:
        floor = _DEFAULT_COSINE * (1 + settings.subject_weight)
    elif floor is None:
        few = Candidates(
            sample.ids[:_PAIRED],
            sample.cosines[:_PAIRED],
            sample.vectors[:_PAIRED],
            sample.subjects[:_PAIRED],
            sample.created[:_PAIRED],
        )
        floor = ranking.measure_floor(few)
    return Ranking(ranking.whitening, *weights, floor)
