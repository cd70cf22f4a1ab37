"""Which stored tickets a model learns from, and on which later ones it is measured; files to fine-tune one with.

The files have tickets as the classifier asks about them, each with its priority as the answer.
"""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from indexer.errors import SettingsError
from indexer.prices import parse_price
from indexer.rate_limiter import characters_of, tokens_of
from indexer.settings import Settings
from indexer.suspicion import suspicion_of
from service.arrays import IntArray
from service.evaluation.cases import Cases, EvaluationError
from service.hosted_priority.asking import messages_of
from service.priority.timeline import repeats

__all__ = ["PRICE", "FineTuning", "Parts", "later_tickets", "parts_of", "require_classifier", "write_files"]

PRICE = "training"
"""The name in ``PRECEDENT_PRICES`` that stands for tokens that a model is trained on."""
_TRAINING, _VALIDATION = 0.7, 0.8


class Parts(NamedTuple):
    """Rows of labelled tickets, oldest first: those to learn from, those to watch the learning on, and the newest.

    The newest are for calibration and back-tests alone, and none of them repeats an earlier ticket. As tickets come, their
    beginning only moves on: what a model has learned from never gets among them.
    """

    training: IntArray
    validation: IntArray
    newest: IntArray


def parts_of(cases: Cases) -> Parts:
    """Cut labelled tickets, in order of time, where 70 % and 80 % of them lie behind."""
    rows = np.arange(len(cases))
    first, second = (round(len(cases) * share) for share in (_TRAINING, _VALIDATION))
    repeated = repeats(cases.vectors, cases.groups)
    return Parts(rows[:first], rows[first:second], rows[second:][~repeated[second:]])


def later_tickets(cases: Cases, most: int) -> tuple[Cases, tuple[str, ...]]:
    """Return at most so many of the newest tickets that have a priority, and the priorities that there are.

    No model has learned from these tickets.

    :raises EvaluationError: there are none, or all have one priority.
    """
    known = cases.labelled()
    labels = tuple(sorted({label for label in known.labels if label is not None}))
    newest = parts_of(known).newest[-most:]
    if not len(newest) or len(labels) < 2:  # noqa: PLR2004 (something to tell apart)
        msg = f"{len(known):,} stored tickets have a priority, {len(labels)} different ones: that tells nothing of a classifier"
        raise EvaluationError(msg)
    return known.take(newest), labels


def require_classifier(settings: Settings) -> None:
    """Refuse to work without a hosted classifier.

    :raises SettingsError: settings name none.
    """
    if settings.classifier_model is None:
        msg = (
            "the forest decides priorities: set PRECEDENT_CLASSIFIER=hosted:MODEL to a model of the provider"
        )
        raise SettingsError(msg)


class FineTuning(msgspec.Struct, frozen=True, kw_only=True):
    """What was written; ``tokens`` are those of the training file, by an estimate, and ``cost`` is that of one pass over them."""

    training: int
    validation: int
    held_out: int
    """The newest tickets, which are in neither file."""
    flagged: int
    """Tickets left out, because a text of theirs seems to be meant for a language model."""
    labels: dict[str, int]
    """How often each priority is in the training file."""
    tokens: int
    cost: float | None
    """``None`` where `PRICE` has no price."""


def write_files(settings: Settings, cases: Cases, training: Path, validation: Path) -> FineTuning:
    """Write both files as JSON lines in the provider's chat format; secrets are redacted as in any request.

    :raises EvaluationError: no priority, or one alone, is left to learn.
    :raises OSError: a file cannot be written.
    """
    known = cases.labelled()
    labels = tuple(sorted({label for label in known.labels if label is not None}))
    sound = np.array([suspicion_of(ticket) is None for ticket in known.tickets], dtype=bool)
    parts = parts_of(known)
    learned, watched = (rows[sound[rows]] for rows in (parts.training, parts.validation))
    counts = Counter(known.labels[row] or "" for row in learned)
    if len(counts) < 2:  # noqa: PLR2004 (something to tell apart)
        msg = f"{len(learned):,} tickets would be learned from, with {len(counts)} different priorities: there is nothing to learn"
        raise EvaluationError(msg)
    characters = _write(settings, known, labels, learned, training)
    _write(settings, known, labels, watched, validation)
    price = settings.prices.get(PRICE)
    tokens = tokens_of(characters)
    return FineTuning(
        training=len(learned),
        validation=len(watched),
        held_out=len(known) - len(parts.training) - len(parts.validation),
        flagged=len(parts.training) + len(parts.validation) - len(learned) - len(watched),
        labels=dict(sorted(counts.items())),
        tokens=tokens,
        cost=None if price is None else round(tokens * parse_price(price)[0] / 1e6, 8),
    )


def _write(settings: Settings, cases: Cases, labels: tuple[str, ...], rows: IntArray, file: Path) -> int:
    """Write the rows, and return how many characters the messages have."""
    characters = 0
    with file.open("wb") as lines:
        for row in rows:
            asked = messages_of(cases.tickets[row], labels, settings.forest_fields, redact=settings.redact)
            messages = [*asked, {"role": "assistant", "content": cases.labels[row]}]
            characters += characters_of(messages)
            lines.write(msgspec.json.encode({"messages": messages}) + b"\n")
    return characters
