"""How a file is read: what the command line says, and the mapping file beside it."""

import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from indexer.errors import SourceError
from indexer.sources import Recognised, SourceReader, read_source

__all__ = ["ReadingOptions", "beside", "load_mapping", "mapping_text"]

_SHOWN_LABELS = 20
_EXAMPLES = {"format": "csv", "date_format": "day-first", "time_zone": "Europe/Berlin"}


class ReadingOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the records of a file are read."""

    format: str | None = None
    date_format: str | None = None
    time_zone: str | None = None
    columns: dict[str, str] = {}
    """Columns, or names in objects, by the ticket's field that they hold."""
    priorities: dict[str, str] = {}
    """Labels to store by labels as the file has them, in any case."""

    def before(self, other: "ReadingOptions") -> "ReadingOptions":
        """Return these options, with the others where these say nothing."""
        return ReadingOptions(
            format=self.format or other.format,
            date_format=self.date_format or other.date_format,
            time_zone=self.time_zone or other.time_zone,
            columns=other.columns | self.columns,
            priorities=other.priorities | self.priorities,
        )

    def open(self, file: str, recognised: list[Recognised] | None = None) -> SourceReader:
        """Open a file, a folder or standard input.

        :param recognised: is told what was read, also where that makes no tickets.
        :raises SourceError: it cannot be read, or not with these options, or has no record at all.
        """
        reader = read_source(
            file,
            format=self.format,
            mapping=self.columns,
            date_format=self.date_format,
            zone=self._zone(),
            priorities=self.priorities,
            recognised=recognised,
        )
        if reader.is_empty:
            msg = f"{file} holds no tickets: there is no record in it, as where an export failed"
            raise SourceError(msg)
        return reader

    def _zone(self) -> tzinfo:
        try:
            return ZoneInfo(self.time_zone) if self.time_zone else UTC
        except (ZoneInfoNotFoundError, ValueError):
            msg = f"time zone {self.time_zone!r} is not known; give one such as Europe/Berlin"
            raise SourceError(msg) from None


def beside(file: str, ending: str) -> Path:
    """Return the path of what belongs to a file: its whole name, since t.csv and t.jsonl may stand side by side."""
    if file == "-":
        return Path(f"stdin{ending}")
    path = Path(file)
    if path.name in ("", ".."):
        path = path.resolve()
    return path.with_name(path.name + ending)


def load_mapping(file: str) -> tuple[ReadingOptions, Path | None]:
    """Read ``FILE.mapping.toml``, or else ``mapping.toml`` in its folder; return its path, if there is one.

    :raises SourceError: it is not valid.
    """
    own = beside(file, ".mapping.toml")
    folder = Path(file) if Path(file).is_dir() else own.parent
    found = next((path for path in (own, folder / "mapping.toml") if path.is_file()), None)
    if file == "-" or found is None:
        return ReadingOptions(), None
    try:
        return msgspec.toml.decode(found.read_bytes(), type=ReadingOptions), found
    except (OSError, UnicodeDecodeError, msgspec.DecodeError) as error:
        msg = f"{found} cannot be used: {error}"
        raise SourceError(msg) from None


def mapping_text(options: ReadingOptions, found: Iterable[Recognised], labels: Iterable[str]) -> str:
    """Return a mapping file that says how a file was read.

    :param options: with which it was read.
    :param found: what its parts were read as. The columns of a known helpdesk need no mapping.
    :param labels: the priorities as stored.
    """
    lines = ["# How this file is read. Options on the command line go before it."]
    for name in ("format", "date_format", "time_zone"):
        value = getattr(options, name)
        lines.append(f"{name} = {_quoted(value)}" if value else f'# {name} = "{_EXAMPLES[name]}"')
    lines += ["", "[columns]"]
    in_use = _columns_in_use(options, list(found))
    if "body" not in in_use:
        lines.append('# body = "Issue Text"')
    for field, columns in in_use.items():
        sure = len(columns) == 1
        lines += [f"{'' if sure else '# '}{field} = {_quoted(column)}" for column in columns]
    lines += ["", "[priorities]", '# "P1" = "urgent"']
    lines += [f"{_quoted(label)} = {_quoted(stored)}" for label, stored in options.priorities.items()]
    unchanged = [label for label in labels if label not in options.priorities.values()]
    lines += [f"# {_quoted(label)} = {_quoted(label)}" for label in unchanged[:_SHOWN_LABELS]]
    return "\n".join(lines) + "\n"


def _columns_in_use(options: ReadingOptions, found: list[Recognised]) -> dict[str, list[str]]:
    """Return the columns by field; those given by the user alone where a file has a shape of its own."""
    given = {field: [column] for field, column in options.columns.items()}
    if any(part.tool or not part.columns for part in found):
        return given
    columns: dict[str, list[str]] = defaultdict(list)
    for column, field in (found[0].columns if found else {}).items():
        if (
            field
            and not field.startswith("fields.")
            and all(part.columns.get(column) == field for part in found)
        ):
            columns[field].append(column)
    return columns | given


def _quoted(text: str) -> str:
    # A JSON string is a TOML one, but for this character.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
