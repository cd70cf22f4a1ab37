"""The text that is embedded of a ticket: the whole of a short text, selected parts of a long one."""

import re
import unicodedata
from collections.abc import Iterator

__all__ = ["RECIPE", "RECIPES_BEFORE", "SHORT", "embedding_text"]

RECIPE = "text-v2"
"""Name of the recipe of `embedding_text`. Vectors are stored under it: change the recipe, change the name."""

RECIPES_BEFORE = ("text-v1",)
"""Recipes that gave short texts, and the beginnings of long ones, as this one does: their vectors stay right."""

SHORT = 2_000
"""Characters of a text that is embedded whole."""

_CHARACTERS = SHORT  # about the 512 tokens that bge-large reads; MiniLM reads 256
_OPENING = 1_100  # what a person wrote: it fills what MiniLM reads
_ERRORS = 500
_LINE = 250
_LOOKED_AT = 2_000  # lines that tell an error; a log of more says the same again
_SHRINKS = 4  # NFC makes one character of at most four
_ERROR = re.compile(
    r"error|exception|fail|fatal|traceback|panic|denied|refused|timed? ?out|unable|cannot|could not|invalid|not found",
    re.IGNORECASE,
)
_NUMBERS = re.compile(r"[0-9a-f]*[0-9][0-9a-f]*", re.IGNORECASE)


def embedding_text(text: str) -> str:
    """Return the text that is embedded, by recipe `RECIPE`: at most 2,000 characters.

    Unicode NFC, every run of white space as one space. Of a longer text it is the opening, where its subject and
    first paragraphs stand; lines behind it that tell an error, each kind of them once; and the end. Time grows with the
    length of the text and no faster.
    """
    flat = _spaced(text)
    # What is longer than this is so in NFC too, and hostile text takes quadratic time to be brought into it.
    if len(flat) <= _SHRINKS * _CHARACTERS:
        flat = unicodedata.normalize("NFC", flat)
        if len(flat) <= _CHARACTERS:
            return flat
    opening = _flat(flat[:_OPENING])
    errors = " ".join(_errors(text))
    rest = max(0, _CHARACTERS - len(opening) - len(errors) - 2)
    end = _flat(flat[max(_OPENING, len(flat) - rest) :]) if rest else ""
    return " ".join(part for part in (opening, errors, end) if part)[:_CHARACTERS].rstrip()


def _errors(text: str) -> Iterator[str]:
    """Yield lines behind the opening that tell an error, as many as there is room for."""
    left, looked_at = _ERRORS, 0
    known: set[str] = set()
    for match in _lines(text, _OPENING):
        looked_at += 1
        if looked_at > _LOOKED_AT:
            return
        line = _flat(match)
        kind = _NUMBERS.sub("0", line)
        if kind in known:
            continue
        known.add(kind)
        if len(line) + 1 > left:
            return
        left -= len(line) + 1
        yield line


def _lines(text: str, start: int) -> Iterator[str]:
    while (match := _ERROR.search(text, start)) is not None:
        begin = max(
            start,
            text.rfind("\n", max(start, match.start() - _LINE // 2), match.start()) + 1,
            match.start() - _LINE // 2,
        )
        end = text.find("\n", match.end(), begin + _LINE)
        end = begin + _LINE if end < 0 else end
        yield text[begin:end]
        start = max(end, match.end())


def _flat(text: str) -> str:
    return _spaced(unicodedata.normalize("NFC", text))


def _spaced(text: str) -> str:
    """Return the text with every run of white space as one space, and none around it."""
    return " ".join(text.split())
