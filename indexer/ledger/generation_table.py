"""Generations in the ledger, and the tickets that each has not seen yet."""

import math
import time
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
import sqlalchemy as sa

from indexer.embedding import Matrix
from indexer.errors import PrecedentError, SpaceMismatchError
from indexer.ledger.database import Part, next_revision, pages, rows_with, space_number
from indexer.ledger.rows import Generation, IndexEntry, Space
from indexer.ledger.soundness import decode
from indexer.ledger.tables import generations, pending, spaces, state, tickets, vectors

__all__ = ["Generations", "check_space"]


class Generations(Part):
    """The collections in Chroma, and for each the tickets that it has not seen yet."""

    def live(self) -> Generation | None:
        """Return the generation that answers, ``None`` before the first ticket."""
        found = [generation for generation in self.all() if generation.status == "live"]
        return found[0] if found else None

    def all(self) -> list[Generation]:
        """Return all generations, newest first."""
        with self._db.read() as connection:
            return _all(connection)

    def named(self, name: str) -> Generation:
        """Return the generation of that name.

        :raises PrecedentError: there is none, or no longer.
        """
        for generation in self.all():
            if generation.name == name:
                return generation
        msg = f"the ledger has no generation {name}: it was removed meanwhile, or this is another ledger"
        raise PrecedentError(msg)

    def ensure_live(self, space: Space) -> Generation:
        """Return the live generation, made now if there is none.

        :raises SpaceMismatchError: it is in another space.
        """
        with self._db.write() as connection:
            for generation in _all(connection):
                if generation.status == "live":
                    check_space(generation, space)
                    return generation
            return self.add(connection, space, "live")

    def previous(self) -> Generation | None:
        """Return the generation that was live before, ``None`` when there was none or it is dropped."""
        retired = self.retired()
        return retired[0] if retired else None

    def retired(self, *, before: float = math.inf) -> list[Generation]:
        """Return those that were live once, the last one first; ``before`` a moment, in seconds since the epoch."""
        gone = generations.c.status == "retired", generations.c.changed_at < before
        with self._db.read() as connection:
            return _all(connection, *gone, first=[generations.c.changed_at.desc()])

    def begin(self, space: Space) -> Generation:
        """Make a generation that is being built, with every ticket pending."""
        with self._db.write() as connection:
            return self.add(connection, space, "building")

    def switch(self, to: Generation, *, remove_others: bool = False) -> bool:
        """Make the generation live and retire the one that was, in one step; refuse while anything is pending for it.

        :param remove_others: remove all other generations in the same step, instead of keeping one to go back to.
        """
        with self._db.write() as connection:
            next_revision(connection)  # keeps writers of tickets out until the end of the transaction
            number = _number(to.name)
            waiting = sa.select(pending.c.ticket_id).where(pending.c.generation == number).limit(1)
            if connection.execute(waiting).first() is not None:
                return False
            now = time.time()
            live, mine = generations.c.status == "live", generations.c.number == number
            for which, status in ((live, "retired"), (mine, "live")):
                changed = generations.update().where(which).values(status=status, changed_at=now)
                connection.execute(changed)
            if remove_others:
                connection.execute(pending.delete().where(pending.c.generation != number))
                connection.execute(generations.delete().where(generations.c.number != number))
        return True

    def remove(self, generation: Generation) -> None:
        """Forget a generation that is not live; its collection must be gone before."""
        with self._db.write() as connection:
            number = _number(generation.name)
            connection.execute(pending.delete().where(pending.c.generation == number))
            connection.execute(
                generations.delete().where(generations.c.number == number, generations.c.status != "live")
            )

    def pending_ids(self, generation: Generation) -> dict[str, int]:
        """Return the tickets that the generation's collection has not seen yet, and since which revision."""
        query = sa.select(pending.c.ticket_id, pending.c.revision)
        rows = self._streamed(query.where(pending.c.generation == _number(generation.name)))
        return {row.ticket_id: row.revision for row in rows}

    def sample_indexed(self, generation: Generation, size: int) -> dict[str, str]:
        """Return id and text hash of up to ``size`` tickets that the generation's collection has.

        They are the first and the last ones by id, which takes no sweep of the tickets.
        """
        waiting = sa.select(pending.c.ticket_id).where(
            pending.c.generation == _number(generation.name), pending.c.ticket_id == tickets.c.id
        )
        query = sa.select(tickets.c.id, tickets.c.text_hash).where(sa.not_(waiting.exists()))
        found: dict[str, str] = {}
        with self._db.read() as connection:
            for order in (tickets.c.id, tickets.c.id.desc()):
                rows = connection.execute(query.order_by(order).limit(-(-size // 2)))
                found |= {row.id: row.text_hash for row in rows}
        return found

    def mark_pending(self, generation: Generation, ids: Iterable[str]) -> None:
        """Note that the generation's collection must get these tickets, or their absence, again."""
        with self._db.write() as connection:
            self.note(connection, ids, next_revision(connection), only=_number(generation.name))

    def count_pending(self, generation: Generation) -> int:
        """Return how many tickets the generation's collection has not seen yet."""
        query = sa.select(sa.func.count()).select_from(pending)
        return self._count(query.where(pending.c.generation == _number(generation.name)))

    def pending(
        self, generation: Generation, limit: int, *, only: Sequence[str] | None = None
    ) -> tuple[list[IndexEntry], Matrix, int]:
        """Return tickets that the generation's collection has not seen yet, their vectors, and the revision read.

        A ticket without a vector in the generation's space is left out: it is not embedded yet.
        """
        with self._db.read() as connection:
            revision = int(connection.execute(sa.select(state.c.revision)).scalar_one())
            number = space_number(connection, generation.space)
            of_ticket = sa.and_(vectors.c.text_hash == tickets.c.text_hash, vectors.c.space == number)
            query = (
                sa.select(pending.c.ticket_id, tickets.c.record, tickets.c.text_hash, vectors.c.vector)
                .select_from(
                    pending.outerjoin(tickets, tickets.c.id == pending.c.ticket_id).outerjoin(
                        vectors, of_ticket
                    )
                )
                .where(pending.c.generation == _number(generation.name))
                .where(sa.or_(tickets.c.id.is_(None), vectors.c.vector.is_not(None)))
                .order_by(pending.c.ticket_id)
                .limit(limit)
            )
            if only is not None:
                query = query.where(pending.c.ticket_id.in_(only))
            entries: list[IndexEntry] = []
            found: list[Matrix] = []
            for row in connection.execute(query):
                ticket = None if row.record is None else decode(row.record)
                entries.append(IndexEntry(row.ticket_id, ticket, row.text_hash or "", len(found)))
                if ticket is not None:
                    found.append(np.frombuffer(row.vector, dtype="<f4"))
        matrix = (
            np.stack(found).astype(np.float32)
            if found
            else np.empty((0, generation.space.dimension), np.float32)
        )
        return entries, matrix, revision

    def mark_indexed(self, generation: Generation, ids: Iterable[str], revision: int) -> None:
        """Note that the collection has these tickets as they were at the revision."""
        with self._db.write() as connection:
            for page in pages(ids):
                seen = pending.delete().where(pending.c.ticket_id.in_(page), pending.c.revision <= revision)
                connection.execute(seen.where(pending.c.generation == _number(generation.name)))

    def require(self, connection: sa.Connection, space: Space, hashes: set[str]) -> None:
        """Make sure, within a transaction, that the space is the live one's and has vectors of these text hashes.

        :raises SpaceMismatchError: it is not, or it has not: the texts must be embedded again.
        """
        for generation in _all(connection):
            if generation.status == "live":
                check_space(generation, space)
        query = sa.select(sa.func.count()).where(vectors.c.space == space_number(connection, space))
        found = sum(count for (count,) in rows_with(connection, query, vectors.c.text_hash, sorted(hashes)))
        if found != len(hashes):
            msg = f"{len(hashes) - found} vectors were erased since their texts were embedded (a forget ran): run the same again"
            raise SpaceMismatchError(msg)

    def note(
        self, connection: sa.Connection, ids: Iterable[str], revision: int, *, only: int | None = None
    ) -> None:
        """Note, within a transaction, that these tickets changed: for one generation, else for all.

        Retired ones too: so a rollback knows what its generation has missed.
        """
        query = sa.select(generations.c.number)
        numbers = [only] if only is not None else list(connection.execute(query).scalars())
        rows = [{"generation": n, "ticket_id": i, "revision": revision} for i in ids for n in numbers]
        if rows:
            self._db.upsert(connection, pending, rows)

    def add(
        self, connection: sa.Connection, space: Space, status: Literal["building", "live"], *, behind: int = 0
    ) -> Generation:
        """Make a generation, with every ticket pending, within a transaction.

        :param behind: the highest number that a collection in Chroma may have from before.
        """
        highest = connection.execute(sa.select(sa.func.max(generations.c.number))).scalar_one() or 0
        number = max(highest, behind) + 1
        values = {"number": number, "space": space_number(connection, space), "status": status}
        connection.execute(generations.insert().values(**values, changed_at=time.time()))
        # Every ticket is pending; of an earlier generation of that number nothing is.
        connection.execute(pending.delete().where(pending.c.generation == number))
        revision = sa.literal(next_revision(connection), sa.BigInteger)
        everything = sa.select(sa.literal(number), tickets.c.id, revision)
        connection.execute(pending.insert().from_select(["generation", "ticket_id", "revision"], everything))
        return Generation(_name(number), space, status)


def check_space(generation: Generation, space: Space) -> None:
    """Refuse a space that is not the generation's.

    :raises SpaceMismatchError: with both names and what to do.
    """
    if generation.space != space:
        asked = space if space.model == generation.space.model else space.model
        msg = (
            f"the live index {generation.name} was built with {generation.space}, settings ask for {asked}: "
            "run `make reindex` to rebuild it with that model, or set PRECEDENT_EMBEDDER and PRECEDENT_EMBEDDING_MODEL back"
        )
        raise SpaceMismatchError(msg)


def _all(
    connection: sa.Connection,
    *which: sa.ColumnElement[bool],
    first: Sequence[sa.ColumnElement[float]] = (),
) -> list[Generation]:
    query = sa.select(generations.c.number, generations.c.status, spaces).join_from(generations, spaces)
    query = query.where(*which).order_by(*first, generations.c.number.desc())
    return [
        Generation(_name(row.number), Space(row.kind, row.model, row.dimension, row.recipe), row.status)
        for row in connection.execute(query)
    ]


def _name(number: int) -> str:
    return f"tickets-{number:04d}"


def _number(name: str) -> int:
    return int(name.removeprefix("tickets-"))
