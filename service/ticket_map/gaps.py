"""Where questions fall that no stored ticket was near to: what should be written down next."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec
import numpy as np

from indexer.ledger import Answer, Ledger, Space
from service.doc import doc
from service.kept_answer import summary
from service.ticket_map.files import KeptMap

__all__ = ["LOOKED_AT", "Gap", "place_gaps"]

LOOKED_AT = 2_000
"""The newest kept answers that are looked through."""

_NEAREST = 3  # of an answer's neighbours, and of the points


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """A question that had no precedent, placed by the tickets that were nearest to it."""

    id: Annotated[str, doc("of the kept answer")]
    at: datetime
    text: Annotated[str | None, doc("as in the list of kept answers")]
    x: int
    y: int
    cluster: Annotated[int, doc("place in the map's `clusters`")]


def place_gaps(kept: KeptMap, answers: Sequence[Answer], ledger: Ledger, space: Space) -> tuple[Gap, ...]:
    """Return a place on the map for each answer, as far as a ticket that was near to it is still stored.

    :param answers: kept answers whose neighbours are all below the floor, nearest first.
    """
    near = {answer.id: [one["id"] for one in answer.body["neighbours"]][:_NEAREST] for answer in answers}
    tickets = ledger.tickets.get({ticket_id for ids in near.values() for ticket_id in ids})
    vectors = ledger.vectors.get(space, {ticket.text_hash for ticket in tickets.values()})
    found = []
    for answer in answers:
        of_near = [
            vectors[tickets[ticket_id].text_hash]
            for ticket_id in near[answer.id]
            if ticket_id in tickets and tickets[ticket_id].text_hash in vectors
        ]
        if not of_near:
            continue
        nearest = np.argsort(-(kept.vectors @ np.mean(of_near, axis=0)), kind="stable")[:_NEAREST]
        cluster = np.array(kept.map.cluster)
        # Between two clusters there may be a third one: its place is in that of the nearest point.
        within = nearest[cluster[nearest] == cluster[nearest[0]]]
        told = summary(answer)
        found.append(
            Gap(
                id=answer.id,
                at=told.at,
                text=told.text,
                x=round(float(np.array(kept.map.x)[within].mean())),
                y=round(float(np.array(kept.map.y)[within].mean())),
                cluster=int(cluster[nearest[0]]),
            )
        )
    return tuple(found)
