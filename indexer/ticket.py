"""The ticket: its fields, its validation, the text that is embedded, and its hashes."""

import hashlib
import math
import re
from datetime import UTC, datetime
from functools import cached_property
from typing import Annotated, Any, Literal

import msgspec

from indexer.recipe import RECIPE, embedding_text

__all__ = [
    "MAX_FIELDS",
    "MAX_ID_LENGTH",
    "MAX_TEXT_LENGTH",
    "RECIPE",
    "SHORT_TEXT",
    "Message",
    "Ticket",
    "TicketError",
    "embedding_text",
    "field_name",
    "kind_of",
    "moments",
    "parse_ticket",
    "short_text",
    "text_hash",
]

MAX_ID_LENGTH = 200
MAX_TEXT_LENGTH = 1_000_000
"""Characters of a text or a resolution: a ticket with a long log is taken whole."""

MAX_FIELDS = 100
"""Further fields of a ticket, and values of one field."""

SHORT_TEXT = 500
"""Characters of a text where tickets are listed."""

_MAX_MESSAGES = 1_000
_MAX_THREAD_LENGTH = 2 * MAX_TEXT_LENGTH

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_UNADDRESSABLE = re.compile(r"batch|[./]+")  # POST /v1/tickets/batch, and what clients take for folders
_BLANK = frozenset(
    "\u034f\u115f\u1160\u2800\u3164\uffa0"
)  # letters and marks by their category, but nothing to see
_NAME = re.compile(r"[^a-z0-9]+")
_SEPARATORS = re.compile(r"[^\w]+|_+")
_MAX_URL = 2_000

_ALIASES: dict[str, tuple[str, ...]] = {
    "id": ("id", "ticket_id", "ticketid", "key", "issue_key", "case_number", "number", "external_id"),
    "text": ("text", "ticket_text", "ticket"),
    "subject": ("subject", "title", "summary", "short_description"),
    "body": ("body", "description", "content", "message", "comment"),
    "priority": ("priority", "urgency", "severity"),
    "resolution": ("resolution", "resolution_text", "resolution_notes", "close_notes", "solution", "answer"),
    "created_at": ("created_at", "created", "createdat", "created_date", "opened_at", "creation_date"),
    "resolved_at": (
        "resolved_at",
        "resolved",
        "resolvedat",
        "resolved_date",
        "resolutiondate",
        "solved_at",
        "closed_at",
    ),
    "updated_at": ("updated_at", "updated", "updatedat", "updated_date", "sys_updated_on"),
    "tags": ("tags", "labels", "components"),
    "source": ("source",),
    "url": ("url", "link", "html_url", "web_url", "permalink"),
    "status": ("status", "state"),
    "outcome": ("outcome",),
    "thread": ("thread",),
    "fields": ("fields",),
    "resolution_from": ("resolution_from",),
}
_AUTHORS = ("customer", "agent", "system")


class TicketError(ValueError):
    """A record is not a ticket; the message names the field and what is wrong with it."""


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message of a ticket's conversation."""

    author: Literal["customer", "agent", "system"]
    text: str
    at: datetime | None = None


class Ticket(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, dict=True):
    """A support ticket as stored. Times are in UTC; ``text`` is never empty. Its hashes are worked out once.

    Fields may be added behind the last one only: records that lack them keep their hash.
    """

    id: Annotated[str, msgspec.Meta(description="the team's own id of the ticket", examples=["5"])]
    text: Annotated[str, msgspec.Meta(description="what the customer wrote: subject and body")]
    priority: str | None = None
    resolution: str | None = None
    created_at: datetime | None = None
    resolved_at: datetime | None = None
    updated_at: datetime | None = None
    tags: tuple[str, ...] = ()
    source: str | None = None
    subject: Annotated[
        str | None, msgspec.Meta(description="the first line of `text`, where it was given apart")
    ] = None
    url: Annotated[str | None, msgspec.Meta(description="where the team's own tool shows the ticket")] = None
    status: str | None = None
    outcome: Annotated[str | None, msgspec.Meta(description="how it ended, such as Fixed or Won't fix")] = (
        None
    )
    thread: tuple[Message, ...] = ()
    fields: Annotated[
        dict[str, str | tuple[str, ...]],
        msgspec.Meta(description="further fields of the team's own, such as product or component"),
    ] = {}
    resolution_from: Annotated[
        str | None, msgspec.Meta(description="where the resolution came from, if not from a field of its own")
    ] = None

    @property
    def body(self) -> str:
        """The text without the subject."""
        return self.text if self.subject is None else self.text.removeprefix(self.subject).lstrip("\n")

    @cached_property
    def embedded(self) -> str:
        """The text that is embedded."""
        return embedding_text(self.text)

    @cached_property
    def text_hash(self) -> str:
        """The hash of the text that is embedded."""
        return _digest(self.embedded.encode())

    @cached_property
    def record_hash(self) -> str:
        """The SHA-256, in hex, of the whole record: equal hashes need no update."""
        return _digest(msgspec.json.encode(self))


def parse_ticket(record: Any, *, source: str | None = None) -> Ticket:
    """Make a ticket of a record as exports have them: any known alias of a field name, in any case.

    :param record: a mapping of field names to JSON values (or CSV strings).
    :param source: the name of the source; it goes before what the record says.
    :raises TicketError: the record is not a mapping, or a field is missing or unusable.
    """
    if not isinstance(record, dict):
        msg = f"a ticket is an object with named fields, this is {kind_of(record)}"
        raise TicketError(msg)
    names = {_NAME.sub("_", str(name).strip().casefold()).strip("_"): name for name in record}
    fields = {
        field: next(
            (record[names[a]] for a in aliases if a in names and record[names[a]] not in (None, "")), None
        )
        for field, aliases in _ALIASES.items()
    }
    whole, subject, body = (_text(fields[name], name) for name in ("text", "subject", "body"))
    if whole is not None and (subject is None or not whole.startswith(subject)):
        subject = None  # what is stored already has both: `text` begins with the subject
    text = whole or "\n\n".join(part for part in (subject, body) if part)
    if not text:
        msg = "text is missing: give text, or subject and body"
        raise TicketError(msg)
    _check_length(text, "text")
    resolution = _text(fields["resolution"], "resolution")
    if resolution is not None:
        _check_length(resolution, "resolution")
    return Ticket(
        id=_id(fields["id"]),
        text=text,
        priority=_label(fields["priority"], "priority"),
        resolution=resolution,
        created_at=_time(fields["created_at"], "created_at"),
        resolved_at=_time(fields["resolved_at"], "resolved_at"),
        updated_at=_time(fields["updated_at"], "updated_at"),
        tags=_tags(fields["tags"]),
        source=source or _label(fields["source"], "source"),
        subject=subject,
        url=_url(fields["url"]),
        status=_short(fields["status"], "status"),
        outcome=_short(fields["outcome"], "outcome"),
        thread=_thread(fields["thread"]),
        fields=_fields(fields["fields"]),
        resolution_from=_short(fields["resolution_from"], "resolution_from") if resolution else None,
    )


def text_hash(text: str) -> str:
    """Return the SHA-256, in hex, of the text that is embedded: equal hashes share one vector."""
    return _digest(embedding_text(text).encode())


def short_text(text: str) -> str:
    """Return the beginning of a text, and a sign where that is not all of it."""
    return text if len(text) <= SHORT_TEXT else text[: SHORT_TEXT - 1].rstrip() + "…"


def moments(ticket: Ticket) -> tuple[float, float]:
    """Return when the ticket was created and when it was resolved, in seconds since the epoch.

    Where one is unknown the other stands for it; NaN when both are.
    """
    created, resolved = ticket.created_at or ticket.resolved_at, ticket.resolved_at or ticket.created_at
    if created is None or resolved is None:
        return math.nan, math.nan
    return created.timestamp(), resolved.timestamp()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _id(value: Any) -> str:
    if value is None or isinstance(value, bool) or not isinstance(value, str | int):
        found = "nothing" if value is None else kind_of(value)
        msg = f"id is missing: a string or a whole number is needed, found {found}"
        raise TicketError(msg)
    ticket_id = str(value).strip()
    if _UNADDRESSABLE.fullmatch(ticket_id):
        msg = f"id {ticket_id!r} cannot be part of a web address: give another"
        raise TicketError(msg)
    if not ticket_id:
        msg = "id is missing: it is blank"
        raise TicketError(msg)
    if len(ticket_id) > MAX_ID_LENGTH:
        msg = f"id has {len(ticket_id):,} characters, at most {MAX_ID_LENGTH} are possible"
        raise TicketError(msg)
    if not ticket_id.isprintable():
        msg = f"id {ticket_id!r} has a character that cannot be printed"
        raise TicketError(msg)
    return ticket_id


def _text(value: Any, field: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        msg = f"{field} must be a string, found {kind_of(value)}"
        raise TicketError(msg)
    try:
        value.encode()
    except UnicodeEncodeError:
        msg = f"{field} is not valid Unicode: the file's encoding is not UTF-8, or it was cut in a character"
        raise TicketError(msg) from None
    # Control characters carry no meaning in a ticket, and PostgreSQL cannot store NUL.
    text = _CONTROL.sub("", value.replace("\r\n", "\n").replace("\r", "\n")).strip()
    return text if any(map(_shows, text)) else None


def _shows(character: str) -> bool:
    return character.isprintable() and not character.isspace() and character not in _BLANK


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
        value = re.split(r"[,;|]", value)
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
    if not isinstance(value, list | tuple) or not all(isinstance(item, dict) for item in value):
        msg = f"thread must be a list of messages, found {kind_of(value)}"
        raise TicketError(msg)
    messages = []
    size = 0
    for item in value[:_MAX_MESSAGES]:
        text = _text(item.get("text"), "thread")
        if text is None:
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


def _fields(value: Any) -> dict[str, str | tuple[str, ...]]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        msg = f"fields must be an object of names and values, found {kind_of(value)}"
        raise TicketError(msg)
    found: dict[str, str | tuple[str, ...]] = {}
    for name, given in value.items():
        key = field_name(name)
        values = tuple(dict.fromkeys(text for item in _items(given) if (text := _field_text(item))))
        if key and values:
            found[key] = values[0] if len(values) == 1 else values[:MAX_FIELDS]
    if len(found) > MAX_FIELDS:
        msg = f"fields has {len(found)} names, at most {MAX_FIELDS} are possible"
        raise TicketError(msg)
    return dict(sorted(found.items()))


def field_name(name: Any) -> str:
    """Return the name of a field as it is stored: lower case, with underscores."""
    return _SEPARATORS.sub("_", str(name).strip().casefold()).strip("_")[:MAX_ID_LENGTH]


def _items(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


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


def kind_of(value: Any) -> str:
    """Name the JSON type of a value that is not the one expected."""
    kinds = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return kinds.get(type(value), "a number")
