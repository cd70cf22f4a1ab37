"""Which stored tickets are like a vector, by what the ledger has of them."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from indexer.embedding import Matrix
from indexer.ledger.database import PAGE, Database, pages, space_number, tickets, vectors
from indexer.ledger.records import Hit, Space
from indexer.ticket import Ticket

__all__ = ["Nearest"]

_decode = msgspec.json.Decoder(Ticket).decode


class Nearest:
    """Tickets by their own vectors in the ledger: whoever names candidates decides neither texts nor distances."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def among(
        self,
        space: Space,
        vector: NDArray[np.float32],
        ids: Iterable[str],
        limit: int,
        *,
        resolved: bool = False,
    ) -> list[Hit]:
        """Return the nearest ``limit`` of these tickets, nearest first; ids that are not stored are passed over.

        :param resolved: only tickets with a resolution.
        """
        columns = sa.select(tickets.c.id, tickets.c.record, vectors.c.vector)
        with self._db.read() as connection:
            query = _with_vectors(columns, space_number(connection, space))
            if resolved:
                query = query.where(tickets.c.resolved)
            found = [
                (row, cosine)
                for page in pages(ids)
                for row, cosine in _measured(
                    connection.execute(query.where(tickets.c.id.in_(page))).all(), space, vector
                )
            ]
        found.sort(key=lambda one: (-one[1], one[0].id))
        return [Hit(_decode(row.record), cosine) for row, cosine in found[:limit]]

    def of_resolved(
        self, space: Space, vector: NDArray[np.float32], limit: int, *, most: int
    ) -> list[Hit] | None:
        """Return the nearest of all tickets with a resolution; ``None`` when they are more than ``most``.

        Each is compared: 20,000 of 384 dimensions take about 0.1 s.
        """
        few = sa.select(tickets.c.text_hash).where(tickets.c.resolved).limit(most + 1).subquery()
        best: list[tuple[Any, float]] = []
        with self._db.read() as connection:
            if connection.execute(sa.select(sa.func.count()).select_from(few)).scalar_one() > most:
                return None
            query = _with_vectors(
                sa.select(tickets.c.id, vectors.c.vector), space_number(connection, space)
            ).where(tickets.c.resolved)
            for page in connection.execution_options(yield_per=PAGE).execute(query).partitions():
                best = sorted(best + _measured(page, space, vector), key=lambda one: -one[1])[:limit]
        return self.among(space, vector, [row.id for row, _ in best], limit, resolved=True)


def _with_vectors(columns: sa.Select[Any], space: int | None) -> sa.Select[Any]:
    return columns.join_from(
        tickets, vectors, sa.and_(vectors.c.text_hash == tickets.c.text_hash, vectors.c.space == space)
    )


def _measured(rows: Sequence[Any], space: Space, vector: NDArray[np.float32]) -> list[tuple[Any, float]]:
    """Return rows and their cosines to the vector, without those whose own vector is damaged."""
    size = space.dimension * np.dtype("<f4").itemsize
    whole = [row for row in rows if len(row.vector) == size]
    if not whole:
        return []
    matrix: Matrix = np.frombuffer(b"".join(row.vector for row in whole), dtype="<f4").reshape(len(whole), -1)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        lengths = np.linalg.norm(matrix, axis=1) * np.linalg.norm(vector)
        cosines = np.clip(matrix @ vector / lengths, -1.0, 1.0)
    return [(row, cosine) for row, cosine in zip(whole, cosines.tolist(), strict=True) if np.isfinite(cosine)]
