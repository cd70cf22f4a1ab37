"""The content words of a text, by their stems: by these texts are compared."""

import re

from indexer.grounding.disguise import fold

__all__ = ["content_words", "stem"]

_WORD = re.compile(r"[^\W\d_][^\W_]+(?:'[a-z]+)?")
_SUFFIX = re.compile(r"(?:'s?|ings?|edly|ed|ers?|ies|es|s|ly|y|e|ations?|ions?|ments?)\Z")
_SHORTEST = 3  # letters of a stem
_COMMON = frozenset(
    re.findall(
        r"\w+",
        "a about after again all also an and any are as at be because been before being both but by can cannot could did do does"
        " doing done during each either else for from further had has have having he hello hence her here hers him his how i if in"
        " into is it its itself just kind let may me might more most must my near no nor not now of off on once one only or other our"
        " out over own please rather same shall she should since so some still such than thank thanks that the their them then there"
        " these they this those though through to too under until up upon us very was we were what when where whether which while"
        " who why will with within would yet you your yours regards sorry",
    )
)


def stem(word: str) -> str:
    """Return a word without its usual English endings, in lower case."""
    lower = word.casefold()
    bare = _SUFFIX.sub("", lower)
    if len(bare) < _SHORTEST:
        return lower
    # "stopped" and "stop"
    return bare[:-1] if bare != lower and len(bare) > _SHORTEST and bare[-1] == bare[-2] else bare


def content_words(text: str) -> frozenset[str]:
    """Return the stems of the words that carry a text's meaning; numbers and code are compared otherwise."""
    return frozenset(stem(w) for w in _WORD.findall(fold(text)) if w.casefold() not in _COMMON)
