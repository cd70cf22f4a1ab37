"""The reply that needs no model: the steps of the nearest resolution that a customer can take."""

from collections.abc import Sequence

from service.drafting.addresses import addresses
from service.drafting.disguise import revealed
from service.drafting.markup import markup
from service.drafting.steps import steps
from service.drafting.wording import CLOSING, GREETING, issue_of
from service.results import Draft, Neighbour, ReplySentence

__all__ = ["extractive_draft"]

_MOST_STEPS = 5
_ISSUE_CHARACTERS = 200


def extractive_draft(text: str, precedents: Sequence[Neighbour], *, degraded: str) -> Draft:
    """Make a reply of the steps of the nearest precedent; an empty one where its resolution has none.

    :param precedents: as `select_precedents` returns them, at least one.
    :param degraded: why it is not the model's draft.
    """
    best = precedents[0]
    found = steps(best.resolution or "")[:_MOST_STEPS]
    if not found:
        why = f"{degraded}; the resolution of the nearest ticket has no step that a customer could take: see the note"
        return Draft(text="", citations=(), source="none", grounded=False, degraded=why)
    thanks = ReplySentence(text=_thanks(text), citations=(), support=1.0)
    told = [ReplySentence(text=step, citations=(best.id,), support=1.0) for step in found]
    listed = "\n".join(f"- {s.text}" for s in told) if len(told) > 1 else told[0].text
    return Draft(
        text=f"{GREETING}{thanks.text}\n\n{listed}{CLOSING}",
        citations=(best.id,),
        source="extractive",
        grounded=True,
        sentences=(thanks, *told),
        degraded=degraded,
    )


def _thanks(text: str) -> str:
    """Thank for the message in the customer's words, unless they have something that no reply repeats."""
    issue = issue_of(text).rstrip(".!?")
    bare = revealed(issue)
    if len(issue) > _ISSUE_CHARACTERS or any(addresses(bare)) or any(markup(bare)) or "[" in issue:
        return "Thank you for your message."
    return (
        f"Thank you for your message: \N{LEFT DOUBLE QUOTATION MARK}{issue}\N{RIGHT DOUBLE QUOTATION MARK}."
    )
