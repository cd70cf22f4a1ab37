"""The order of priorities, from least to most urgent: as given, or as their names tell."""

import re
from collections.abc import Sequence

from service.evaluation.cases import EvaluationError

__all__ = ["priority_order"]

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
    r"(?P<word>p|prio|priority|s|sev|severity)?[\s_-]*(?P<number>\d{1,2})(?P<name>\s*-.*)?"
)


def priority_order(labels: Sequence[str], given: Sequence[str] = ()) -> tuple[tuple[str, ...] | None, str]:
    """Return the labels from least to most urgent, ``None`` where nobody knows, and where that comes from.

    :param given: the order as the operator states it, in any letters; it may name labels that do not occur.
    :raises EvaluationError: it leaves out one that does.
    """
    if given:
        place = {name.strip().casefold(): number for number, name in enumerate(given)}
        for label in labels:
            if label.strip().casefold() not in place:
                msg = f"the order of priorities ({', '.join(given)}) leaves out {label!r}"
                raise EvaluationError(msg)
        return tuple(sorted(labels, key=lambda label: place[label.strip().casefold()])), "as the settings say"
    ranks = [_RANKS.get(label.strip().casefold()) for label in labels]
    if None in ranks:
        ranks = [_number(label) for label in labels]
    if None in ranks or len(set(ranks)) < len(ranks):
        return None, (
            "the order of the priorities is not known from their names; set PRECEDENT_PRIORITY_ORDER or --priority-order"
        )
    return tuple(label for _, label in sorted(zip(ranks, labels, strict=True))), "as their names say"


def _number(label: str) -> int | None:
    found = _NUMBERED.fullmatch(label.strip().casefold())
    if found is None:
        return None
    number = int(found["number"])
    # P1 and "1 - Critical" are the most urgent; of bare numbers the highest is.
    return -number if found["word"] or found["name"] else number
