"""The order of priorities, from least to most urgent: as given, or as their names tell."""

import re
from collections.abc import Sequence

from indexer.errors import PrecedentError

__all__ = ["LabelOrderError", "priority_order"]

_RANKS = {
    name: rank
    for rank, names in enumerate(
        (
            ("lowest", "trivial", "very low"),
            ("low", "minor"),
            ("medium", "normal", "moderate"),
            ("high", "major"),
            ("critical", "urgent"),
            ("blocker", "highest", "very high", "emergency"),
        )
    )
    for name in names
}
_NUMBERED = re.compile(
    r"(?P<word>p|prio|priority|s|sev|severity)?[\s_-]*(?P<number>\d{1,2})(?:\s*-\s*(?P<name>.*))?"
)


class LabelOrderError(PrecedentError):
    """The order that the operator states leaves out a label."""


def priority_order(labels: Sequence[str], given: Sequence[str] = ()) -> tuple[tuple[str, ...] | None, str]:
    """Return the labels from least to most urgent, ``None`` where nobody knows, and where that comes from.

    :param given: the order as the operator states it, in any letters; it may name labels that do not occur.
    :raises LabelOrderError: it leaves out one that does.
    """
    if given:
        place = {name.strip().casefold(): number for number, name in enumerate(given)}
        for label in labels:
            if label.strip().casefold() not in place:
                msg = f"the order of priorities ({', '.join(given)}) leaves out {label!r}"
                raise LabelOrderError(msg)
        return tuple(sorted(labels, key=lambda label: place[label.strip().casefold()])), "as the settings say"
    order = _ordered(labels, [_rank(label) for label in labels]) or _by_numbers(labels)
    if order is None:
        return None, (
            "the order of the priorities is not known from their names; set PRECEDENT_PRIORITY_ORDER or --priority-order"
        )
    return order, "as their names say"


def _by_numbers(labels: Sequence[str]) -> tuple[str, ...] | None:
    """Order by the numbers, downwards or upwards as the words beside them tell, where some are known."""
    order = _ordered(labels, [_number(label) for label in labels])
    if order is None:
        return None
    told = [rank for label in order if (rank := _rank(label)) is not None]
    if told == sorted(told):
        return order
    return order[::-1] if told == sorted(told, reverse=True) else None


def _ordered(labels: Sequence[str], ranks: Sequence[int | None]) -> tuple[str, ...] | None:
    """Return the labels by rank, ``None`` where a rank is unknown or comes twice."""
    known = [(rank, label) for rank, label in zip(ranks, labels, strict=True) if rank is not None]
    if len(known) < len(labels) or len(dict(known)) < len(known):
        return None
    return tuple(label for _, label in sorted(known))


def _rank(label: str) -> int | None:
    """Return how urgent the words of a label are, a number before them or not."""
    name = label.strip().casefold()
    found = _NUMBERED.fullmatch(name)
    return _RANKS.get(found["name"] if found is not None and found["name"] else name)


def _number(label: str) -> int | None:
    found = _NUMBERED.fullmatch(label.strip().casefold())
    if found is None:
        return None
    number = int(found["number"])
    # P1 and "1 - Critical" are the most urgent; of bare numbers the highest is.
    return -number if found["word"] or found["name"] else number
