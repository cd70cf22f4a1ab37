"""Reading the whole ledger as it is at one moment, and filling an empty one."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import sqlalchemy as sa

from indexer.errors import PrecedentError
from indexer.ledger.audit_table import WHOLE, note
from indexer.ledger.database import PAGE, Database, Part, next_revision, pages
from indexer.ledger.generation_table import Generations
from indexer.ledger.rows import Space
from indexer.ledger.soundness import decode
from indexer.ledger.tables import (
    answers,
    api_keys,
    audit,
    copied,
    deliveries,
    feedback,
    generations,
    spaces,
    spend,
    state,
    tickets,
    tombstones,
    vectors,
)  # fmt: skip
from indexer.ledger.ticket_rows import insert_derived

__all__ = ["Copies", "Row", "Rows", "rows_of"]

Row = dict[str, Any]
Rows = Callable[[sa.Table], Iterable[Row]]
"""Returns every row of a table, by the names of its columns."""


class Copies(Part):
    """Copies of the ledger; they hold no more than a page of rows in memory."""

    def __init__(self, db: Database, made: Generations) -> None:
        super().__init__(db)
        self._generations = made

    @contextlib.contextmanager
    def reading(self) -> Iterator[Rows]:
        """Open the ledger as it is at this moment; others go on writing. Read one table after the other."""
        with self._db.read() as connection:

            def rows(table: sa.Table) -> Iterator[Row]:
                return rows_of(connection, sa.select(table).order_by(*table.primary_key.columns))

            yield rows

    def is_empty(self) -> bool:
        """Tell whether nothing was ever stored, or all of it is gone."""
        with self._db.read() as connection:
            return _is_empty(connection)

    def fill(self, rows: Rows) -> None:
        """Store everything in one transaction, and make a live generation with every ticket pending.

        :param rows: what it raises ends the transaction, and leaves the ledger as it was.
        :raises PrecedentError: the ledger is not empty; it stays as it is.
        """
        with self._db.write() as connection:
            if not _is_empty(connection):
                msg = "the store is not empty: restore into another PRECEDENT_DATA_DIR or PRECEDENT_DATABASE_URL"
                raise PrecedentError(msg)
            revision = next_revision(connection)
            made: list[Row] = []
            for table in copied:
                for page in pages(rows(table)):
                    if table is generations:
                        made += page
                    else:
                        self._fill(connection, table, page, revision)
            note(connection, "restored from a backup", WHOLE)
            if not self._db.is_sqlite:
                # The rows have their numbers from us: the next one must not be given twice.
                connection.exec_driver_sql(
                    "SELECT setval(pg_get_serial_sequence('spaces', 'id'), COALESCE(MAX(id), 1)) FROM spaces"
                )
            live = next((row["space"] for row in made if row["status"] == "live"), None)
            space = connection.execute(sa.select(spaces).where(spaces.c.id == live)).one_or_none()
            if space is not None:
                of_live = Space(space.kind, space.model, space.dimension, space.recipe)
                highest = max(int(row["number"]) for row in made)
                self._generations.add(connection, of_live, "live", behind=highest)

    def _fill(self, connection: sa.Connection, table: sa.Table, page: list[Row], revision: int) -> None:
        if table is tickets:
            # Changes are counted anew here, and a label is as new as its ticket.
            connection.execute(
                table.insert(), [_without(row, "label_revision") | {"revision": revision} for row in page]
            )
            insert_derived(connection, [decode(row["record"]) for row in page])
        elif table is state:
            # Answers that were given go on being known, and so do marks of erased ids.
            secret = page[0]["secret"] or state.c.secret
            connection.execute(state.update().values(secret=secret))
        elif table is audit:
            connection.execute(table.insert(), [_without(row, "number") for row in page])
        elif table is api_keys:
            # One that was made here already goes before one of its name.
            connection.execute(self._db.insert(table).on_conflict_do_nothing(), page)
        else:
            connection.execute(table.insert(), page)


def _without(row: Row, column: str) -> Row:
    return {name: value for name, value in row.items() if name != column}


def rows_of(connection: sa.Connection, query: sa.Select[Any]) -> Iterator[Row]:
    """Yield the query's rows, page by page."""
    for row in connection.execute(query, execution_options={"yield_per": PAGE}):
        yield row._asdict()


def _is_empty(connection: sa.Connection) -> bool:
    return all(
        connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first() is None
        for table in (tickets, vectors, generations, spaces, feedback, tombstones, answers, spend, deliveries)
    )
