"""One spelling for labels that differ in case only, as those of two tools often do; and names that are no label."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

__all__ = ["misnamed", "one_spelling"]


def misnamed(setting: str, named: Iterable[str], labels: Collection[str], field: str) -> list[str]:
    """Return the sentence that says which names in a setting are no label of the field, if any are."""
    known = {label.casefold() for label in labels}
    unknown = ", ".join(repr(name) for name in named if name.casefold() not in known)
    said = f"PRECEDENT_{setting} names {unknown}, which is the {field} of no ticket: there are {', '.join(sorted(labels))}"
    return [said] if unknown else []


def one_spelling(labels: Sequence[str | None]) -> tuple[str | None, ...]:
    """Give labels that differ in case only their most frequent spelling; of two as frequent, the one that comes first.

    :param labels: ``None`` where a ticket has none; white space around them is gone since they were parsed.
    """
    spellings = Counter(label for label in labels if label is not None)
    chosen: dict[str, str] = {}
    for label, _ in spellings.most_common():
        chosen.setdefault(label.casefold(), label)
    return tuple(None if label is None else chosen[label.casefold()] for label in labels)
