"""Answers in the ledger: what was answered, from what, and what agents did with it."""

import hashlib
import hmac
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import sqlalchemy as sa

from indexer.errors import PrecedentError
from indexer.ledger.answer_body import Body, tickets_in, without, words_in
from indexer.ledger.audit_table import secret_of
from indexer.ledger.database import Part, pages, rows_with
from indexer.ledger.tables import (
    answer_tickets,
    answers,
    classifications,
    corrections,
    feedback,
    remarks,
    tickets,
    tombstones,
)

__all__ = [
    "Answer",
    "Answers",
    "Told",
    "Which",
    "erase_answers",
    "hash_of_question",
    "own_hashes",
    "stored_ids",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What feedback last said of an answer; ``at`` is in seconds since the epoch."""

    at: float
    action: str
    ticket_id: str | None
    priority: str | None
    reply: str | None
    reason: str | None
    precedent: str | None
    decisions: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A kept answer; ``at`` is in seconds since the epoch.

    :param who: asked: an actor, as in the audit log.
    :param input_hash: of the question, by `hash_of_question`.
    :param reply_key: the same for two replies exactly if they rest on the same.
    """

    id: str
    at: float
    who: str | None
    input_hash: str
    reply_key: str | None
    body: Body
    told: Told | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Which:
    """Which answers are wanted: of a time, in seconds since the epoch, and those that name a ticket."""

    since: float | None = None
    until: float | None = None
    ticket_id: str | None = None
    before: tuple[float, str] | None = None
    """Time and id of an answer: only those that come after it, newest first."""


class Answers(Part):
    """The answers that were given, until they are cleared."""

    def keep(self, given: Sequence[Answer]) -> None:
        """Store answers. What they name of tickets that are not stored any more is left out."""
        with self._db.write() as connection:
            named = {ticket_id for answer in given for ticket_id in tickets_in(answer.body)}
            gone = named - stored_ids(connection, named)
            rows, links = [], []
            for answer in given:
                body = without(answer.body, gone)
                rows.append({
                    "id": answer.id, "at": answer.at, "who": answer.who, "input_hash": answer.input_hash,
                    "reply_key": answer.reply_key, "body": msgspec.json.encode(body).decode(),
                })  # fmt: skip
                links += [{"ticket_id": ticket_id, "answer": answer.id} for ticket_id in tickets_in(body)]
            if rows:
                connection.execute(answers.insert(), rows)
            if links:
                connection.execute(answer_tickets.insert(), links)

    def get(self, answer_id: str) -> Answer | None:
        """Return an answer, without what it says of tickets that are deleted; ``None`` when it is not kept."""
        found = self._read(_query().where(answers.c.id == answer_id))
        return found[0] if found else None

    def page(self, which: Which, *, limit: int) -> list[Answer]:
        """Return answers, newest first, as `get` does."""
        query = _query().order_by(answers.c.at.desc(), answers.c.id.desc()).limit(limit)
        if which.since is not None:
            query = query.where(answers.c.at >= which.since)
        if which.until is not None:
            query = query.where(answers.c.at < which.until)
        if which.before is not None:
            query = query.where(sa.tuple_(answers.c.at, answers.c.id) < sa.tuple_(*which.before))
        if which.ticket_id is not None:
            naming = sa.select(answer_tickets.c.answer).where(answer_tickets.c.ticket_id == which.ticket_id)
            query = query.where(answers.c.id.in_(naming))
        return self._read(query)

    def without_precedent(self, *, among: int, limit: int) -> list[Answer]:
        """Return the newest answers with neighbours that are all below the floor, of the newest ``among``, as `get` does."""
        newest = sa.select(answers.c.id).order_by(answers.c.at.desc(), answers.c.id.desc()).limit(among)
        # As JSON it stands like this nowhere else: a quotation mark in a text has a backslash before it.
        far = sa.and_(
            answers.c.body.like('%"above_floor":false%'), answers.c.body.not_like('%"above_floor":true%')
        )
        query = _query().where(answers.c.id.in_(newest), far)
        return self._read(query.order_by(answers.c.at.desc(), answers.c.id.desc()).limit(limit))

    def reply(self, key: str) -> Answer | None:
        """Return the newest answer whose reply has this key, and was not rejected by an agent."""
        sound = sa.func.coalesce(feedback.c.action, "") != "rejected"
        query = _query().where(answers.c.reply_key == key, sound).order_by(answers.c.at.desc()).limit(1)
        found = self._read(query)
        return found[0] if found and not found[0].body.get("forgotten") else None

    def count(self) -> int:
        """Return how many are kept."""
        return self._count(sa.select(sa.func.count()).select_from(answers))

    def clear(self, before: float) -> int:
        """Remove the answers of before that moment, and the texts that feedback of then holds for no ticket."""
        with self._db.write() as connection:
            old = sa.select(answers.c.id).where(answers.c.at < before)
            connection.execute(answer_tickets.delete().where(answer_tickets.c.answer.in_(old)))
            gone = int(connection.execute(answers.delete().where(answers.c.at < before)).rowcount)
            kept = sa.select(answers.c.id).where(answers.c.id == feedback.c.answer).exists()
            told = sa.select(feedback.c.answer).where(
                feedback.c.at < before, feedback.c.ticket_id.is_(None), ~kept
            )
            connection.execute(remarks.delete().where(remarks.c.answer.in_(told)))
            said = feedback.update().where(feedback.c.answer.in_(told), feedback.c.reply.is_not(None))
            connection.execute(said.values(reply=None))
        return gone

    def named(self, ids: Iterable[str]) -> set[str]:
        """Return those of the ticket ids that an answer or a remark on one names."""
        named = list(ids)
        with self._db.read() as connection:
            return {
                str(found)
                for column in (answer_tickets.c.ticket_id, remarks.c.precedent)
                for (found,) in rows_with(connection, sa.select(column), column, named)
            }

    def words(self, ids: Sequence[str]) -> dict[str, list[str]]:
        """Return the words of the answers that `erase_answers` would take away or shorten, by a ticket that they name."""
        found: dict[str, list[str]] = {}
        with self._db.read() as connection:
            for _, body, shorter in _shortened(connection, ids):
                stays = set(words_in(shorter))
                for ticket_id in tickets_in(body) - tickets_in(shorter):
                    lost = (words for words in words_in(body) if words not in stays)
                    found.setdefault(ticket_id, []).extend(lost)
        return found

    def losing_replies(self, ids: Sequence[str]) -> set[str]:
        """Return the ids of the answers that lose their reply when these tickets are erased."""
        with self._db.read() as connection:
            found = _shortened(connection, ids)
            return {answer for answer, body, shorter in found if body["reply"] != shorter["reply"]}

    def words_of_others(self, without_tickets: Container[str]) -> Iterator[str]:
        """Yield the words of all answers that stay once these tickets are erased."""
        for (body,) in self._streamed(sa.select(answers.c.body)):  # a question may be a long text
            yield from words_in(without(_decoded(body), without_tickets))

    def _read(self, query: sa.Select[Any]) -> list[Answer]:
        """Return the answers of a query, without what they say of tickets that are deleted."""
        with self._db.read() as connection:
            rows = [row._asdict() for row in connection.execute(query)]
            right = _corrections(connection, [row["id"] for row in rows])
            found = [_answer(row, right.get(row["id"], {})) for row in rows]
            named = {ticket_id for answer in found for ticket_id in tickets_in(answer.body)}
            gone = named - stored_ids(connection, named)
        return [_without(answer, gone) for answer in found]


def hash_of_question(secret: str, text_hash: str) -> str:
    """Return the hash that an answer keeps of its question; without the ledger's secret no text can be tried on it.

    :param text_hash: of the question as a ticket.
    """
    return hmac.new(secret.encode(), f"question {text_hash}".encode(), hashlib.sha256).hexdigest()


def own_hashes(connection: sa.Connection, ids: Sequence[str]) -> set[str]:
    """Return the hashes of questions that were the texts of these tickets, stored or deleted; at most `PAGE` of them."""
    secret = secret_of(connection)
    return {
        hash_of_question(secret, found)
        for table in (tickets, tombstones)
        for found in connection.execute(sa.select(table.c.text_hash).where(table.c.id.in_(ids))).scalars()
    }


def erase_answers(connection: sa.Connection, ids: Sequence[str]) -> None:
    """Take these tickets out of all answers, before they are erased themselves.

    Answers to their own texts, and those that feedback says were given for them, go whole. Others lose the id, and
    the note and reply that rest on it, with what an agent made of that reply. What models said of their texts goes too.
    """
    for page in pages(ids):
        hashes = own_hashes(connection, page)
        connection.execute(classifications.delete().where(classifications.c.input_hash.in_(hashes)))
        given_for = sa.select(feedback.c.answer).where(feedback.c.ticket_id.in_(page))
        own = sa.or_(answers.c.input_hash.in_(hashes), answers.c.id.in_(given_for))
        _remove(connection, list(connection.execute(sa.select(answers.c.id).where(own)).scalars()))
        for table in (remarks, corrections):
            connection.execute(table.delete().where(table.c.answer.in_(given_for)))
        connection.execute(remarks.update().where(remarks.c.precedent.in_(page)).values(precedent=None))
        for answer, body, shorter in _shortened(connection, page):
            text = msgspec.json.encode(shorter).decode()
            mine = answers.update().where(answers.c.id == answer)
            connection.execute(mine.values(body=text, reply_key=None))
            if body["reply"] != shorter["reply"]:
                connection.execute(feedback.update().where(feedback.c.answer == answer).values(reply=None))
                connection.execute(remarks.update().where(remarks.c.answer == answer).values(reason=None))
        connection.execute(answer_tickets.delete().where(answer_tickets.c.ticket_id.in_(page)))


def _shortened(connection: sa.Connection, ids: Iterable[str]) -> Iterator[tuple[str, Body, Body]]:
    """Yield id and body of each answer that names one of these tickets, and the body without them."""
    for page in pages(ids):
        naming = sa.select(answer_tickets.c.answer).where(answer_tickets.c.ticket_id.in_(page))
        query = sa.select(answers.c.id, answers.c.body).where(answers.c.id.in_(naming))
        for row in connection.execute(query).all():
            body = _decoded(row.body)
            yield row.id, body, without(body, set(page))


def _remove(connection: sa.Connection, ids: Sequence[str]) -> None:
    for page in pages(ids):
        connection.execute(answer_tickets.delete().where(answer_tickets.c.answer.in_(page)))
        connection.execute(remarks.delete().where(remarks.c.answer.in_(page)))
        connection.execute(feedback.update().where(feedback.c.answer.in_(page)).values(reply=None))
        connection.execute(answers.delete().where(answers.c.id.in_(page)))


def _query() -> sa.Select[Any]:
    said = [column.label(f"told_{column.name}") for column in feedback.columns if column.name != "answer"]
    query = sa.select(answers, *said, remarks.c.reason, remarks.c.precedent)
    query = query.outerjoin(feedback, feedback.c.answer == answers.c.id)
    return query.outerjoin(remarks, remarks.c.answer == answers.c.id)


def _without(answer: Answer, gone: set[str]) -> Answer:
    body, told = without(answer.body, gone), answer.told
    if told is not None and body["reply"] != answer.body["reply"]:
        told = replace(told, reply=None, reason=None)
    return replace(answer, body=body, told=told)


def _corrections(connection: sa.Connection, ids: Iterable[str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for row in rows_with(connection, sa.select(corrections), corrections.c.answer, ids):
        found.setdefault(row.answer, {})[row.field] = row.value
    return found


def _answer(row: Mapping[str, Any], decisions: dict[str, str]) -> Answer:
    told = None
    if row["told_at"] is not None:
        said = {name: row[f"told_{name}"] for name in ("at", "action", "ticket_id", "priority", "reply")}
        told = Told(**said, reason=row["reason"], precedent=row["precedent"], decisions=decisions)
    given = {name: row[name] for name in ("id", "at", "who", "input_hash", "reply_key")}
    return Answer(**given, body=_decoded(row["body"]), told=told)


def stored_ids(connection: sa.Connection, ids: Iterable[str]) -> set[str]:
    """Return those of the ids that are stored."""
    return {str(found) for (found,) in rows_with(connection, sa.select(tickets.c.id), tickets.c.id, ids)}


def _decoded(body: str) -> Body:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeError):
        # Without a word of the body.
        msg = "a kept answer in the ledger is damaged: `precedent salvage FILE` saves the others"
        raise PrecedentError(msg) from None
