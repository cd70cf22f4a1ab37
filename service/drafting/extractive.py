"""The draft that needs no model: the best resolution, quoted."""

from collections.abc import Sequence

from indexer.ticket import shorten
from service.drafting.citations import MentionFinder, code_spans, is_index
from service.drafting.disguise import visible
from service.drafting.wording import priority_sentence
from service.results import Draft, Neighbour, PriorityDecision

__all__ = ["extractive_draft"]

_QUOTE_CHARACTERS = 600
_AS_CLOSE = 0.02  # cosine: nearer together than this, the order of two neighbours says nothing


def extractive_draft(priority: PriorityDecision, precedents: Sequence[Neighbour], *, degraded: str) -> Draft:
    """Make a draft that quotes the nearest precedent, and the second when it is as near and says something else.

    :param precedents: as `select_precedents` returns them, at least one.
    :param degraded: why it is not the model's draft.
    """
    best, *others = precedents
    quoted = [best]
    quoted += [
        n
        for n in others[:1]
        if best.similarity - n.similarity <= _AS_CLOSE and n.resolution != best.resolution
    ]
    finder = MentionFinder([n.id for n in precedents])
    resembles = (
        f"It resembles a ticket that was resolved before, [{best.id}] (similarity {best.similarity:.2f})."
    )
    parts = [
        f"Thank you for your report. {resembles}",
        priority_sentence(priority, precedents),
        f"What resolved [{best.id}]:\n{_quote(best, finder)}",
        *(f"As near is [{n.id}]. What resolved it:\n{_quote(n, finder)}" for n in quoted[1:]),
        "Quoted from the records; a person has to check that it fits.",
    ]
    return Draft(
        text="\n\n".join(parts),
        citations=tuple(n.id for n in quoted),
        source="extractive",
        grounded=True,
        degraded=degraded,
    )


def _quote(neighbour: Neighbour, finder: MentionFinder) -> str:
    """Quote the resolution line by line; what it has in brackets must not read as a citation of this draft."""
    text = visible(shorten(neighbour.resolution or "", _QUOTE_CHARACTERS))
    code = code_spans(text)
    for mention in reversed(finder.find(text)):
        start, end = mention.start, mention.end
        in_code = any(first <= start and end <= last for first, last in code)
        if text[start] == "[" and not in_code and not is_index(mention, text):
            text = f"{text[:start]}({text[start + 1 : end - 1]}){text[end:]}"
    return "\n".join(f"> {line}".rstrip() for line in text.splitlines())
