"""The check of single rows: records by their hashes, vectors by their length and values."""

import functools
from collections.abc import Mapping
from types import NoneType
from typing import Any

import msgspec
import numpy as np
import sqlalchemy as sa

from indexer.errors import PrecedentError
from indexer.ledger.tables import answers, tickets, vectors
from indexer.ticket import Ticket, is_unicode

__all__ = ["DamagedRecordError", "decode", "is_sound", "is_vector", "sound_ticket"]

_decode = msgspec.json.Decoder(Ticket).decode
_FLOAT = np.dtype("<f4")


class DamagedRecordError(PrecedentError):
    """A ticket's record in the ledger is not one."""


def decode(record: str) -> Ticket:
    """Return the ticket of a record.

    :raises DamagedRecordError: without a word of the record.
    """
    try:
        return _decode(record)
    except (msgspec.MsgspecError, UnicodeError):
        msg = "a ticket's record in the ledger is damaged: `precedent verify` names it, `precedent salvage FILE` saves the others"
        raise DamagedRecordError(msg) from None


def is_sound(table: sa.Table, row: Mapping[str, Any], dimensions: Mapping[int, int]) -> bool:
    """Tell whether a row of one of the ledger's tables holds what it should.

    :param dimensions: of the spaces, by their number.
    """
    if table is tickets:
        return sound_ticket(row) is not None
    if not _is_of_kinds(table, row):
        return False
    if table is vectors:
        return is_vector(row["vector"], dimensions.get(row["space"]))
    return table is not answers or _is_object(row["body"])


def sound_ticket(row: Mapping[str, Any]) -> Ticket | None:
    """Return the ticket of a row of `tickets`, if it holds what was acknowledged."""
    if not _is_of_kinds(tickets, row):
        return None
    try:
        ticket = decode(row["record"])
    except DamagedRecordError:
        return None
    # Which statuses are open may differ from one release to the next.
    unlabelled = ticket.is_open and row["priority"] is None
    found = ticket.record_hash, ticket.text_hash, ticket.id, ticket.source
    stored = tuple(row[name] for name in ("record_hash", "text_hash", "id", "source"))
    return ticket if (unlabelled or row["priority"] == ticket.priority) and found == stored else None


def _is_of_kinds(table: sa.Table, row: Mapping[str, Any]) -> bool:
    for name, kinds in _kinds(table):
        value = row[name]
        if not isinstance(value, kinds) or (isinstance(value, str) and not is_unicode(value)):
            return False
    return True


@functools.cache
def _kinds(table: sa.Table) -> list[tuple[str, tuple[type, ...]]]:
    """Return each column's name, and of which types its values are."""
    found = []
    for column in table.columns:
        kind = column.type.python_type
        # SQLite's driver has 0 and 1 for booleans.
        found.append(
            (column.name, (kind, *([int] if kind is bool else []), *([NoneType] if column.nullable else [])))
        )
    return found


def is_vector(data: bytes, dimension: int | None) -> bool:
    """Tell whether bytes are a vector of that dimension with finite values."""
    sized = dimension is not None and len(data) == dimension * _FLOAT.itemsize
    return sized and bool(np.isfinite(np.frombuffer(data, _FLOAT)).all())


def _is_object(value: str) -> bool:
    try:
        msgspec.json.decode(value, type=dict[str, Any])
    except msgspec.MsgspecError:
        return False
    return True
