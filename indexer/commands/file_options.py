"""What `sync` and `inspect` share: the options that say how a file is read, and words for what was recognised."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from indexer.console import say
from indexer.errors import PrecedentError
from indexer.mapping_file import ReadingOptions, load_mapping
from indexer.sources import FORMATS, ORDERS, Recognised

__all__ = ["FileOptions", "columns_line", "file_options", "reading_options", "source_name"]

_Command = TypeVar("_Command", bound=Callable[..., Any])
_PLAIN = ("csv", "json", "jsonl", "ndjson")  # the others are named after their tool
_SHOWN = 40  # characters of a column's name
_ORDER = (
    "id",
    "text",
    "subject",
    "body",
    "priority",
    "resolution",
    "thread",
    "status",
    "created_at",
    "resolved_at",
)


class FileOptions(ReadingOptions, frozen=True, kw_only=True):
    """A file and how it is to be read, as on the command line."""

    file: str


def file_options(command: _Command) -> _Command:
    """Give a command the options of `FileOptions`."""
    for option in (
        click.option(
            "--time-zone", metavar="ZONE", help="Zone of a table's times that name none; UTC if not given."
        ),
        click.option(
            "--date-format",
            type=click.Choice(ORDERS),
            help="Order of dates such as 02/03/2024, where the values of a table do not tell.",
        ),
        click.option(
            "--map",
            "columns",
            multiple=True,
            callback=lambda _context, _option, given: dict(map(_assignment, given)),
            metavar="FIELD=COLUMN",
            help="Read FIELD from COLUMN; can be repeated.",
        ),
        click.option(
            "--format", type=click.Choice(FORMATS), help="Format of FILE, if its name does not tell."
        ),
    ):
        command = option(command)
    return command


def reading_options(given: FileOptions) -> ReadingOptions:
    """Return how a file is read: the options given, then what the mapping file beside it says."""
    kept, path = load_mapping(given.file)
    if path is not None:
        say(f"read as {path} says")
    return given.before(kept)


def source_name(found: Recognised) -> str:
    """Return the format of a file, its tool and encoding: ``CSV of Jira, cp1252``."""
    tool = found.tool if found.format in _PLAIN else found.format
    kind = found.format.upper() if found.format in _PLAIN else "JSON"
    unread = found.format == "json" and not tool and found.columns.get("comments") == ""
    looks = unread and "requester_id" in found.columns
    hint = "; its comments are not read: if it is Zendesk's, say --format zendesk" if looks else ""
    return f"{kind}{f' of {tool}' if tool else ''}, {found.encoding}{hint}"


def columns_line(found: Recognised) -> str:
    """Return which column each of the main fields is read from, as a line of its own."""
    by_field: dict[str, list[str]] = {}
    for column, field in found.columns.items():
        by_field.setdefault(field, []).append(repr(column[:_SHOWN]))
    main = [f"{field} from {' or '.join(by_field[field])}" for field in _ORDER if field in by_field]
    further = sum(field.startswith("fields.") for field in found.columns.values())
    return f"\n  {', '.join(main)}{f'; {further} more as fields' if further else ''}" if main else ""


def _assignment(given: str) -> tuple[str, str]:
    field, equals, column = given.partition("=")
    if not equals:
        msg = f"--map {given!r} is not FIELD=COLUMN, such as body='Issue Text'"
        raise PrecedentError(msg)
    return field.strip(), column.strip()
