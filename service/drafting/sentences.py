"""Cutting a stream of text into sentences as it arrives."""

import re
from collections.abc import Iterator

__all__ = ["SentenceSplitter"]

# A sentence ends at a newline, or at a full stop with white space and the next word after it. Citations behind the
# full stop ("Roll it back. [5]") belong to the sentence before them.
_CLOSING = "\"'\N{RIGHT DOUBLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK})*_`"
_END = re.compile(
    rf"\n|(?P<stop>[.!?…][\]{_CLOSING}]*(?:[ \t]*\[[^\[\]\n]*\])*[.*_`]*)(?P<gap>[ \t]+)(?=(?P<next>[^\s\[]))"
)
_ONLY_MARKER = re.compile(r"\s*(?:[-*+>#]+\s*)*(?:\d{1,3}|[A-Za-z])[.)]\s*")  # the "1." of a list
_FENCE = re.compile(r"[ \t]*(```|~~~)[^`\n]*(?:\n|\Z)")
_BRACKET_CHARACTERS = 100  # a bracket left open longer than this is not a citation


class SentenceSplitter:
    """Takes pieces of any size and gives back whole sentences; joined, these are the pieces joined.

    Each sentence comes with the white space that follows it. A fenced block of code counts as one sentence.
    """

    def __init__(self) -> None:
        self._rest = ""

    def feed(self, piece: str) -> Iterator[str]:
        """Take a piece and yield the sentences that it completes."""
        self._rest += piece
        while end := self._end():
            sentence, self._rest = self._rest[:end], self._rest[end:]
            yield sentence

    def flush(self) -> str:
        """Return what came after the last whole sentence; the splitter is empty then."""
        rest, self._rest = self._rest, ""
        return rest

    def _end(self) -> int | None:
        if fence := _FENCE.match(self._rest):
            closing = re.compile(rf"\n[ \t]*{fence[1]}[ \t]*\n").search(self._rest, fence.end(1))
            return closing.end() if closing else None
        for found in _END.finditer(self._rest):
            before = self._rest[: found.start()]
            opened = before.rfind("[")
            if opened > before.rfind("]") and len(before) - opened < _BRACKET_CHARACTERS:
                continue
            if found["stop"] is None:
                return found.end()
            line = self._rest[before.rfind("\n") + 1 : found.end("stop")]
            following = found["next"]
            # "e.g. the", "no. 99": what goes on in lower case or with a number is the same sentence.
            if not (
                following.islower()
                or following.isdecimal()
                or line.count("`") % 2
                or _ONLY_MARKER.fullmatch(line)
            ):
                return found.end()
        return None
