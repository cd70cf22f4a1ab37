"""Splits a stream of text into sentences as it arrives, in linear time."""

import re
from collections.abc import Iterator

__all__ = ["ANSWER_CHARACTERS", "SENTENCE_CHARACTERS", "WIDE_STOPS", "EndlessTextError", "SentenceSplitter"]

ANSWER_CHARACTERS = 8_000
"""Of a model's answer: three times what 500 tokens of the densest language take."""

SENTENCE_CHARACTERS = 1_000
"""Of one sentence, or of one block of code."""

_CLOSING = "\"'\N{RIGHT DOUBLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK})*_`"
# No blank follows these.
WIDE_STOPS = "\N{IDEOGRAPHIC FULL STOP}\N{FULLWIDTH EXCLAMATION MARK}\N{FULLWIDTH QUESTION MARK}"
_STOP = re.compile(rf"[\n.!?…{WIDE_STOPS}]")
# What closes a sentence together with its full stop, citations behind it ("Roll it back. [5]" belongs together), and blanks.
_TAIL = re.compile(rf"([\].!?…{_CLOSING}]*(?:[ \t]*\[[^\[\]\n]{{0,100}}\][.{_CLOSING}]*)*)[ \t]*")
_OPEN_CITATION = re.compile(r"[ \t]*\[[^\[\]\n]{0,100}\Z")
_ONLY_MARKER = re.compile(r"[\s*+>#-]*(?:\d{1,3}|[A-Za-z])[.)]\s*")  # the "1." of a list
_FENCE = re.compile(r"[ \t]*(```|~~~)[^`\n]*(?:\n|\Z)")
_BRACKET_CHARACTERS = 100  # a bracket left open longer than this is not a citation


class EndlessTextError(Exception):
    """The text goes on beyond what a reply may be; its message says which bound it passed."""


class SentenceSplitter:
    """Takes pieces of any size and gives back whole sentences; joined, these are the pieces joined.

    Each sentence comes with the white space that follows it. A fenced block of code counts as one sentence.
    """

    def __init__(self) -> None:
        self._rest = ""
        self._seen = 0  # characters of the rest that were found to end no sentence
        self._taken = 0

    def feed(self, piece: str) -> Iterator[str]:
        """Take a piece and yield the sentences that it completes.

        :raises EndlessTextError: after the last sentence within the bounds; what is left is dropped.
        """
        room = ANSWER_CHARACTERS - self._taken
        self._taken += len(piece)
        self._rest += piece[:room]
        while end := self._end():
            if end > SENTENCE_CHARACTERS:
                break
            sentence, self._rest, self._seen = self._rest[:end], self._rest[end:], 0
            yield sentence
        if len(self._rest) > SENTENCE_CHARACTERS:
            self._rest = ""
            msg = f"the answer has a sentence of more than {SENTENCE_CHARACTERS:,} characters"
            raise EndlessTextError(msg)
        if len(piece) > room:
            self._rest = ""
            msg = f"the answer has more than {ANSWER_CHARACTERS:,} characters"
            raise EndlessTextError(msg)

    def flush(self) -> str:
        """Return what came after the last whole sentence; the splitter is empty then."""
        rest, self._rest, self._seen = self._rest, "", 0
        return rest

    def _end(self) -> int | None:
        if fence := _FENCE.match(self._rest):
            closing = re.compile(rf"\n[ \t]*{fence[1]}[ \t]*\n").search(self._rest, fence.end(1))
            return closing.end() if closing else None
        while stop := _STOP.search(self._rest, self._seen, SENTENCE_CHARACTERS + 1):
            end = self._end_at(stop.start())
            if end is None:
                return None  # what follows decides, so the stop is looked at again when more has come
            if end > 0:
                return end
            self._seen = -end
        self._seen = len(self._rest)
        return None

    def _end_at(self, stop: int) -> int | None:
        """Return where the sentence with this stop ends, ``None`` if unknown yet, or minus where to look on."""
        text = self._rest
        opened = text.rfind("[", max(0, stop - _BRACKET_CHARACTERS), stop)
        if opened > text.rfind("]", 0, stop):
            return -(stop + 1)
        if text[stop] == "\n":
            return stop + 1
        closed = next(_TAIL.finditer(text, stop + 1))  # which matches anywhere
        tail, gap = closed.end(1), closed.end()
        if gap == len(text) or _OPEN_CITATION.match(text, tail):
            return None if gap < SENTENCE_CHARACTERS else -gap
        following = text[gap]
        if gap == tail and not _between_wide(text, stop, following):
            return -tail
        line = text[text.rfind("\n", 0, stop) + 1 : tail]
        # "e.g. the", "no. 99": what goes on in lower case or with a number is the same sentence.
        same = following == "#" or following.islower() or following.isdecimal() or following.isspace()
        if same or line.count("`") % 2 or _ONLY_MARKER.fullmatch(line):
            return -tail
        return gap


def _between_wide(text: str, stop: int, following: str) -> bool:
    """Whether a wide full stop ends a sentence here; beside Latin letters it may be the dot of an address."""
    return text[stop] in WIDE_STOPS and not following.isascii() and not text[stop - 1 : stop].isascii()
