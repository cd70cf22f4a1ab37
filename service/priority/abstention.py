"""Abstention: thresholds from which the forest may decide without a person, within an error budget."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from service.arrays import BoolArray, FloatArray, IntArray, pick
from service.priority.calibration import least_costly
from service.priority.forest_report import Abstention, Budget

__all__ = ["abstain", "budgets", "decide", "error_bound", "may_decide"]

_DOUBT = 0.05
_COVERAGES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_DOUBT_EACH = _DOUBT / len(_COVERAGES)
_BUDGETS = tuple(percent / 100 for percent in range(1, 51))
_SHUFFLES = 999
_CHANCE = 0.01  # a forest that knows nothing passes the test of agreement this often


def abstain(
    probabilities: FloatArray,
    label: IntArray,
    parts: Mapping[str, BoolArray],
    *,
    labels: Sequence[str],
    costs: FloatArray,
    max_error: float,
    max_missed: Mapping[str, float],
    seed: int,
) -> Abstention:
    """Choose the confidence from which a decision is automatic.

    The threshold is the lowest, of those that let 5, 10, 20 … 100 % of the later tickets through, at which
    the error among automatic decisions is within ``max_error`` with 95 % confidence (exact binomial bound, shared
    out over the thresholds that are tried) and not above it in any of their parts.

    :param probabilities: calibrated, of later tickets, shape (rows, labels).
    :param label: the column of the true label, shape (rows,).
    :param parts: the tickets of each part that must keep the budget too, such as the newest, by what the part is.
    :param costs: of missing each label, as of `least_costly`.
    :param max_error: the share of wrong labels that is accepted among automatic decisions.
    :param max_missed: for a label, in whatever case, the share of its tickets that may be given another label
        automatically.
    """
    predicted = least_costly(probabilities, costs)
    column = {name.casefold(): number for number, name in enumerate(labels)}
    named = {name: column.get(name.casefold()) for name in max_missed}
    guards = {
        labels[number]: _guard(probabilities, predicted, label, number, max_missed[name])
        for name, number in named.items()
        if number is not None
    }
    confidence = pick(probabilities, predicted)
    wrong = predicted != label
    free = may_decide(probabilities, predicted, labels, guards)
    threshold, reason, limited_by = None, None, None
    if error_bound(0, len(predicted), _DOUBT_EACH) > max_error:
        needed = math.ceil(math.log(_DOUBT_EACH) / math.log(1 - max_error))
        reason = (
            f"only {len(predicted):,} later tickets to learn from what was right: without a mistake {needed:,} would show "
            f"an error within {max_error:g}"
        )
    elif not _agrees(predicted, label, seed):
        reason = "the forest agrees with later labels no better than chance"
    else:
        threshold = _threshold(confidence, wrong, free, parts, max_error)
        for one in parts:
            others = {name: part for name, part in parts.items() if name != one}
            if _threshold(confidence, wrong, free, others, max_error) != threshold:
                limited_by = one
                break
        if threshold is None:
            reason = f"no threshold keeps the error within {max_error:g} with {1 - _DOUBT:.0%} confidence on {len(predicted):,} later tickets"
            if _threshold(confidence, wrong, np.ones_like(free), parts, max_error) is not None:
                reason = (
                    f"too many tickets might be missed that are {' or '.join(guards)}: "
                    "the budgets of PRECEDENT_MAX_MISSED forbid other labels"
                )
            elif limited_by is not None:
                reason = f"no threshold keeps the error within {max_error:g} among {limited_by}"
    count, errors = _let_through(threshold, confidence, wrong, free)
    return Abstention(
        max_error=max_error,
        max_missed=dict(max_missed),
        unknown=tuple(name for name, number in named.items() if number is None),
        threshold=threshold,
        guards=guards,
        coverage=count / len(predicted) if len(predicted) else 0.0,
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
    if rule.threshold is None:
        return predicted, np.zeros(len(predicted), dtype=bool)
    sure = pick(probabilities, predicted) >= rule.threshold
    return predicted, sure & may_decide(probabilities, predicted, labels, rule.guards)


def budgets(
    rule: Abstention,
    probabilities: FloatArray,
    label: IntArray,
    parts: Mapping[str, BoolArray],
    *,
    labels: Sequence[str],
    costs: FloatArray,
    held_back: bool,
    seed: int,
) -> tuple[Budget, ...]:
    """Return what each error budget from 1 to 50 %, and that of the rule, lets through of the same later tickets.

    :param rule: as `abstain` chose it from the other arguments; its guards hold for every budget.
    :param held_back: whether nothing is decided by itself, whatever the budget.
    """
    predicted = least_costly(probabilities, costs)
    confidence, wrong = pick(probabilities, predicted), predicted != label
    free = may_decide(probabilities, predicted, labels, rule.guards)
    agrees = len(label) > 0 and not held_back and _agrees(predicted, label, seed)
    found = []
    for max_error in sorted({*_BUDGETS, rule.max_error}):
        threshold = _threshold(confidence, wrong, free, parts, max_error) if agrees else None
        count, errors = _let_through(threshold, confidence, wrong, free)
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


def _threshold(
    confidence: FloatArray,
    wrong: BoolArray,
    free: BoolArray,
    parts: Mapping[str, BoolArray],
    max_error: float,
) -> float | None:
    ranked = np.sort(confidence[free])[::-1]
    for coverage in reversed(_COVERAGES):
        rank = int(np.ceil(coverage * len(ranked)))
        if not rank:
            continue
        automatic = free & (confidence >= ranked[rank - 1])
        if error_bound(int(wrong[automatic].sum()), int(automatic.sum()), _DOUBT_EACH) <= max_error and all(
            wrong[automatic & part].sum() <= max_error * (automatic & part).sum() for part in parts.values()
        ):
            return float(ranked[rank - 1])
    return None


def _let_through(
    threshold: float | None, confidence: FloatArray, wrong: BoolArray, free: BoolArray
) -> tuple[int, int]:
    """Return how many decisions are automatic, and how many of these are wrong."""
    automatic = free & (confidence >= (np.inf if threshold is None else threshold))
    return int(automatic.sum()), int(wrong[automatic].sum())


def _guard(
    probabilities: FloatArray, predicted: IntArray, label: IntArray, column: int, budget: float
) -> float:
    """Return the highest probability of the guarded label at which others may still be predicted; -1 for never."""
    its_own = label == column
    count = int(its_own.sum())
    # Of its tickets, those that may be missed, by what the forest gave the label: letting through up to the
    # k-th lowest misses k. The bound grows with k, so the first that breaks the budget ends the search.
    missed = np.sort(probabilities[its_own & (predicted != column), column])
    most = -1.0
    if not count or error_bound(0, count) > budget:
        return most
    for misses in range(len(missed)):
        if error_bound(misses + 1, count) > budget:
            # Just below the ticket that would be one miss too many.
            return float(np.nextafter(missed[misses], -1.0))
        most = float(missed[misses])
    return 1.0


def _agrees(predicted: IntArray, label: IntArray, seed: int) -> bool:
    """Whether the predicted labels agree with the true ones more than with the same labels shuffled."""
    generator = np.random.default_rng(seed)
    agreement = (predicted == label).sum()
    as_good = sum((predicted == generator.permutation(label)).sum() >= agreement for _ in range(_SHUFFLES))
    return bool((as_good + 1) / (_SHUFFLES + 1) <= _CHANCE)
