"""The map as it is kept and sent: columns of equal length, so that thousands of points are small."""

from datetime import datetime
from typing import Annotated

import msgspec

from service.doc import doc

__all__ = ["Cluster", "MapField", "TicketMap"]


class Cluster(msgspec.Struct, frozen=True, kw_only=True):
    """Points that lie together."""

    words: Annotated[tuple[str, ...], doc("that tell its tickets from the others, the most telling first")]
    points: int
    unresolved: Annotated[int, doc("of these, tickets without a resolution")]
    x: int
    y: int


class MapField(msgspec.Struct, frozen=True, kw_only=True):
    """A field of the points' tickets; of several values of one ticket the first."""

    values: Annotated[tuple[str, ...], doc("the most frequent first")]
    of: Annotated[tuple[int, ...], doc("the place in `values` of each point's, -1 for none or another")]


class TicketMap(msgspec.Struct, frozen=True, kw_only=True):
    """A sample of the stored tickets as points on a plane; texts that are alike lie near one another."""

    generation: str
    made_at: datetime
    tickets: Annotated[int, doc("that were stored when it was made")]
    ids: Annotated[tuple[str, ...], doc("of the points; the columns below are in this order")]
    x: Annotated[tuple[int, ...], doc("from 0 to 1,000")]
    y: Annotated[tuple[int, ...], doc("from 0 to 1,000, downwards")]
    label: Annotated[tuple[int, ...], doc("place in `labels`, -1 for none")]
    labels: tuple[str, ...]
    resolved: Annotated[tuple[int, ...], doc("1 for a ticket with a resolution, else 0")]
    cluster: Annotated[tuple[int, ...], doc("place in `clusters`")]
    clusters: Annotated[tuple[Cluster, ...], doc("the largest first")]
    fields: dict[str, MapField]
