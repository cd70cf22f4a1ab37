"""What only the team itself may promise, such as refunds and deadlines."""

import re

from service.drafting.languages import ENGLISH, LANGUAGES

__all__ = ["promises"]

_TEAM = r"(?:we|i|our (?:team|engineers|developers|colleagues|support)|the (?:team|engineers|developers)|support|engineering|someone|a colleague)"
_DAY = r"(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday)"
_PROMISE = re.compile(
    rf"\b{_TEAM}(?:'ll| will| shall| would| am going to| are going to| is going to| plan to| intend to| can offer| offer| guarantee| promise)\b[^.!?\n]*"
    r"|\byou(?:'ll| will| shall| are going to| should)? (?:get|receive|be (?:paid|refunded|credited|contacted|informed|notified|given))\b[^.!?\n]*"
    r"|\bwill be (?:fixed|released|shipped|available|refunded|credited|resolved|restored|lifted|done|sent|paid|reimbursed|back|solved)\b[^.!?\n]*"
    r"|\bnext (?:release|version|update|sprint)\b[^.!?\n]*"
    r"|\b(?:refund|credited|reimburs|compensat|goodwill|money back|guarante|warrant(?:y|ies)|discount|voucher|credit note)\w*"
    r"|\b(?:free of charge|no (?:extra )?(?:charge|cost)|without (?:extra )?(?:charge|cost)|at no (?:extra )?(?:charge|cost)|\d+ ?% off)\b"
    r"|\b(?:within|in) (?:\S+ |the next )?(?:business |banking |working )?(?:hours?|days?|weeks?|months?)\b"
    rf"|\bby (?:tomorrow|tonight|today|noon|{_DAY}|(?:the )?end of|next)\b|\b(?:tomorrow|tonight)\b"
    rf"|\b(?:on|until|before|this|next) {_DAY}\b"
    r"|\b(?:shortly|as soon as possible|asap|in due course|rest assured)\b"
    r"|\bwir (?:werden|erstatten|versprechen|garantieren)\b|\b(?:rück)?erstatt\w+|\bnous (?:allons|vous)\b|\brembours\w+|\breembols\w+|\brimbors\w+",
    re.IGNORECASE,
)


def promises(text: str, language: str = ENGLISH) -> list[str]:
    """Return the promises in a folded text of this language, in lower case."""
    patterns = filter(None, (_PROMISE, LANGUAGES[language].promises))
    return [found[0].strip().casefold() for pattern in patterns for found in pattern.finditer(text)]
