"""Feedback in the ledger: what agents did with answers."""

import time
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from indexer.ledger.audit_table import note
from indexer.ledger.database import Database, Part, next_revision
from indexer.ledger.generation_table import Generations
from indexer.ledger.rows import Outcome, Space
from indexer.ledger.soundness import decode
from indexer.ledger.tables import answers, corrections, feedback, remarks, tickets
from indexer.ledger.ticket_rows import replace_derived, ticket_row
from indexer.ticket import Ticket

__all__ = ["Feedback", "FeedbackEntry", "UnknownTicketError", "Week"]

_WORDS = sa.select(feedback.c.answer, feedback.c.ticket_id, feedback.c.reply, remarks.c.reason).outerjoin(
    remarks, remarks.c.answer == feedback.c.answer
)

_ACTIONS = ("accepted", "edited", "rejected")


_Values = str | tuple[str, ...]


class UnknownTicketError(LookupError):
    """A priority or another field was corrected of a ticket that is not stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackEntry:
    """What an agent did with one answer; at least one of ``triage_id`` and ``ticket_id`` says with which.

    :param priority: the right label, if the agent corrected or confirmed it; ``ticket_id`` then names the ticket.
    :param reply: what was sent to the customer.
    :param reason: why it was rejected or edited, in the agent's words.
    :param precedent: the id of a ticket that would have been the right precedent.
    :param decisions: the right values of further fields, by their names, likewise.
    """

    action: str
    triage_id: str | None
    ticket_id: str | None
    priority: str | None
    reply: str | None
    reason: str | None = None
    precedent: str | None = None
    decisions: Mapping[str, str] = field(default_factory=dict)

    @property
    def corrects(self) -> bool:
        """Whether it says what is right of the priority or another field."""
        return self.priority is not None or bool(self.decisions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """Counts from one moment to the next: answers that were given, and the last words of agents, by what they are."""

    answers: int = 0
    accepted: int = 0
    edited: int = 0
    rejected: int = 0
    corrected: int = 0
    other_precedent: int = 0


class Feedback(Part):
    """One entry an answer: the last one counts, so that sending one again changes nothing."""

    def __init__(self, db: Database, generations: Generations) -> None:
        super().__init__(db)
        self._generations = generations

    def take(
        self,
        entry: FeedbackEntry,
        *,
        ticket: Ticket | None = None,
        space: Space | None = None,
        learn: bool = True,
    ) -> Outcome | None:
        """Keep the entry, and give the ticket that it names the corrected priority and fields, in one transaction.

        A ticket with an ``updated_at`` gets the present moment as that, so that older copies of it are stale.

        :param ticket: what to store, without a resolution, if no ticket of that id is there.
        :param space: that it was embedded in.
        :param learn: ``False`` keeps what is right without giving it to the ticket.
        :return: what became of the ticket, ``None`` when nothing was given to it.
        :raises UnknownTicketError: there is no ticket to give it to; nothing is kept.
        :raises SpaceMismatchError: as of `Tickets.write`; nothing is kept.
        """
        with self._db.write() as connection:
            outcome = None
            if entry.corrects and learn:
                outcome = self._label(connection, entry, ticket, space)
            elif entry.ticket_id is not None:
                note(connection, "told of" if learn else "new label kept", [entry.ticket_id])
            answer = entry.triage_id or f"ticket {entry.ticket_id}"
            said = {name: getattr(entry, name) for name in ("ticket_id", "action", "priority", "reply")}
            self._db.upsert(connection, feedback, [said | {"answer": answer, "at": time.time()}])
            connection.execute(remarks.delete().where(remarks.c.answer == answer))
            connection.execute(corrections.delete().where(corrections.c.answer == answer))
            if entry.decisions:
                rows = [{"answer": answer, "field": f, "value": v} for f, v in entry.decisions.items()]
                connection.execute(corrections.insert(), rows)
            if entry.reason is not None or entry.precedent is not None:
                remark = {"answer": answer, "reason": entry.reason, "precedent": entry.precedent}
                connection.execute(remarks.insert().values(remark))
        return outcome

    def replies(self, ticket_ids: Iterable[str]) -> dict[str, list[str]]:
        """Return those of the ids that any feedback names, with what was sent to their customers, and reasons."""
        found: dict[str, list[str]] = {}
        for row in self._rows(_WORDS, feedback.c.ticket_id, ticket_ids):
            found.setdefault(row.ticket_id, []).extend(filter(None, (row.reply, row.reason)))
        return found

    def replies_of_others(self, without: Container[str], answers: Container[str]) -> Iterator[str]:
        """Yield what was sent to customers of all tickets other than these, and reasons.

        :param answers: of which it is left out too.
        """
        for row in self._streamed(_WORDS):
            if row.ticket_id not in without and row.answer not in answers:
                yield from filter(None, (row.reply, row.reason))

    def chosen(self) -> list[tuple[str, str]]:
        """Return the stored tickets of which an agent named a right precedent that is stored, each with that."""
        query = (
            sa.select(feedback.c.ticket_id, remarks.c.precedent)
            .join_from(feedback, remarks, remarks.c.answer == feedback.c.answer)
            .where(
                feedback.c.ticket_id.in_(sa.select(tickets.c.id)),
                remarks.c.precedent.in_(sa.select(tickets.c.id)),
            )
            .order_by(feedback.c.ticket_id, remarks.c.precedent)
        )
        return [(row.ticket_id or "", row.precedent or "") for row in self._rows(query)]

    def counts(self) -> dict[str, int]:
        """Return how many answers met each action, and under ``corrected`` how many came with a priority."""
        query = sa.select(feedback.c.action, sa.func.count(), sa.func.count(feedback.c.priority))
        with self._db.read() as connection:
            rows = connection.execute(query.group_by(feedback.c.action)).all()
        return {action: count for action, count, _ in rows} | {
            "corrected": sum(labelled for _, _, labelled in rows)
        }

    def by_week(self, starts: Sequence[float]) -> tuple[Week, ...]:
        """Count answers that are kept, and feedback, from each start to the next one, and from the last one on.

        :param starts: in seconds since the epoch, oldest first; at least one.
        """
        given, told = (
            sa.case(*((column >= start, number) for number, start in reversed(list(enumerate(starts)))))
            for column in (answers.c.at, feedback.c.at)
        )
        actions = (
            sa.select(
                told,
                *(sa.func.count(sa.case((feedback.c.action == name, 1))) for name in _ACTIONS),
                sa.func.count(feedback.c.priority),
                sa.func.count(remarks.c.precedent),
            )
            .outerjoin(remarks, remarks.c.answer == feedback.c.answer)
            .where(feedback.c.at >= starts[0])
            .group_by(told)
        )
        with self._db.read() as connection:
            query = sa.select(given, sa.func.count()).where(answers.c.at >= starts[0]).group_by(given)
            kept = {row[0]: row[1] for row in connection.execute(query)}
            said = {number: counts for number, *counts in connection.execute(actions)}
        names = (*_ACTIONS, "corrected", "other_precedent")
        return tuple(
            Week(answers=kept.get(number, 0), **dict(zip(names, said.get(number, ()), strict=False)))
            for number in range(len(starts))
        )

    def _label(
        self, connection: sa.Connection, entry: FeedbackEntry, ticket: Ticket | None, space: Space | None
    ) -> Outcome:
        query = sa.select(tickets.c.record).where(tickets.c.id == entry.ticket_id)
        record: Any = connection.execute(query).scalar()
        if record is not None:
            stored = decode(record)
            ticket = msgspec.structs.replace(
                stored,
                priority=stored.priority if entry.priority is None else entry.priority,
                fields=_corrected(stored.fields, entry.decisions),
            )
            if ticket == stored:
                return Outcome.UNCHANGED
            moment = None if stored.updated_at is None else datetime.now(UTC)
            ticket = msgspec.structs.replace(ticket, updated_at=moment)
        elif ticket is None or space is None:
            msg = f"no ticket {entry.ticket_id!r} is stored"
            raise UnknownTicketError(msg)
        else:
            self._generations.require(connection, space, {ticket.text_hash})
        revision = next_revision(connection)
        self._db.upsert(connection, tickets, [ticket_row(ticket) | {"revision": revision}])
        replace_derived(connection, {ticket.id: ticket})
        self._generations.note(connection, [ticket.id], revision)
        note(connection, "corrected", [ticket.id])
        return Outcome.ADDED if record is None else Outcome.UPDATED


def _corrected(fields: Mapping[str, _Values], decisions: Mapping[str, str]) -> dict[str, _Values]:
    """Return the fields with the right values: of several the first, which is what is decided, is replaced."""
    corrected = dict(fields)
    for name, right in decisions.items():
        before = fields.get(name, "")
        rest = () if isinstance(before, str) else tuple(one for one in before[1:] if one != right)
        corrected[name] = right if isinstance(before, str) else (right, *rest)
    return corrected
