"""Zendesk's comments where they stand apart from their tickets, as its developer documentation has them.

Two shapes are read: ``{"comments": [{"id", "ticket_id", "author_id", "public", "body", "created_at", …}]}``, which is the
Ticket Comments API with each ticket's id put beside its comments, and
``{"ticket_events": [{"ticket_id", "child_events": [{"event_type": "Comment", …}], …}]}``, which is the incremental ticket
event export with ``include=comment_events``.
"""

from collections.abc import Iterator
from io import BufferedIOBase
from typing import Any

from indexer.sources.comments import Comments
from indexer.sources.json_document import read_json
from indexer.sources.record import SourceRecord, json_text

__all__ = ["COMMENT_ARRAYS", "joined", "keep_comment", "read_comments"]

COMMENT_ARRAYS = ("comments", "ticket_events")
"""Names of the arrays that hold comments of several tickets."""


def read_comments(comments: Comments, stream: BufferedIOBase) -> Iterator[SourceRecord]:
    """Keep the comments of a stream; yield those that name no ticket, and what is no comment, as errors."""
    for found in read_json(stream, COMMENT_ARRAYS):
        error = found if found.value is None else keep_comment(comments, found.place, found.value)
        if error is not None:
            yield error


def keep_comment(comments: Comments, place: str, value: dict[str, Any]) -> SourceRecord | None:
    """Keep a comment, or those of an event; return an error where it names no ticket."""
    ticket = value.get("ticket_id")
    if not isinstance(ticket, int | str):
        return SourceRecord(place=place, error="the comment names no ticket_id", raw=json_text(value))
    for number, comment in enumerate(_comments(value)):
        comments.keep(str(ticket), str(comment.get("id", f"{place}.{number}")), place, comment)
    return None


def joined(comments: Comments, ticket: dict[str, Any]) -> dict[str, Any]:
    """Return a ticket with its comments, those that are embedded in it and those kept apart."""
    found, given = comments.of(str(ticket.get("id"))), ticket.get("comments") or []
    if not isinstance(given, list):
        return ticket
    own = {str(one.get("id")) for one in given if isinstance(one, dict)}
    apart = [comment for comment_id, comment in found if comment_id not in own]
    return ticket | {"comments": [*given, *apart]} if apart else ticket


def _comments(value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the comments of an event, or the comment that it is itself."""
    children = value.get("child_events")
    if not isinstance(children, list):
        yield value
        return
    event = {"author_id": value.get("updater_id"), "created_at": value.get("created_at")}
    for child in children:
        if isinstance(child, dict) and child.get("event_type") == "Comment":
            yield event | child
