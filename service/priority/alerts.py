"""Alerts: whether a ticket has at least a certain priority, which may be certain where the exact one is not."""

from collections.abc import Sequence

import numpy as np

from service.arrays import BoolArray, FloatArray
from service.priority.abstention import LaterTickets, abstain
from service.priority.forest_report import AlertReport
from service.priority.label_order import LabelOrderError, priority_order
from service.results import Alert

__all__ = ["alert_report", "at_or_above", "judge_alerts", "raise_alert"]


def alert_report(
    at_least: str | None, order: Sequence[str], later: LaterTickets, *, max_error: float
) -> AlertReport | None:
    """Find out from which confidence on the forest says by itself whether a ticket has that priority or a more urgent one.

    :param at_least: the priority, in whatever case; ``None``: no alert is wanted, and there is no report.
    :param order: the labels from least to most urgent; empty: as their names tell.
    """
    if at_least is None:
        return None
    above = at_or_above(at_least, order, later.labels)
    has = np.isin(np.array(later.labels), above)
    likely = later.probabilities[:, has].sum(axis=1)
    of_two = np.stack([1 - likely, likely], axis=1)
    told = LaterTickets(
        of_two, has[later.label].astype(np.int64), later.parts, ("below", "at least"), np.ones(2)
    )
    rule = abstain(told, max_error=max_error, max_missed={})
    return AlertReport(at_least=at_least, above=above, abstention=rule)


def raise_alert(report: AlertReport | None, labels: Sequence[str], probabilities: FloatArray) -> Alert | None:
    """Return the alert for one ticket, ``None`` where none is wanted or the order of priorities is not known.

    :param probabilities: calibrated, shape (labels,).
    """
    if report is None or not report.above:
        return None
    likely, raised, sure = judge_alerts(report, labels, probabilities[None])
    return Alert(
        at_least=report.at_least,
        raised=bool(raised[0]),
        probability=float(likely[0]),
        decision="automatic" if sure[0] else "review",
    )


def judge_alerts(
    report: AlertReport, labels: Sequence[str], probabilities: FloatArray
) -> tuple[FloatArray, BoolArray, BoolArray]:
    """Return how likely each ticket has at least the priority, whether it is raised, and whether no person needs to look.

    :param probabilities: calibrated, shape (rows, labels).
    """
    likely = np.minimum(probabilities[:, np.isin(np.array(labels), report.above)].sum(axis=1), 1.0)
    threshold = report.abstention.threshold
    sure = np.maximum(likely, 1 - likely) >= (np.inf if threshold is None else threshold)
    return likely, likely > 1 - likely, sure


def at_or_above(at_least: str, order: Sequence[str], labels: Sequence[str]) -> tuple[str, ...]:
    """Return the labels that are this one or more urgent; none where it is no label, or their order is not known."""
    try:
        ordered, _ = priority_order(labels, order)
    except LabelOrderError:  # a new label: nobody has said yet where it belongs
        ordered = None
    names = [name.casefold() for name in ordered or ()]
    return tuple((ordered or ())[names.index(at_least.casefold()) :]) if at_least.casefold() in names else ()
