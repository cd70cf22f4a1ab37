"""What models at the provider answered when they were asked for a priority, kept so that nothing is asked twice."""

import time
from collections.abc import Iterable, Sequence

import msgspec
import sqlalchemy as sa

from indexer.ledger.database import Database, pages
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


class Classifications:
    """What was answered, by the keyed hash of what was asked."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def keep(self, found: Sequence[Classification]) -> None:
        """Store them, if there are any."""
        if not found:
            return
        rows = [
            {
                "key": one.key,
                "input_hash": one.input_hash,
                "at": time.time(),
                "label": one.label,
                "shares": msgspec.json.encode(one.shares).decode(),
            }
            for one in found
        ]
        with self._db.write() as connection:
            self._db.upsert(connection, classifications, rows)

    def of(self, keys: Iterable[str]) -> dict[str, Classification]:
        """Return what is kept under these keys."""
        query = sa.select(classifications)
        with self._db.read() as connection:
            return {
                row.key: Classification(
                    key=row.key,
                    input_hash=row.input_hash,
                    label=row.label,
                    shares=msgspec.json.decode(row.shares, type=dict[str, float]),
                )
                for page in pages(keys)
                for row in connection.execute(query.where(classifications.c.key.in_(page)))
            }

    def clear(self, before: float) -> int:
        """Delete what was answered before that moment, in seconds since the epoch; return how much."""
        with self._db.write() as connection:
            return connection.execute(classifications.delete().where(classifications.c.at < before)).rowcount
