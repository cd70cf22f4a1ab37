"""Filters of stored tickets, by fields, tags, source, priority and date."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

import msgspec
import sqlalchemy as sa

from indexer.ledger.tables import OPEN, TAG, facets, tickets
from indexer.ticket import field_name

__all__ = ["Filter", "is_labelled"]


class Filter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Conditions that a ticket must meet, all of them; names and values are compared without regard to case."""

    fields: Annotated[
        Mapping[str, str | tuple[str, ...]],
        msgspec.Meta(
            description="values of the team's own fields; of several values of one field any will do"
        ),
    ] = {}
    tags: Annotated[tuple[str, ...], msgspec.Meta(description="tags that it has, all of them")] = ()
    source: str | None = None
    priority: str | None = None
    created_after: Annotated[datetime | None, msgspec.Meta(description="at this moment or later")] = None
    created_before: Annotated[datetime | None, msgspec.Meta(description="before this moment")] = None

    @property
    def is_empty(self) -> bool:
        """Whether every ticket meets it."""
        return self == Filter()

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        """Return it as conditions on rows of the ledger's tickets."""
        found = [_has(TAG, (tag,)) for tag in self.tags]
        found += [
            _has(field_name(name), (value,) if isinstance(value, str) else tuple(value))
            for name, value in self.fields.items()
        ]
        if self.source is not None:
            found.append(tickets.c.source == self.source)
        if self.priority is not None:
            found.append(tickets.c.priority == self.priority)
        if self.created_after is not None:
            found.append(tickets.c.created_at >= self.created_after.timestamp())
        if self.created_before is not None:
            found.append(tickets.c.created_at < self.created_before.timestamp())
        return found


def is_labelled(field: str | None) -> sa.ColumnElement[bool]:
    """Return the condition that a ticket has a priority, or a value of that field; an open ticket teaches neither."""
    if field is None:
        return tickets.c.priority.is_not(None)
    one = sa.select(facets.c.ticket_id).where(facets.c.ticket_id == tickets.c.id)
    return sa.and_(
        one.where(facets.c.name == field).exists(), sa.not_(one.where(facets.c.name == OPEN).exists())
    )


def _has(name: str, values: tuple[str, ...]) -> sa.ColumnElement[bool]:
    wanted = [value.casefold() for value in values]
    having = sa.select(facets.c.ticket_id).where(facets.c.name == name, facets.c.value.in_(wanted))
    return tickets.c.id.in_(having)
