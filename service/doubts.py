"""What stored tickets say against a forest's label: none of them is like the text, or the nearest was more urgent."""

from collections.abc import Sequence

import msgspec

from service.drafting.precedents import select_precedents
from service.drafting.wording import plain_label
from service.priority.label_order import LabelOrderError, priority_order
from service.results import Alert, Neighbour, PriorityDecision

__all__ = ["more_urgent_precedent", "unconfirmed", "without_label"]

_VERY_NEAR = 2.0  # times the relevance that chance pairs reach


def without_label(decision: PriorityDecision, nearest: float, chance: float) -> PriorityDecision:
    """Return the decision on a text that is unlike every stored ticket: a forest knows nothing of such, so a person decides.

    :param nearest: the greatest relevance of a stored ticket.
    :param chance: the relevance that 99 of 100 pairs of stored tickets stay below.
    """
    if decision.label is None:
        return decision
    why = (
        f"no stored ticket is like it: the nearest has a relevance of {nearest:.2f}, which pairs of any two tickets have"
        f" (up to {chance:.2f})"
    )
    return msgspec.structs.replace(_reviewed(decision), label=None, confidence=0.0, evidence=(), why=why)


def unconfirmed(decision: PriorityDecision) -> PriorityDecision:
    """Return the decision for when nobody knows whether a stored ticket is like the text."""
    return _with(
        _reviewed(decision), "whether any stored ticket is like it cannot be looked up at the moment"
    )


def more_urgent_precedent(
    decision: PriorityDecision, neighbours: Sequence[Neighbour], chance: float | None, order: Sequence[str]
) -> tuple[PriorityDecision, str | None]:
    """Say so where the nearest precedent is very near and had a more urgent priority than the one that is decided.

    :param chance: as of `without_label`; very near is twice that. ``None``: it is not known, and nothing is said.
    :param order: the priorities from least to most urgent, as settings say; empty: as their names tell.
    :return: the decision, with the sentence in its ``why``, and the sentence.
    """
    precedents = select_precedents(neighbours)
    if chance is None or decision.label is None or not precedents:
        return decision, None
    nearest = max(precedents, key=lambda one: one.relevance)
    had = {name.casefold(): name for name in decision.probabilities}.get((nearest.priority or "").casefold())
    if had is None or nearest.relevance < _VERY_NEAR * chance:
        return decision, None
    try:
        known, _ = priority_order(list(decision.probabilities), order)
    except LabelOrderError:  # a new label: nobody has said yet where it belongs
        known = None
    if known is None or known.index(had) <= known.index(decision.label):
        return decision, None
    said = (
        f"[{nearest.id}], which is very near (relevance {nearest.relevance:.2f}), had {plain_label(had)}; that has a"
        f" probability of {decision.probabilities[had]:.0%} here"
    )
    return _with(decision, said), said


def _reviewed(decision: PriorityDecision) -> PriorityDecision:
    alert: Alert | None = decision.alert and msgspec.structs.replace(decision.alert, decision="review")
    return msgspec.structs.replace(decision, decision="review", alert=alert)


def _with(decision: PriorityDecision, said: str) -> PriorityDecision:
    return msgspec.structs.replace(decision, why="; ".join(filter(None, (decision.why, said))))
