"""Queries that are compiled once, when they are first asked: what SQLAlchemy does for one each time takes ten times as long as the database."""

from functools import cached_property
from typing import Any

import msgspec
import sqlalchemy as sa

from indexer.ledger.database import Database

__all__ = ["PreparedQuery", "listed"]


def listed(*, is_sqlite: bool) -> sa.Select[tuple[str]]:
    """Return the query of the strings in the parameter ``named``: one parameter each takes three times as long."""
    named: Any = sa.bindparam("named", type_=_Names(is_sqlite))
    if is_sqlite:
        return sa.select(sa.func.json_each(named).table_valued("value").c.value)
    return sa.select(sa.func.unnest(named))


class PreparedQuery:
    """A query that every question asks."""

    def __init__(self, db: Database, query: sa.Select[Any]) -> None:
        self._db = db
        self._query = query

    def rows(self, **given: Any) -> list[tuple[Any, ...]]:
        """Return all rows, as they are at one moment, and values as the driver has them: of SQLite, which knows no booleans, 0 and 1.

        :param given: the query's parameters; lists of strings for those that are `listed`.
        :raises PrecedentError: the database failed.
        """
        sql, defaults, order = self._compiled
        values = defaults | {name: _value(value, self._db.is_sqlite) for name, value in given.items()}
        with self._db.driver() as cursor:
            cursor.execute(sql, values if order is None else [values[name] for name in order])
            return list(cursor.fetchall())

    @cached_property
    def _compiled(self) -> tuple[str, dict[str, Any], list[str] | None]:
        # Most commands open a ledger and ask few of its questions.
        compiled = self._query.compile(dialect=self._db.dialect)
        return str(compiled), compiled.params, compiled.positiontup


class _Names(sa.types.TypeDecorator[list[str]]):
    """A JSON array on SQLite, an array on PostgreSQL."""

    impl = sa.String
    cache_ok = True

    def __init__(self, is_sqlite: bool) -> None:
        super().__init__()
        self.is_sqlite = is_sqlite

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        return dialect.type_descriptor(sa.String() if self.is_sqlite else sa.ARRAY(sa.String))

    def process_bind_param(self, value: list[str] | None, dialect: sa.Dialect) -> Any:  # noqa: ARG002 (the base's)
        return _value(value, self.is_sqlite)


def _value(value: Any, is_sqlite: bool) -> Any:
    return msgspec.json.encode(value).decode() if is_sqlite and isinstance(value, list) else value
