"""Records under the names of a ticket's fields and labels, as the user maps them; the columns of a table are checked first."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from indexer.errors import SourceError
from indexer.field_names import field_of, plain_name
from indexer.parsing import parse_ticket
from indexer.sources.record import SourceRecord
from indexer.sources.tools import Tool
from indexer.ticket import MAX_FIELDS, TicketError, field_name

__all__ = ["meaning_of", "naming", "relabelling"]

_SHOWN = 40  # characters of a column's name: where the header is missing, it is a ticket's text
_FITS_ANY_FIELD = "2026-01-01"


def meaning_of(
    column: str, tool: Tool | None, mapping: Mapping[str, str], record: Mapping[str, Any] | None = None
) -> str:
    """Return the ticket's field that a column is read as, such as ``body`` or ``fields.team``; empty if it is not read.

    :param tool: whose table it is, with the user's own columns; ``None``: of no known one.
    :param mapping: columns by field, as given by the user.
    :param record: one with that name: objects are not kept, nor what stands beside ``fields`` of its own.
    """
    if tool is not None:
        name = plain_name(column)
        field = "thread" if name in tool.comments else tool.columns.get(name, "fields." + field_name(name))
        return "status" if field == "category" else field
    mapped = [field for field, name in mapping.items() if name == column]
    if mapped:
        return mapped[0]
    given = None if record is None else record[column]
    is_kept = given in (None, "") or _is_plain(given)
    if column in mapping or (field_of(column) is None and (not is_kept or "fields" in (record or ()))):
        return ""
    return field_of(column) or "fields." + field_name(column)


def naming(mapping: dict[str, str], *, has_columns: bool = False) -> Callable[[SourceRecord], SourceRecord]:
    """Return what gives values the names of a ticket's fields, and keeps further ones under ``fields``.

    It raises `SourceError` where the columns make no tickets, or it must be said which one is meant.

    :param mapping: names in the records by the ticket's field, as given by the user.
    :param has_columns: whether all records have the names of the first, which are then checked.
    """
    unchecked = has_columns

    def name(record: SourceRecord) -> SourceRecord:
        nonlocal unchecked
        given = record.value or {}
        value = _renamed(given, mapping)
        if unchecked:
            _check_columns(given, value, mapping)
            unchecked = False
        value = _with_fields(value)
        return record if value is given else replace(record, value=value)

    return name


def relabelling(priorities: Mapping[str, str]) -> Callable[[SourceRecord], SourceRecord]:
    """Return what gives records their priorities as they are to be stored.

    :param priorities: labels to store by labels as the records have them, in any case.
    """
    labels = {label.casefold(): stored for label, stored in priorities.items()}

    def relabel(record: SourceRecord) -> SourceRecord:
        value = record.value or {}
        given = {name: item for name, item in value.items() if field_of(str(name)) == "priority"}
        changed = {name: labels.get(_label(item).casefold(), item) for name, item in given.items()}
        return replace(record, value=value | changed)

    return relabel


def _label(given: Any) -> str:
    return str(given.get("name") if isinstance(given, dict) else given).strip()


def _with_fields(value: dict[str, Any]) -> dict[str, Any]:
    """Put what no field of a ticket has as its name under ``fields``, as far as it is short.

    A record that has ``fields`` says by itself what they are.
    """
    if "fields" in value:
        return value
    further = {name: given for name, given in value.items() if field_of(name) is None and _is_plain(given)}
    if not further:
        return value
    rest = {name: item for name, item in value.items() if name not in further}
    return rest | {"fields": dict(list(further.items())[:MAX_FIELDS])}


def _is_plain(given: Any) -> bool:
    if isinstance(given, list):
        return 0 < len(given) <= MAX_FIELDS and all(isinstance(item, str) for item in given)
    return isinstance(given, str | int | float) and given != ""


def _check_columns(row: dict[str, Any], value: dict[str, Any], mapping: dict[str, str]) -> None:
    columns = list(row)
    there = "its columns are " + ", ".join(repr(column[:_SHOWN]) for column in columns)
    missing = [column for column in mapping.values() if column not in columns]
    if missing:
        msg = f"it has no column {missing[0]!r}; {there}"
        raise SourceError(msg)
    twice = [
        column
        for column, given in row.items()
        if isinstance(given, list) and field_of(column) not in (None, "tags")
    ]
    if twice:
        msg = f"it names a column twice: {twice[0]!r}; rename one of them"
        raise SourceError(msg)
    bodies = [column for column in columns if field_of(column) == "body"]
    if len(bodies) > 1 and not {"body", "text"} & {*mapping, *map(str.casefold, columns)}:
        shown = " or ".join(repr(column[:_SHOWN]) for column in bodies)
        msg = f"the body of a ticket could be {shown}: say which, such as --map body={bodies[0]!r}"
        raise SourceError(msg)
    try:
        parse_ticket({n: _FITS_ANY_FIELD for n in value if field_of(n) not in {"thread", "fields"}})
    except TicketError as error:
        msg = f"it makes no tickets: {error}; {there}; map one, or write a header where there is none"
        raise SourceError(msg) from None


def _renamed(value: dict[str, Any], mapping: dict[str, str]) -> dict[str, Any]:
    if not mapping:
        return value
    # What is mapped comes last, where it wins over a field of the same name in other letters.
    taken = {*mapping, *mapping.values()}
    rest = {name: item for name, item in value.items() if name not in taken}
    return rest | {field: value[name] for field, name in mapping.items() if name in value}
