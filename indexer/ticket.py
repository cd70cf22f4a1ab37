"""The ticket as it is stored, the text that is embedded of it, and its hashes."""

import hashlib
import math
import re
from datetime import datetime
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
    "is_open_status",
    "is_unicode",
    "kind_of",
    "moments",
    "shorten",
    "split_list",
    "text_hash",
]

MAX_ID_LENGTH = 200
MAX_TEXT_LENGTH = 1_000_000
"""Characters of a text or a resolution: a ticket with a long log is taken whole."""

_LONGEST_SUBJECT = 200  # characters of a first line that is taken for a subject
_CUT = " … (cut)"
_WORD_CHARACTERS = 80  # how far back a cut looks for white space, so that no word or address is halved
_SEPARATORS = re.compile(r"[^\w]+|_+")

_STATUS_WORD = re.compile(r"[^\W_]+")
_OPEN = frozenset(
    _STATUS_WORD.findall(
        "new open opened reopened re pending hold on in to todo backlog assigned active waiting wait awaiting escalated"
        " triage snoozed unresolved stalled working selected needs unassigned answered neu offen wartend wartet warten"
        " zugewiesen ouvert ouverte nouveau en abierto abierta nuevo pendiente"
    )
)
_RESOLVED = frozenset(
    _STATUS_WORD.findall(
        "solved resolved closed done complete completed fixed rejected merged cancelled canceled won geschlossen erledigt"
        " gelöst abgeschlossen behoben fertig fermé résolu clos cerrado resuelto"
    )
)
"""First words of the statuses that helpdesks have by default: Open, On hold, Waiting for customer; Closed, Closed Complete."""

MAX_FIELDS = 100
"""Further fields of a ticket, and values of one field."""

SHORT_TEXT = 500
"""Characters of a text where tickets are listed."""


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
    set_apart: Annotated[
        str | None, msgspec.Meta(description="quoted mails and the signature, which stood around the text")
    ] = None
    resolution_from: Annotated[
        str | None, msgspec.Meta(description="where the resolution came from, if not from a field of its own")
    ] = None
    unresolved: Annotated[
        bool | None,
        msgspec.Meta(description="whether the export says that it is open, whatever its status is called"),
    ] = None

    @property
    def is_open(self) -> bool:
        """Whether it is not resolved yet, as its status or the export says: it is known, and never a precedent."""
        if self.unresolved is not None:
            return self.unresolved
        return self.status is not None and is_open_status(self.status)

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
    def embedded_subject(self) -> str | None:
        """The text that is embedded of its subject, which may be a short first line; ``None`` where that is all there is."""
        first, _, rest = self.text.strip().partition("\n")
        subject = first if self.subject is None and rest and len(first) <= _LONGEST_SUBJECT else self.subject
        embedded = embedding_text(subject) if subject else ""
        return embedded if embedded and embedded != self.embedded else None

    @cached_property
    def subject_hash(self) -> str | None:
        """The hash of the embedded subject."""
        return None if self.embedded_subject is None else _digest(self.embedded_subject.encode())

    @property
    def embeddings(self) -> dict[str, str]:
        """All texts that are embedded of it, by their hashes."""
        found = {self.text_hash: self.embedded}
        if self.embedded_subject is not None and self.subject_hash is not None:
            found[self.subject_hash] = self.embedded_subject
        return found

    @cached_property
    def record_hash(self) -> str:
        """The SHA-256, in hex, of the whole record: equal hashes need no update."""
        return _digest(msgspec.json.encode(self))


def text_hash(text: str) -> str:
    """Return the SHA-256, in hex, of the text that is embedded: equal hashes share one vector."""
    return _digest(embedding_text(text).encode())


def is_open_status(status: str, *, unknown: bool = False) -> bool:
    """Tell whether a ticket with this status is not resolved yet.

    :param unknown: the answer where it is not one that helpdesks have by default.
    """
    found = _STATUS_WORD.search(status.casefold())
    word = found[0] if found else ""
    return word in _OPEN or (unknown and word not in _RESOLVED)


def shorten(text: str, characters: int) -> str:
    """Return the text when it has at most that many characters, else its beginning with the cut marked."""
    text = text.strip()
    if len(text) <= characters:
        return text
    kept = text[: characters - len(_CUT)]
    if not text[len(kept)].isspace():
        kept = re.sub(rf"\s\S{{0,{_WORD_CHARACTERS}}}\Z", "", kept)
    return kept.rstrip() + _CUT


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


def field_name(name: Any) -> str:
    """Return the name of a field as it is stored: lower case, with underscores."""
    return _SEPARATORS.sub("_", str(name).strip().casefold()).strip("_")[:MAX_ID_LENGTH]


def split_list(cell: str) -> list[str]:
    """Return the tags or components that one cell of a table holds, apart by commas, semicolons or bars."""
    return [part.strip() for part in re.split(r"[,;|]", cell) if part.strip()]


def is_unicode(text: str) -> bool:
    """Tell whether a text can be encoded; one from bytes that were no text cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def kind_of(value: Any) -> str:
    """Name the JSON type of a value that is not the one expected."""
    kinds = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return kinds.get(type(value), "a number")
