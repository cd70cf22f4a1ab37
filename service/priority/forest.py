"""A fitted forest: its votes, its decisions, and the tickets that carried them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from service.arrays import BoolArray, FloatArray, IntArray
from service.priority.abstention import decide
from service.priority.alerts import raise_alert
from service.priority.calibration import Calibrator, smooth
from service.priority.explanation import explain
from service.priority.features import Features
from service.priority.forest_report import Budget, ForestReport
from service.priority.predictors import Predictors
from service.priority.trees import Leaves, Trees, Votes
from service.results import Evidence, PriorityDecision

__all__ = ["Decisions", "Forest", "NoForest"]


@dataclass(frozen=True, slots=True, eq=False)
class Decisions:
    """Decisions on several tickets, one row each.

    :param predicted: int64, shape (rows,): the column of the label that it would cost most to miss.
    :param probabilities: calibrated, shape (rows, labels).
    :param automatic: whether the decision needs no person.
    """

    predicted: IntArray
    probabilities: FloatArray
    automatic: BoolArray


@dataclass(frozen=True, slots=True, eq=False)
class NoForest:
    """Stands in where there are too few labels to fit a forest on: every decision goes to review; ``state`` says why."""

    state: str

    def decide(self, ticket: Features, *, evidence: int = 6, tokens: Sequence[str] = ()) -> PriorityDecision:  # noqa: ARG002 (as Forest's)
        """Decide nothing: no label, review."""
        return PriorityDecision(label=None, confidence=0.0, probabilities={}, decision="review")


@dataclass(frozen=True, slots=True, eq=False)
class Forest:
    """A fitted forest in plain arrays.

    :param labels: the priorities it knows, sorted; its columns.
    :param ids: the tickets it was fitted on, oldest first; its rows.
    :param label: int64, shape (rows,): the column of each ticket's priority.
    :param predictors: what makes the columns that its trees split on.
    :param later: int64, shape (later tickets,): the rows that were held out in time order while it was chosen.
    :param later_predicted: int64, same shape: the column that was predicted for each, by a forest of only what came before.
    :param budgets: what error budgets would have let it decide of them, the smallest first.
    """

    labels: tuple[str, ...]
    ids: tuple[str, ...]
    label: IntArray
    predictors: Predictors
    trees: Trees
    leaves: Leaves
    calibrator: Calibrator
    later: IntArray
    later_predicted: IntArray
    budgets: tuple[Budget, ...]
    report: ForestReport
    _leaf_votes: Votes = field(init=False, repr=False)
    costs: FloatArray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Add up what each leaf votes."""
        costs = np.array([self.report.costs[name] for name in self.labels])
        object.__setattr__(self, "costs", costs)
        object.__setattr__(self, "_leaf_votes", self.leaves.votes(self.label, len(self.labels)))

    @property
    def state(self) -> str:
        """What the forest was fitted on and whether it decides by itself, in one line."""
        fitted = f"fitted on {len(self.ids):,} tickets with {len(self.labels):,} labels"
        found = self.report.abstention
        decides = f"about {found.coverage:.0%} of decisions are automatic"
        if found.threshold is None:
            decides = f"every decision goes to review: {found.reason}"
        return "; ".join((fitted, decides, *self.report.misnamed))

    def votes(self, tickets: Features) -> FloatArray:
        """Return each label's share of the vote, not calibrated, as ``predict_proba`` of scikit-learn does.

        :return: shape (rows, labels).
        :raises ValueError: the vectors have another length, or are not finite.
        """
        return self._leaf_votes.mean(self.trees.walk(self.predictors.matrix(self._checked(tickets))))

    def classify(self, tickets: Features) -> Decisions:
        """Decide on each ticket: its label, the calibrated probabilities, and whether a person must look.

        :raises ValueError: the vectors have another length, or are not finite.
        """
        return self._decisions(self.votes(tickets))

    def decide(self, ticket: Features, *, evidence: int = 6, tokens: Sequence[str] = ()) -> PriorityDecision:
        """Decide on one ticket and name those that carried the decision.

        The evidence is the strongest half for the label, then the strongest against, each half filled up from the
        other where there are too few; a weight is the ticket's share of the whole vote.

        :param ticket: one row.
        :param evidence: how many tickets to name at most.
        :param tokens: its words and values of fields, to say which of them told the most.
        :raises ValueError: the vector has another length, or is not finite.
        """
        thought = self.predictors.thought(self._checked(ticket))
        reached = self.trees.walk(self.predictors.put_together(ticket, thought))
        found = self._decisions(self._leaf_votes.mean(reached))
        predicted = int(found.predicted[0])
        probabilities = found.probabilities[0].tolist()
        return PriorityDecision(
            label=self.labels[predicted],
            confidence=probabilities[predicted],
            probabilities=dict(zip(self.labels, probabilities, strict=True)),
            decision="automatic" if found.automatic[0] else "review",
            evidence=self._evidence(self.leaves.weights(reached[0], len(self.ids)), predicted, evidence),
            why=explain(self.predictors, thought, tokens, self.labels, predicted),
            alert=raise_alert(self.report.alert, self.labels, found.probabilities[0]),
        )

    def _checked(self, tickets: Features) -> Features:
        vectors, dimension = tickets.vectors, self.predictors.dimension
        if vectors.ndim != 2 or vectors.shape[1] != dimension:  # noqa: PLR2004 (a matrix)
            msg = f"the forest was fitted on vectors of length {dimension}, found the shape {vectors.shape}"
            raise ValueError(msg)
        if not np.isfinite(vectors).all():
            msg = "a vector has values that are not finite: embed the text again"
            raise ValueError(msg)
        return tickets

    def _decisions(self, votes: FloatArray) -> Decisions:
        probabilities = self.calibrator(smooth(votes, len(self.ids)))
        predicted, automatic = decide(probabilities, self.labels, self.costs, self.report.abstention)
        return Decisions(predicted, probabilities, automatic)

    def _evidence(self, weights: FloatArray, predicted: int, limit: int) -> tuple[Evidence, ...]:
        if limit < 1:
            return ()
        voted = np.flatnonzero(weights > 0)  # few of a hundred thousand
        agrees = self.label[voted] == predicted
        for_, against = (_heaviest(weights, rows, limit) for rows in (voted[agrees], voted[~agrees]))
        half = min((limit + 1) // 2, len(for_))
        against = against[: limit - half]
        named = np.concatenate([for_[: limit - len(against)], against])
        return tuple(
            Evidence(id=self.ids[row], priority=self.labels[self.label[row]], weight=float(weights[row]))
            for row in named
        )


def _heaviest(weights: FloatArray, rows: IntArray, limit: int) -> IntArray:
    """Return those of the rows that have the greatest weights, heaviest first."""
    rest = max(0, len(rows) - limit)
    rows = rows[np.argpartition(weights[rows], rest)[rest:]] if rest else rows
    heaviest: IntArray = rows[np.argsort(-weights[rows], kind="stable")]
    return heaviest
