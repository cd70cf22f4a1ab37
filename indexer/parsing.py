"""Making a ticket of a record: cleaned texts, and what resolved it."""

import re
from datetime import UTC, datetime
from typing import Any

import msgspec

from indexer.cleaning import clean, plain_text
from indexer.field_names import values_of
from indexer.resolution import is_outcome, origin_of_message, resolution_of
from indexer.ticket import (
    MAX_FIELDS,
    MAX_ID_LENGTH,
    MAX_TEXT_LENGTH,
    Message,
    Ticket,
    TicketError,
    field_name,
    is_unicode,
    kind_of,
    split_list,
)

__all__ = ["parse_ticket"]

_MAX_MESSAGES = 1_000
_MAX_THREAD_LENGTH = 2 * MAX_TEXT_LENGTH
_MAX_URL = 2_000

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_UNADDRESSABLE = re.compile(r"batch|[./]+")  # POST /v1/tickets/batch, and what clients take for folders
_ROUNDED = re.compile(r"\d[.,]\d+E\+\d+", re.IGNORECASE)
# Letters and marks by their category, but nothing to see.
_BLANK = frozenset("\u034f\u115f\u1160\u2800\u3164\uffa0")

_AUTHORS = ("customer", "agent", "system")
_FLAGS = {"true": True, "false": False}


def parse_ticket(record: Any, *, source: str | None = None) -> Ticket:
    """Make a ticket of a record as exports have them: any known alias of a field name, in any case.

    :param record: a mapping of field names to JSON values (or CSV strings).
    :param source: the name of the source; it goes before what the record says.
    :raises TicketError: the record is not a mapping, or a field is missing or unusable.
    """
    if not isinstance(record, dict):
        msg = f"a ticket is an object with named fields, this is {kind_of(record)}"
        raise TicketError(msg)
    fields = values_of(record)
    whole, subject, body = (_text(fields[name], name) for name in ("text", "subject", "body"))
    cleaned = clean(whole or body or "")
    text = "\n\n".join(filter(None, (subject if whole is None else None, cleaned.text)))
    if whole is not None and not (subject and text.startswith(subject)):
        subject = None  # beside a whole text a subject is its beginning, as in what is stored
    if not text:
        msg = "text is missing: give text, or subject and body"
        raise TicketError(msg)
    _check_length(text, "text")
    apart = _text(fields["set_apart"], "set_apart"), cleaned.quoted, cleaned.signature
    thread = _thread(fields["thread"])
    outcome = _short(fields["outcome"], "outcome")
    resolved_at = _time(fields["resolved_at"], "resolved_at")
    resolution, origin = _text(fields["resolution"], "resolution"), _short(fields["resolution_from"], "")
    if resolution is not None and is_outcome(resolution):
        resolution, outcome = None, outcome or resolution
    if resolution is not None:
        resolution = clean(resolution).text
        _check_length(resolution, "resolution")
    elif thread:
        drawn = resolution_of(thread, solved_at=resolved_at, outcome=outcome)
        if drawn is not None:
            resolution, origin = drawn[0], origin_of_message(drawn[1] + 1)
    return Ticket(
        id=_id(fields["id"]),
        text=text,
        priority=_label(fields["priority"], "priority"),
        resolution=resolution,
        created_at=_time(fields["created_at"], "created_at"),
        resolved_at=resolved_at,
        updated_at=_time(fields["updated_at"], "updated_at"),
        tags=_tags(fields["tags"]),
        source=source or _label(fields["source"], "source"),
        subject=subject,
        url=_url(fields["url"]),
        status=_short(fields["status"], "status"),
        outcome=outcome,
        thread=thread,
        fields=_fields(fields["fields"], record.get("components")),
        set_apart="\n\n".join(filter(None, apart)) or None,
        resolution_from=origin if resolution else None,
        unresolved=_FLAGS.get(str(fields["unresolved"]).casefold()),
    )


def _id(value: Any) -> str:
    if value is None or isinstance(value, bool) or not isinstance(value, str | int):
        found = "nothing" if value is None else kind_of(value)
        msg = f"id is missing: a string or a whole number is needed, found {found}"
        raise TicketError(msg)
    ticket_id = str(value).strip()
    msg = ""
    if _UNADDRESSABLE.fullmatch(ticket_id):
        msg = f"id {ticket_id!r} cannot be part of a web address: give another"
    elif _ROUNDED.fullmatch(ticket_id):
        msg = f"id {ticket_id!r} was rounded by a spreadsheet, so that several tickets may have it: export ids as text"
    elif not ticket_id:
        msg = "id is missing: it is blank"
    elif len(ticket_id) > MAX_ID_LENGTH:
        msg = f"id has {len(ticket_id):,} characters, at most {MAX_ID_LENGTH} are possible"
    elif not ticket_id.isprintable():
        msg = f"id {ticket_id!r} has a character that cannot be printed"
    if msg:
        raise TicketError(msg)
    return ticket_id


def _text(value: Any, field: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        msg = f"{field} must be a string, found {kind_of(value)}"
        raise TicketError(msg)
    if not is_unicode(value):
        msg = f"{field} is not valid Unicode: the file's encoding is not UTF-8, or it was cut in a character"
        raise TicketError(msg)
    # Control characters carry no meaning in a ticket, and PostgreSQL cannot store NUL.
    text = _CONTROL.sub("", value.replace("\r\n", "\n").replace("\r", "\n")).strip()
    shown = (c.isprintable() and not c.isspace() and c not in _BLANK for c in text)
    return text if any(shown) else None


def _check_length(text: str, field: str) -> None:
    if len(text) > MAX_TEXT_LENGTH:
        msg = f"{field} has {len(text):,} characters, at most {MAX_TEXT_LENGTH:,} are possible: cut attached logs"
        raise TicketError(msg)


def _label(value: Any, field: str) -> str | None:
    if isinstance(value, dict) and isinstance(value.get("name"), str):
        value = value["name"]  # Jira and others wrap a label as {"name": …}
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    label = _text(value, field)
    if label is not None and (len(label) > MAX_ID_LENGTH or not label.isprintable()):
        msg = f"{field} must be a short label on one line, found {len(label):,} characters"
        raise TicketError(msg)
    return label


def _tags(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        value = split_list(value)
    if not isinstance(value, list | tuple):
        msg = f"tags must be a list of strings or a comma-separated string, found {kind_of(value)}"
        raise TicketError(msg)
    return tuple(dict.fromkeys(tag for tag in (_label(item, "tags") for item in value) if tag))


def _short(value: Any, field: str) -> str | None:
    """Return a label; one that is none costs nobody the ticket, since nothing rests on it."""
    try:
        return _label(value, field)
    except TicketError:
        return None


def _url(value: Any) -> str | None:
    text = value.strip() if isinstance(value, str) else ""
    shown = text.startswith(("https://", "http://")) and text.isprintable() and len(text) <= _MAX_URL
    return text if shown and " " not in text else None


def _thread(value: Any) -> tuple[Message, ...]:
    if value is None:
        return ()
    value = _from_json(value, "thread")
    if not isinstance(value, list | tuple) or not all(isinstance(item, dict) for item in value):
        msg = f"thread must be a list of messages, found {kind_of(value)}"
        raise TicketError(msg)
    messages = []
    size = 0
    for item in value[:_MAX_MESSAGES]:
        text = _text(item.get("text"), "thread")
        text = plain_text(text).strip() if text else None
        if not text:
            continue
        size += len(text)
        if size > _MAX_THREAD_LENGTH:
            break
        author = item.get("author")
        if author not in _AUTHORS:
            msg = f"author of a message must be one of {', '.join(_AUTHORS)}, found {str(author)[:40]!r}"
            raise TicketError(msg)
        messages.append(Message(author=author, text=text, at=_time(item.get("at"), "at of a message")))
    return tuple(messages)


def _fields(value: Any, components: Any) -> dict[str, str | tuple[str, ...]]:
    """Return further fields. What a tracker lists as components is tags for a search, and a field that can be predicted."""
    if value is None and components is None:
        return {}
    value = {} if value is None else _from_json(value, "fields")
    if not isinstance(value, dict):
        msg = f"fields must be an object of names and values, found {kind_of(value)}"
        raise TicketError(msg)
    found: dict[str, str | tuple[str, ...]] = {}
    if isinstance(components, str):
        components = split_list(components)
    for name, given in ({"component": components} | value).items():
        key = field_name(name)
        items = given if isinstance(given, list | tuple) else [given]
        values = tuple(dict.fromkeys(text for item in items if (text := _field_text(item))))
        if key and values:
            found[key] = values[0] if len(values) == 1 else values[:MAX_FIELDS]
    if len(found) > MAX_FIELDS:
        msg = f"fields has {len(found)} names, at most {MAX_FIELDS} are possible"
        raise TicketError(msg)
    return dict(sorted(found.items()))


def _from_json(value: Any, field: str) -> Any:
    """Return what a cell of a table says, which holds a list or an object as JSON; other values as they are."""
    if not isinstance(value, str):
        return value
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        msg = f"{field} is not JSON, as it has to be where it is given as a text"
        raise TicketError(msg) from None


def _field_text(value: Any) -> str | None:
    """Return one value of a field as text: on one line, shortened where it is long."""
    if isinstance(value, bool):
        value = "true" if value else "false"
    elif isinstance(value, int | float):
        value = str(value)
    text = _text(value if isinstance(value, str) else None, "fields")
    return " ".join(text.split())[:MAX_ID_LENGTH] if text else None


def _time(value: Any, field: str) -> datetime | None:
    if value is None:
        return None
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        moment = datetime.fromisoformat(value.strip())
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, AttributeError, OverflowError, OSError):
        shown = repr(value)[:60]
        msg = f"{field} is not a date: {shown}; use ISO 8601, such as 2026-03-31T14:05:00Z"
        raise TicketError(msg) from None
