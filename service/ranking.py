"""The order in which stored tickets are shown: by text, subject and date, as the store's own vectors have taught."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from indexer.embedding import Matrix
from indexer.ledger import Candidates, Generation, Ledger, greatest_first
from indexer.settings import Settings
from service.arrays import FloatArray

__all__ = ["CANDIDATES", "QueryVectors", "Ranked", "Ranking", "Whitening", "learn_ranking", "measure_floor"]

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
class QueryVectors:
    """What of a new ticket is compared with stored ones.

    :param text: its vector, shape (dimension,); ``subject`` that of its subject, or of the text again.
    :param created: when it was written, in seconds since the epoch.
    """

    text: Matrix
    subject: Matrix
    created: float


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
    _wide: FloatArray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Keep the matrix in double precision too: to make it so takes as long as what it is needed for."""
        object.__setattr__(self, "_wide", self.matrix.astype(np.float64))

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

    def lengths(self, vectors: Matrix) -> FloatArray:
        """Return how long the vectors are once whitened, shape (rows,); in double precision, so that none depends on the others."""
        spread = (vectors.astype(np.float64) - self.mean) @ self._wide
        lengths: FloatArray = np.maximum(np.linalg.norm(spread, axis=1), np.finfo(np.float32).tiny)
        return lengths

    def cosines(self, query: Matrix, texts: FloatArray, lengths: FloatArray) -> FloatArray:
        """Return the cosines of query and texts, as if all were whitened, shape (rows,).

        What is whitened is the query, twice; of a text only the length is needed, which does not depend on the query.

        :param query: of unit length, shape (dimension,).
        :param texts: in double precision, shape (rows, dimension).
        :param lengths: as of `lengths`.
        """
        direction = (self.matrix @ self(query[None])[0]).astype(np.float64)
        spread: FloatArray = texts @ direction - self.mean @ direction
        return spread / lengths


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """Puts candidates in order.

    The score is ``cosine of the whitened texts + subject weight · cosine of the subjects - date weight · ln(1 + days)``.

    :param floor: the relevance below which no draft rests on a ticket.
    :param chance: the relevance that 99 of 100 pairs of stored tickets stay below, ``None`` with few tickets: a text of which
        no stored ticket has so much is unlike all of them. It is the floor, where settings name no other.
    """

    whitening: Whitening
    subject_weight: float
    date_weight: float
    floor: float
    chance: float | None = None

    def rank(self, query: QueryVectors, found: Candidates) -> Iterator[Ranked]:
        """Yield the candidates, best first; of equals the one with the lower id.

        A candidate without a date counts as being as far away as half of the others. Candidates that come with lengths have those
        of this ranking's whitening.
        """
        if not len(found):
            return
        both = np.stack([query.text, query.subject]).astype(np.float32)
        both /= np.linalg.norm(both, axis=1, keepdims=True)
        lengths = found.lengths
        if lengths is None or np.isnan(lengths).any():
            lengths = self.whitening.lengths(found.vectors)
        texts = found.vectors.astype(np.float64)
        own = texts if found.subjects is found.vectors else found.subjects.astype(np.float64)
        subjects = own @ both[1]
        relevance = self.whitening.cosines(both[0], texts, lengths) + self.subject_weight * subjects
        days = np.abs(found.created - query.created) / _DAY
        known = ~np.isnan(days)
        distance = np.log1p(np.where(known, days, np.median(days[known]) if known.any() else 0.0))
        # Rounded, so that the last bits, which are another machine's, never decide.
        score = np.round(relevance - self.date_weight * distance, _DIGITS)
        for row in greatest_first(score, found.ids).tolist():
            yield Ranked(
                id=found.ids[row],
                similarity=round(float(found.cosines[row]), _DIGITS),
                subject=round(float(subjects[row]), _DIGITS),
                days=float(days[row]),
                relevance=round(float(relevance[row]), _DIGITS),
                score=float(score[row]),
            )


def _apart(days: float) -> str:
    for unit, length in (("year", 365.25), ("month", 30.44), ("week", 7.0), ("day", 1.0)):
        if days >= (2 * length if length > 1 else 1):
            count = round(days / length)
            return f"{count} {unit}{'s' if count > 1 else ''} apart"
    return "on the same day"


def learn_ranking(settings: Settings, ledger: Ledger, generation: Generation) -> Ranking:
    """Learn how the generation's tickets are ranked, from their own vectors; no text is embedded for it."""
    sample = ledger.nearest.sample(generation.space, _LEARNED_FROM)
    whitening = Whitening.learn(sample.vectors)
    measured = measure_floor(whitening, settings.subject_weight, sample.vectors, sample.subjects)
    return Ranking(
        whitening,
        settings.subject_weight,
        settings.date_weight,
        measured if settings.similarity_floor is None else settings.similarity_floor,
        measured if len(sample.vectors) >= _LEAST else None,
    )


def measure_floor(whitening: Whitening, subject_weight: float, texts: Matrix, subjects: Matrix) -> float:
    """Return the relevance that 99 of 100 pairs of these tickets stay below; a fixed one where they are fewer than 50.

    Models differ in how alike they find unrelated texts, so a fixed floor would suit only one of them.

    :param texts: vectors of unit length, shape (rows, dimension), as ``subjects``; the first 1,000 are paired.
    """
    if len(texts) < _LEAST:
        return _DEFAULT_COSINE * (1 + subject_weight)
    whitened, subjects = whitening(texts[:_PAIRED]), subjects[:_PAIRED]
    pairs = whitened @ whitened.T + subject_weight * (subjects @ subjects.T)
    return round(float(np.quantile(pairs[np.triu_indices(len(pairs), k=1)], _QUANTILE)), 3)
