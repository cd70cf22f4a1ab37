"""Finds references to tickets in a text, in the shapes that language models use."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from service.drafting.disguise import fold
from service.drafting.numbers import TICKET_WORDS

__all__ = ["Mention", "MentionFinder", "code_spans", "is_index"]

_DASH = r"\-" "\N{HYPHEN}\N{NON-BREAKING HYPHEN}\N{FIGURE DASH}\N{EN DASH}\N{EM DASH}"
_OPENING = "*_`\"'\N{LEFT DOUBLE QUOTATION MARK}\N{LEFT SINGLE QUOTATION MARK}"
_CLOSING = "*_`\"'\N{RIGHT DOUBLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}"
_JOINT = rf"[\s_{_DASH}]"
_END = r"(?!\w|[.:]\d)"  # not half a word, a version or a time
_RANGE = rf"\d+\s*[{_DASH}]\s*\d+(?![\w{_DASH}])"  # "5-9"
_NO_DATE = r"(?!\d{4}-\d\d-\d\d)"
_WORD = TICKET_WORDS

_CODE = re.compile(r"```.*?```|~~~.*?~~~|`[^`\n]+`", re.DOTALL)
_LONE_ID = re.compile(r"`\s*\[?#?[\w-]+\]?\s*`")  # an id that is only set in code type
_BRACKET = re.compile(r"\[([^\[\]]{1,300})\]")
_SEPARATOR = re.compile(r"\s*(?:[,;&|+†]|\band\b|\bor\b)\s*", re.IGNORECASE)
_MARKUP = _OPENING + _CLOSING + " \t\n^\\"
_LEAD = (  # "[see ticket no. 5]"
    rf"(?:(?:{_WORD}|ids?|ref(?:erence)?s?|sources?|similar|see|as|in|to|cf|no|nr|numbers?)\b[\s.:=]*)*#?\s*"
)
_CHARACTER_CLASS = re.compile(r"[^\[\]]*\b\w-\w\b[^\[\]]*\][+{]")  # such as [0-9]+

_TICKET_WORD = re.compile(
    rf"(?<!\w)(?:{_WORD})(?:[ \t]+(?:numbers?|no|nr|ids?)\b\.?)?"
    rf"[ \t:=({_OPENING}-]*(?:\n[ \t]*)?[({_OPENING}]*",
    re.IGNORECASE,
)
_CONTINUED = re.compile(
    rf"[){_CLOSING}]*\s*(?:,\s*(?:(?:and|or)\b)?|;|&|/|(?:and|or|to)\b|[{_DASH}])\s*[{_OPENING}]*",
    re.IGNORECASE,
)
_AMOUNT = r"(?!\s*(?:%|(?:ms|s|seconds?|minutes?|hours?|days?|weeks?|months?|years?|times?|percent)\b))"
_LIST_MARKER = re.compile(r"1?\d[.)]\s")  # "on the ticket:\n1. Restart" is a list, not ticket 1

_HASH = re.compile(rf"(?<![\w&/#])#\d+{_END}")
_LONG_NUMBER = 6  # digits: shorter numbers are ports, codes and amounts as often as ids
_LONG_CODE = 8  # characters of letters and digits in no order


@dataclass(frozen=True, slots=True)
class Mention:
    """A place in a text, ``text[start:end]``, that reads as a reference to one or more tickets.

    ``ids`` are the known ones that it names, ``unknown`` says whether it names another one as well. It is
    ``explicit`` in brackets or after a word such as ticket; else it only looks like an id.
    """

    start: int
    end: int
    ids: tuple[str, ...]
    unknown: bool
    explicit: bool


class MentionFinder:
    """Finds references to tickets, knowing these ids and so the shape that the team's ids have."""

    def __init__(self, ids: Sequence[str]) -> None:
        self._known = {_key(i): i for i in reversed(ids)} | {fold(i): i for i in ids}
        self._words = any(not re.search(r"\d", i) for i in ids)
        shapes = sorted({_shape(fold(i)) for i in ids}, key=len, reverse=True)
        shape = "|".join(shapes) or r"(?!)"
        self._in_bracket = re.compile(
            rf"{_LEAD}{_NO_DATE}(?P<id>{_RANGE}|(?:{shape}){_END}|[a-z]{{1,10}}[{_DASH}_]?\d+{_END}|\d+{_END})",
            re.IGNORECASE,
        )
        self._after_word = re.compile(
            rf"(?:#\s?)?{_NO_DATE}(?P<id>{_RANGE}|(?:{shape}){_END}{_AMOUNT}|[a-z]{{1,10}}[{_DASH}_]\d+{_END}|[a-z]{{2,10}}\d{{2,}}{_END}"
            rf"|\d+(?![{_DASH}]\w){_END}{_AMOUNT})",
            re.IGNORECASE,
        )
        bare = [s for s in map(_bare_shape, map(fold, ids)) if s]
        self._bare = re.compile(rf"(?<!\w)(?:{'|'.join(dict.fromkeys(bare)) or '(?!)'})(?!\w)", re.IGNORECASE)

    def find(self, text: str) -> list[Mention]:
        """Return the mentions in a folded text in their order; no two overlap."""
        found: list[Mention] = []
        for kind in (self._brackets, self._after_words, self._lookalikes):
            for mention in list(kind(text)):
                if not any(mention.start < other.end and other.start < mention.end for other in found):
                    found.append(mention)
        return sorted(found, key=lambda m: m.start)

    def _brackets(self, text: str) -> Iterator[Mention]:
        for bracket in _BRACKET.finditer(text):
            if _CHARACTER_CLASS.match(text, bracket.start(1)):
                continue
            content = bracket[1].strip(_MARKUP)
            if (whole := self._lookup(content)) is not None:
                yield Mention(*bracket.span(), (whole,), unknown=False, explicit=True)
                continue
            parts = [self._in_bracket.match(p.strip(_MARKUP)) for p in _SEPARATOR.split(content)]
            looked_up = [self._lookup(part["id"]) for part in parts if part]
            if self._words and re.fullmatch(r"[^\W\d][\w-]*", content) and text[bracket.end() :][:1] != "(":
                looked_up.append(None)  # where ids are words, any word in brackets may be meant as one
            if looked_up:
                yield self._mention(bracket.span(), looked_up, explicit=True)

    def _after_words(self, text: str) -> Iterator[Mention]:
        for word in _TICKET_WORD.finditer(text):
            at = word.end()
            while item := self._after_word.match(text, at) or _BRACKET.match(text, at):
                if item.re is not _BRACKET:  # a bracket among them was found as such
                    if "\n" in word[0] and _LIST_MARKER.match(text, at):
                        break
                    yield self._mention(item.span(), [self._lookup(item["id"])], explicit=True)
                if not (continued := _CONTINUED.match(text, item.end())):
                    break
                at = continued.end()

    def _lookalikes(self, text: str) -> Iterator[Mention]:
        for pattern in (self._bare, _HASH):
            for token in pattern.finditer(text):
                yield self._mention(token.span(), [self._lookup(token[0])], explicit=False)

    def _lookup(self, token: str) -> str | None:
        return self._known.get(token) or self._known.get(_key(token))

    @staticmethod
    def _mention(span: tuple[int, int], looked_up: list[str | None], *, explicit: bool) -> Mention:
        ids = tuple(dict.fromkeys(i for i in looked_up if i is not None))
        return Mention(*span, ids, unknown=None in looked_up, explicit=explicit)


def code_spans(text: str, start: int = 0) -> list[tuple[int, int]]:
    """Return start and end of every piece of Markdown code from ``start`` on."""
    return [c.span() for c in _CODE.finditer(text, start) if not _LONE_ID.fullmatch(c[0])]


def is_index(mention: Mention, text: str) -> bool:
    """Whether the mention is attached to a name, as in ``items[0]``."""
    before = text[mention.start - 1 : mention.start]
    return text[mention.start] == "[" and (before.isalnum() or before in {"_", ")", "]"})


def _key(token: str) -> str:
    """Fold case and the many dashes, which models change freely."""
    return re.sub(rf"{_JOINT}+", "-", fold(token).strip().lstrip("#").casefold())


def _shape(ticket_id: str) -> str:
    """Return a pattern of the ids that look like this one: TIMOB-123 gives TIMOB-, then any number."""
    runs = re.findall(rf"[^\W\d_]+|\d+|{_JOINT}+|.", ticket_id)
    code = re.search(r"\d[^\W\d_]", ticket_id)  # letters after digits: a UUID or a random code
    if code and len(ticket_id) >= _LONG_CODE:
        return r"(?=\S*\d)" + "".join(
            rf"[0-9a-z]{{{len(run)}}}" if run[0].isalnum() else re.escape(run)
            for run in re.findall(r"[^\W_]+|[\W_]+", ticket_id)
        )
    if code:
        return re.escape(ticket_id)
    return "".join(
        r"\d+" if run.isdecimal() else f"{_JOINT}?" if re.match(_JOINT, run) else _letters(run, ticket_id)
        for run in runs
    )


def _letters(run: str, ticket_id: str) -> str:
    # INC0012345 is written as INC 0012345 too.
    return re.escape(run) + (f"{_JOINT}?" if re.search(re.escape(run) + r"\d", ticket_id) else "")


def _bare_shape(ticket_id: str) -> str | None:
    """Return the pattern by which such an id is known without brackets or a word before it, if there is one."""
    if ticket_id.isdecimal():
        return rf"\d{{{len(ticket_id)}}}" if len(ticket_id) >= _LONG_NUMBER else None
    if re.search(r"\d", ticket_id) and re.search(r"[^\W\d_]", ticket_id):
        return _shape(ticket_id)
    return None
