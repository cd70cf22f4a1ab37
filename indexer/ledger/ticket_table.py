"""Tickets in the ledger."""

import contextlib
import logging
import secrets
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from indexer.ledger.answer_table import erase_answers
from indexer.ledger.audit_table import hide, note
from indexer.ledger.database import PAGE, Database, Part, next_revision, pages, rows_with
from indexer.ledger.delivery_table import erase_deliveries
from indexer.ledger.filters import Filter, is_labelled
from indexer.ledger.generation_table import Generations
from indexer.ledger.prepared_query import PreparedQuery, listed
from indexer.ledger.rows import Outcome, Space, Stored
from indexer.ledger.soundness import DamagedRecordError, decode, sound_ticket
from indexer.ledger.tables import (
    FLAG,
    facets,
    feedback,
    remarks,
    state,
    subjects,
    tickets,
    tombstones,
    vectors,
)
from indexer.ledger.ticket_rows import delete_derived, replace_derived, ticket_row
from indexer.ledger.vector_table import has_ticket
from indexer.ticket import Ticket

__all__ = ["Tickets"]

_log = logging.getLogger(__name__)


class Tickets(Part):
    """Every ticket as last acknowledged."""

    def __init__(self, db: Database, generations: Generations) -> None:
        super().__init__(db)
        self._generations = generations
        named = tickets.c.id.in_(listed(is_sqlite=db.is_sqlite))
        flags = sa.and_(facets.c.ticket_id == tickets.c.id, facets.c.name == FLAG)
        self._by_id = PreparedQuery(
            db, sa.select(tickets, facets.c.value).join(facets, flags, isouter=True).where(named)
        )

    def count(self, source: str | None = None) -> int:
        """Return the number of tickets, or of those of one source."""
        query = sa.select(sa.func.count()).select_from(tickets)
        return self._count(query if source is None else query.where(tickets.c.source == source))

    def count_labelled(self, field: str | None = None) -> int:
        """Return the number of tickets that have a priority, or that field."""
        return self._count(sa.select(sa.func.count()).select_from(tickets).where(is_labelled(field)))

    def changed_labels(self, revision: int, field: str | None = None) -> int:
        """Return how many priorities were given, changed or taken away since the revision.

        Deletions count as one, however many they were, and whether or not the tickets had a priority.

        :param field: count the tickets with that field that were written since, instead of priorities.
        """
        since = (
            tickets.c.label_revision > revision
            if field is None
            else sa.and_(tickets.c.revision > revision, is_labelled(field))
        )
        with self._db.read() as connection:
            changed = sa.select(sa.func.count()).where(since)
            deleted = sa.select(state.c.deleted_revision)
            gone = connection.execute(deleted).scalar_one() > revision
            return int(connection.execute(changed).scalar_one()) + int(gone)

    def labels(self, field: str | None = None) -> list[str]:
        """Return every priority that a ticket has, or every value of that field, in lower case."""
        query = sa.select(tickets.c.priority).where(tickets.c.priority.is_not(None)).distinct()
        if field is not None:
            query = sa.select(facets.c.value).where(facets.c.name == field).distinct()
        return sorted(label for (label,) in self._rows(query))

    def hashes(self) -> dict[str, str]:
        """Return every ticket's id and the hash of its text."""
        return {row.id: row.text_hash for row in self._streamed(sa.select(tickets.c.id, tickets.c.text_hash))}

    def priorities(self) -> dict[str, str | None]:
        """Return every ticket's id and priority."""
        return {row.id: row.priority for row in self._streamed(sa.select(tickets.c.id, tickets.c.priority))}

    def stored(self, ids: Iterable[str]) -> dict[str, Stored]:
        """Return what is needed to tell which of these tickets changed."""
        with self._db.read() as connection:
            return _stored(connection, ids)

    def get(self, ids: Iterable[str], *, readable: bool = False) -> dict[str, Ticket]:
        """Return these tickets, as far as they exist.

        :param readable: leave out those whose record is damaged so that it cannot be read.
        :raises DamagedRecordError: one cannot be read.
        """
        query = sa.select(tickets.c.id, tickets.c.record)
        found = {}
        for row in self._rows(query, tickets.c.id, ids):
            try:
                found[row.id] = decode(row.record)
            except DamagedRecordError:
                if not readable:
                    raise
        return found

    def write(self, batch: Sequence[Ticket], *, space: Space | None = None) -> list[Outcome]:
        """Store these tickets, and note them as pending for every generation.

        Their vectors in the live space must have been stored before. Of two versions the one with the later
        ``updated_at`` stays; where either has none, the one that comes last.

        :param space: that the tickets were embedded in; it is made sure that it is the live one's, and that the
            vectors are there, in the same transaction.
        :return: what became of each ticket, in order.
        :raises SpaceMismatchError: another space went live, or a vector was erased, since the tickets were embedded.
        """
        outcomes = []
        with self._db.write() as connection:
            if space is not None:
                self._generations.require(connection, space, {ticket.text_hash for ticket in batch})
            before = _stored(connection, (ticket.id for ticket in batch))
            rows: dict[str, dict[str, Any]] = {}
            written: dict[str, Ticket] = {}
            for ticket in batch:
                row = ticket_row(ticket)
                known = before.get(ticket.id)
                outcome = (
                    Outcome.ADDED if known is None else known.outcome(row["record_hash"], row["updated_at"])
                )
                outcomes.append(outcome)
                if outcome in (Outcome.ADDED, Outcome.UPDATED):
                    rows[ticket.id], written[ticket.id] = row, ticket
                    before[ticket.id] = Stored(row["record_hash"], row["text_hash"], row["updated_at"])
            if rows:
                revision = next_revision(connection)
                self._db.upsert(connection, tickets, [{**row, "revision": revision} for row in rows.values()])
                replace_derived(connection, written)
                self._generations.note(connection, rows, revision)
                note(connection, "stored", rows)
        return outcomes

    def delete(self, ids: Iterable[str]) -> list[str]:
        """Delete these tickets, note that for every generation in use, and return those that existed.

        What agents sent for them goes too. A tombstone stays of each, by which `erase` still reaches its bytes.
        """
        with self._db.write() as connection:
            found = _stored(connection, ids)
            if not found:
                return []
            revision = next_revision(connection)
            connection.execute(state.update().values(deleted_revision=revision))
            for page in pages(found):
                connection.execute(tickets.delete().where(tickets.c.id.in_(page)))
                said = feedback.update().where(feedback.c.ticket_id.in_(page))
                connection.execute(said.values(reply=None))
                told = sa.select(feedback.c.answer).where(feedback.c.ticket_id.in_(page))
                why = remarks.update().where(remarks.c.answer.in_(told))
                connection.execute(why.values(reason=None))
            delete_derived(connection, found)
            stones = [
                {"id": i, "text_hash": was.text_hash, "deleted_at": time.time(), "rewritten_at": None}
                for i, was in found.items()
            ]
            self._db.upsert(connection, tombstones, stones)
            self._generations.note(connection, found, revision)
            note(connection, "deleted", found)
        return list(found)

    def tagged(self, tag: str) -> list[str]:
        """Return the ids of the tickets that have the tag."""
        # Facets do not regard case: they narrow, the decoded record decides.
        query = sa.select(tickets.c.record).where(*Filter(tags=(tag,)).conditions())
        found = (decode(record) for (record,) in self._streamed(query))
        return [ticket.id for ticket in found if tag in ticket.tags]

    def page(self, which: Filter, *, after: str = "", limit: int) -> list[Ticket]:
        """Return the first tickets that meet the filter, in order of their ids, behind the one with the id ``after``.

        Those whose record is damaged are left out; `altered` names them.
        """
        query = (
            sa.select(tickets.c.id, tickets.c.record)
            .where(tickets.c.id > after, *which.conditions())
            .order_by(tickets.c.id)
            .limit(limit)
        )
        found = []
        for row in self._rows(query):
            with contextlib.suppress(DamagedRecordError):
                found.append(decode(row.record))
        return found

    def records(self) -> Iterator[Ticket]:
        """Yield every ticket as it is at one moment, ordered by id; a reading transaction is open until the end."""
        query = sa.select(tickets.c.record).order_by(tickets.c.id)
        return (decode(record) for (record,) in self._streamed(query))

    def altered(self, *, sample: int | None = None) -> list[str]:
        """Return the ids of tickets whose record is not the one that was acknowledged, by its hashes.

        :param sample: look at so many only, chosen by chance.
        """
        query = sa.select(tickets)
        if sample is None:
            parts = [query.order_by(tickets.c.id)]
        else:
            # Hashes fall evenly: those that follow a random one are as good as chosen by chance; after the last comes the first.
            start = secrets.token_hex(32)
            parts = [
                query.where(side).order_by(tickets.c.text_hash)
                for side in (tickets.c.text_hash >= start, tickets.c.text_hash < start)
            ]
        with self._db.read() as connection:
            found, looked = [], 0
            for part in parts:
                few = part.limit(None if sample is None else sample - looked)
                # Read to its end: PostgreSQL's cursor is open until then.
                for row in connection.execution_options(yield_per=PAGE).execute(few):
                    looked += 1
                    if sound_ticket(row._asdict()) is None:
                        found.append(str(row.id).encode(errors="replace").decode())
            return found

    def with_texts(self, hashes: Iterable[str]) -> list[tuple[str, str]]:
        """Return the ids of the tickets whose text or subject has one of these hashes, each with that hash."""
        named = list(hashes)
        columns = (tickets.c.id, tickets.c.text_hash), (subjects.c.ticket_id, subjects.c.text_hash)
        with self._db.read() as connection:
            return [
                (row.id, row.text_hash)
                for owner, of_text in columns
                for row in rows_with(connection, sa.select(owner.label("id"), of_text), of_text, named)
            ]

    def sound(self, ids: Iterable[str], *, at_once: int = PAGE) -> Iterator[tuple[Ticket, str | None]]:
        """Yield these tickets, in this order, but for those that are not what was acknowledged: they are logged.

        Each comes with why it is flagged, if it is. Ids that are not stored are passed over.

        :param at_once: how many are read at a time: who takes only the first ones knows how many.
        """
        columns = tickets.columns.keys()
        for page in pages(ids, at_once):
            rows = {row[0]: row for row in self._by_id.rows(named=page)}
            for *row, flag in (rows[ticket_id] for ticket_id in page if ticket_id in rows):
                if (ticket := sound_ticket(dict(zip(columns, row, strict=True)))) is not None:
                    yield ticket, flag
                else:
                    _log.error(
                        "ticket %r is left out: its record in the ledger is damaged: run `precedent verify`",
                        row[0],
                    )

    def erase(self, ids: Iterable[str]) -> tuple[int, int]:
        """Delete these tickets, stored or deleted before, what agents said and answers hold of them, and every vector that then no ticket has.

        A vector without a ticket may be that of an earlier text of one of these, so all go. Return how many of both.
        """
        with self._db.write() as connection:
            revision, named = next_revision(connection), list(ids)
            erase_deliveries(connection, named)
            erase_answers(connection, named)
            found = list(_stored(connection, named))
            for page in pages(named):
                connection.execute(tickets.delete().where(tickets.c.id.in_(page)))
                connection.execute(feedback.delete().where(feedback.c.ticket_id.in_(page)))
                connection.execute(tombstones.delete().where(tombstones.c.id.in_(page)))
            delete_derived(connection, named)
            connection.execute(state.update().values(deleted_revision=revision))
            self._generations.note(connection, found, revision)
            note(connection, "erased", hide(connection, named))
            erased = connection.execute(vectors.delete().where(sa.not_(has_ticket())))
            return len(found), int(erased.rowcount)

    def ids(self, source: str | None = None) -> Iterator[str]:
        """Yield every ticket's id in order, or those of one source."""
        query = sa.select(tickets.c.id).order_by(tickets.c.id).limit(PAGE)
        if source is not None:
            query = query.where(tickets.c.source == source)
        last = ""
        while True:
            with self._db.read() as connection:
                page = connection.execute(query.where(tickets.c.id > last)).scalars().all()
            yield from page
            if len(page) < PAGE:
                return
            last = page[-1]


def _stored(connection: sa.Connection, ids: Iterable[str]) -> dict[str, Stored]:
    query = sa.select(tickets.c.id, tickets.c.record_hash, tickets.c.text_hash, tickets.c.updated_at)
    rows = rows_with(connection, query, tickets.c.id, ids)
    return {row.id: Stored(row.record_hash, row.text_hash, row.updated_at) for row in rows}
