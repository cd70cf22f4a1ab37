"""The report on a fit: how the forest was fitted, and how good it was on later tickets."""

import msgspec

from service.priority.spelling import misnamed
from service.scores import Bin

__all__ = [
    "Abstention",
    "AlertReport",
    "Budget",
    "Calibration",
    "Candidate",
    "Drift",
    "ForestReport",
    "held_back",
]


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One way to train the forest, and its score on later tickets."""

    leaf: int
    """The least number of tickets in a leaf."""
    balanced: bool
    """Whether every label is drawn alike, however rare it is."""
    features: int
    """How many of the vector's values are tried at a split."""
    half_life_days: float | None
    """Days after which a ticket is drawn half as often; ``None``: age does not count."""
    macro_f1: float | None = None
    """On later tickets; ``None`` where it was not tried."""


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """Scores of the probabilities before and after calibration, on later tickets that took no part in it."""

    tickets: int
    brier_before: float
    brier_after: float
    ece_before: float
    """Expected calibration error of the confidence in the predicted label."""
    ece_after: float
    classwise_before: float
    """Expected calibration error of all labels' probabilities, mean over the labels."""
    classwise_after: float
    reliability: tuple[Bin, ...]
    """Of the confidence in the predicted label, after calibration; empty bins are left out."""


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """What an error budget would have let the forest decide by itself, on later tickets."""

    max_error: float
    threshold: float | None
    """The confidence from which a decision is automatic; ``None``: every decision goes to review."""
    automatic: int
    """How many were decided."""
    wrong: int
    """Of these."""
    error_bound: float | None
    """What the share of wrong ones is at most, with 95 % confidence; ``None`` where none is decided."""


class Abstention(msgspec.Struct, frozen=True, kw_only=True):
    """When the forest decides by itself, and what that was worth on later tickets."""

    max_error: float
    max_missed: dict[str, float]
    unknown: tuple[str, ...]
    """Those of ``max_missed`` that no ticket has: nothing guards them."""
    threshold: float | None
    """The confidence from which a decision is automatic; ``None``: every decision goes to review."""
    guards: dict[str, float]
    """For each label that ``max_missed`` names, in whatever case: its probability above which no other label is given automatically."""
    coverage: float
    """The share of later tickets that were decided automatically."""
    error: float | None
    """The share of wrong labels among them."""
    error_bound: float | None
    """What that share is at most, with 95 % confidence."""
    reason: str | None
    """Why every decision goes to review."""
    limited_by: str | None = None
    """Which part of the later tickets is decided worse than the others, so that fewer decisions are automatic for its sake."""


class AlertReport(msgspec.Struct, frozen=True, kw_only=True):
    """When the forest says by itself whether a ticket has at least a certain priority."""

    at_least: str
    above: tuple[str, ...]
    """The labels that have it: this one and the more urgent ones; empty where their order is not known."""
    abstention: Abstention


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """How the newest tickets differ from all before them."""

    newest: int
    index: float
    """Population stability index of the labels: 0 where their shares are the same, from 0.25 on they count as shifted."""
    chance: float
    """How probable such a difference is where nothing has shifted."""
    shares: dict[str, tuple[float, float]]
    """Of each label, before and now."""
    new_values: dict[str, float]
    """Values of fields that no ticket had before, with the share of the newest tickets that have them."""
    shifted: str | None
    """What has shifted so far that nothing is decided automatically."""


class ForestReport(msgspec.Struct, frozen=True, kw_only=True):
    """How a forest was fitted and how good it was on later tickets of its own history."""

    tickets: int
    """Labelled tickets that were given."""
    rows: int
    """Of these the newest, which the forest was fitted on."""
    labels: dict[str, int]
    """How many of the rows have each label."""
    later_tickets: int
    """Tickets that were held out in time order; none repeats an earlier one."""
    macro_f1: float | None
    """Of the chosen forest on them."""
    majority_macro_f1: float | None
    """Of always saying the most frequent label, on the same."""
    chosen: Candidate
    candidates: tuple[Candidate, ...]
    costs: dict[str, float]
    """How much worse it is to miss a ticket of each label: what is predicted is the label whose probability, times that, is
    greatest."""
    unknown_costs: tuple[str, ...]
    """Labels with a cost by setting that no ticket has: nothing rests on it."""
    calibration: Calibration | None
    abstention: Abstention
    alert: AlertReport | None
    """``None`` where no alert is wanted."""
    drift: Drift | None = None
    """``None`` where there are too few tickets to tell."""
    seed: int
    sklearn_version: str
    fitted_on: dict[str, str]
    """What the caller said of the data, such as the generation."""

    @property
    def misnamed(self) -> list[str]:
        """What settings say of labels that no ticket has, or of an order that is not known, a sentence each."""
        labels, field, alert = self.labels, self.fitted_on.get("field", "priority"), self.alert
        found = misnamed("MAX_MISSED", self.abstention.unknown, labels, field)
        found += misnamed("COSTS", self.unknown_costs, labels, field)
        if alert is not None and not alert.above:
            untold = f"PRECEDENT_ALERT={alert.at_least} cannot be told: set PRECEDENT_PRIORITY_ORDER to an order of all of {', '.join(labels)}"
            found += misnamed("ALERT", [alert.at_least], labels, field) or [untold]
        return found


def held_back(found: Abstention, drift: Drift | None) -> Abstention:
    """Return when the forest decides by itself: never, while the newest tickets are unlike those that thresholds rest on."""
    if drift is None or drift.shifted is None or found.threshold is None:
        return found
    return msgspec.structs.replace(
        found, threshold=None, coverage=0.0, error=None, error_bound=None, reason=drift.shifted
    )
