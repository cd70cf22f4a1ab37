"""The tickets near a vector, with their own vectors from the ledger: what an answer's order is worked out from."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any, NamedTuple

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from indexer.embedding import Matrix
from indexer.ledger.database import Database, space_number
from indexer.ledger.filters import Filter
from indexer.ledger.prepared_query import PreparedQuery, listed
from indexer.ledger.rows import Candidates, Measure, Space
from indexer.ledger.tables import OPEN, facets, subjects, tickets, vectors
from indexer.ledger.ticket_cache import LookedUp, TicketCache
from indexer.ledger.vector_table import vectors_of_texts

__all__ = ["Nearest", "greatest_first"]

_DIGITS = 9  # of a cosine
_PAGE = 4_000  # tickets looked up ahead at once, in a tenth of a second


class _Row(NamedTuple):
    """What `_columns` are called."""

    id: str
    text_hash: str
    resolved: bool
    created_at: float | None
    subject_hash: str | None
    is_open: bool


class Nearest:
    """Tickets by their own vectors in the ledger: whoever names candidates decides neither texts nor distances."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._cache = TicketCache(db)
        named = listed(is_sqlite=db.is_sqlite)
        self._by_id = PreparedQuery(db, _columns().where(tickets.c.id.in_(named)))
        self._ids = sa.select(tickets.c.id).where(tickets.c.id.in_(named))
        after = tickets.c.id > sa.bindparam("after", type_=sa.String)
        self._page = PreparedQuery(
            db, sa.select(tickets.c.id).where(after).order_by(tickets.c.id).limit(_PAGE)
        )
        self._by_hash = vectors_of_texts(db)

    def among(
        self,
        space: Space,
        vector: NDArray[np.float32],
        ids: Iterable[str],
        limit: int,
        *,
        resolved: bool = False,
        which: Filter | None = None,
        measure: Measure | None = None,
    ) -> Candidates:
        """Return the nearest ``limit`` of these tickets, nearest first.

        Ids that are not stored are passed over, and so are open tickets and those without a sound vector in the space.

        :param resolved: only tickets with a resolution.
        :param which: only tickets that meet it.
        :param measure: what else is wanted of each; best the same one every time, as one is kept.
        """
        named = list(ids)
        if which is not None:
            with self._db.read() as connection:
                asked = self._ids.where(*which.conditions())
                named = list(connection.execute(asked, {"named": named}).scalars())
        rows = self._look_up(space, named, measure)
        usable = ~rows.open & (rows.resolved if resolved else True)
        return _nearest(rows, vector, np.flatnonzero(usable), limit)

    def fill(self, space: Space, measure: Measure) -> None:
        """Look up the next 4,000 tickets before anybody asks for them, as long as memory for more is left.

        :param measure: as of `among`.
        """
        if (after := self._cache.place) is not None:
            page = [ticket_id for (ticket_id,) in self._page.rows(after=after)]
            self._look_up(space, page, measure)
            self._cache.go_on(after, page[-1] if len(page) == _PAGE else None)

    def clear(self) -> None:
        """Drop what is kept in memory of tickets that were looked up."""
        self._cache.clear()

    def of_few(
        self,
        space: Space,
        vector: NDArray[np.float32],
        limit: int,
        *,
        most: int,
        resolved: bool = False,
        which: Filter | None = None,
        exclude: Collection[str] = (),
    ) -> Candidates | None:
        """Return the nearest of all tickets but the open ones that meet the conditions; ``None`` when they are more than ``most``.

        Each is compared: 5,000 of 384 dimensions take well under 0.1 s.
        """
        conditions = [
            sa.not_(_is_open()),
            *(which.conditions() if which else ()),
            tickets.c.id.not_in(exclude),
        ]
        conditions += [tickets.c.resolved] if resolved else []
        with self._db.read() as connection:
            few = sa.select(tickets.c.id).where(*conditions).limit(most + 1)
            if connection.execute(sa.select(sa.func.count()).select_from(few.subquery())).scalar_one() > most:
                return None
            rows = self._read(space, connection.execute(_columns().where(*conditions)).all())
        return _nearest(rows, vector, np.arange(len(rows.ids)), limit)

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
        found = self._read(space, sorted(self._by_id.rows(named=ids), key=lambda row: row[1]))
        return _candidates(found, np.ones(len(found.ids)), np.arange(len(found.ids)))

    def _look_up(self, space: Space, ids: Sequence[str], measure: Measure | None) -> LookedUp:
        rows, others, revision = self._cache.take(space, ids, measure)
        if not others:
            return rows
        # As of that revision or a later one: what has changed since then is dropped by the next question.
        more = self._read(space, self._by_id.rows(named=others))
        if measure is not None:
            more = replace(more, lengths=measure(more.texts))
        self._cache.add(more, space, revision, measure)
        return rows + more

    def _read(self, space: Space, stored: Iterable[Sequence[Any]]) -> LookedUp:
        """Return the tickets that have a vector, in the given order."""
        rows = [_Row(*row) for row in stored]
        # Never one join with vectors: SQLite, which knows nothing of a space's size, goes through all of them for it.
        places, matrix = self._unit_vectors(space, [row.text_hash for row in rows])
        rows = [row for row in rows if row.text_hash in places]
        # A text without a subject of its own is its own subject.
        subjects = texts = matrix[[places[row.text_hash] for row in rows]]
        final = np.array([row.subject_hash is None for row in rows], np.bool_)
        if hashes := [row.subject_hash for row in rows if row.subject_hash]:
            places, matrix = self._unit_vectors(space, hashes)
            found = [i for i, row in enumerate(rows) if row.subject_hash in places]
            subjects = texts.copy()
            subjects[found] = matrix[[places[rows[i].subject_hash or ""] for i in found]]
            final[found] = True
        created = [np.nan if row.created_at is None else row.created_at for row in rows]
        return LookedUp(
            [row.id for row in rows],
            texts,
            subjects,
            np.array(created, np.float64),
            np.array([row.resolved for row in rows], np.bool_),
            np.array([row.is_open for row in rows], np.bool_),
            np.full(len(rows), np.nan),
            final,
        )

    def _unit_vectors(self, space: Space, hashes: Sequence[str]) -> tuple[dict[str, int], Matrix]:
        """Return the vectors of unit length of those texts that have a sound one, and the row of each."""
        size = space.dimension * np.dtype("<f4").itemsize
        rows = [row for row in self._by_hash.rows(named=hashes, **asdict(space)) if len(row[1]) == size]
        stored = np.frombuffer(b"".join(vector for _, vector in rows), dtype="<f4")
        matrix: Matrix = stored.reshape(len(rows), space.dimension)
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            unit: Matrix = matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
        usable = np.flatnonzero(np.isfinite(unit).all(axis=1)).tolist()
        return {rows[i][0]: i for i in usable}, unit


def greatest_first(values: NDArray[np.float64], ids: Sequence[str]) -> NDArray[np.int64]:
    """Return the places of the values, the greatest first, and of equal ones that with the lower id, shape (rows,)."""
    order = np.argsort(-values, kind="stable")
    ordered = values[order]
    # Ids take most of the time, and equal values are rare.
    return np.lexsort((np.array(ids), -values)) if (ordered[1:] == ordered[:-1]).any() else order


def _nearest(rows: LookedUp, vector: NDArray[np.float32], among: NDArray[np.int64], limit: int) -> Candidates:
    """Return the nearest ``limit`` of some of the rows by cosine, nearest first."""
    # In double precision, so that a ticket's cosine does not depend on the rows around it.
    unit = (vector / np.linalg.norm(vector)).astype(np.float64)
    cosines = np.clip(rows.texts.astype(np.float64) @ unit, -1.0, 1.0)
    # Rounded, so that copies of one text are in the order of their ids.
    order = greatest_first(np.round(cosines[among], _DIGITS), [rows.ids[row] for row in among.tolist()])
    return _candidates(rows, cosines, among[order[:limit]])


def _candidates(rows: LookedUp, cosines: NDArray[np.float64], order: NDArray[np.int64]) -> Candidates:
    texts = rows.texts[order]
    return Candidates(
        ids=tuple(rows.ids[row] for row in order.tolist()),
        cosines=cosines[order],
        vectors=texts,
        subjects=texts if rows.subjects is rows.texts else rows.subjects[order],
        created=rows.created[order],
        lengths=rows.lengths[order],
    )


def _is_open() -> sa.ColumnElement[bool]:
    return sa.exists().where(facets.c.ticket_id == tickets.c.id, facets.c.name == OPEN)


def _columns() -> sa.Select[tuple[str, str, bool, float | None, str | None, bool]]:
    return sa.select(
        tickets.c.id,
        tickets.c.text_hash,
        tickets.c.resolved,
        tickets.c.created_at,
        subjects.c.text_hash.label("subject_hash"),
        _is_open().label("is_open"),
    ).join_from(tickets, subjects, subjects.c.ticket_id == tickets.c.id, isouter=True)
