"""What to ask the customer where no resolved ticket is near enough: what a usable report has and this one lacks."""

import re

__all__ = ["QUESTIONS", "missing"]

_MOST = 2

QUESTIONS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "What exactly happens, and what is the wording of the error message?",
        re.compile(
            r"\b(?:errors?|exception|traceback|fail\w*|message|denied|refused|timed? ?out|crash\w*|status|code|fehler\w*|erreur)\b|\b[45]\d\d\b|[\"“„«][^\"”“»]{4,}",
            re.IGNORECASE,
        ),
    ),
    (
        "Which product and version, and which environment, is it about?",
        re.compile(
            r"\bv?\d+\.\d+|\b(?:version|release|build|production|staging|windows|macos|linux|android|ios)\b",
            re.IGNORECASE,
        ),
    ),
    (
        "Since when does it happen, and what was changed just before?",
        re.compile(
            r"\b(?:since|after|today|yesterday|this (?:morning|week)|last (?:night|week)|ago|updat\w+|upgrad\w+|deploy\w*|migrat\w+|rotat\w+|chang\w+|seit|depuis|desde)\b|\b\d{4}-\d\d-\d\d\b",
            re.IGNORECASE,
        ),
    ),
    (
        "Which steps lead to it, and what did you expect to see instead?",
        re.compile(
            r"\b(?:when (?:i|we|you)|whenever|steps?|click\w*|expect\w*|instead|should)\b", re.IGNORECASE
        ),
    ),
)
"""Each question with what a ticket that answers it has."""


def missing(text: str) -> tuple[str, ...]:
    """Return the first two questions that the ticket does not answer."""
    return tuple(question for question, answered in QUESTIONS if not answered.search(text))[:_MOST]
