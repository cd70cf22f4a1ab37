"""Neighbours as answers show them."""

from collections.abc import Sequence

from indexer.suspicion import suspicion
from indexer.ticket import Ticket
from service.ranking import Ranked
from service.results import Neighbour

__all__ = ["neighbour_of", "suspicions"]

_REVISION = 16  # hex digits of the record's hash
_OF_TICKET = tuple(name for name in Neighbour.__struct_fields__ if name in Ticket.__struct_fields__)


def suspicions(text: str, neighbours: Sequence[Neighbour]) -> tuple[str, ...]:
    """Return warnings of what is meant for a language model, in a new ticket and in those that its draft would rest on."""
    why = suspicion(text)
    own = [f"the ticket {why}: read its draft with care"] if why else []
    kept_out = [
        f"ticket {one.id} is kept out of the draft: {one.flagged}"
        for one in neighbours
        if one.flagged and one.above_floor and one.resolution
    ]
    return (*own, *kept_out)


def neighbour_of(ticket: Ticket, place: Ranked, floor: float, flag: str | None) -> Neighbour:
    """Return the ticket as a neighbour at its place.

    :param floor: the relevance from which on a draft may rest on it.
    :param flag: why none may, if so.
    """
    return Neighbour(
        revision=ticket.record_hash[:_REVISION],
        similarity=place.similarity,
        relevance=place.relevance,
        score=place.score,
        why=place.why(floor),
        above_floor=place.relevance >= floor,
        flagged=flag,
        **{name: getattr(ticket, name) for name in _OF_TICKET},
    )
