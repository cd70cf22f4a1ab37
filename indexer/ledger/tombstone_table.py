"""Tombstones in the ledger: notes of deleted tickets, whose bytes may still be in files."""

import time
from collections.abc import Iterable

import sqlalchemy as sa

from indexer.ledger.audit_table import WHOLE, note
from indexer.ledger.database import Part
from indexer.ledger.tables import answer_tickets, feedback, tickets, tombstones

__all__ = ["Tombstones"]


class Tombstones(Part):
    """What is left of tickets that were deleted, by which `Tickets.erase` still reaches their bytes."""

    def deleted(self, ids: Iterable[str] | None = None) -> dict[str, str]:
        """Return the ids, all or of these, that were deleted and are not stored again, with the hash of each one's text."""
        gone = ~sa.select(tickets.c.id).where(tickets.c.id == tombstones.c.id).exists()
        query = sa.select(tombstones.c.id, tombstones.c.text_hash).where(gone).order_by(tombstones.c.id)
        rows = self._rows(query) if ids is None else self._rows(query, tombstones.c.id, ids)
        return {row.id: row.text_hash for row in rows}

    def note_rewritten(self, begun: float) -> None:
        """Note that every file was rewritten, after the moment ``begun``, without the tickets deleted before it."""
        before = tombstones.update().where(tombstones.c.deleted_at < begun)
        with self._db.write() as connection:
            connection.execute(before.values(rewritten_at=time.time()))

    def clear(self, before: float) -> int:
        """Remove the tombstones of before that moment that have served: nothing is left of their tickets, or these are back.

        One that feedback or an answer names stays, for `Tickets.erase` to reach it.
        """
        back = sa.select(tickets.c.id).where(tickets.c.id == tombstones.c.id).exists()
        named = sa.select(feedback.c.answer).where(feedback.c.ticket_id == tombstones.c.id).exists()
        answered = (
            sa.select(answer_tickets.c.answer).where(answer_tickets.c.ticket_id == tombstones.c.id).exists()
        )
        served = back | (tombstones.c.rewritten_at.is_not(None) & ~named & ~answered)
        with self._db.write() as connection:
            query = tombstones.delete().where(tombstones.c.deleted_at < before, served)
            gone = int(connection.execute(query).rowcount)
            if gone:
                note(connection, f"cleared {gone} notes of deletions", WHOLE)
        return gone
