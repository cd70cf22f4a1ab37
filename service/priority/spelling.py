"""One spelling for labels that differ in case only, as those of two tools often do."""

from collections import Counter
from collections.abc import Sequence

__all__ = ["one_spelling"]


def one_spelling(labels: Sequence[str | None]) -> tuple[str | None, ...]:
    """Give labels that differ in case only their most frequent spelling; of two as frequent, the one that comes first.

    :param labels: ``None`` where a ticket has none; white space around them is gone since they were parsed.
    """
    spellings = Counter(label for label in labels if label is not None)
    chosen: dict[str, str] = {}
    for label, _ in spellings.most_common():
        chosen.setdefault(label.casefold(), label)
    return tuple(None if label is None else chosen[label.casefold()] for label in labels)
