"""Reading a source: a file, a directory of files, or standard input, in any of the formats."""

import io
import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from datetime import UTC, tzinfo
from functools import partial
from pathlib import Path
from typing import Any, cast

from indexer.errors import SourceError
from indexer.sources import salesforce, zendesk_comments
from indexer.sources.columns import meaning_of
from indexer.sources.comments import Comments
from indexer.sources.conversations import TOOLS, read_conversations, ticket_of_line
from indexer.sources.csv_table import read_csv
from indexer.sources.dates import ORDERS
from indexer.sources.detect import (
    SALESFORCE_COMMENTS,
    ZENDESK_COMMENTS,
    detect_format,
    format_of_name,
    tool_of_lines,
)
from indexer.sources.jira import jira_issue, read_jira
from indexer.sources.json_document import read_json
from indexer.sources.jsonl import read_jsonl
from indexer.sources.naming import named
from indexer.sources.opening import DAMAGED, STDIN, Opened, open_source
from indexer.sources.record import Cursor, FirstRecords, Reader, Recognised, SourceRecord, mapped
from indexer.sources.table import look_at_table
from indexer.sources.tool_rows import flat_row, ticket_of_row
from indexer.sources.tools import Tool, tool_of
from indexer.sources.zendesk import read_zendesk, row_with_comments, zendesk_ticket
from indexer.ticket import Message, Ticket

__all__ = ["FORMATS", "SourceReader", "read_document", "read_source"]

_READERS: dict[str, Reader] = {
    "jsonl": read_jsonl,
    "ndjson": read_jsonl,
    "json": read_json,
    "csv": read_csv,
    "zendesk": read_zendesk,
    "jira": read_jira,
    **{tool: partial(read_conversations, tool) for tool in TOOLS},
}
_LINES: dict[str, Callable[[SourceRecord], SourceRecord]] = {
    "zendesk": zendesk_ticket,
    "jira": jira_issue,
    **{tool: partial(ticket_of_line, tool) for tool in TOOLS},
}
_COMMENTS = {
    ZENDESK_COMMENTS: zendesk_comments.read_comments,
    SALESFORCE_COMMENTS: salesforce.read_comments,
}
FORMATS = tuple(_READERS)
"""The formats that can be asked for by name."""

_FIELDS = (*Ticket.__struct_fields__, "subject", "body")
_FIXED = frozenset(_READERS) - {"jsonl", "ndjson", "json", "csv"}
_MOST_NAMES = 1_000  # noted of a file whose objects all have names of their own
_NUMBERS = re.compile("([0-9]+)")

_Records = Generator[SourceRecord, None, Cursor | None]


@dataclass(frozen=True, slots=True)
class _Options:
    """How a source is to be read, and what its files were read as."""

    format: str | None
    mapping: dict[str, str]
    date_format: str | None
    zone: tzinfo
    recognised: list[Recognised] = field(default_factory=list)
    comments: Comments | None = None
    """Those that stand apart from their tickets, of the folder that is read."""


class SourceReader(Iterator[SourceRecord]):
    """The records of a source, one at a time; files are closed at the end, or by `close`."""

    def __init__(self, records: _Records, recognised: list[Recognised]) -> None:
        self._records = records
        self.recognised = recognised
        """What each file was read as, so far."""
        self.cursor: Cursor | None = None
        """Where the next export continues: known once everything was read, and only if nothing broke off."""
        # Reading the first record now lets a source that cannot be read fail before anything else is done.
        self._first = self._take()

    def __next__(self) -> SourceRecord:
        record, self._first = self._first or self._take(), None
        if record is None:
            raise StopIteration
        return record

    def close(self) -> None:
        """Close what is open; there are no more records then."""
        self._first = None
        self._records.close()

    def _take(self) -> SourceRecord | None:
        try:
            return next(self._records)
        except StopIteration as end:
            self.cursor = end.value or self.cursor
            return None


def read_source(
    path: str,
    *,
    format: str | None = None,  # noqa: A002 (named as the option is)
    mapping: Mapping[str, str] | None = None,
    date_format: str | None = None,
    zone: tzinfo = UTC,
    recognised: list[Recognised] | None = None,
) -> SourceReader:
    """Read the records of a file, of a directory's files in order, or of standard input.

    In a directory, all files count whose name ends in that of a format, except hidden ones and ``.rejected.jsonl``;
    numbers in names are compared as numbers. A file there that cannot be read, or is a link to
    one outside, is one record with an error. Files of Zendesk's or Salesforce's comments are joined with the tickets of the others.

    :param path: a file, a directory, or ``-``; gzip is recognised by itself.
    :param format: one of `FORMATS`; when not given, it is seen from the name and the first bytes.
    :param mapping: names of fields or columns by the ticket's field that they hold, such as ``{"body": "Issue Text"}``.
    :param date_format: one of `ORDERS`, for a table's dates such as 02/03/2024; when not given, its values decide.
    :param zone: of a table's times that name none.
    :param recognised: is told what was read, also where that makes no tickets.
    :raises SourceError: an argument cannot be used, or the source not be read; while iterating: not any further.
    """
    if format is not None and format not in _READERS:
        msg = f"format {format!r} is unknown; there are {', '.join(FORMATS)}"
        raise SourceError(msg)
    if date_format is not None and date_format not in ORDERS:
        msg = f"date format {date_format!r} is unknown; there are {', '.join(ORDERS)}"
        raise SourceError(msg)
    options = _Options(
        format, dict(mapping or {}), date_format, zone, recognised if recognised is not None else []
    )
    _check_mapping(options.mapping, format)
    files = _files(path)
    records = _file(path, options) if files is None else _directory(files, options)
    return SourceReader(records, options.recognised)


def read_document(document: bytes, format: str) -> Iterator[SourceRecord]:  # noqa: A002 (named as the option is)
    """Yield the records of an export that is in memory, in UTF-8.

    :param format: one of `FORMATS`.
    """
    yield from _READERS[format](io.BytesIO(document))


def _check_mapping(mapping: dict[str, str], format_name: str | None) -> None:
    unknown = [field for field in mapping if field not in _FIELDS]
    if unknown:
        msg = f"there is no field {unknown[0]!r} to map to; there are {', '.join(_FIELDS)}"
        raise SourceError(msg)
    if mapping and format_name in _FIXED:
        msg = f"an export of {format_name} has fields of its own: a column cannot be mapped"
        raise SourceError(msg)


def _files(path: str) -> list[Path] | None:
    """Return the files of a directory that count, in order, ``None`` where the path is no directory."""
    try:
        if path == STDIN or not Path(path).is_dir():
            return None
        found = [file for file in Path(path).iterdir() if file.is_file() and _counts(file.name)]
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise SourceError(msg) from None
    if not found:
        msg = f"{path} holds no file of tickets: names must end in .jsonl, .ndjson, .json, .csv or .tsv, with or without .gz"
        raise SourceError(msg)
    return sorted(found, key=lambda file: _natural(file.name))


def _natural(name: str) -> list[tuple[str, int]]:
    # Pages are numbered, and page-10 comes after page-2: the later appearance of a ticket wins.
    parts = _NUMBERS.split(name)
    return [(text, int(number)) for text, number in zip(parts[::2], [*parts[1::2], "0"], strict=True)]


def _counts(name: str) -> bool:
    return (
        not name.startswith(".") and not name.endswith(".rejected.jsonl") and format_of_name(name) is not None
    )


def _directory(files: list[Path], options: _Options) -> _Records:
    cursors: list[Cursor | None] = []
    folder = files[0].parent.resolve()
    with closing(Comments()) as comments:
        options = replace(options, comments=comments)
        apart = [file for file in files if _holds_comments(file, folder)]
        for file in [*apart, *(file for file in files if file not in apart)]:
            if not file.resolve().is_relative_to(folder):
                error = "this is a link to a file outside the folder, and not followed: copy the file, or name it itself"
                yield SourceRecord(place=file.name, error=error, raw="")
                cursors.append(None)
                continue
            cursor = yield from _in_folder(file, options)
            if file not in apart:
                cursors.append(cursor)
        yield from comments.without_ticket()
    # A file that broke off must be fetched again, so the next export may not continue behind it.
    return cursors[-1] if cursors and all(cursors) else None


def _holds_comments(file: Path, folder: Path) -> bool:
    if not file.resolve().is_relative_to(folder):
        return False
    try:
        with open_source(str(file)) as opened:
            return detect_format(file.name, opened.head) in _COMMENTS
    except SourceError:
        return False  # said when it is read


def _in_folder(file: Path, options: _Options) -> _Records:
    """Pass the records of one file on; where it cannot be read, a last one says so."""
    records = _file(str(file), options)
    while True:
        try:
            record = next(records)
        except StopIteration as end:
            return cast("Cursor | None", end.value)
        except SourceError as error:
            yield SourceRecord(place=file.name, error=str(error), raw="")
            return None
        yield replace(record, place=f"{file.name} {record.place}")


def _file(path: str, options: _Options) -> _Records:
    name = "standard input" if path == STDIN else path
    with open_source(path) as opened:
        found = detect_format(name, opened.head)
        chosen = found if found in _COMMENTS else options.format or found
        if chosen is None:
            msg = f"the format of {name} is not known from its name or its beginning: name it, one of {', '.join(FORMATS)}"
            raise SourceError(msg)
        _check_mapping(options.mapping, chosen)
        if chosen == "csv":
            return (yield from _guarded(name, _table(opened, options)))
        if chosen == "jsonl" and not options.mapping and (tool := tool_of_lines(opened.head)):
            options.recognised.append(Recognised(chosen, opened.encoding, tool))
            return (yield from mapped(_guarded(name, read_jsonl(opened.stream)), _LINES[tool]))
        options.recognised.append(Recognised(chosen, opened.encoding))
        if chosen in _COMMENTS:
            if options.comments is None:
                msg = f"{name} has comments without their tickets: put it into a folder with the export of the tickets, and name the folder"
                raise SourceError(msg)
            return (yield from _guarded(name, _COMMENTS[chosen](options.comments, opened.stream)))
        reader = partial(read_zendesk, comments=options.comments) if chosen == "zendesk" else _READERS[chosen]
        records = _guarded(name, reader(opened.stream))
        if chosen not in _FIXED:
            records = _noted(records, options)
        return (yield from named(records, options.mapping))


def _noted(records: _Records, options: _Options) -> _Records:
    """Pass records on, and note what their names mean; JSON with the columns of a known tool's table is read by it."""
    reads_tools = options.recognised[-1].format == "json" and not options.mapping
    first = FirstRecords()
    options.recognised[-1] = replace(options.recognised[-1], values=first.values)

    def note(record: SourceRecord) -> SourceRecord:
        recognised = options.recognised[-1]
        first.add(record.value or {})
        row = flat_row(record.value or {}) if reads_tools else {}
        tool = tool_of(list(row)) if row else None
        new = [name for name in record.value or () if name not in recognised.columns]
        if new and len(recognised.columns) < _MOST_NAMES:
            recognised.columns.update((name, meaning_of(name, tool, options.mapping)) for name in new)
        if tool is None:
            return record
        if not recognised.tool:
            options.recognised[-1] = replace(recognised, tool=tool.name)
        thread = _conversation(tool, options)(record.value or {})
        return ticket_of_row(replace(record, value=row), tool, {}, options.zone, thread)

    return mapped(records, note)


def _conversation(tool: Tool, options: _Options) -> Callable[[Mapping[str, Any]], Sequence[Message]]:
    """Return what finds the conversation of a row that stands beside its columns."""
    if tool.name == "Salesforce":
        return partial(salesforce.messages_of, comments=options.comments)
    return lambda _row: ()


def _table(opened: Opened, options: _Options) -> _Records:
    with ExitStack() as stack:
        table = look_at_table(
            opened.stream, stack, mapping=options.mapping, order=options.date_format, zone=options.zone
        )
        tool = table.tool.name if table.tool else None
        encoding = table.encoding if opened.encoding == "utf-8" else opened.encoding
        columns = {name: meaning_of(name, table.tool, options.mapping) for name in table.columns}
        options.recognised.append(
            Recognised("csv", encoding, tool, columns, dict(table.decided), table.values)
        )
        if table.tool is not None and table.tool.name == "Zendesk" and options.comments is not None:
            return (yield from mapped(table.records(), partial(row_with_comments, options.comments)))
        if table.tool is not None:
            return (yield from table.records(_conversation(table.tool, options)))
        table.texts.require_body(table.fields)
        return (yield from named(table.records(), options.mapping, has_columns=True))


def _guarded(name: str, records: _Records) -> _Records:
    """Pass records on until reading fails, and say where it did."""
    place = "the beginning"
    while True:
        try:
            record = next(records)
        except StopIteration as end:
            return cast("Cursor | None", end.value)
        except DAMAGED:
            error = f"the compressed data is damaged or cut off; it broke off after {place}, and nothing behind that was read"
            yield SourceRecord(place=f"after {place}", error=error, raw="")
            return None
        except OSError as error:
            msg = f"{name} cannot be read any further than {place}: {error.strerror or error}"
            raise SourceError(msg) from None
        except SourceError as error:
            msg = f"{name}: {error}"
            raise SourceError(msg) from None
        place = record.place
        yield record
