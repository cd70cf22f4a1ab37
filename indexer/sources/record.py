"""What a reader hands out: records, and the place where the next export continues; lines of bounded length, to read them from."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from io import BufferedIOBase
from typing import Any, NamedTuple

import msgspec

from indexer.ticket import is_open_status

__all__ = [
    "MAX_RECORD_BYTES",
    "TOO_LONG",
    "Cursor",
    "FirstRecords",
    "Line",
    "Reader",
    "Recognised",
    "Records",
    "ShapeError",
    "SourceRecord",
    "Values",
    "as_open",
    "as_resolved",
    "as_ticket",
    "json_text",
    "read_lines",
    "shortened",
]

MAX_RECORD_BYTES = 16 * 2**20
"""Bytes of one record; a longer one is refused unread, so that memory has a bound whatever the file holds."""
TOO_LONG = f"the line is longer than {MAX_RECORD_BYTES // 2**20} MiB, which no ticket is"

_SHOWN_CHARACTERS = 2_000
_FIRST = 1_000  # records
_MOST_NAMES = 1_000
_EXAMPLES = 3
_MOST_EXAMPLE = 120  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRecord:
    """One record of a source: either ``value``, ready for `indexer.parsing.parse_ticket`, or ``error``; of an open ticket both."""

    place: str
    """Where it stands, for a human: ``line 17``, ``record 17``, in a directory ``b.jsonl line 17``."""
    value: dict[str, Any] | None = None
    error: str | None = None
    """Why it is not a record. It never quotes the record, so that it can be logged."""
    raw: str
    """The record as it stood, cut when it was too long to be read."""
    left_out: bool = False
    """Whether it is no resolved ticket: it is open, or no ticket at all, such as a pull request; ``error`` says why."""
    gone: bool = False
    """Whether the source itself says that the ticket is deleted: nothing is lost of it."""
    dates_lost: int = 0
    """Dates of the record that could not be read, and were left out."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where the next export of a helpdesk continues: the vendor's own name for it, and its value."""

    field: str
    value: str


@dataclass(slots=True)
class Values:
    """What a column, or a name, holds in the first records."""

    filled: int = 0
    """How many of them have something there."""
    examples: list[str] = field(default_factory=list)
    """Different ones, each in one line, cut."""


class FirstRecords:
    """What the columns, or names, of the first 1,000 records hold; of at most 1,000 columns."""

    def __init__(self) -> None:
        self.values: dict[str, Values] = {}
        self._seen = 0

    def add(self, record: Mapping[str, Any]) -> bool:
        """Look at a record as it stands in the file; return whether more are wanted."""
        if self._seen == _FIRST:
            return False
        self._seen += 1
        for name, given in record.items():
            if name not in self.values and len(self.values) == _MOST_NAMES:
                continue
            values = self.values.setdefault(name, Values())
            text = given if isinstance(given, str) else "" if given in (None, [], {}) else json_text(given)
            text = " ".join(text[:_MOST_EXAMPLE].split())
            values.filled += text != ""
            if text and len(values.examples) < _EXAMPLES and text not in values.examples:
                values.examples.append(text)
        return self._seen < _FIRST


@dataclass(frozen=True, slots=True)
class Recognised:
    """What a file was read as."""

    format: str
    encoding: str = "utf-8"
    """As Python names it."""
    tool: str | None = None
    """The helpdesk that wrote the table."""
    columns: dict[str, str] = field(default_factory=dict)
    """What each column, or name in the objects read so far, is for a ticket: ``body``, ``fields.team``, or nothing where
    it is not read. Empty for an export with a shape of its own, such as Zendesk's JSON."""
    dates: dict[str, str] = field(default_factory=dict)
    """`DAY_FIRST` or `MONTH_FIRST` by column, where the dates have such an order."""
    values: dict[str, Values] = field(default_factory=dict)
    """What the columns, or names, of the first records hold."""


Records = Iterator[SourceRecord | Cursor]
"""Records in order, broken ones as errors; behind the last one the export's cursor, if it has one."""
Reader = Callable[[BufferedIOBase], Records]
"""Reads records from a stream of UTF-8 bytes without a byte order mark, decompressed.

It raises `SourceError` where nothing more can be read, and no record says so.
"""


class ShapeError(ValueError):
    """A ticket has not the shape that its vendor documents; the message names the field."""


def as_ticket(found: SourceRecord, fields: Callable[[dict[str, Any]], dict[str, Any]]) -> SourceRecord:
    """Return the record of a ticket, with what is made of the vendor's fields; an error where these have another shape."""
    try:
        return found if found.value is None else replace(found, value=fields(found.value))
    except ShapeError as error:
        return SourceRecord(place=found.place, error=str(error), raw=found.raw)


def as_open(record: SourceRecord) -> SourceRecord:
    """Return the record of a ticket that is not resolved, as its export says, so that it can be left out or kept as that."""
    value = (record.value or {}) | {"unresolved": True}
    error = f"the ticket is not resolved: its status is {str(value.get('status') or '')[:40]!r}"
    return replace(record, value=value, error=error, left_out=True)


def as_resolved(record: SourceRecord) -> SourceRecord:
    """Return the record of a ticket that is resolved, as its export says, though its status may sound open: In production."""
    value = record.value or {}
    sounds_open = is_open_status(str(value.get("status") or ""))
    return replace(record, value=value | {"unresolved": False}) if sounds_open else record


def json_text(value: Any) -> str:
    """Return a value as JSON, for `SourceRecord.raw`."""
    return msgspec.json.encode(value).decode()


def shortened(data: bytes) -> str:
    """Return the beginning of a record that was too long, and say that it is only that."""
    return data[:_SHOWN_CHARACTERS].decode(errors="backslashreplace") + " … [cut here]"


class Line(NamedTuple):
    """A line with its end; of a line that is too long, ``data`` is only the beginning."""

    number: int
    data: bytes
    too_long: bool


def read_lines(stream: BufferedIOBase) -> Iterator[Line]:
    """Yield the lines of a stream, numbered from 1, holding no more than `MAX_RECORD_BYTES` of one."""
    number = 0
    while data := stream.readline(MAX_RECORD_BYTES):
        number += 1
        too_long = len(data) == MAX_RECORD_BYTES and not data.endswith(b"\n")
        if too_long:
            rest = data
            while rest and not rest.endswith(b"\n"):
                rest = stream.readline(MAX_RECORD_BYTES)
        yield Line(number, data, too_long)
