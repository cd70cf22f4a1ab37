"""Comments that stand apart from their tickets, until these come."""

import sqlite3
from collections.abc import Iterator
from typing import Any

import msgspec

from indexer.sources.record import SourceRecord

__all__ = ["Comments"]


class Comments:
    """Comments by ticket. They are kept in a temporary file, so that memory does not grow with them."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._db.execute(
            "CREATE TABLE comments (ticket TEXT, id TEXT, place TEXT, comment BLOB, PRIMARY KEY (ticket, id)) WITHOUT ROWID"
        )
        self._db.execute("CREATE TABLE tickets (id TEXT PRIMARY KEY) WITHOUT ROWID")
        self._db.execute("BEGIN")

    def keep(self, ticket: str, comment_id: str, place: str, comment: dict[str, Any]) -> None:
        """Keep a comment; one of the same id is replaced."""
        row = (ticket, comment_id, place, msgspec.json.encode(comment))
        self._db.execute("INSERT OR REPLACE INTO comments VALUES (?, ?, ?, ?)", row)

    def of(self, ticket: str) -> list[tuple[str, dict[str, Any]]]:
        """Return the comments of a ticket, each with its id, and note that the ticket came."""
        self._db.execute("INSERT OR IGNORE INTO tickets VALUES (?)", (ticket,))
        rows = self._db.execute("SELECT id, comment FROM comments WHERE ticket = ?", (ticket,))
        return [(comment_id, msgspec.json.decode(comment)) for comment_id, comment in rows]

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
