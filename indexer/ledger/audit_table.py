"""The audit log: who changed which tickets, and when. It holds ids, never texts."""

import hashlib
import hmac
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from indexer.actor import ACTOR
from indexer.ledger.database import Part, pages
from indexer.ledger.tables import audit, state

__all__ = ["WHOLE", "Audit", "AuditLine", "hide", "note", "secret_of"]

WHOLE = ("",)
"""Given to `note` in the place of ids for what is done to the ledger as a whole."""


@dataclass(frozen=True, slots=True)
class AuditLine:
    """What ``who`` did with a ticket at a time, in seconds since the epoch.

    Of an erased ticket ``ticket_id`` is only a mark, which whoever knows the id can compare: see `Audit.mark`. It is
    empty for what was done to the ledger as a whole.
    """

    at: float
    who: str
    action: str
    ticket_id: str


class Audit(Part):
    """The lines of the ledger, each written in the transaction of what it is about."""

    def lines(self, since: float = 0.0) -> Iterator[AuditLine]:
        """Yield the lines from a time on, oldest first; a reading transaction is open until the end."""
        query = sa.select(audit).where(audit.c.at >= since).order_by(audit.c.number)
        return (AuditLine(row.at, row.who, row.action, row.ticket_id) for row in self._streamed(query))

    def clear(self, before: float) -> int:
        """Remove the lines from before a time, and return how many those were; a line of that stays."""
        with self._db.write() as connection:
            gone = int(connection.execute(audit.delete().where(audit.c.at < before)).rowcount)
            if gone:
                note(connection, f"cleared {gone} lines of this log", WHOLE)
        return gone

    def mark(self, ticket_id: str) -> str:
        """Return what stands in the place of the id once the ticket is erased."""
        with self._db.read() as connection:
            return _mark(secret_of(connection), ticket_id)


def note(connection: sa.Connection, action: str, ids: Iterable[str]) -> None:
    """Write a line for each ticket, if anybody is known to act."""
    who = ACTOR.get()
    rows = [{"at": time.time(), "who": who, "action": action, "ticket_id": ticket_id} for ticket_id in ids]
    if who is not None and rows:
        connection.execute(audit.insert(), rows)


def hide(connection: sa.Connection, ids: Iterable[str]) -> list[str]:
    """Replace ids of erased tickets by their marks in every line, and return the marks."""
    secret, marks = secret_of(connection), []
    for page in pages(ids):
        renamed = [{"old": ticket_id, "new": _mark(secret, ticket_id)} for ticket_id in page]
        marks += [row["new"] for row in renamed]
        statement = audit.update().where(audit.c.ticket_id == sa.bindparam("old"))
        connection.execute(statement.values(ticket_id=sa.bindparam("new")), renamed)
    return marks


def secret_of(connection: sa.Connection) -> str:
    """Return what only services on this ledger know."""
    return str(connection.execute(sa.select(state.c.secret)).scalar_one())


def _mark(secret: str, ticket_id: str) -> str:
    digest = hmac.new(secret.encode(), f"ticket {ticket_id}".encode(), hashlib.sha256)
    return f"erased:{digest.hexdigest()[:24]}"
