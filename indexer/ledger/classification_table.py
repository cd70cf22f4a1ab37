"""What models at the provider answered when they were asked for a priority, kept so that nothing is asked twice."""

import time
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from indexer.ledger.database import Part
from indexer.ledger.tables import classifications

__all__ = ["Classification", "Classifications"]


class Classification(msgspec.Struct, frozen=True, kw_only=True):
    """A model's answer about one text; it holds no word of the text.

    :param key: keyed hash of all that the model was given, its name included.
    :param input_hash: of the ticket's text, by `hash_of_question`.
    :param label: the priority that was answered, ``None`` where the answer was none of those to choose from.
    :param shares: of each label, by the model's own log-probabilities; empty where the server gave none.
    """

    key: str
    input_hash: str
    label: str | None
    shares: dict[str, float] = {}


class Classifications(Part):
    """What was answered, by the keyed hash of what was asked."""

    def keep(self, found: Sequence[Classification]) -> None:
        """Store them, if there are any."""
        if not found:
            return
        rows = [
            msgspec.structs.asdict(one)
            | {"at": time.time(), "shares": msgspec.json.encode(one.shares).decode()}
            for one in found
        ]
        with self._db.write() as connection:
            self._db.upsert(connection, classifications, rows)

    def of(self, keys: Iterable[str]) -> dict[str, Classification]:
        """Return what is kept under these keys."""
        rows = self._rows(sa.select(classifications), classifications.c.key, keys)
        return {row.key: _read(row) for row in rows}

    def clear(self, before: float) -> int:
        """Delete what was answered before that moment, in seconds since the epoch; return how much."""
        with self._db.write() as connection:
            return connection.execute(classifications.delete().where(classifications.c.at < before)).rowcount


def _read(row: sa.Row[Any]) -> Classification:
    shares = msgspec.json.decode(row.shares, type=dict[str, float])
    return Classification(key=row.key, input_hash=row.input_hash, label=row.label, shares=shares)
