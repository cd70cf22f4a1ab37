"""Which neighbours a draft may rest on, and how much of their text it is given."""

import re
from collections.abc import Sequence

import msgspec

from indexer.ticket import shorten
from service.results import Neighbour

__all__ = [
    "RESOLUTION_CHARACTERS",
    "TEXT_CHARACTERS",
    "TICKET_CHARACTERS",
    "select_precedents",
    "why_none",
]

TICKET_CHARACTERS = 4_000
"""Of the new ticket."""

TEXT_CHARACTERS = 600
"""Of a precedent's text."""

RESOLUTION_CHARACTERS = 1_500
"""Of a precedent's resolution: a reply is made of it, so more is given than of the text."""

_MAX_PRECEDENTS = 5  # more would cost tokens and dilute the best ones
_NO_ID = re.compile(r"[\[\]<>`\\\x00-\x1f]")


def select_precedents(neighbours: Sequence[Neighbour]) -> tuple[Neighbour, ...]:
    """Return the neighbours that support a draft, in their order, their texts cut.

    Such a neighbour is above the floor, is not flagged, has a resolution, and an id that can be cited: one with brackets or
    the like would be mark-up in the reply.
    """
    supporting = [
        n
        for n in neighbours
        if n.above_floor
        and not n.flagged
        and n.resolution
        and n.resolution.strip()
        and not _NO_ID.search(n.id)
    ]
    return tuple(
        msgspec.structs.replace(
            n,
            text=shorten(n.text, TEXT_CHARACTERS),
            resolution=shorten(n.resolution or "", RESOLUTION_CHARACTERS),
        )
        for n in supporting[:_MAX_PRECEDENTS]
    )


def why_none(neighbours: Sequence[Neighbour]) -> str:
    """Say why none of the neighbours supports a draft."""
    if not neighbours:
        return "no resolved ticket is stored to rest a draft on"
    if not any(n.above_floor for n in neighbours):
        best = max(n.relevance for n in neighbours)
        return f"no precedent is near enough: best relevance {best:.2f}"
    if any(n.above_floor and n.resolution and n.flagged for n in neighbours):
        return "every ticket that is near enough is flagged: see `flagged`"
    if any(n.above_floor and n.resolution for n in neighbours):
        return "no ticket that is near enough has an id that can be cited: one has brackets or other mark-up in it"
    return "no ticket that is near enough has a resolution"
