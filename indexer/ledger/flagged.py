"""Tickets that no draft rests on, because a text of theirs seems to be meant for a language model."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import sqlalchemy as sa

from indexer.ledger.database import Part
from indexer.ledger.tables import FLAG, facets

__all__ = ["Flag", "Flagged"]


class Flag(NamedTuple):
    """A ticket, and why it is flagged."""

    ticket_id: str
    why: str


class Flagged(Part):
    """The flagged tickets, as of when each was stored."""

    def count(self, ids: Iterable[str] | None = None) -> int:
        """Return how many there are, in all or of these."""
        query = sa.select(sa.func.count()).select_from(facets).where(facets.c.name == FLAG)
        if ids is None:
            return self._count(query)
        return sum(count for (count,) in self._rows(query, facets.c.ticket_id, ids))

    def all(self) -> Iterator[Flag]:
        """Yield them in order of their ids; a reading transaction is open until the end."""
        query = sa.select(facets.c.ticket_id, facets.c.value).where(facets.c.name == FLAG)
        return (Flag(row.ticket_id, row.value) for row in self._streamed(query.order_by(facets.c.ticket_id)))
