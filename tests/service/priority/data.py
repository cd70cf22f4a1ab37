"""Tickets as arrays, made up: clusters in a vector space, whose labels are known."""

import numpy as np

from indexer.embedding import Matrix
from indexer.parsing import parse_ticket
from indexer.ticket import Ticket
from service.arrays import FloatArray, IntArray
from service.priority import Features, Forest, TrainingSet, features_of

DAY = 86_400.0


def clustered(
    rows: int,
    *,
    labels: tuple[str, ...] = ("high", "low", "medium"),
    dimension: int = 32,
    noise: float = 0.0,
    spread: float = 0.6,
    seed: int = 0,
) -> TrainingSet:
    """Return tickets, one a day, in one cluster a label; ``noise`` is the share of labels drawn at random."""
    generator = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(len(labels), dimension))
    label = generator.integers(len(labels), size=rows)
    vectors = centres[label] + spread * generator.normal(size=(rows, dimension))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    predicted = np.where(generator.random(rows) < noise, generator.integers(len(labels), size=rows), label)
    return TrainingSet(
        ids=tuple(f"t{row}" for row in range(rows)),
        features=of_vectors(vectors.astype(np.float32)),
        labels=tuple(labels[number] for number in predicted),
        times=np.arange(rows, dtype=np.float64) * DAY,
        known=np.arange(rows, dtype=np.float64) * DAY,
        groups=np.arange(rows),
    )


def of_vectors(vectors: Matrix) -> Features:
    """Return what a forest reads of tickets of which only the vectors are known, shape (rows, dimension)."""
    return features_of([None] * len(vectors), vectors, ())


def alone(vector: Matrix) -> Features:
    """Return what a forest reads of one ticket of which only the vector is known, shape (dimension,)."""
    return of_vectors(vector[None])


def weights(forest: Forest, vector: Matrix) -> FloatArray:
    """Return each ticket's share of the forest's vote on one vector, shape (rows,)."""
    return forest.leaves.weights(
        forest.trees.walk(forest.predictors.matrix(alone(vector)))[0], len(forest.ids)
    )


def columns(training: TrainingSet) -> IntArray:
    """Return each ticket's label as its number in sorted order."""
    return np.unique(np.array(training.labels), return_inverse=True)[1]


def relabelled(training: TrainingSet, labels: list[str | None]) -> TrainingSet:
    """Return the same tickets with other labels."""
    return TrainingSet(
        ids=training.ids,
        features=training.features,
        labels=tuple(labels),
        times=training.times,
        known=training.known,
        groups=training.groups,
    )


def shuffled(training: TrainingSet, seed: int = 0) -> TrainingSet:
    """Return the same tickets with their labels shuffled: nothing can be learned from them."""
    labels = np.random.default_rng(seed).permutation(np.array(training.labels))
    return relabelled(training, labels.tolist())


def ticket(text: str, **more: object) -> Ticket:
    """Return a ticket as it is stored."""
    return parse_ticket({"id": 1, "text": text, **more})


def told_by_words(rows: int, *, share: float = 0.5, seed: int = 0) -> TrainingSet:
    """Return tickets whose vectors say nothing, whose words say half and whose type says the rest; ``share``: of the telling ones."""
    generator = np.random.default_rng(seed)
    urgent, incident = generator.random(rows) < share, generator.random(rows) < share
    labels = [("urgent" if u else "high") if i else "low" for u, i in zip(urgent, incident, strict=True)]
    fillers = generator.choice(["page", "button", "report", "menu", "list"], (rows, 6))
    tickets = [
        ticket(
            f"{' '.join(words)} {'outage' if u else 'question'}",
            fields={"type": "incident" if i else "task"},
        )
        for words, u, i in zip(fillers, urgent, incident, strict=True)
    ]
    vectors = generator.standard_normal((rows, 8)).astype(np.float32)
    return TrainingSet(
        ids=tuple(map(str, range(rows))),
        features=features_of(tickets, vectors, ["type"]),
        labels=tuple(labels),
        times=np.arange(rows, dtype=np.float64) * DAY,
        known=np.arange(rows, dtype=np.float64) * DAY,
        groups=np.arange(rows),
    )
