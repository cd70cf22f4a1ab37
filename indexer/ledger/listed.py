"""A list of strings as one parameter of a statement: one each takes three times as long, where there are hundreds."""

from typing import Any

import msgspec
import sqlalchemy as sa

__all__ = ["listed"]


def listed(*, is_sqlite: bool) -> sa.Select[tuple[str]]:
    """Return the query of the strings in the parameter ``named``, for SQLite or PostgreSQL."""
    named: Any = sa.bindparam("named", type_=_Names(is_sqlite))
    if is_sqlite:
        return sa.select(sa.func.json_each(named).table_valued("value").c.value)
    return sa.select(sa.func.unnest(named))


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
        return msgspec.json.encode(value).decode() if self.is_sqlite else value
