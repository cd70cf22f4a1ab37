"""Rows of a known tool's table as tickets, from cells as people and spreadsheets leave them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from typing import Any, Literal

from indexer.field_names import plain_name, zone_of
from indexer.sources.dates import DATE_FIELDS, DAY_FIRST, parse_date
from indexer.sources.helpdesk import message
from indexer.sources.record import SourceRecord, as_open, as_resolved
from indexer.sources.tools import Tool
from indexer.ticket import MAX_FIELDS, Message, field_name, is_open_status, split_list

__all__ = ["flat_row", "is_nothing", "ticket_of_row", "whole_number"]

_CHOSEN = re.compile(r"-+ ?none ?-+", re.IGNORECASE)  # from a list, in ServiceNow, Salesforce and Zoho Desk
_WORDS = re.compile(
    r"#?n/?a|#?n\.a\.|null|none|nan|nil|-+|[\u2013\u2014]|[(\[](?:none|blank|empty|leer|null)[)\]]|k\. ?a\.|keine?",
    re.IGNORECASE,
)
_AMOUNT = re.compile(r"\d{1,3}(?:,\d{3})+|(\d+)\.0")
_SHORT = DATE_FIELDS | {"priority", "resolution", "outcome", "status", "tags", "url"}
"""Fields in which such a word is never a value; a region may well be NA, and a subject a dash."""
_LISTS = frozenset({"tags"})
_CUSTOMERS = ("reporter", "reporter id", "autor", "caller_id", "caller")
_ENTRY = re.compile(
    r"^(?P<at>\d[\d./-]{7,9} \d\d:\d\d:\d\d) - (?P<who>.+) \((?P<kind>[^()\n]+)\)\n", re.MULTILINE
)
_DONE = ("done", "complete", "fertig", "true", "1", "resolved")
"""What Jira's and Intercom's category of a status, and Salesforce's IsClosed, say of a resolved ticket."""
_MOST_CHOSEN = 5
"""Words of a resolution that is one of a list; what is longer was written."""
_CELL = re.compile(r"(?P<at>[^;\n]{8,30});(?P<who>[^;\n]*);(?P<text>.*)", re.DOTALL)


def ticket_of_row(
    record: SourceRecord,
    tool: Tool,
    orders: Mapping[str, str],
    zone: tzinfo = UTC,
    conversation: Sequence[Message] = (),
) -> SourceRecord:
    """Return the ticket of a row: its columns under the names of `Ticket`'s fields.

    A date that cannot be read is left out and counted. Of an open ticket, ``left_out`` and an error say so.

    :param record: the row, values by column.
    :param orders: `DAY_FIRST` or `MONTH_FIRST` by column.
    :param zone: of times that name none.
    :param conversation: what was said, where that stands in no column.
    """
    value: dict[str, Any] = {}
    fields: dict[str, Any] = {}
    thread = list(conversation)
    lost = 0
    row = _by_plain_name(record.value or {})
    customer = {text for key in _CUSTOMERS if key in row for text in _filled(row[key][1])}
    # In the tool's order, the better column of a field first.
    for key in dict.fromkeys((*(name for name in tool.columns if name in row), *row)):
        name, given = row[key]
        target = tool.columns.get(key, "fields." + field_name(key))
        nothing = tool.nothing if target.startswith("fields.") else ""
        filled = [text for text in _filled(given) if not is_nothing(text, target) and text.strip() != nothing]
        if not filled:
            continue
        if key in tool.comments:
            # The journal of ServiceNow may come in two columns, of which one has internal notes, too.
            thread = thread or list(_comments(filled, customer, orders.get(name, DAY_FIRST), zone))
            continue
        if target in DATE_FIELDS:
            at = parse_date(filled[0], order=orders.get(name, DAY_FIRST), zone=zone_of(name) or zone)
            lost += at is None
            if at:
                value.setdefault(target, at)
        elif target.startswith("fields."):
            fields.setdefault(target.removeprefix("fields."), filled[0] if len(filled) == 1 else filled)
        elif target in _LISTS:
            texts = [text.replace(" ", ",") for text in filled] if tool.spaced_tags else filled
            value.setdefault(target, [tag for text in texts for tag in split_list(text)])
        else:
            if target == "resolution" and tool.chosen_resolutions and len(filled[0].split()) <= _MOST_CHOSEN:
                target = "outcome"
            value.setdefault(target, _value(target, filled[0], tool))
    has_date = any(tool.columns.get(key) == "resolved_at" for key in row)
    if fields:
        # Exports of some hundred custom columns exist; a ticket keeps the first ones that are filled.
        value["fields"] = dict(list(fields.items())[:MAX_FIELDS])
    return _finished(replace(record, value=value, dates_lost=lost), thread, has_date=has_date)


def flat_row(value: Mapping[str, Any]) -> dict[str, str]:
    """Return a JSON object as a row of texts.

    Of a reference, such as ServiceNow's, that is what is shown of it; of HubSpot's tickets, their ``properties``.
    """
    inner = value.get("properties")
    if isinstance(inner, dict):
        value = {"id": value.get("id"), **inner}
    row: dict[str, str] = {}
    for name, given in value.items():
        shown = given.get("display_value", given.get("Name")) if isinstance(given, dict) else given
        if shown is None:
            row[name] = ""
        elif isinstance(shown, bool):
            row[name] = "true" if shown else "false"
        elif isinstance(shown, str | int | float):
            row[name] = str(shown)
    return row


def _finished(record: SourceRecord, thread: list[Message], *, has_date: bool) -> SourceRecord:
    """Return a ticket with its conversation; an open ticket as one to be left out.

    :param thread: in any order.
    :param has_date: whether the table has a column for the date of resolution.
    """
    value = dict(record.value or {})
    status = str(value.get("status") or "")
    category = str(value.pop("category", ""))
    is_open = _is_open(status, category.casefold(), value, has_date=has_date)
    if thread:
        thread = sorted(thread, key=lambda one: one.at or datetime.min.replace(tzinfo=UTC))
        value["thread"] = [
            message(one.author, one.at.isoformat() if one.at else None, one.text) for one in thread
        ]
    dates = {name: value[name].isoformat() for name in DATE_FIELDS & value.keys()}
    finished = replace(record, value=value | dates)
    if is_open:
        return as_open(finished)
    return as_resolved(finished) if category else finished


def _is_open(status: str, category: str, value: dict[str, Any], *, has_date: bool) -> bool:
    if category:
        return category not in _DONE
    ended = not has_date or value.get("resolved_at") or value.get("resolution")
    return bool(status) and is_open_status(status, unknown=not ended)


def _value(field: str, cell: str, tool: Tool) -> str:
    if field == "id":
        return whole_number(cell)
    return tool.statuses.get(cell.strip(), cell) if field == "status" else cell.replace(tool.breaks, "\n")


def _by_plain_name(row: Mapping[str, Any]) -> dict[str, tuple[str, Any]]:
    """Return the columns and what they hold by the name that a tool knows; the second of two has its whole name."""
    found: dict[str, tuple[str, Any]] = {}
    for column, given in row.items():
        name = plain_name(str(column))
        found[str(column).casefold() if name in found else name] = (str(column), given)
    return found


def _filled(given: Any) -> list[str]:
    return [text for text in (given if isinstance(given, list) else [given]) if text and text.strip()]


def _comments(cells: list[str], customer: set[str], order: str, zone: tzinfo) -> Iterator[Message]:
    """Yield the comments of Jira's cells, ``date;author;text``, or of ServiceNow's journal, without its work notes."""

    def author(who: str) -> Literal["customer", "agent"]:
        return "customer" if who in customer else "agent"

    for cell in cells:
        entries = list(_ENTRY.finditer(cell))
        ends = [*(entry.start() for entry in entries), len(cell)][1:]
        for entry, end in zip(entries, ends, strict=True):
            if "work notes" not in entry["kind"].casefold():
                text = cell[entry.end() : end].strip()
                at = parse_date(entry["at"], order=order, zone=zone)
                yield Message(author=author(entry["who"]), text=text, at=at)
        if entries:
            continue
        found = _CELL.fullmatch(cell)
        at = parse_date(found["at"], order=order, zone=zone) if found else None
        if found is None or at is None:
            yield Message(author="agent", text=cell)
        else:
            yield Message(author=author(found["who"]), text=found["text"], at=at)


def is_nothing(cell: str, field: str | None) -> bool:
    """Tell whether a cell of this field of a ticket's has no value, as far as its words say."""
    text = cell.strip()
    return not text or bool(_CHOSEN.fullmatch(text) or (field in _SHORT and _WORDS.fullmatch(text)))


def whole_number(cell: str) -> str:
    """Return an id without what programs for numbers put into it: ``1,019`` and ``1019.0`` are 1019."""
    found = _AMOUNT.fullmatch(cell.strip())
    return (found[1] or found[0].replace(",", "")) if found else cell
