"""Abstention: thresholds from which the forest may decide without a person, within an error budget."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from service.arrays import BoolArray, FloatArray, IntArray, pick
from service.priority.calibration import least_costly
from service.priority.forest_report import Abstention, Budget

__all__ = ["LaterTickets", "abstain", "budgets", "decide", "error_bound", "may_decide"]

_DOUBT = 0.05
_COVERAGES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_DOUBT_EACH = _DOUBT / len(_COVERAGES)
_BUDGETS = tuple(percent / 100 for percent in range(1, 51))
_SHUFFLES = 999
_CHANCE = 0.01  # a forest that knows nothing passes the test of agreement this often


@dataclass(frozen=True, eq=False)
class LaterTickets:
    """Later tickets, by which it is told what may be decided without a person.

    :param probabilities: calibrated, shape (rows, labels).
    :param label: the column of the true label, shape (rows,).
    :param parts: the tickets of each part that must keep the budget too, such as the newest, by what the part is.
    :param labels: the names of the columns.
    :param costs: of missing each label, as of `least_costly`.
    """

    probabilities: FloatArray
    label: IntArray
    parts: Mapping[str, BoolArray]
    labels: Sequence[str]
    costs: FloatArray

    @cached_property
    def predicted(self) -> IntArray:
        """The column of the predicted label, shape (rows,)."""
        return least_costly(self.probabilities, self.costs)

    @cached_property
    def confidence(self) -> FloatArray:
        """The probability of the predicted label, shape (rows,)."""
        return pick(self.probabilities, self.predicted)

    @cached_property
    def wrong(self) -> BoolArray:
        """Whether another label is predicted than the true one, shape (rows,)."""
        wrong: BoolArray = self.predicted != self.label
        return wrong


def abstain(later: LaterTickets, *, max_error: float, max_missed: Mapping[str, float]) -> Abstention:
    """Choose the confidence from which a decision is automatic.

    The threshold is the lowest, of those that let 5, 10, 20 … 100 % of the later tickets through, at which
    the error among automatic decisions is within ``max_error`` with 95 % confidence (exact binomial bound, shared
    out over the thresholds that are tried) and not above it in any of their parts.

    :param max_error: the share of wrong labels that is accepted among automatic decisions.
    :param max_missed: for a label, in whatever case, the share of its tickets that may be given another label
        automatically.
    """
    column = {name.casefold(): number for number, name in enumerate(later.labels)}
    named = {name: column.get(name.casefold()) for name in max_missed}
    guards = {
        later.labels[number]: _guard(later, number, max_missed[name])
        for name, number in named.items()
        if number is not None
    }
    rows = len(later.label)
    free = may_decide(later.probabilities, later.predicted, later.labels, guards)
    threshold, reason, limited_by = None, None, None
    if error_bound(0, rows, _DOUBT_EACH) > max_error:
        needed = math.ceil(math.log(_DOUBT_EACH) / math.log(1 - max_error))
        reason = (
            f"only {rows:,} later tickets to learn from what was right: without a mistake {needed:,} would show "
            f"an error within {max_error:g}"
        )
    elif not _agrees(later):
        reason = "the forest agrees with later labels no better than chance"
    else:
        threshold = _threshold(later, free, max_error)
        without = ((one, _threshold(later, free, max_error, but=one)) for one in later.parts)
        limited_by = next((one for one, found in without if found != threshold), None)
        if threshold is None:
            reason = f"no threshold keeps the error within {max_error:g} with {1 - _DOUBT:.0%} confidence on {rows:,} later tickets"
            if _threshold(later, np.ones_like(free), max_error) is not None:
                reason = (
                    f"too many tickets might be missed that are {' or '.join(guards)}: "
                    "the budgets of PRECEDENT_MAX_MISSED forbid other labels"
                )
            elif limited_by is not None:
                reason = f"no threshold keeps the error within {max_error:g} among {limited_by}"
    count, errors = _let_through(later, free, threshold)
    return Abstention(
        max_error=max_error,
        max_missed=dict(max_missed),
        unknown=tuple(name for name, number in named.items() if number is None),
        threshold=threshold,
        guards=guards,
        coverage=count / rows if rows else 0.0,
        error=errors / count if count else None,
        error_bound=error_bound(errors, count, _DOUBT_EACH) if count else None,
        reason=reason,
        limited_by=limited_by,
    )


def decide(
    probabilities: FloatArray, labels: Sequence[str], costs: FloatArray, rule: Abstention
) -> tuple[IntArray, BoolArray]:
    """Return the predicted columns, and whether each decision needs no person, both of shape (rows,).

    :param probabilities: calibrated, shape (rows, labels).
    :param costs: as of `least_costly`.
    """
    predicted = least_costly(probabilities, costs)
    sure = pick(probabilities, predicted) >= (np.inf if rule.threshold is None else rule.threshold)
    return predicted, sure & may_decide(probabilities, predicted, labels, rule.guards)


def budgets(rule: Abstention, later: LaterTickets, *, held_back: bool) -> tuple[Budget, ...]:
    """Return what each error budget from 1 to 50 %, and that of the rule, lets through of the same later tickets.

    :param rule: as `abstain` chose it on them; its guards hold for every budget.
    :param held_back: whether nothing is decided by itself, whatever the budget.
    """
    free = may_decide(later.probabilities, later.predicted, later.labels, rule.guards)
    agrees = len(later.label) > 0 and not held_back and _agrees(later)
    found = []
    for max_error in sorted({*_BUDGETS, rule.max_error}):
        threshold = _threshold(later, free, max_error) if agrees else None
        count, errors = _let_through(later, free, threshold)
        found.append(
            Budget(
                max_error=max_error,
                threshold=threshold,
                automatic=count,
                wrong=errors,
                error_bound=error_bound(errors, count, _DOUBT_EACH) if count else None,
            )
        )
    return tuple(found)


def may_decide(
    probabilities: FloatArray, predicted: IntArray, labels: Sequence[str], guards: Mapping[str, float]
) -> BoolArray:
    """Return which decisions no guard forbids; it forbids other labels where the guarded one is too likely.

    :param probabilities: calibrated, shape (rows, labels).
    :param predicted: the column of the predicted label, shape (rows,).
    """
    free = np.ones(len(predicted), dtype=bool)
    for name, most in guards.items():
        column = labels.index(name)
        free &= (predicted == column) | (probabilities[:, column] <= most)
    return free


def error_bound(errors: int, count: int, doubt: float = _DOUBT) -> float:
    """Return the upper bound of the true share of errors, which it exceeds with probability ``doubt`` (Clopper-Pearson)."""
    from scipy.stats import beta  # type: ignore[import-untyped]  # scipy ships no types

    return 1.0 if errors >= count else float(beta.ppf(1 - doubt, errors + 1, count - errors))


def _threshold(later: LaterTickets, free: BoolArray, max_error: float, *, but: str = "") -> float | None:
    """Return the lowest confidence at which the budget is kept, ``None`` where it is kept at none.

    :param free: which decisions no guard forbids, shape (rows,).
    :param but: a part that need not keep it.
    """
    confidence, wrong = later.confidence, later.wrong
    parts = [part for name, part in later.parts.items() if name != but]
    ranked = np.sort(confidence[free])[::-1]
    for coverage in reversed(_COVERAGES):
        rank = int(np.ceil(coverage * len(ranked)))
        if not rank:
            continue
        automatic = free & (confidence >= ranked[rank - 1])
        if error_bound(int(wrong[automatic].sum()), int(automatic.sum()), _DOUBT_EACH) <= max_error and all(
            wrong[automatic & part].sum() <= max_error * (automatic & part).sum() for part in parts
        ):
            return float(ranked[rank - 1])
    return None


def _let_through(later: LaterTickets, free: BoolArray, threshold: float | None) -> tuple[int, int]:
    """Return how many decisions are automatic, and how many of these are wrong."""
    automatic = free & (later.confidence >= (np.inf if threshold is None else threshold))
    return int(automatic.sum()), int(later.wrong[automatic].sum())


def _guard(later: LaterTickets, column: int, budget: float) -> float:
    """Return the highest probability of the guarded label at which others may still be predicted; -1 for never."""
    its_own = later.label == column
    count = int(its_own.sum())
    # Of its tickets, those that may be missed, by what the forest gave the label: letting through up to the
    # k-th lowest misses k. The bound grows with k, so the first that breaks the budget ends the search.
    missed = np.sort(later.probabilities[its_own & later.wrong, column])
    if not count or error_bound(0, count) > budget:
        return -1.0
    for misses, probability in enumerate(missed, start=1):
        if error_bound(misses, count) > budget:
            # Just below the ticket that would be one miss too many.
            return float(np.nextafter(probability, -1.0))
    return 1.0


def _agrees(later: LaterTickets) -> bool:
    """Whether the predicted labels agree with the true ones more than with the same labels shuffled."""
    generator = np.random.default_rng(0)
    agreement = (~later.wrong).sum()
    shuffled = (generator.permutation(later.label) for _ in range(_SHUFFLES))
    as_good = sum((later.predicted == label).sum() >= agreement for label in shuffled)
    return bool((as_good + 1) / (_SHUFFLES + 1) <= _CHANCE)
