"""Exact nearest-neighbour search among tickets in the ledger."""

import logging
from collections.abc import Iterable

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from indexer.embedding import Matrix
from indexer.ledger.database import Database, pages, space_number, tickets, vectors
from indexer.ledger.filters import Filter
from indexer.ledger.rows import Hit, Space
from indexer.ledger.soundness import decode, is_sound

__all__ = ["Nearest"]

_log = logging.getLogger(__name__)


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
        which: Filter | None = None,
    ) -> list[Hit]:
        """Return the nearest ``limit`` of these tickets, nearest first.

        Ids that are not stored are passed over, and so are tickets that are not what was acknowledged.

        :param resolved: only tickets with a resolution.
        :param which: only tickets that meet it.
        """
        # Never one join: SQLite, which knows nothing of a space's size, goes through all of its vectors for it.
        query = sa.select(tickets).where(*(which.conditions() if which else ()))
        with self._db.read() as connection:
            rows = [
                row
                for page in pages(ids)
                for row in connection.execute(query.where(tickets.c.id.in_(page)))
                if row.resolved or not resolved
            ]
            cosines = _cosines(connection, space, vector, [row.text_hash for row in rows])
        found = sorted(
            ((cosines[row.text_hash], row) for row in rows if row.text_hash in cosines),
            key=lambda one: (-one[0], one[1].id),
        )
        hits: list[Hit] = []
        for cosine, row in found:
            if len(hits) == limit:
                break
            if is_sound(tickets, row._asdict(), {}):
                hits.append(Hit(decode(row.record), cosine))
            else:
                _log.error(
                    "ticket %r is left out: its record in the ledger is damaged: run `precedent verify`",
                    row.id,
                )
        return hits

    def of_few(
        self,
        space: Space,
        vector: NDArray[np.float32],
        limit: int,
        *,
        most: int,
        resolved: bool = False,
        which: Filter | None = None,
    ) -> list[Hit] | None:
        """Return the nearest of all tickets that meet the conditions; ``None`` when they are more than ``most``.

        Each is compared: 5,000 of 384 dimensions take well under 0.1 s.
        """
        with self._db.read() as connection:
            conditions = [*(which.conditions() if which else ()), *([tickets.c.resolved] if resolved else ())]
            few = sa.select(tickets.c.text_hash, tickets.c.id).where(*conditions).limit(most + 1)
            if connection.execute(sa.select(sa.func.count()).select_from(few.subquery())).scalar_one() > most:
                return None
            ids = {row.id: row.text_hash for row in connection.execute(few)}
            cosines = _cosines(connection, space, vector, ids.values())
        near = sorted((i for i in ids if ids[i] in cosines), key=lambda i: -cosines[ids[i]])
        return self.among(space, vector, near[:limit], limit, resolved=resolved, which=which)


def _cosines(
    connection: sa.Connection, space: Space, vector: NDArray[np.float32], hashes: Iterable[str]
) -> dict[str, float]:
    """Return the cosine of each text's vector to this one, of those that have a sound vector in the space."""
    query = sa.select(vectors.c.text_hash, vectors.c.vector).where(
        vectors.c.space == space_number(connection, space)
    )
    found: dict[str, float] = {}
    for page in pages(dict.fromkeys(hashes)):
        size = space.dimension * np.dtype("<f4").itemsize
        rows = [
            row
            for row in connection.execute(query.where(vectors.c.text_hash.in_(page)))
            if len(row.vector) == size
        ]
        matrix: Matrix = np.frombuffer(b"".join(row.vector for row in rows), dtype="<f4").reshape(
            len(rows), space.dimension
        )
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            lengths = np.linalg.norm(matrix, axis=1) * np.linalg.norm(vector)
            cosines = np.clip(matrix @ vector / lengths, -1.0, 1.0)
        found |= {
            row.text_hash: cosine
            for row, cosine in zip(rows, cosines.tolist(), strict=True)
            if np.isfinite(cosine)
        }
    return found
