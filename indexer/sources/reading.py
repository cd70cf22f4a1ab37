"""Reading a source: a file, a directory of files, or standard input, in any of the formats."""

import io
import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from datetime import UTC, tzinfo
from functools import partial
from pathlib import Path

from indexer.errors import SourceError
from indexer.sources import salesforce, zendesk_comments
from indexer.sources.comments import Comments
from indexer.sources.conversations import TOOLS, read_conversations, ticket_of
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
from indexer.sources.naming import meaning_of, naming, relabelling
from indexer.sources.opening import DAMAGED, STDIN, Opened, open_source, require_gzip
from indexer.sources.record import Cursor, FirstRecords, Reader, Recognised, Records, SourceRecord
from indexer.sources.table import look_at_table
from indexer.sources.tool_rows import flat_row, ticket_of_row
from indexer.sources.tools import tool_of
from indexer.sources.zendesk import read_zendesk, row_with_comments, zendesk_ticket
from indexer.ticket import Message, Ticket

__all__ = ["FORMATS", "SourceReader", "read_document", "read_source"]

_Change = Callable[[SourceRecord], SourceRecord]
_Stream = Generator[SourceRecord | Cursor, None, None]

_READERS: dict[str, Reader] = {
    "jsonl": read_jsonl,
    "ndjson": read_jsonl,
    "json": read_json,
    "csv": read_csv,
    "zendesk": read_zendesk,
    "jira": read_jira,
    **{tool: partial(read_conversations, tool) for tool in TOOLS},
}
_LINES: dict[str, _Change] = {
    "zendesk": zendesk_ticket,
    "jira": jira_issue,
    **{tool: partial(ticket_of, tool) for tool in TOOLS},
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


@dataclass(frozen=True, slots=True)
class _Options:
    """How a source is to be read, and what its files were read as."""

    format: str | None
    mapping: dict[str, str]
    date_format: str | None
    zone: tzinfo
    priorities: Mapping[str, str]
    recognised: list[Recognised] = field(default_factory=list)
    comments: Comments | None = None
    """Those that stand apart from their tickets, of the folder that is read."""


class SourceReader(Iterator[SourceRecord]):
    """The records of a source, one at a time; files are closed at the end, or by `close`."""

    def __init__(self, records: _Stream, recognised: list[Recognised], size: int) -> None:
        self._records = records
        self._size = size
        self._read = self._characters = 0
        self.recognised = recognised
        """What each file was read as, so far."""
        self.cursor: Cursor | None = None
        """Where the next export continues: known once everything was read, and only if nothing broke off."""
        # Reading the first record now lets a source that cannot be read fail before anything else is done.
        self._first = next(self._records, None)
        self.is_empty = self._first is None
        """Whether there is nothing in it, not even where the next export continues."""

    def __next__(self) -> SourceRecord:
        found, self._first = self._first or next(self._records), None
        if isinstance(found, Cursor):
            self.cursor = found
            self.close()
            raise StopIteration
        self._read += 1
        self._characters += len(found.raw)
        return found

    @property
    def expected(self) -> int:
        """How many records there may be, by the size of the file and the length of those read so far; 0 where nothing tells."""
        return self._read * self._size // self._characters if self._characters else 0

    def close(self) -> None:
        """Close what is open; there are no more records then."""
        self._first = None
        self._records.close()


def read_source(
    path: str,
    *,
    format: str | None = None,  # noqa: A002 (named as the option is)
    mapping: Mapping[str, str] | None = None,
    date_format: str | None = None,
    zone: tzinfo = UTC,
    priorities: Mapping[str, str] | None = None,
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
    :param priorities: labels to store by labels as the source has them, in any case.
    :param recognised: is told what was read, also where that makes no tickets.
    :raises SourceError: an argument cannot be used, or the source not be read; while iterating: not any further.
    """
    if format is not None and format not in _READERS:
        msg = f"format {format!r} is unknown; there are {', '.join(FORMATS)}"
        raise SourceError(msg)
    if date_format is not None and date_format not in ORDERS:
        msg = f"date format {date_format!r} is unknown; there are {', '.join(ORDERS)}"
        raise SourceError(msg)
    told: list[Recognised] = [] if recognised is None else recognised
    options = _Options(format, dict(mapping or {}), date_format, zone, priorities or {}, told)
    _check_mapping(options.mapping, format)
    files = _files(path)
    if files is not None:
        return SourceReader(_directory(files, options), told, 0)
    tells = path != STDIN and Path(path).is_file() and not path.endswith(".gz")
    return SourceReader(_file(path, options), told, Path(path).stat().st_size if tells else 0)


def read_document(document: bytes, format: str) -> Iterator[SourceRecord]:  # noqa: A002 (named as the option is)
    """Return the records of an export that is in memory, in UTF-8.

    :param format: one of `FORMATS`.
    """
    return (found for found in _READERS[format](io.BytesIO(document)) if isinstance(found, SourceRecord))


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


def _directory(files: list[Path], options: _Options) -> _Stream:
    cursors: list[Cursor | None] = []
    folder = files[0].parent.resolve()
    with closing(Comments()) as comments:
        options = replace(options, comments=comments)
        outside = [file for file in files if not file.resolve().is_relative_to(folder)]
        apart = [file for file in files if file not in outside and _holds_comments(file)]
        for file in [*apart, *(file for file in files if file not in apart)]:
            if file in outside:
                error = "this is a link to a file outside the folder, and not followed: copy the file, or name it itself"
                yield SourceRecord(place=file.name, error=error, raw="")
                cursors.append(None)
                continue
            cursor = None
            try:
                for found in _file(str(file), options):
                    if isinstance(found, Cursor):
                        cursor = found
                    else:
                        yield replace(found, place=f"{file.name} {found.place}")
            except SourceError as error:
                said = str(error).removeprefix(str(file)).lstrip(": ")
                yield SourceRecord(place=file.name, error=said, raw="")
            if file not in apart:
                cursors.append(cursor)
        yield from comments.without_ticket()
    # A file that broke off must be fetched again, so the next export may not continue behind it.
    if cursors and cursors[-1] and all(cursors):
        yield cursors[-1]


def _holds_comments(file: Path) -> bool:
    try:
        with open_source(str(file)) as opened:
            return detect_format(file.name, opened.head) in _COMMENTS
    except SourceError:
        return False  # said when it is read


def _file(path: str, options: _Options) -> _Stream:
    """Yield the records of a file as they are to be stored, until reading fails, and say where it did."""
    name = "standard input" if path == STDIN else path
    place = "the beginning"
    with ExitStack() as stack:
        opened = stack.enter_context(open_source(path))
        chosen = _chosen_format(name, opened, options)
        try:
            is_table = chosen == "csv"
            records, changes = (
                _table(opened, options, stack) if is_table else _reading(chosen, opened, options)
            )
            changes += [relabelling(options.priorities)] if options.priorities else []
            for found in records:
                if isinstance(found, SourceRecord):
                    place = found.place
                    for change in changes:
                        found = change(found) if found.value is not None else found  # noqa: PLW2901 (the same record)
                yield found
        except DAMAGED:
            error = f"the compressed data is damaged or cut off; it broke off after {place}, and nothing behind that was read"
            yield SourceRecord(place=f"after {place}", error=error, raw="")
        except OSError as error:
            msg = f"{name} cannot be read any further than {place}: {error.strerror or error}"
            raise SourceError(msg) from None
        except SourceError as error:
            msg = f"{name}: {error}"
            raise SourceError(msg) from None


def _chosen_format(name: str, opened: Opened, options: _Options) -> str:
    found = detect_format(name, opened.head)
    chosen = found if found in _COMMENTS else options.format or found
    if chosen is None:
        require_gzip(name, opened)
        msg = f"the format of {name} is not known from its name or its beginning: name it, one of {', '.join(FORMATS)}"
        raise SourceError(msg)
    _check_mapping(options.mapping, chosen)
    if chosen in _COMMENTS and options.comments is None:
        options.recognised.append(Recognised(chosen, opened.encoding))
        msg = f"{name} has comments without their tickets: put it into a folder with the export of the tickets, and name the folder"
        raise SourceError(msg)
    return chosen


def _reading(chosen: str, opened: Opened, options: _Options) -> tuple[Records, list[_Change]]:
    """Return the records of a file as its format has them, and what makes those of them that are to be stored."""
    if chosen == "jsonl" and not options.mapping and (tool := tool_of_lines(opened.head)):
        options.recognised.append(Recognised(chosen, opened.encoding, tool))
        return read_jsonl(opened.stream), [_LINES[tool]]
    options.recognised.append(Recognised(chosen, opened.encoding))
    if chosen in _COMMENTS and options.comments is not None:
        return _COMMENTS[chosen](options.comments, opened.stream), []
    reader = partial(read_zendesk, comments=options.comments) if chosen == "zendesk" else _READERS[chosen]
    changes = [] if chosen in _FIXED else [_noting(options)]
    return reader(opened.stream), [*changes, naming(options.mapping)]


def _noting(options: _Options) -> _Change:
    """Return what notes what the names of records mean; JSON with the columns of a known tool's table is read by it."""
    reads_tools = options.recognised[-1].format == "json" and not options.mapping
    first = FirstRecords()
    options.recognised[-1] = replace(options.recognised[-1], values=first.values)

    def note(record: SourceRecord) -> SourceRecord:
        recognised, value = options.recognised[-1], record.value or {}
        first.add(value)
        row = flat_row(value) if reads_tools else {}
        tool = tool_of(list(row)) if row else None
        room = len(recognised.columns) < _MOST_NAMES
        for name in value if room else ():
            if not recognised.columns.get(name):
                recognised.columns[name] = meaning_of(name, tool, options.mapping, value)
        if tool is None:
            return record
        if not recognised.tool:
            options.recognised[-1] = replace(recognised, tool=tool.name)
        thread = _messages(tool.name, record, options)
        return ticket_of_row(replace(record, value=row), tool, {}, options.zone, thread)

    return note


def _table(opened: Opened, options: _Options, stack: ExitStack) -> tuple[Records, list[_Change]]:
    table = look_at_table(
        opened.stream, stack, mapping=options.mapping, order=options.date_format, zone=options.zone
    )
    tool = table.tool.name if table.tool else None
    encoding = table.encoding if opened.encoding == "utf-8" else opened.encoding
    columns = {name: meaning_of(name, table.tool, options.mapping) for name in table.columns}
    options.recognised.append(Recognised("csv", encoding, tool, columns, dict(table.decided), table.values))
    changes: list[_Change] = [lambda record: table.ticket(record, _messages(tool, record, options))]
    if tool is None:
        table.texts.require_body(table.fields)
        changes.append(naming(options.mapping, has_columns=True))
    elif tool == "Zendesk" and options.comments is not None:
        changes.append(partial(row_with_comments, options.comments))
    return read_csv(table.stream), changes


def _messages(tool: str | None, record: SourceRecord, options: _Options) -> Sequence[Message]:
    """Return the conversation of a row that stands beside its columns."""
    return salesforce.messages_of(record.value or {}, options.comments) if tool == "Salesforce" else ()
