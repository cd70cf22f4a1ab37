"""Drift: whether the newest tickets are unlike those that a forest learned from, by their labels and values of their fields."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from service.arrays import IntArray
from service.priority.features import Features
from service.priority.forest_report import Drift

__all__ = ["measure_drift"]

_NEWEST, _LEAST = 0.1, 50  # share of the tickets that counts as the newest, and the fewest that say anything
_BOUND = 0.25  # of the index: what is usually called a major shift
_CHANCE = 0.01
_COMMON = 0.05  # labels that fewer have, then and now, count as one
_NEW_SHARE, _TOLD = 0.25, 3


def measure_drift(labels: Sequence[str], label: IntArray, features: Features) -> Drift | None:
    """Compare the newest tenth of the tickets, at least 50, with all before them; ``None`` where those are not as many.

    Their labels have shifted where the population stability index, the sum over labels of (now - before) · ln(now / before),
    is 0.25 or more and chance explains that in less than one of a hundred cases (chi-square). Of the values of fields, those
    are told that no earlier ticket has; they have shifted where a quarter of the newest tickets have one.

    :param labels: names of the columns.
    :param label: the column of each ticket's label, oldest first.
    """
    rows = len(label)
    newest = max(_LEAST, round(_NEWEST * rows))
    if rows - newest < newest:
        return None
    before, now = (np.bincount(part, minlength=len(labels)) for part in (label[:-newest], label[-newest:]))
    index, chance = _compare(before, now)
    shares = {
        name: (int(b) / (rows - newest), int(n) / newest)
        for name, b, n in zip(labels, before, now, strict=True)
    }
    values, of_newest = _new_values(features, rows - newest)
    reasons = []
    if index >= _BOUND and chance < _CHANCE:
        told = sorted(shares.items(), key=lambda found: -abs(found[1][1] - found[1][0]))[:_TOLD]
        said = ", ".join(f"{name} {was:.0%} to {is_now:.0%}" for name, (was, is_now) in told)
        reasons.append(f"the shares of labels have shifted among the newest {newest:,} tickets ({said})")
    if of_newest >= _NEW_SHARE:
        said = ", ".join(list(values)[:_TOLD])
        reasons.append(
            f"{of_newest:.0%} of the newest {newest:,} tickets have a value that none before had ({said})"
        )
    return Drift(
        newest=newest,
        index=index,
        chance=chance,
        shares=shares,
        new_values=dict(list(values.items())[:_TOLD]),
        shifted="; ".join(reasons) or None,
    )


def _compare(before: IntArray, now: IntArray) -> tuple[float, float]:
    """Return the population stability index of two counts of labels, and how probable as much is by chance."""
    from scipy.stats import chi2_contingency  # type: ignore[import-untyped]  # scipy ships no types

    counts = np.stack([before, now]).astype(np.float64)
    common = (counts / counts.sum(axis=1, keepdims=True) >= _COMMON).any(axis=0)
    counts = np.hstack([counts[:, common], counts[:, ~common].sum(axis=1, keepdims=True)])
    counts = counts[:, counts.any(axis=0)]
    if counts.shape[1] < 2:  # noqa: PLR2004 (something to compare)
        return 0.0, 1.0
    smooth = counts + 0.5  # no share is zero
    was, is_now = smooth / smooth.sum(axis=1, keepdims=True)
    index = ((is_now - was) * np.log(is_now / was)).sum()
    return float(index), float(chi2_contingency(counts).pvalue)


def _new_values(features: Features, start: int) -> tuple[dict[str, float], float]:
    """Return the values that only tickets from the row ``start`` on have, most frequent first, and who has any of them.

    Both are shares of the tickets from that row on.
    """
    known = {value for own in features.values[:start] for value in own}
    fresh = [set(own) - known for own in features.values[start:]]
    counts = Counter(value for own in fresh for value in own)
    if not counts:
        return {}, 0.0
    ranked = sorted(counts.items(), key=lambda found: (-found[1], found[0]))
    return {value: count / len(fresh) for value, count in ranked}, sum(map(bool, fresh)) / len(fresh)
