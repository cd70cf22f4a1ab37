"""``inspect``: show what the tickets of a file would become, and store nothing."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from textwrap import wrap
from typing import Any

import click
import msgspec

from indexer.commands.file_options import FileOptions, file_options, reading_options, source_name
from indexer.commands.output import DONE, FAILED, PROBLEMS, finish, json_option
from indexer.console import say, showing_progress
from indexer.errors import PrecedentError, SourceError
from indexer.inspection import MOST_RECORDS, SHARES, Inspection, inspect_source
from indexer.mapping_file import beside, mapping_text
from indexer.sources import Recognised, SourceRecord
from indexer.ticket import Ticket

__all__ = ["inspect"]

_SHOWN = 10  # labels, statuses and fields
_WIDTH = 30  # characters of a name
_EXAMPLE = 400  # characters of a ticket's text
_LINE = 60  # characters of one line of it
_STEP = 500  # records between two signs of progress

_CHANGES = """To change it
  --map body='Issue Text'     a column for one of id, text, subject, body, priority, resolution,
                              created_at, resolved_at, updated_at, tags, source, url, status, outcome
  --date-format month-first   order of dates such as 02/03/2024
  --time-zone Europe/Berlin   of times that name no zone
  --format csv                where the format was not recognised
  PRECEDENT_OPEN_TICKETS=keep store open tickets too, never as precedents (a setting)
  --write                     keep all this beside the file; there, priorities can be renamed, too"""


@click.command(
    epilog="""\b
Examples:
  precedent inspect export.csv
  precedent inspect export.csv --map body='Issue Text' --write

Exit status, as of sync: 0 all is a ticket, 1 some records are not, 2 none is."""
)
@click.argument("file")
@file_options
@click.option("--source", metavar="NAME", help="Show the tickets as stored under this source name.")
@click.option("--write", is_flag=True, help="Write FILE.mapping.toml, with which inspect and sync read FILE.")
@json_option
def inspect(*, as_json: bool, write: bool, source: str | None, **options: Any) -> int:
    """Show how FILE would be read by sync, and what its tickets would become.

    Nothing is stored, and no key and no settings are needed. Of a large file, the first 50,000 records are read.
    """
    given = FileOptions(**options)
    if "://" in given.file:
        msg = f"{given.file} is an address: inspect reads files"
        raise PrecedentError(msg)
    if write and given.file == "-":
        msg = "--write needs a file: standard input has no place beside it"
        raise PrecedentError(msg)
    reading = reading_options(given)
    recognised: list[Recognised] = []
    try:
        reader = reading.open(given.file, recognised)
    except SourceError as error:
        # Whoever is to say what the columns are needs to see them.
        found = Inspection(complete=False, broke_off=str(error), sources=recognised)
        finish(found, as_json=as_json and bool(recognised))
        raise
    with showing_progress() as step:

        def shown(records: Iterable[SourceRecord]) -> Iterator[SourceRecord]:
            for number, record in enumerate(records, 1):
                if number % _STEP == 0:
                    step("inspect", number, 0)
                yield record

        found = inspect_source(reader, shown(reader), source=source)
    sys.stdout.write("\n".join(_lines(given.file, found)) + "\n")
    if write:
        path = beside(given.file, ".mapping.toml")
        path.write_text(mapping_text(reading, found.sources, found.priorities), encoding="utf-8")
        say(f"written: {path}; as mapping.toml it holds for every file of the folder")
    finish(found, as_json=as_json)
    if found.broke_off:
        return PROBLEMS if found.usable else FAILED
    if found.rejected:
        return PROBLEMS if found.read > found.rejected else FAILED
    return DONE


def _lines(file: str, found: Inspection) -> Iterator[str]:
    yield file
    for source in found.sources:
        yield f"  {source_name(source)}"
    left_out = sum(found.left_out.values())
    part = "" if found.complete else " were read, not all there are"
    yield (
        f"  {found.read:,} records{part}: {found.usable:,} to store, {left_out:,} left out, {found.rejected:,} rejected"
    )
    if found.broke_off:
        yield f"  error: {found.broke_off}"
    elif not found.complete:
        yield f"  inspect reads the first {MOST_RECORDS:,}; sync reads all"
    for source in found.sources:
        yield from _columns(source)
    yield from _shares(found)
    yield from _counts("Priorities", found.priorities)
    for one, other in found.alike:
        case_only = one.casefold() == other.casefold()
        yield f"  {one!r} and {other!r} " + (
            "are one label: only their case differs" if case_only else "look alike: are they one label?"
        )
    yield from _counts("Languages", found.languages, shares=True)
    yield from _counts("Statuses", found.statuses)
    yield from _counts("Further fields", found.fields)
    yield from _counts("Left out", found.left_out, width=60)
    if found.rejected:
        reasons = (f"  {reason}" for reason in found.reasons)
        yield from ("", f"Rejected: {found.rejected:,}, such as", *reasons)
    for number, ticket in enumerate(found.tickets, 1):
        yield from ("", f"Ticket {number} as stored", *_ticket(ticket))
    yield from ("", _CHANGES)


def _columns(source: Recognised) -> Iterator[str]:
    if not source.columns:
        return
    yield from ("", "Columns" if source.format == "csv" else "Names")
    fields = list(source.columns.values())
    for column, field in source.columns.items():
        if field.startswith("fields."):
            became = f"kept as a field, {field.removeprefix('fields.')}"
        elif field == "body" and "text" in fields:
            became = "body, where there is no text"
        elif field and fields.count(field) > 1:
            became = f"{field}: one of {fields.count(field)}, of which the first that is filled is read"
        else:
            became = field or "not read"
        order = f", {source.dates[column]}" if column in source.dates else ""
        yield f"  {_fitted(column)}  {became}{order}"


def _shares(found: Inspection) -> Iterator[str]:
    yield from ("", f"Of {found.usable:,} tickets")
    counts = {name: found.has.get(name, 0) for name in SHARES} | {
        "resolution from conversation": found.drawn,
        "text with mark-up": found.markup,
        "quoted mail or signature": found.set_apart,
        "same id as an earlier one": found.same_id,
        "same text, another id": found.same_text,
    }
    for name, count in counts.items():
        yield f"  {_fitted(name)}  {count:>7,}  {count / found.usable if found.usable else 0:>4.0%}"
    if found.earliest and found.latest:
        yield f"  dates from {found.earliest:%Y-%m-%d} to {found.latest:%Y-%m-%d}"
    if found.usable and not found.has.get("body"):
        yield "  no ticket has a body: which column holds it? Name it with --map body=COLUMN"
    if found.dates_lost:
        yield f"  {found.dates_lost:,} dates could not be read and are left out"


def _counts(
    title: str, counts: Mapping[str, int], *, width: int = _WIDTH, shares: bool = False
) -> Iterator[str]:
    if not counts:
        return
    yield from ("", title)
    whole = sum(counts.values())
    for name, count in list(counts.items())[:_SHOWN]:
        share = f"  {count / whole:>4.0%}" if shares else ""
        yield f"  {_fitted(name, width)}  {count:>7,}{share}"
    if len(counts) > _SHOWN:
        yield f"  and {len(counts) - _SHOWN:,} more"


def _ticket(ticket: Ticket) -> Iterator[str]:
    for name, value in msgspec.to_builtins(ticket).items():
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        cut = f" … [{len(text):,} characters in all]" if len(text) > _EXAMPLE else ""
        lines = [part for line in (text[:_EXAMPLE] + cut).splitlines() for part in wrap(line, _LINE) or [""]]
        first, *more = lines or [""]
        yield f"  {name:<15}  {first}"
        yield from (f"  {'':<15}  {line}".rstrip() for line in more)


def _fitted(name: str, width: int = _WIDTH) -> str:
    one_line = "".join(filter(str.isprintable, " ".join(name.split())))
    return f"{one_line if len(one_line) <= width else one_line[: width - 1] + '…':<{width}}"
