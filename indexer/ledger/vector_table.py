"""Vectors in the ledger."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Literal

import numpy as np
import sqlalchemy as sa

from indexer.embedding import Matrix
from indexer.ledger.audit_table import WHOLE, note
from indexer.ledger.database import PAGE, Database, Part, pages, rows_with, space_number
from indexer.ledger.filters import is_labelled
from indexer.ledger.prepared_query import PreparedQuery, listed
from indexer.ledger.rows import Space, TrainingRows
from indexer.ledger.soundness import decode, is_vector
from indexer.ledger.tables import generations, spaces, state, subjects, tickets, vectors
from indexer.ticket import RECIPE

__all__ = ["Vectors", "has_ticket", "vectors_of_texts"]

_OF_TEXT = sa.select(vectors.c.text_hash, vectors.c.vector)


class Vectors(Part):
    """Every vector ever paid for, under its space and the hash of its text."""

    def __init__(self, db: Database) -> None:
        super().__init__(db)
        self._of_texts = vectors_of_texts(db)

    def missing(self, space: Space, hashes: Iterable[str]) -> set[str]:
        """Return those of the text hashes that have no vector in the space."""
        wanted = set(hashes)
        with self._db.read() as connection:
            query = sa.select(vectors.c.text_hash).where(vectors.c.space == space_number(connection, space))
            found = rows_with(connection, query, vectors.c.text_hash, sorted(wanted))
            return wanted.difference(row.text_hash for row in found)

    def count(self) -> int:
        """Return the number of vectors, of all spaces."""
        return self._count(sa.select(sa.func.count()).select_from(vectors))

    def unusable(self) -> int:
        """Return how many vectors have another length than their space's, or a value that is not finite."""
        query = sa.select(vectors.c.vector, spaces.c.dimension).join_from(vectors, spaces)
        return sum(not is_vector(row.vector, row.dimension) for row in self._streamed(query))

    def lacking(
        self, space: Space | None, *, subjects_only: bool = False, after: str = "", limit: int
    ) -> dict[str, str]:
        """Return texts of tickets, to be embedded, that have no vector in the space: by hash, in order of hashes.

        :param space: ``None`` for one that nothing was ever stored in.
        :param subjects_only: the tickets' subjects, instead of their texts.
        :param after: the hash that the page begins behind.
        """
        of_text = subjects.c.text_hash if subjects_only else tickets.c.text_hash
        columns = sa.select(of_text, sa.func.min(tickets.c.record).label("record"))
        if subjects_only:
            columns = columns.join_from(subjects, tickets, subjects.c.ticket_id == tickets.c.id)
        with self._db.read() as connection:
            number = None if space is None else space_number(connection, space)
            query = (
                columns.where(_without_vector(number, of_text), of_text > after)
                .group_by(of_text)
                .order_by(of_text)
                .limit(limit)
            )
            found = [(row.text_hash, decode(row.record)) for row in connection.execute(query)]
        return {
            text: (ticket.embedded_subject or "") if subjects_only else ticket.embedded
            for text, ticket in found
        }

    def count_lacking(self, space: Space | None) -> int:
        """Return how many different texts and subjects of tickets have no vector in the space."""
        with self._db.read() as connection:
            number = None if space is None else space_number(connection, space)
            queries = [
                sa.select(sa.func.count(sa.distinct(of_text))).where(_without_vector(number, of_text))
                for of_text in (tickets.c.text_hash, subjects.c.text_hash)
            ]
            return sum(int(connection.execute(query).scalar_one()) for query in queries)

    def tickets_lacking(self, space: Space) -> list[str]:
        """Return the ids of tickets whose text has no vector in the space."""
        with self._db.read() as connection:
            lacking = _without_vector(space_number(connection, space), tickets.c.text_hash)
            return list(connection.execute(sa.select(tickets.c.id).where(lacking)).scalars())

    def store(self, space: Space, hashes: Sequence[str], rows: Matrix) -> None:
        """Store vectors under their texts' hashes; one that is there already stays as it is."""
        data = np.ascontiguousarray(rows, dtype="<f4")
        if data.shape != (len(hashes), space.dimension) or not np.isfinite(data).all():
            msg = f"vectors of shape {data.shape} with finite values only are needed: {(len(hashes), space.dimension)}"
            raise ValueError(msg)
        if not hashes:
            return
        with self._db.write() as connection:
            number = space_number(connection, space)
            if number is None:
                new = spaces.insert().values(asdict(space)).returning(spaces.c.id)
                number = connection.execute(new).scalar_one()
            values = [
                {"space": number, "text_hash": h, "vector": row.tobytes()}
                for h, row in zip(hashes, data, strict=True)
            ]
            connection.execute(self._db.insert(vectors).on_conflict_do_nothing(), values)

    def get(self, space: Space, hashes: Iterable[str]) -> dict[str, Matrix]:
        """Return the vectors, of shape (dimension,), of these text hashes, as far as they are stored; damaged ones may be shorter."""
        return {
            text: np.frombuffer(vector, dtype="<f4", count=len(vector) // 4)
            for page in pages(hashes)
            for text, vector in self._of_texts.rows(named=page, **asdict(space))
        }

    def in_all_spaces(self, hashes: Iterable[str]) -> list[Matrix]:
        """Return the vectors, each of shape (dimension,), of these text hashes in every space."""
        rows = self._rows(_OF_TEXT, vectors.c.text_hash, hashes)
        return [np.frombuffer(row.vector, dtype="<f4") for row in rows]

    def of_other_tickets(self, without: Iterable[str]) -> Iterator[Matrix]:
        """Yield the vectors that tickets other than these have, in matrices of one space each."""
        gone = set(without)
        columns = vectors.c.vector, vectors.c.space
        queries = (
            sa.select(tickets.c.id, *columns).join_from(
                vectors, tickets, tickets.c.text_hash == vectors.c.text_hash
            ),
            sa.select(subjects.c.ticket_id.label("id"), *columns).join_from(
                vectors, subjects, subjects.c.text_hash == vectors.c.text_hash
            ),
        )
        with self._db.read() as connection:
            for query in queries:
                in_order = query.order_by(vectors.c.space)
                rows = connection.execution_options(yield_per=PAGE).execute(in_order)
                for page in rows.partitions():
                    found: dict[int, list[Matrix]] = {}
                    for row in page:
                        if row.id not in gone:
                            found.setdefault(row.space, []).append(np.frombuffer(row.vector, dtype="<f4"))
                    yield from (np.stack(of_space) for of_space in found.values())

    def clear_unused(self, before: float) -> int:
        """Remove the vectors, stored before that moment, of texts that no ticket has; return how many.

        What was paid for in a run that failed is younger, and waits for the next one.
        """
        with self._db.write() as connection:
            query = vectors.delete().where(vectors.c.stored_at < before, sa.not_(has_ticket()))
            gone = int(connection.execute(query).rowcount)
            if gone:
                note(connection, f"cleared {gone} unused vectors", WHOLE)
        return gone

    def known_space(self, kind: Literal["hosted", "local"], model: str) -> Space | None:
        """Return the space that this model's vectors are stored in, by this release's recipe; ``None`` before the first.

        Of several dimensions it is the live generation's, else the one that was new last.
        """
        live = sa.and_(generations.c.space == spaces.c.id, generations.c.status == "live")
        query = (
            sa.select(spaces)
            .outerjoin(generations, live)
            .where(spaces.c.kind == kind, spaces.c.model == model, spaces.c.recipe == RECIPE)
            .order_by(generations.c.number.is_(None), spaces.c.id.desc())
            .limit(1)
        )
        with self._db.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else Space(row.kind, row.model, row.dimension, row.recipe)

    def training_rows(self, space: Space, *, limit: int, field: str | None = None) -> TrainingRows:
        """Return the newest tickets that have a priority and a vector in the space, oldest first.

        A ticket without a time counts as older than all that have one; of equals the greater id is the newer.

        :param field: tickets with that field, instead of those with a priority; their records have its values.
        """
        with self._db.read() as connection:
            number = space_number(connection, space)
            revision = connection.execute(sa.select(state.c.revision)).scalar_one()
            query = (
                sa.select(
                    tickets.c.id,
                    tickets.c.priority,
                    tickets.c.created_at,
                    tickets.c.known_at,
                    tickets.c.text_hash,
                )
                .where(is_labelled(field), sa.not_(_without_vector(number, tickets.c.text_hash)))
                .order_by(tickets.c.created_at.desc().nulls_last(), tickets.c.id.desc())
                .limit(limit)
            )
            rows = connection.execute(query).all()[::-1]
            positions: dict[str, list[int]] = {}
            for position, row in enumerate(rows):
                positions.setdefault(row.text_hash, []).append(position)
            matrix = np.empty((len(rows), space.dimension), dtype=np.float32)
            of_space = _OF_TEXT.where(vectors.c.space == number)
            for of_text in rows_with(connection, of_space, vectors.c.text_hash, positions):
                matrix[positions[of_text.text_hash]] = np.frombuffer(of_text.vector, dtype="<f4")
        return TrainingRows(
            revision=revision,
            ids=tuple(row.id for row in rows),
            labels=tuple(row.priority for row in rows),
            times=tuple(_moment(row.created_at) for row in rows),
            known=tuple(_moment(row.known_at) for row in rows),
            text_hashes=tuple(row.text_hash for row in rows),
            vectors=matrix,
        )


def vectors_of_texts(db: Database) -> PreparedQuery:
    """Return the query of the vectors in a space, by its fields, of the text hashes ``named``."""
    named = (spaces.c[name] == sa.bindparam(name) for name in ("kind", "model", "dimension", "recipe"))
    in_space = vectors.c.space == sa.select(spaces.c.id).where(*named).scalar_subquery()
    return PreparedQuery(
        db, _OF_TEXT.where(in_space, vectors.c.text_hash.in_(listed(is_sqlite=db.is_sqlite)))
    )


def _moment(seconds: float | None) -> float:
    return math.nan if seconds is None else seconds


def has_ticket() -> sa.ColumnElement[bool]:
    """Return the condition that a vector is that of a stored ticket's text or subject."""
    of_text = sa.select(tickets.c.id).where(tickets.c.text_hash == vectors.c.text_hash)
    of_subject = sa.select(subjects.c.ticket_id).where(subjects.c.text_hash == vectors.c.text_hash)
    return of_text.exists() | of_subject.exists()


def _without_vector(space: int | None, of_text: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    there = sa.select(vectors.c.space).where(vectors.c.space == space, vectors.c.text_hash == of_text)
    return sa.not_(there.exists())
