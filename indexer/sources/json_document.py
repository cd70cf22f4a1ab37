"""JSON documents: an array of tickets, or an object with one array of them, in constant memory."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from decimal import Decimal
from io import BufferedIOBase
from typing import Any

import ijson
from ijson.common import ObjectBuilder

from indexer.sources.record import MAX_RECORD_BYTES, SourceRecord, json_text
from indexer.ticket import kind_of

__all__ = ["ARRAY_NAMES", "DocumentEnd", "read_elements", "read_json"]

ARRAY_NAMES = ("tickets", "issues", "data", "items", "results", "result", "records")
"""Names under which exports keep their array of tickets."""

_EMBEDDED = "_embedded"  # where documents in HAL, such as Help Scout's, have their array
_MAX_DEPTH = 100
_STARTS = frozenset({"start_map", "start_array"})
_ENDS = frozenset({"end_map", "end_array"})
_LONG = f"the record is longer than {MAX_RECORD_BYTES // 2**20} MiB, which no ticket is"
_DEEP = f"the record is nested more than {_MAX_DEPTH} levels deep"

_Event = tuple[str, Any]


@dataclass(frozen=True, slots=True)
class DocumentEnd:
    """The end of a whole document, with those of the facts asked for that stand beside its array."""

    facts: dict[str, Any]


def read_json(stream: BufferedIOBase, arrays: Collection[str] = ARRAY_NAMES) -> Iterator[SourceRecord]:
    """Yield a record for each element of the array; where the JSON breaks off, a last error says so."""
    return (found for found in read_elements(stream, arrays) if isinstance(found, SourceRecord))


def read_elements(
    stream: BufferedIOBase, arrays: Collection[str], facts: Collection[str] = (), *, every: bool = False
) -> Iterator[SourceRecord | DocumentEnd]:
    """Yield the elements of each document's array, which may stand under ``_embedded``, as records, then its end.

    Documents may follow one another, as when the pages of an export were put into one file. JSON that is
    malformed or cut off is a last record with an error, and no document end.

    :param arrays: names of the array, where the document is an object; of several the first that comes is read,
        and each other is an error.
    :param facts: names of the values beside the array that the document end carries.
    :param every: read all of the arrays.
    """
    walk = _Walk(stream, arrays, facts, every=every)
    try:
        yield from walk.documents()
    except ijson.JSONError as error:
        yield walk.refused(_reason(error), walk.behind)
    except _EndlessValueError:
        yield walk.refused(_LONG, walk.behind)
    except (ValueError, SystemError):  # ijson 3.6 passes on what Python says of a number of 4,300 digits
        yield walk.refused("the JSON holds a number that is too long", walk.behind)


def _reason(error: ijson.JSONError) -> str:
    # Only the first line of what the parser says: the others quote the file, and an error never does.
    first = str(error).removeprefix("b'").splitlines()[0].split("\\n")[0].rstrip(". ")
    if "premature EOF" in first:
        return "the JSON is cut off"
    if "UTF8" in first:
        return "the text is not UTF-8 (convert the file, such as by: iconv -f WINDOWS-1252 -t UTF-8)"
    return f"the JSON is not valid ({first})"


class _EndlessValueError(Exception):
    """One string goes on for longer than a whole record may be."""


class _Walk:
    """Follows the parser's events through the documents of a stream, and builds one element at a time."""

    def __init__(
        self, stream: BufferedIOBase, arrays: Collection[str], facts: Collection[str], *, every: bool
    ) -> None:
        self._stream = stream
        self._arrays = arrays
        self._facts = facts
        self._every = every
        self._position = 0  # bytes read so far
        self._limit = MAX_RECORD_BYTES  # where reading stops, unless the parser makes something of it before
        self._records = 0
        self._events = self._limited()

    def read(self, size: int) -> bytes:
        """Read for the parser, which would keep a string of any length in memory."""
        if self._position > self._limit:
            raise _EndlessValueError
        data = self._stream.read1(size)  # read() would lose what stands before damage
        self._position += len(data)
        return data

    @property
    def behind(self) -> str:
        """Where a stream broke off that cannot be read any further."""
        after = f"after record {self._records}" if self._records else "before the first record"
        return f"; it broke off {after}, and nothing behind that was read"

    def refused(self, error: str, more: str = "", raw: str = "") -> SourceRecord:
        self._records += 1
        return SourceRecord(place=f"record {self._records}", error=error + more, raw=raw)

    def documents(self) -> Iterator[SourceRecord | DocumentEnd]:
        for event, value in self._events:
            if event == "start_array":
                yield from self._elements()
                yield DocumentEnd({})
            elif event == "start_map":
                yield from self._object()
            else:
                yield self.refused(f"the document is {kind_of(value)}, not an array or an object with one")

    def _limited(self) -> Iterator[_Event]:
        # Without use_float an integer of any size is exact; with it, one beyond 64 bits would end the file.
        for event in ijson.basic_parse(self, multiple_values=True):
            self._limit = self._position + MAX_RECORD_BYTES
            yield event

    def _object(self) -> Iterator[SourceRecord | DocumentEnd]:
        read: str | None = None
        facts: dict[str, Any] = {}
        inside = False
        for edge, key in self._events:
            if edge == "end_map" and not inside:
                break
            if edge == "end_map":
                inside = False
                continue
            event, value = next(self._events)
            if event == "start_map" and key == _EMBEDDED and not inside:
                inside = True
                continue
            if event == "start_array" and key in self._arrays and (read is None or self._every):
                read = key
                yield from self._elements()
            elif event == "start_array" and key in self._arrays:
                yield self.refused(f'a second array, "{key}", stands beside "{read}" and was not read')
                self._skip()
            elif event in _STARTS:
                self._skip()
            elif key in self._facts:
                facts[key] = value
        if read is None:
            names = ", ".join(f'"{name}"' for name in self._arrays)
            yield self.refused(f"the document has no array of records named {names}")
        else:
            yield DocumentEnd(facts)

    def _elements(self) -> Iterator[SourceRecord]:
        for event, value in self._events:
            if event == "end_array":
                return
            yield self._element(event, value)

    def _element(self, event: str, value: Any) -> SourceRecord:
        if event != "start_map":
            if event in _STARTS:
                self._skip()
                value = []
            error = f"a ticket is an object with named fields, this is {kind_of(value)}"
            return self.refused(error, raw=json_text(value))
        start = self._position
        builder = ObjectBuilder()
        builder.event(event, value)
        depth = 1
        while depth:
            event, value = next(self._events)
            depth += (event in _STARTS) - (event in _ENDS)
            if depth > _MAX_DEPTH or self._position - start > MAX_RECORD_BYTES:
                self._skip(depth)
                return self.refused(_DEEP if depth > _MAX_DEPTH else _LONG, raw="")
            builder.event(event, float(value) if isinstance(value, Decimal) else value)
        self._records += 1
        return SourceRecord(
            place=f"record {self._records}", value=builder.value, raw=json_text(builder.value)
        )

    def _skip(self, depth: int = 1) -> None:
        while depth:
            event, _ = next(self._events)
            depth += (event in _STARTS) - (event in _ENDS)
