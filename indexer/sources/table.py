"""A table of tickets: its encoding, tool and dates are found in a first reading, its tickets yielded in a second."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, tzinfo
from io import BufferedIOBase
from typing import Any

from indexer.errors import SourceError
from indexer.field_names import field_of, plain_name, zone_of
from indexer.sources.csv_table import read_csv
from indexer.sources.dates import DATE_FIELDS, DAY_FIRST, DateOrders, parse_date
from indexer.sources.encoding import table_as_utf_8
from indexer.sources.opening import DAMAGED
from indexer.sources.record import FirstRecords, SourceRecord, Values
from indexer.sources.tool_rows import is_nothing, ticket_of_row, whole_number
from indexer.sources.tools import Tool, tool_of
from indexer.ticket import Message

__all__ = ["Table", "look_at_table"]

_USUAL = DATE_FIELDS | {"body", "resolution", "outcome", "status", "priority", "tags", "url"}
"""Fields whose usual names mean the same in any tool's table."""
_TEXT_ROWS = 200
_TEXT_WORDS = 4  # of a cell, on average, from which on it says something
_WORD = re.compile(r"[^\W\d_]{2,}")


class _LongTexts:
    """How many words the columns of the first rows hold: which of them hold texts, where none is known to be the body."""

    def __init__(self) -> None:
        self._rows = 0
        self._words: Counter[str] = Counter()

    def add(self, row: Mapping[str, Any]) -> bool:
        """Look at a row; return whether more are wanted."""
        if self._rows < _TEXT_ROWS:
            self._rows += 1
            for name, cell in row.items():
                self._words[name] += len(_WORD.findall(cell)) if isinstance(cell, str) else 0
        return self._rows < _TEXT_ROWS

    def require_body(self, fields: Mapping[str, str]) -> None:
        """Refuse a table of subjects whose bodies may stand in a column that nobody named.

        :param fields: the ticket's field by column, as far as it is known.
        :raises SourceError: with the columns.
        """
        known = set(fields.values())
        subject = next((column for column, name in fields.items() if name == "subject"), None)
        if subject is None or "id" not in known or known & {"text", "body"}:
            return
        found = [
            column
            for column, words in self._words.most_common()
            if column not in fields and words >= _TEXT_WORDS * self._rows
        ]
        if found:
            shown = " or ".join(map(repr, found[:3]))
            msg = (
                f"no column is known to hold the body of a ticket, and {shown} may: say --map body={found[0]!r}, "
                f"or --map text={subject!r} if none does"
            )
            raise SourceError(msg)


@dataclass(frozen=True, slots=True)
class Table:
    """A table that was looked at, and stands at its beginning again."""

    stream: BufferedIOBase
    encoding: str
    """As Python names it: ``utf-8`` or ``cp1252``, for example."""
    zone: tzinfo
    columns: tuple[str, ...] = ()
    tool: Tool | None = None
    dates: Mapping[str, str] = field(default_factory=dict)
    """`DAY_FIRST` or `MONTH_FIRST` by column that holds dates."""
    decided: Mapping[str, str] = field(default_factory=dict)
    """Those of them where it matters: the values showed it, or the user said it."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """The ticket's field by column, of a table of no known tool, where it has one."""
    values: dict[str, Values] = field(default_factory=dict)
    """What the columns of the first rows hold."""
    texts: _LongTexts = field(default_factory=_LongTexts)
    """Which columns hold texts."""

    def ticket(self, record: SourceRecord, conversation: Sequence[Message] = ()) -> SourceRecord:
        """Return a row as its ticket where the tool is known, else as it is, with its dates in ISO 8601.

        :param conversation: what was said about its ticket, where that stands elsewhere.
        """
        if self.tool is not None:
            return ticket_of_row(record, self.tool, self.dates, self.zone, conversation)
        value = dict(record.value or {})
        lost = 0
        for column, name in self.fields.items():
            text = value[column]
            if not isinstance(text, str):
                continue
            if is_nothing(text, name):
                value[column] = ""
            elif name == "id":
                value[column] = whole_number(text)
            elif column in self.dates:
                at = parse_date(text, order=self.dates[column], zone=zone_of(column) or self.zone)
                lost += at is None
                value[column] = at.isoformat() if at else ""
        return replace(record, value=value, dates_lost=lost)


def look_at_table(
    stream: BufferedIOBase,
    stack: ExitStack,
    *,
    mapping: Mapping[str, str],
    order: str | None = None,
    zone: tzinfo = UTC,
) -> Table:
    """Read a table once, to know its encoding, its tool and the order of day and month in its dates.

    :param stack: closes what is opened.
    :param mapping: columns by field, as given by the user; they go before a tool's own.
    :param order: `DAY_FIRST` or `MONTH_FIRST`, where the user says it.
    :param zone: of times that name none.
    :raises SourceError: there is no header, or the dates can be read in both orders.
    """
    stream, encoding = table_as_utf_8(stream, stack)
    start = stream.tell()
    tool: Tool | None = None
    columns: tuple[str, ...] = ()
    dates: list[str] | None = None
    fields: dict[str, str] = {}
    orders = DateOrders()
    texts, first = _LongTexts(), FirstRecords()
    # What is damaged is the second reading's to report.
    with suppress(*DAMAGED):
        for record in read_csv(stream):
            if record.value is None:
                continue
            if dates is None:
                columns = tuple(record.value)
                tool = _completed(tool_of(list(columns)), columns, mapping)
                fields = {} if tool else _fields(columns, mapping)
                dates = [name for name in record.value if _is_date(name, tool, fields)]
            more = [texts.add(record.value), first.add(record.value)]
            if not any(more) and (order or not dates):
                break
            for name in dates if order is None else ():
                given = record.value[name]
                for text in given if isinstance(given, list) else [given]:
                    orders.add(name, text.partition(";")[0])  # a comment of Jira's begins with its date
    stream.seek(start)
    chosen = dict.fromkeys(dates or [], order or DAY_FIRST)
    decided = chosen if order else orders.decided()
    return Table(
        stream, encoding, zone, columns, tool, chosen | decided, decided, fields, first.values, texts
    )


def _completed(tool: Tool | None, columns: tuple[str, ...], mapping: Mapping[str, str]) -> Tool | None:
    """Return the tool with the user's own columns, and those that the table has by a usual name, such as ``Resolution``."""
    if tool is None:
        return None
    own = {plain_name(column): name for name, column in mapping.items()}
    known = own | {name: to for name, to in tool.columns.items() if name not in own}
    taken = {known[name] for name in map(plain_name, columns) if name in known}
    usual = {
        name: to
        for name in map(plain_name, columns)
        if name not in known and name not in tool.comments and (to := field_of(name)) in _USUAL - taken
    }
    return replace(tool, columns=known | usual)


def _fields(columns: tuple[str, ...], mapping: Mapping[str, str]) -> dict[str, str]:
    given = {column: name for name, column in mapping.items()}
    found = {column: given.get(column) or field_of(column) for column in columns}
    return {column: name for column, name in found.items() if name}


def _is_date(column: str, tool: Tool | None, fields: Mapping[str, str]) -> bool:
    if tool is not None:
        name = plain_name(column)
        return tool.columns.get(name) in DATE_FIELDS or name in tool.comments
    return fields.get(column) in DATE_FIELDS
