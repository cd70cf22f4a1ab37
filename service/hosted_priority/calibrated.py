"""What the model's answers are worth, as held-out tickets showed: kept in a file of the data directory."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np

from indexer.durable import write_durably
from indexer.errors import PrecedentError
from indexer.ledger import Classification
from indexer.settings import Settings
from service.arrays import BoolArray, FloatArray, IntArray
from service.hosted_priority.asking import VERSION
from service.priority.abstention import LaterTickets, abstain, decide
from service.priority.alerts import alert_report, raise_alert
from service.priority.calibration import Calibrator, costs_of, fit_calibrator, smooth
from service.priority.forest_report import Abstention, AlertReport
from service.priority.timeline import NEWEST
from service.results import PriorityDecision
from service.scores import confusion_matrix, macro_f1

__all__ = [
    "Calibrated",
    "CalibrationError",
    "asked_by",
    "calibrated_on",
    "calibration_file",
    "save",
    "votes_of",
]

_AS_SURE_AS = 1_000
"""Tickets: one per cent of every vote is spread over all labels, so that no answer is quite sure."""


class CalibrationError(PrecedentError):
    """The model's answers cannot be calibrated."""


class Calibrated(msgspec.Struct, frozen=True, kw_only=True):
    """A model's calibration and its rule for deciding without a person, as of `service.priority.Forest`."""

    asked_by: dict[str, str]
    """What the answers depend on, and the budgets that were wanted: under others this does not hold."""
    labels: tuple[str, ...]
    """The priorities that the model chooses from."""
    uses_shares: bool
    """Whether the server tells probabilities; else only the label counts."""
    sharpness: float
    bias: list[float]
    costs: list[float]
    abstention: Abstention
    alert: AlertReport | None
    tickets: int
    """Held-out tickets whose answers it rests on."""
    outside: int
    """Further ones whose answers were no label."""
    macro_f1: float
    at: datetime

    def decide(self, votes: FloatArray) -> tuple[FloatArray, IntArray, BoolArray]:
        """Return the calibrated probabilities, the predicted columns, and whether each decision needs no person.

        :param votes: as of `votes_of`, shape (rows, labels), as the probabilities.
        """
        probabilities = Calibrator(self.sharpness, np.array(self.bias))(smooth(votes, _AS_SURE_AS))
        return probabilities, *decide(probabilities, self.labels, np.array(self.costs), self.abstention)

    def decision(self, said: Classification) -> PriorityDecision:
        """Return the decision on one ticket; the answer is one of the labels, with shares where they are used."""
        probabilities, predicted, automatic = self.decide(
            votes_of([said], self.labels, shares=self.uses_shares)
        )
        column = int(predicted[0])
        return PriorityDecision(
            label=self.labels[column],
            confidence=float(probabilities[0, column]),
            probabilities=dict(zip(self.labels, probabilities[0].tolist(), strict=True)),
            decision="automatic" if automatic[0] else "review",
            alert=raise_alert(self.alert, self.labels, probabilities[0]),
        )


def asked_by(settings: Settings) -> dict[str, str]:
    """Return the settings that a calibration holds for, with the version of the instructions."""
    return {
        "CLASSIFIER": settings.classifier,
        "instructions": VERSION,
        "REDACT": str(settings.redact),
        "FOREST_FIELDS": ",".join(settings.forest_fields),
        "MAX_ERROR": f"{settings.max_error:g}",
        "MAX_MISSED": _named(settings.max_missed),
        "COSTS": _named(settings.costs),
        "ALERT": settings.alert or "",
        "PRIORITY_ORDER": ",".join(settings.priority_order),
    }


def _named(values: Mapping[str, float]) -> str:
    return ",".join(f"{name}={value:g}" for name, value in sorted(values.items()))


def calibration_file(data_dir: Path) -> Path:
    """Return where it is kept."""
    return data_dir / "classifier.json"


def save(calibrated: Calibrated, data_dir: Path) -> None:
    """Keep it for the services on this data directory, which follow it by themselves."""
    write_durably(calibration_file(data_dir), msgspec.json.encode(calibrated))


def votes_of(said: Sequence[Classification], labels: Sequence[str], *, shares: bool) -> FloatArray:
    """Return answers as votes, shape (rows, labels); each is one of the labels.

    :param shares: by the probabilities that the model told, else the whole vote is for the label.
    """
    return np.array(
        [
            [one.shares.get(label, 0.0) if shares else float(one.label == label) for label in labels]
            for one in said
        ]
    ).reshape(len(said), len(labels))


def calibrated_on(
    settings: Settings,
    said: Sequence[Classification],
    true: Sequence[str],
    labels: Sequence[str],
) -> Calibrated:
    """Calibrate on answers about held-out tickets.

    :param said: oldest ticket first.
    :param true: the priority of each ticket; each is one of the labels.
    :raises CalibrationError: no answer is a label.
    """
    inside = [row for row, one in enumerate(said) if one.label is not None]
    if not inside:
        msg = f"none of the {len(said):,} answers of {settings.classifier} is one of the priorities: it cannot be used as a classifier"
        raise CalibrationError(msg)
    known = [said[row] for row in inside]
    label = np.array([list(labels).index(true[row]) for row in inside], np.int64)
    uses_shares = all(one.shares for one in known)
    votes = smooth(votes_of(known, labels, shares=uses_shares), _AS_SURE_AS)
    calibrator = fit_calibrator(votes, label)
    probabilities = calibrator(votes)
    counts = np.bincount([list(labels).index(one) for one in true], minlength=len(labels))
    costs = costs_of(settings.costs, labels, counts)
    parts = {NEWEST: np.arange(len(label)) >= len(label) // 2}
    later = LaterTickets(probabilities, label, parts, labels, costs)
    rule = abstain(later, max_error=settings.max_error, max_missed=settings.max_missed)
    alert = alert_report(settings.alert, settings.priority_order, later, max_error=settings.max_error)
    predicted, _ = decide(probabilities, labels, costs, rule)
    return Calibrated(
        asked_by=asked_by(settings),
        labels=tuple(labels),
        uses_shares=uses_shares,
        sharpness=calibrator.sharpness,
        bias=calibrator.bias.tolist(),
        costs=costs.tolist(),
        abstention=rule,
        alert=alert,
        tickets=len(known),
        outside=len(said) - len(known),
        macro_f1=macro_f1(confusion_matrix(label, predicted, len(labels))),
        at=datetime.now(UTC),
    )
