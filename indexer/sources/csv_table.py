"""CSV with a header, separated by comma, semicolon, tab or bar; what a spreadsheet or a report puts before and behind it is passed over."""

import csv
import re
from collections import deque
from collections.abc import Iterator
from io import BufferedIOBase
from itertools import chain
from typing import NamedTuple

from indexer.errors import SourceError
from indexer.sources.record import MAX_RECORD_BYTES, TOO_LONG, Line, SourceRecord, read_lines, shortened
from indexer.ticket import is_unicode

__all__ = ["header_of", "read_csv", "split_header"]

_DELIMITERS = ",;\t|"
_SEPARATOR = re.compile(r"sep=(.)")  # Excel's own first line
_MOST_TITLES = 20  # lines before the header, or behind the last row
_FEW, _MANY = 2, 4  # filled cells of a title, and at least of the header behind it
_LONGEST_HEADER = 2**18  # characters, with the line breaks in quoted names

# Bytes that Python spends on a line held, so that a row of very many short ones is bounded, too.
_LINE_OVERHEAD = 150
_NOT_UTF_8 = "the row is not UTF-8: convert the file, such as by: iconv -f WINDOWS-1252 -t UTF-8"
_OPEN_QUOTE = "a quoted field is not closed: it runs to the end of the file"
_LONG_ROW = f"a quoted field is not closed within {MAX_RECORD_BYTES // 2**20} MiB"
_STRAY_QUOTE = 'a quoted field goes on after its closing quote: a quote inside must be doubled ("")'
_LONE_RETURN = (
    "a carriage return stands alone in a row: lines must end in LF or CRLF (tr '\\r' '\\n' makes them)"
)


def read_csv(stream: BufferedIOBase) -> Iterator[SourceRecord]:
    """Yield a record of strings for each row; the first row of several cells names the columns.

    A name that several columns have is one value, the list of their strings.

    Lines behind the last row are passed over: rows of one cell that follow an empty one, such as a report's copyright.
    A row that cannot be parsed is one error for its first line, and reading goes on with the next line: an
    unclosed quote costs its own row and not the rest of the file.

    :raises SourceError: there is no header.
    """
    # The module's own limit is global, and meant for the same purpose as the bound on a row here.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_RECORD_BYTES + 1))
    lines = read_lines(stream)
    header, delimiter, lines = header_of(lines)
    places: dict[str, list[int]] = {}
    for index, name in enumerate(header):
        if name:
            places.setdefault(name, []).append(index)
    behind: list[SourceRecord] = []
    is_behind = False
    for row in _Rows(lines).parsed(delimiter):
        filled = sum(map(bool, map(str.strip, row.cells)))
        if row.error is None and not filled:
            is_behind = len(places) >= _MANY
            continue
        error = row.error or _fault(row.cells, len(header))
        value = None if error else _values(row.cells, places)
        record = SourceRecord(place=f"line {row.number}", value=value, error=error, raw=row.raw)
        if is_behind and filled == 1 and len(behind) < _MOST_TITLES:
            behind.append(record)
            continue
        yield from behind
        behind.clear()
        is_behind = False
        yield record


def header_of(lines: Iterator[Line]) -> tuple[list[str], str, Iterator[Line]]:
    """Return the names of the columns, the delimiter, and the lines behind the header.

    Before it there may be Excel's ``sep=;`` and titles, which have a cell or two.

    :raises SourceError: there is no header.
    """
    delimiters = _DELIMITERS
    filled_lines = (line for line in lines if line.data.strip())
    line = next(filled_lines)
    if b"\r" in line.data.replace(b"\r\n", b"").strip():
        raise SourceError(_LONE_RETURN)
    for _ in range(_MOST_TITLES):
        if line.too_long:
            break
        text = _decoded(line)
        told = _SEPARATOR.fullmatch(text.strip())
        quotes = text.count('"')
        while quotes % 2 and len(text) < _LONGEST_HEADER and (more := next(lines, None)):
            quotes += more.data.count(b'"')
            text += _decoded(more)
        following = next(filled_lines, None)
        found = None if told else split_header(text, delimiters)
        if found and not _is_title(found[0], following, found[1]):
            if not all(map(is_unicode, found[0])):
                msg = "the CSV header is not UTF-8: convert the file, such as by: iconv -f WINDOWS-1252 -t UTF-8"
                raise SourceError(msg)
            return *found, lines if following is None else chain([following], lines)
        if following is None:
            break
        delimiters = told[1] if told else delimiters
        line = following
    msg = (
        "the first row is not a CSV header: it must name two columns or more,"
        " separated by comma, semicolon, tab or bar"
    )
    raise SourceError(msg)


def split_header(line: str, delimiters: str = _DELIMITERS) -> tuple[list[str], str] | None:
    """Return the column names of a first row and its delimiter, or ``None`` when it has no two columns.

    The delimiter is the one that makes the most columns, the first one when equal.
    """
    best: tuple[list[str], str] | None = None
    for delimiter in delimiters:
        try:
            cells = next(csv.reader(line.splitlines(keepends=True), delimiter=delimiter, strict=True), [])
        except csv.Error:
            continue
        names = [" ".join(cell.split()) for cell in cells]
        if len(names) > (len(best[0]) if best else 1):
            best = names, delimiter
    return best


def _is_title(names: list[str], following: Line | None, delimiter: str) -> bool:
    filled = sum(map(bool, names))
    if filled < _FEW or following is None or following.too_long:
        return filled < _FEW
    behind = split_header(_decoded(following), delimiter)
    return filled == _FEW and behind is not None and sum(map(bool, behind[0])) >= _MANY


def _decoded(line: Line) -> str:
    # Bytes that are not UTF-8 must not end the line they stand in: they pass as surrogates, found later.
    return line.data.decode(errors="surrogateescape")


def _values(cells: list[str], places: dict[str, list[int]]) -> dict[str, str | list[str]]:
    return {
        name: cells[indexes[0]] if len(indexes) == 1 else [cells[index] for index in indexes]
        for name, indexes in places.items()
    }


def _fault(cells: list[str], columns: int) -> str | None:
    if not all(map(is_unicode, cells)):
        return _NOT_UTF_8
    if len(cells) < columns or any(cell.strip() for cell in cells[columns:]):
        return f"the row has {len(cells)} cells, the header names {columns}: quote a field that holds a delimiter or a line break"
    return None


class _Row(NamedTuple):
    """A row as parsed: cells, or why it could not be."""

    number: int
    raw: str
    cells: list[str]
    error: str | None = None


class _Rows:
    """Feeds lines to the csv module, remembers those of the current row, and takes them back after an error."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self._again: deque[Line] = deque()
        self._taken: list[Line] = []
        self._size = 0
        self._fault: str | None = None

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines)
        self._taken.append(line)
        self._size += len(line.data) + _LINE_OVERHEAD
        if line.too_long or self._size > MAX_RECORD_BYTES:
            self._fault = TOO_LONG if len(self._taken) == 1 else _LONG_ROW
            raise csv.Error(self._fault)
        return _decoded(line)

    def parsed(self, delimiter: str) -> Iterator[_Row]:
        reader = csv.reader(self, delimiter=delimiter, strict=True)
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as reason:
                first = self._taken[0]
                error = self._fault or _reason(str(reason))
                raw = shortened(first.data) if first.too_long else _text([first])
                yield _Row(first.number, raw, [], error)
                self._again.extendleft(reversed(self._taken[1:]))
                reader = csv.reader(self, delimiter=delimiter, strict=True)
            else:
                yield _Row(self._taken[0].number, _text(self._taken), cells)
            self._taken, self._size, self._fault = [], 0, None


def _text(lines: list[Line]) -> str:
    return b"".join(line.data for line in lines).rstrip(b"\r\n").decode(errors="backslashreplace")


def _reason(message: str) -> str:
    if "unexpected end" in message:
        return _OPEN_QUOTE
    if "new-line character" in message:
        return _LONE_RETURN
    return _STRAY_QUOTE
