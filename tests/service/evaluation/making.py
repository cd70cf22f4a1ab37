"""Histories of tickets for tests of the evaluation."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from indexer.ticket import Ticket, text_hash
from service.evaluation.cases import Cases, make_cases

__all__ = ["DAY_ONE", "LABELS", "history", "tickets_of"]

DAY_ONE = datetime(2025, 1, 1, tzinfo=UTC)
LABELS = ("low", "medium", "high")
_DIMENSION = 12
_WORDS = ("screen", "cable", "invoice", "login", "mail", "printer", "report", "backup", "update", "door")


def tickets_of(
    labels: Sequence[str | None],
    *,
    telling: bool = False,
    timed: bool = True,
    days_to_resolve: float = 2.0,
    seed: int = 0,
) -> list[Ticket]:
    """Return a ticket a day with these priorities, its text unlike any other.

    :param telling: whether the words of the text give the priority away.
    """
    generator = np.random.default_rng(seed)
    tickets = []
    for number, label in enumerate(labels):
        words = " ".join(generator.choice(_WORDS, size=8))
        told = f" code{label}" if telling else ""
        created = DAY_ONE + timedelta(days=number)
        tickets.append(
            Ticket(
                id=f"t-{number}",
                text=f"Case {number}: {words}{told}",
                priority=label,
                created_at=created if timed else None,
                resolved_at=created + timedelta(days=days_to_resolve) if timed else None,
            )
        )
    return tickets


def history(
    count: int,
    *,
    labels: Sequence[str] = LABELS,
    signal: float = 2.0,
    shuffled: bool = False,
    telling: bool = False,
    timed: bool = True,
    days_to_resolve: float = 2.0,
    seed: int = 0,
) -> Cases:
    """Return tickets whose vectors lie around one point for each label, or say nothing.

    :param signal: distance of the points, in standard deviations of the noise around them.
    :param shuffled: whether the labels are shuffled, so that neither vector nor text tells them.
    """
    generator = np.random.default_rng(seed)
    column = generator.integers(len(labels), size=count)
    centres = generator.normal(size=(len(labels), _DIMENSION))
    centres *= signal / np.linalg.norm(centres, axis=1, keepdims=True)
    vectors = (centres[column] + generator.normal(size=(count, _DIMENSION))).astype(np.float32)
    given = generator.permutation(column) if shuffled else column
    tickets = tickets_of(
        [labels[number] for number in given],
        telling=telling,
        timed=timed,
        days_to_resolve=days_to_resolve,
        seed=seed,
    )
    return make_cases(
        tickets, {text_hash(ticket.text): row for ticket, row in zip(tickets, vectors, strict=True)}
    )
