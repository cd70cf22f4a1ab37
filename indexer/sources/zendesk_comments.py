"""Zendesk's comments where they stand apart from their tickets, as its developer documentation has them.

Two shapes are read: ``{"comments": [{"id", "ticket_id", "author_id", "public", "body", "created_at", …}]}``, which is the
Ticket Comments API with each ticket's id put beside its comments, and
``{"ticket_events": [{"ticket_id", "child_events": [{"event_type": "Comment", …}], …}]}``, which is the incremental ticket
event export with ``include=comment_events``.
"""

import sqlite3
from collections.abc import Generator, Iterator
from io import BufferedIOBase
from typing import Any

import msgspec

from indexer.sources.json_document import read_elements
from indexer.sources.record import Cursor, SourceRecord, json_text

__all__ = ["COMMENT_ARRAYS", "Comments"]

COMMENT_ARRAYS = ("comments", "ticket_events")
"""Names of the arrays that hold comments of several tickets."""


class Comments:
    """Comments by ticket. They are kept in a temporary file, so that memory does not grow with them."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._db.execute(
            "CREATE TABLE comments (ticket TEXT, id TEXT, place TEXT, comment BLOB, PRIMARY KEY (ticket, id)) WITHOUT ROWID"
        )
        self._db.execute("CREATE TABLE tickets (id TEXT PRIMARY KEY) WITHOUT ROWID")
        self._db.execute("BEGIN")

    def read(self, stream: BufferedIOBase) -> Generator[SourceRecord, None, Cursor | None]:
        """Keep the comments of a stream; yield those that name no ticket, and what is no comment, as errors."""
        for found in read_elements(stream, COMMENT_ARRAYS):
            if isinstance(found, SourceRecord):
                error = found if found.value is None else self.add(found.place, found.value)
                if error is not None:
                    yield error
        return None

    def add(self, place: str, value: dict[str, Any]) -> SourceRecord | None:
        """Keep a comment, or those of an event; return an error where it names no ticket."""
        ticket = value.get("ticket_id")
        if not isinstance(ticket, int | str):
            return SourceRecord(place=place, error="the comment names no ticket_id", raw=json_text(value))
        rows = [
            (str(ticket), str(comment.get("id", f"{place}.{number}")), place, msgspec.json.encode(comment))
            for number, comment in enumerate(_comments(value))
        ]
        self._db.executemany("INSERT OR REPLACE INTO comments VALUES (?, ?, ?, ?)", rows)
        return None

    def joined(self, ticket: dict[str, Any]) -> dict[str, Any]:
        """Return a ticket with its comments, those that are embedded in it and those kept here."""
        ticket_id, given = str(ticket.get("id")), ticket.get("comments") or []
        self._db.execute("INSERT OR IGNORE INTO tickets VALUES (?)", (ticket_id,))
        if not isinstance(given, list):
            return ticket
        own = {str(one.get("id")) for one in given if isinstance(one, dict)}
        rows = self._db.execute("SELECT id, comment FROM comments WHERE ticket = ?", (ticket_id,))
        apart = [msgspec.json.decode(comment) for comment_id, comment in rows if comment_id not in own]
        return ticket | {"comments": [*given, *apart]} if apart else ticket

    def without_ticket(self) -> Iterator[SourceRecord]:
        """Yield a record, which is left out, for each comment whose ticket did not come."""
        query = "SELECT place FROM comments WHERE ticket NOT IN (SELECT id FROM tickets) ORDER BY place, ticket, id"
        for (place,) in self._db.execute(query):
            yield SourceRecord(
                place=place, error="a comment whose ticket is in none of the files", raw="", left_out=True
            )

    def close(self) -> None:
        """Remove the temporary file."""
        self._db.close()


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
