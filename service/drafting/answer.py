"""Reads a model's answer as it arrives: sentences with the ids that they rest on, as JSON or as prose."""

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from indexer.grounding.sentences import (
    ANSWER_CHARACTERS,
    SENTENCE_CHARACTERS,
    EndlessTextError,
    SentenceSplitter,
)

__all__ = ["FORMAT", "AnswerReader", "Claim"]

FORMAT: dict[str, Any] = {
    "type": "json_schema",
    "json_schema": {
        "name": "reply",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {
                "sentences": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "text": {"type": "string"},
                            "ids": {"type": "array", "items": {"type": "string"}},
                        },
                        "required": ["text", "ids"],
                        "additionalProperties": False,
                    },
                }
            },
            "required": ["sentences"],
            "additionalProperties": False,
        },
    },
}
"""What a server that has structured output is asked for."""

_UNDECIDED = re.compile(r"\s*(?:`{1,3}(?:j(?:s(?:o(?:n\s*)?)?)?)?)?")
_STRUCTURE = re.compile(r"\s*(?:```json\s*)?\{")
_ITEM = re.compile(r'\{\s*"(?:text|ids)"\s*:')
_ITEM_CHARACTERS = SENTENCE_CHARACTERS + 500  # ids and quotation marks beside the text


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A sentence with the white space around it, and the ids that it is said to rest on."""

    text: str
    ids: tuple[str, ...] = ()


class _Item(msgspec.Struct):
    text: str
    ids: list[str | int] = []


class AnswerReader:
    """Takes pieces of any size and gives back sentences, each as soon as it is whole."""

    def __init__(self) -> None:
        self.well_formed = False
        """Whether any sentence came in the structure that was asked for."""
        self._prose: SentenceSplitter | None = None
        self._buffer = ""
        self._structured = False
        self._taken = 0

    def feed(self, piece: str) -> Iterator[Claim]:
        """Take a piece and yield what it completes.

        :raises EndlessTextError: after the last sentence within the bounds.
        """
        if self._prose is None and not self._structured:
            self._buffer += piece
            if _UNDECIDED.fullmatch(self._buffer) and len(self._buffer) <= SENTENCE_CHARACTERS:
                return
            piece, self._buffer = self._buffer, ""
            self._structured = _STRUCTURE.match(piece) is not None
            self._prose = None if self._structured else SentenceSplitter()
        if self._prose is not None:
            for sentence in self._prose.feed(piece):
                yield Claim(text=sentence)
        else:
            yield from self._items(piece)

    def flush(self) -> Iterator[Claim]:
        """Yield what came after the last whole sentence of a prose answer."""
        if self._prose is None and not self._structured:
            yield Claim(text=self._buffer)
        elif self._prose is not None:
            yield Claim(text=self._prose.flush())

    def _items(self, piece: str) -> Iterator[Claim]:
        self._taken += len(piece)
        self._buffer += piece[: ANSWER_CHARACTERS - self._taken + len(piece)]
        while found := _ITEM.search(self._buffer) if "}" in piece else None:
            try:
                value, end = _DECODER.raw_decode(self._buffer, found.start())
            except json.JSONDecodeError:
                self._buffer = self._buffer[found.start() :]
                break
            self._buffer = self._buffer[end:]
            yield from self._sentences(value)
        if len(self._buffer) > _ITEM_CHARACTERS:
            msg = f"the answer has a sentence of more than {SENTENCE_CHARACTERS:,} characters"
            raise EndlessTextError(msg)
        if self._taken > ANSWER_CHARACTERS:
            msg = f"the answer has more than {ANSWER_CHARACTERS:,} characters"
            raise EndlessTextError(msg)

    def _sentences(self, value: Any) -> Iterator[Claim]:
        try:
            item = msgspec.convert(value, _Item)
        except msgspec.ValidationError:
            return
        self.well_formed = True
        splitter = SentenceSplitter()
        ids = tuple(map(str, item.ids))
        for sentence in (*splitter.feed(item.text), splitter.flush()):
            if sentence.strip():
                yield Claim(text=sentence, ids=ids)


_DECODER = json.JSONDecoder()
