"""The whole ledger, out and in: as it is at one moment, and into an empty one in one transaction."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa

from indexer.errors import PrecedentError
from indexer.ledger.database import (
    PAGE,
    Database,
    feedback,
    generations,
    next_revision,
    spaces,
    tickets,
    vectors,
)
from indexer.ledger.generations import Generations
from indexer.ledger.records import FeedbackRow, Space
from indexer.ledger.tickets import ticket_row
from indexer.ticket import Ticket

__all__ = ["Content", "Copies", "Snapshot"]

_T = TypeVar("_T")
_decode = msgspec.json.Decoder(Ticket).decode
_decode_feedback = msgspec.json.Decoder(FeedbackRow).decode


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The ledger as it is at one moment. Iterate over one part after the other, while it is open."""

    live: Space | None
    generation: int
    """The highest number of any generation."""
    spaces: tuple[Space, ...]
    tickets: Callable[[], Iterator[str]]
    """Every ticket as JSON, ordered by id."""
    vectors: Callable[[Space], Iterator[tuple[str, bytes]]]
    """Every text hash and its vector, float32 little-endian, in a space, ordered by hash."""
    feedback: Callable[[], Iterator[str]]
    """Every `FeedbackRow` as JSON, ordered by answer."""


@dataclass(frozen=True, slots=True)
class Content:
    """What an empty ledger is filled with; the parts are as in `Snapshot`."""

    live: Space | None
    generation: int
    spaces: tuple[Space, ...]
    tickets: Callable[[], Iterable[str]]
    vectors: Callable[[Space], Iterable[tuple[str, bytes]]]
    feedback: Callable[[], Iterable[str]]


class Copies:
    """Copies of the ledger; they hold no more than a page of rows in memory."""

    def __init__(self, db: Database, made: Generations) -> None:
        self._db = db
        self._generations = made

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """Open the ledger as it is now; others go on writing."""
        with self._db.read() as connection:
            numbers = {
                Space(row.kind, row.model, row.dimension, row.recipe): row.id
                for row in connection.execute(sa.select(spaces).order_by(spaces.c.id))
            }
            live = connection.execute(
                sa.select(generations.c.space).where(generations.c.status == "live")
            ).scalar()
            highest = sa.select(sa.func.coalesce(sa.func.max(generations.c.number), 0))

            def rows(query: sa.Select[Any]) -> Iterator[Any]:
                yield from connection.execute(query, execution_options={"yield_per": PAGE})

            def of_tickets() -> Iterator[str]:
                return (row.record for row in rows(sa.select(tickets.c.record).order_by(tickets.c.id)))

            def of_space(space: Space) -> Iterator[tuple[str, bytes]]:
                query = sa.select(vectors.c.text_hash, vectors.c.vector).where(
                    vectors.c.space == numbers[space]
                )
                return ((row.text_hash, row.vector) for row in rows(query.order_by(vectors.c.text_hash)))

            def of_feedback() -> Iterator[str]:
                return (
                    msgspec.json.encode(FeedbackRow(**row._mapping)).decode()  # noqa: SLF001 (public, but named so)
                    for row in rows(sa.select(feedback).order_by(feedback.c.answer))
                )

            yield Snapshot(
                live=next((space for space, number in numbers.items() if number == live), None),
                generation=int(connection.execute(highest).scalar_one()),
                spaces=tuple(numbers),
                tickets=of_tickets,
                vectors=of_space,
                feedback=of_feedback,
            )

    def is_empty(self) -> bool:
        """Tell whether nothing was ever stored, or all of it is gone."""
        with self._db.read() as connection:
            return _is_empty(connection)

    def fill(self, content: Content) -> None:
        """Store everything in one transaction, and make a live generation with every ticket pending.

        :raises PrecedentError: the ledger is not empty; it stays as it is.
        """
        with self._db.write() as connection:
            if not _is_empty(connection):
                msg = "the store is not empty: restore into another PRECEDENT_DATA_DIR or PRECEDENT_DATABASE_URL"
                raise PrecedentError(msg)
            revision = next_revision(connection)
            for page in _pages(content.tickets()):
                rows = [ticket_row(_decode(record)) | {"revision": revision} for record in page]
                connection.execute(tickets.insert(), rows)
            for number, space in enumerate(content.spaces, start=1):
                values = {"kind": space.kind, "model": space.model, "recipe": space.recipe}
                connection.execute(spaces.insert().values(id=number, dimension=space.dimension, **values))
                for found in _pages(content.vectors(space)):
                    connection.execute(
                        vectors.insert(),
                        [{"space": number, "text_hash": text, "vector": data} for text, data in found],
                    )
            for said in _pages(content.feedback()):
                connection.execute(
                    feedback.insert(), [msgspec.structs.asdict(_decode_feedback(row)) for row in said]
                )
            if not self._db.is_sqlite:
                # The rows have their numbers from us: the next one must not be given twice.
                connection.exec_driver_sql(
                    "SELECT setval(pg_get_serial_sequence('spaces', 'id'), COALESCE(MAX(id), 1)) FROM spaces"
                )
            if content.live is not None:
                self._generations.first(connection, content.live, number=content.generation + 1)


def _is_empty(connection: sa.Connection) -> bool:
    return all(
        connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first() is None
        for table in (tickets, vectors, generations, spaces, feedback)
    )


def _pages(rows: Iterable[_T]) -> Iterator[list[_T]]:
    left = iter(rows)
    while page := list(islice(left, PAGE)):
        yield page
