"""Neighbours as answers show them."""

from indexer.ticket import Ticket
from service.ranking import Ranked
from service.results import Neighbour

__all__ = ["neighbour_of"]

_REVISION = 16  # hex digits of the record's hash


def neighbour_of(ticket: Ticket, place: Ranked, floor: float) -> Neighbour:
    """Return the ticket as a neighbour at its place.

    :param floor: the relevance from which on a draft may rest on it.
    """
    return Neighbour(
        id=ticket.id,
        revision=ticket.record_hash[:_REVISION],
        text=ticket.text,
        priority=ticket.priority,
        resolution=ticket.resolution,
        similarity=place.similarity,
        relevance=place.relevance,
        score=place.score,
        why=place.why(floor),
        above_floor=place.relevance >= floor,
        subject=ticket.subject,
        url=ticket.url,
        status=ticket.status,
        outcome=ticket.outcome,
        source=ticket.source,
        tags=ticket.tags,
        fields=ticket.fields,
        created_at=ticket.created_at,
        resolved_at=ticket.resolved_at,
    )
