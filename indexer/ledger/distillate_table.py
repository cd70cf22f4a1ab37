"""What models made of tickets' conversations, kept so that each is asked about once ever."""

import time
from collections.abc import Container, Iterable, Iterator, Sequence

import msgspec
import sqlalchemy as sa

from indexer.ledger.database import Part
from indexer.ledger.tables import distillates

__all__ = ["Distillate", "Distillates"]

_WORDS = sa.select(distillates.c.ticket_id, distillates.c.problem, distillates.c.resolution)


class Distillate(msgspec.Struct, frozen=True, kw_only=True):
    """What a model made of one ticket's conversation: only what stands in it, ``None`` where nothing of it does."""

    ticket_id: str
    prompt: str
    """The version of the prompt."""
    thread_hash: str
    """Of the text and the conversation that the model was given."""
    model: str
    problem: str | None
    resolution: str | None


class Distillates(Part):
    """What was made of tickets, by their ids, the version of the prompt and the hash of the conversation."""

    def keep(self, found: Sequence[Distillate]) -> None:
        """Store them, if there are any."""
        if not found:
            return
        with self._db.write() as connection:
            rows = [msgspec.structs.asdict(one) | {"at": time.time()} for one in found]
            self._db.upsert(connection, distillates, rows)

    def of(self, ids: Iterable[str], prompt: str) -> dict[tuple[str, str], Distillate]:
        """Return what is kept of these tickets under a version of the prompt, by id and hash of the conversation."""
        names = Distillate.__struct_fields__
        query = sa.select(*(distillates.c[name] for name in names)).where(distillates.c.prompt == prompt)
        rows = self._rows(query, distillates.c.ticket_id, ids)
        return {(row.ticket_id, row.thread_hash): Distillate(**row._asdict()) for row in rows}

    def words(self, ids: Iterable[str]) -> dict[str, list[str]]:
        """Return every text that is kept of these tickets, by their ids."""
        found: dict[str, list[str]] = {}
        for row in self._rows(_WORDS, distillates.c.ticket_id, ids):
            found.setdefault(row.ticket_id, []).extend(filter(None, (row.problem, row.resolution)))
        return found

    def words_of_others(self, without_tickets: Container[str]) -> Iterator[str]:
        """Yield every text that stays once these tickets are erased."""
        for row in self._streamed(_WORDS):  # there may be one of every ticket
            if row.ticket_id not in without_tickets:
                yield from filter(None, (row.problem, row.resolution))
