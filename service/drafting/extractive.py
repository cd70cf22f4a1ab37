"""The reply that needs no model: the steps of the best precedent that a customer can take."""

from collections import Counter
from collections.abc import Sequence

from indexer.grounding.disguise import revealed
from service.drafting.addresses import addresses
from service.drafting.checked_reply import CheckedReply
from service.drafting.house_style import DEFAULTS, HouseStyle
from service.drafting.languages import ENGLISH, Frame
from service.drafting.markup import markup
from service.drafting.steps import steps
from service.drafting.wording import issue_of
from service.results import Draft, Neighbour, ReplySentence, no_reply

__all__ = ["extractive_draft"]

_MOST_STEPS = 5
_ISSUE_CHARACTERS = 200


def extractive_draft(
    text: str,
    precedents: Sequence[Neighbour],
    *,
    degraded: str,
    style: HouseStyle = DEFAULTS,
    language: str = ENGLISH,
    cuts: Counter[str] | None = None,
) -> Draft:
    """Make a reply of the steps of the first precedent; an empty one where its resolution has none.

    Its sentences pass the same check as a model's. The steps are in the resolution's language, what is around them in the one that is asked for.

    :param precedents: as `select_precedents` returns them, at least one.
    :param degraded: why it is not the model's draft.
    :param cuts: gets how many steps were left out, by what was wrong with them.
    :param language: of what the reply begins and ends with, one of `LANGUAGES`.
    """
    best = precedents[0]
    frame = style.frame(language)
    checked = CheckedReply(text, [best], style)
    found = [step for step in steps(best.resolution or "") if checked.add(step, (best.id,))][:_MOST_STEPS]
    if cuts is not None:
        cuts.update(checked.cuts)
    if not found:
        why = f"{degraded}; the resolution of the best precedent has no step that a customer could take: see the note"
        return no_reply(why, language)
    thanks = _thanks(text, frame)
    listed = "\n".join(f"- {step}" for step in found) if len(found) > 1 else found[0]
    return Draft(
        text=f"{frame.opening}{thanks.text}\n\n{listed}{frame.closing}",
        citations=(best.id,),
        source="extractive",
        grounded=True,
        sentences=(thanks, *(s for s in checked.sentences if s.text in found)),
        degraded=degraded,
        language=language,
    )


def _thanks(text: str, frame: Frame) -> ReplySentence:
    """Thank for the message in the customer's words, unless they have something that no reply repeats."""
    plain = f"{frame.thanks}."
    issue = issue_of(text).rstrip(".!?")
    bare = revealed(issue)
    if (
        len(issue) <= _ISSUE_CHARACTERS
        and not any(addresses(bare))
        and not any(markup(bare))
        and "[" not in issue
    ):
        quoted = f"{frame.thanks}: \N{LEFT DOUBLE QUOTATION MARK}{issue}\N{RIGHT DOUBLE QUOTATION MARK}."
        # Its own words around the customer's need no support.
        checked = CheckedReply(text, [], HouseStyle(policy=plain), language=frame.language)
        if checked.add(quoted):
            return checked.sentences[0]
    return ReplySentence(text=plain, citations=(), support=1.0)
