"""What the ledger stores of a ticket: its own row, and the rows that follow from it."""

import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec
import sqlalchemy as sa

from indexer.ledger.database import pages
from indexer.ledger.tables import distillates, facets, facets_of, subjects, subjects_of, tickets
from indexer.ticket import Ticket, moments

__all__ = ["delete_derived", "insert_derived", "replace_derived", "ticket_row"]


def ticket_row(ticket: Ticket) -> dict[str, Any]:
    """Return the columns that a ticket is stored in, but for its revision.

    An open ticket has neither a label nor a resolution there, whatever its record says: it teaches and answers nothing.
    """
    created, known = moments(ticket)
    return {
        "id": ticket.id,
        "source": ticket.source,
        "priority": None if ticket.is_open else ticket.priority,
        "updated_at": ticket.updated_at.timestamp() if ticket.updated_at else None,
        "text_hash": ticket.text_hash,
        "record_hash": ticket.record_hash,
        "record": msgspec.json.encode(ticket).decode(),
        "resolved": ticket.resolution is not None and not ticket.is_open,
        "created_at": None if math.isnan(created) else created,
        "known_at": None if math.isnan(known) else known,
    }


def replace_derived(connection: sa.Connection, written: Mapping[str, Ticket]) -> None:
    """Write what follows from these tickets, by their ids, in the place of what is there."""
    delete_derived(connection, written)
    insert_derived(connection, written.values())


def insert_derived(connection: sa.Connection, written: Collection[Ticket]) -> None:
    """Write what follows from tickets of which nothing is there."""
    if rows := [row for ticket in written for row in facets_of(ticket)]:
        connection.execute(facets.insert(), rows)
    if rows := subjects_of(written):
        connection.execute(subjects.insert(), rows)


def delete_derived(connection: sa.Connection, ids: Iterable[str]) -> None:
    """Remove what follows from these tickets, and what was distilled of those that are gone."""
    gone = distillates.c.ticket_id.not_in(sa.select(tickets.c.id))  # what they were made of is not replaced
    for page in pages(ids):
        connection.execute(distillates.delete().where(distillates.c.ticket_id.in_(page), gone))
        connection.execute(facets.delete().where(facets.c.ticket_id.in_(page)))
        connection.execute(subjects.delete().where(subjects.c.ticket_id.in_(page)))
