"""The reply that needs no model: the steps of the best precedent that a customer can take."""

from collections.abc import Sequence

from indexer.grounding.disguise import revealed
from service.drafting.addresses import addresses
from service.drafting.checked_reply import CheckedReply
from service.drafting.markup import markup
from service.drafting.steps import steps
from service.drafting.wording import CLOSING, GREETING, issue_of
from service.results import Draft, Neighbour

__all__ = ["extractive_draft"]

_MOST_STEPS = 5
_PLAIN_THANKS = "Thank you for your message."
_ISSUE_CHARACTERS = 200


def extractive_draft(text: str, precedents: Sequence[Neighbour], *, degraded: str, policy: str = "") -> Draft:
    """Make a reply of the steps of the first precedent; an empty one where its resolution has none.

    Its sentences pass the same check as a model's.

    :param precedents: as `select_precedents` returns them, at least one.
    :param degraded: why it is not the model's draft.
    :param policy: what the team itself states and allows to promise.
    """
    best = precedents[0]
    checked = CheckedReply(text, [best], policy)
    thanks = _thanks(text) if checked.add(_thanks(text)) else _PLAIN_THANKS
    found = [step for step in steps(best.resolution or "") if checked.add(step, (best.id,))][:_MOST_STEPS]
    if not found:
        why = f"{degraded}; the resolution of the best precedent has no step that a customer could take: see the note"
        return Draft(text="", citations=(), source="none", grounded=False, degraded=why)
    listed = "\n".join(f"- {step}" for step in found) if len(found) > 1 else found[0]
    return Draft(
        text=f"{GREETING}{thanks}\n\n{listed}{CLOSING}",
        citations=(best.id,),
        source="extractive",
        grounded=True,
        sentences=tuple(s for s in checked.sentences if s.text in (thanks, *found)),
        degraded=degraded,
    )


def _thanks(text: str) -> str:
    """Thank for the message in the customer's words, unless they have something that no reply repeats."""
    issue = issue_of(text).rstrip(".!?")
    bare = revealed(issue)
    if len(issue) > _ISSUE_CHARACTERS or any(addresses(bare)) or any(markup(bare)) or "[" in issue:
        return _PLAIN_THANKS
    return (
        f"Thank you for your message: \N{LEFT DOUBLE QUOTATION MARK}{issue}\N{RIGHT DOUBLE QUOTATION MARK}."
    )
