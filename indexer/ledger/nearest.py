"""The tickets near a vector, with their own vectors from the ledger: what an answer's order is worked out from."""

from collections.abc import Iterable, Sequence

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from indexer.embedding import Matrix
from indexer.ledger.database import Database, pages, space_number, subjects, tickets, vectors
from indexer.ledger.filters import Filter
from indexer.ledger.rows import Candidates, Space

__all__ = ["Nearest"]


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
    ) -> Candidates:
        """Return the nearest ``limit`` of these tickets, nearest first.

        Ids that are not stored are passed over, and so are tickets without a sound vector in the space.

        :param resolved: only tickets with a resolution.
        :param which: only tickets that meet it.
        """
        # Never one join with vectors: SQLite, which knows nothing of a space's size, goes through all of them for it.
        query = _columns().where(*(which.conditions() if which else ()))
        with self._db.read() as connection:
            rows = [
                row
                for page in pages(ids)
                for row in connection.execute(query.where(tickets.c.id.in_(page)))
                if row.resolved or not resolved
            ]
            return _candidates(connection, space, rows, vector, limit)

    def of_few(
        self,
        space: Space,
        vector: NDArray[np.float32],
        limit: int,
        *,
        most: int,
        resolved: bool = False,
        which: Filter | None = None,
    ) -> Candidates | None:
        """Return the nearest of all tickets that meet the conditions; ``None`` when they are more than ``most``.

        Each is compared: 5,000 of 384 dimensions take well under 0.1 s.
        """
        conditions = [*(which.conditions() if which else ()), *([tickets.c.resolved] if resolved else ())]
        with self._db.read() as connection:
            few = sa.select(tickets.c.id).where(*conditions).limit(most + 1)
            if connection.execute(sa.select(sa.func.count()).select_from(few.subquery())).scalar_one() > most:
                return None
            rows = connection.execute(_columns().where(*conditions)).all()
            return _candidates(connection, space, rows, vector, limit)

    def sample(self, space: Space, size: int) -> Candidates:
        """Return up to ``size`` tickets of different texts that have a vector in the space, in order of their hashes.

        They are the same ones while the tickets stay the same. Hashes fall evenly, so their order is as good as chance.
        """
        with self._db.read() as connection:
            number = space_number(connection, space)
            there = sa.select(vectors.c.space).where(
                vectors.c.space == number, vectors.c.text_hash == tickets.c.text_hash
            )
            first = (
                sa.select(sa.func.min(tickets.c.id).label("id"))
                .where(there.exists())
                .group_by(tickets.c.text_hash)
                .order_by(tickets.c.text_hash)
                .limit(size)
            )
            ids = list(connection.execute(first).scalars())
            rows = [
                row
                for page in pages(ids)
                for row in connection.execute(_columns().where(tickets.c.id.in_(page)))
            ]
            return _candidates(connection, space, sorted(rows, key=lambda row: row.text_hash))


def _columns() -> sa.Select[tuple[str, str, bool, float | None, str | None]]:
    return sa.select(
        tickets.c.id,
        tickets.c.text_hash,
        tickets.c.resolved,
        tickets.c.created_at,
        subjects.c.text_hash.label("subject_hash"),
    ).join_from(tickets, subjects, subjects.c.ticket_id == tickets.c.id, isouter=True)


def _candidates(
    connection: sa.Connection,
    space: Space,
    rows: Sequence[sa.Row[tuple[str, str, bool, float | None, str | None]]],
    vector: NDArray[np.float32] | None = None,
    limit: int | None = None,
) -> Candidates:
    """Return the tickets that have a vector, the nearest ``limit`` by cosine first, or all in the given order."""
    found = _unit_vectors(connection, space, (row.text_hash for row in rows))
    rows = [row for row in rows if row.text_hash in found]
    cosines = np.ones(len(rows))
    if vector is not None and rows:
        matrix = np.stack([found[row.text_hash] for row in rows])
        cosines = np.clip(matrix @ (vector / np.linalg.norm(vector)), -1.0, 1.0).astype(np.float64)
        order = sorted(range(len(rows)), key=lambda i: (-cosines[i], rows[i].id))[:limit]
        rows, cosines = [rows[i] for i in order], cosines[order]
    of_subjects = _unit_vectors(connection, space, (row.subject_hash for row in rows if row.subject_hash))
    none = np.empty((0, space.dimension), np.float32)
    return Candidates(
        ids=tuple(row.id for row in rows),
        cosines=cosines,
        vectors=np.stack([found[row.text_hash] for row in rows]) if rows else none,
        # A text without a subject of its own is its own subject.
        subjects=np.stack([of_subjects.get(row.subject_hash or "", found[row.text_hash]) for row in rows])
        if rows
        else none,
        created=np.array([np.nan if row.created_at is None else row.created_at for row in rows], np.float64),
    )


def _unit_vectors(
    connection: sa.Connection, space: Space, hashes: Iterable[str]
) -> dict[str, NDArray[np.float32]]:
    """Return the vectors of unit length of these texts, of those that have a sound vector in the space."""
    query = sa.select(vectors.c.text_hash, vectors.c.vector).where(
        vectors.c.space == space_number(connection, space)
    )
    size = space.dimension * np.dtype("<f4").itemsize
    found: dict[str, NDArray[np.float32]] = {}
    for page in pages(dict.fromkeys(hashes)):
        rows = [
            row
            for row in connection.execute(query.where(vectors.c.text_hash.in_(page)))
            if len(row.vector) == size
        ]
        matrix: Matrix = np.frombuffer(b"".join(row.vector for row in rows), dtype="<f4").reshape(
            len(rows), space.dimension
        )
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            unit: Matrix = matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
        found |= {row.text_hash: one for row, one in zip(rows, unit, strict=True) if np.isfinite(one).all()}
    return found
