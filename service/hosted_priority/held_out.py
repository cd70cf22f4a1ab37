"""Which stored tickets a model learns from, and which later ones its answers are measured on."""

from typing import NamedTuple

import numpy as np

from indexer.errors import SettingsError
from indexer.settings import Settings
from service.arrays import IntArray
from service.evaluation.cases import Cases, EvaluationError
from service.priority.timeline import repeats

__all__ = ["Parts", "later_tickets", "parts_of", "require_classifier"]

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
