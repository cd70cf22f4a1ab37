"""What the readers of helpdesk exports share: times, names of people, and checks of a vendor's shapes."""

from datetime import UTC, datetime, timedelta
from typing import Any

from indexer.resolution import origin_of_message
from indexer.sources.record import ShapeError
from indexer.ticket import kind_of

__all__ = ["SAME_UPDATE", "drawn_from", "message", "moment", "object_in", "objects", "words"]

SAME_UPDATE = timedelta(minutes=1)
"""A reply and the change of status sent with it are one act, whose two times may differ by a moment."""


def moment(value: Any, field: str) -> datetime | None:
    """Return a time of the vendor's in UTC, ``None`` where there is none.

    :raises ShapeError: the value is no time in ISO 8601.
    """
    if value is None:
        return None
    try:
        at = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        msg = f"{field} is not a time in ISO 8601"
        raise ShapeError(msg) from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def objects(value: Any, field: str) -> list[dict[str, Any]]:
    """Return a list of objects, an empty one where there is none.

    :raises ShapeError: the value is something else.
    """
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        msg = f"{field} must be a list of objects, found {kind_of(value)}"
        raise ShapeError(msg)
    return value


def object_in(value: dict[str, Any], field: str) -> dict[str, Any]:
    """Return the object that a field holds, an empty one where it holds none."""
    found = value.get(field)
    return found if isinstance(found, dict) else {}


def message(author: str, at: Any, text: str) -> dict[str, Any]:
    """Return a message of a conversation as `indexer.parsing.parse_ticket` takes it."""
    return {"author": author, "at": at, "text": text}


def drawn_from(thread: list[dict[str, Any]], text: str) -> str | None:
    """Return, for `Ticket.resolution_from`, which message of a conversation has this text: the last one that has."""
    last = next((place for place in range(len(thread), 0, -1) if thread[place - 1]["text"] == text), None)
    return None if last is None else origin_of_message(last)


def words(value: Any) -> str:
    """Return a text without space around it, empty where there is none."""
    return value.strip() if isinstance(value, str) else ""
