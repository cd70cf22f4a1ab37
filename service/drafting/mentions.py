"""Ids of tickets in a sentence: citations in brackets, which are taken out, and what else names a ticket."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from indexer.grounding.disguise import fold

__all__ = ["Citations", "MentionFinder"]

_WORD = (
    r"tickets?|cases?|issues?|incidents?|precedents?|tkts?|vorgang|vorgänge|vorfall|fall|fälle|anfragen?|dossiers?|cas|demandes?"
    r"|billets?|casos?|incidencias?|chamados?|segnalazion[ei]|тикет\w*|заявк\w*|обращени\w*|工单|チケット|티켓"
)
_BRACKET = re.compile(r"[ \t]*(?:\[|\N{LEFT BLACK LENTICULAR BRACKET})([^\[\]\N{LEFT BLACK LENTICULAR BRACKET}\N{RIGHT BLACK LENTICULAR BRACKET}\n]{1,300})(?:\]|\N{RIGHT BLACK LENTICULAR BRACKET})(?!\()")  # fmt: skip
_SEPARATOR = re.compile(r"\s*(?:[,;&|+†]|\band\b|\bor\b)\s*", re.IGNORECASE)
_LEAD = re.compile(rf"(?:(?:{_WORD}|ids?|ref(?:erence)?s?|sources?|see|as in|no|nr|numbers?)\b[\s.:=]*)*#?\s*", re.IGNORECASE)  # fmt: skip
_MARKS = "*_`\"'^\\ \t"
_JOINTS = re.compile(r"[\s_-]+")
_IN_WORDS = re.compile(
    rf"(?<!\w)(?:{_WORD})(?:[ \t]+(?:numbers?|no|nr|ids?)\b\.?)?[\s:=#(*_`\"'-]{{0,5}}(?=[\w-]*\d)[\w-]+|(?<![\w&/])#[\w-]*\d[\w-]*"
    r"|(?<!\w)(?:see|cf|as in|refs?|reference)\b[\s.:#(*_`\"'{-]{0,5}\d{2,}",
    re.IGNORECASE,
)
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]+`", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Citations:
    """A sentence without its citations."""

    text: str
    ids: tuple[str, ...]
    unknown: bool
    """Whether a bracket with a known id has another one too."""


class MentionFinder:
    """Finds references to tickets, knowing these ids."""

    def __init__(self, ids: Sequence[str]) -> None:
        self._ids = {_key(i): i for i in reversed(ids)} | {i: i for i in ids}

    def known(self, token: str) -> str | None:
        """Return the id that a token means, if it is one of these."""
        return self._ids.get(token) or self._ids.get(_key(token))

    def take_out(self, sentence: str) -> Citations:
        """Take the citations in brackets out of a sentence, with the blanks before them."""
        ids: list[str] = []
        unknown = False

        def without(bracket: re.Match[str]) -> str:
            nonlocal unknown
            content = bracket[1].strip(_MARKS)
            if (whole := self.known(content)) is not None:
                ids.append(whole)
                return ""
            parts = [self.known(_LEAD.sub("", p.strip(_MARKS), count=1)) for p in _SEPARATOR.split(content)]
            named = [i for i in parts if i is not None]
            ids.extend(named)
            unknown |= 0 < len(named) < len([p for p in _SEPARATOR.split(content) if p != "source"])
            return "" if named else bracket[0]

        return Citations(_BRACKET.sub(without, sentence), tuple(dict.fromkeys(ids)), unknown)

    def in_words(self, sentence: str) -> list[str]:
        """Return what else in a sentence names a ticket, known or not: a customer has no use for it."""
        text = fold(sentence)
        prose = _CODE.sub(" ", text)
        brackets = [
            found[0].strip() for found in _BRACKET.finditer(prose) if re.search(r"\w{2}|\d", found[1])
        ]
        return [*brackets, *(found[0] for found in _IN_WORDS.finditer(text))]


def _key(token: str) -> str:
    """Fold case and the many dashes, which models change freely."""
    return _JOINTS.sub("-", fold(token).strip().lstrip("#").casefold())
