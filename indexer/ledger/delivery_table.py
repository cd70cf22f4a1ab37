"""Deliveries in the ledger: finished answers on their way to a webhook or to Slack, until they are acknowledged."""

from collections.abc import Collection, Container, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from typing import Any, Literal

import msgspec
import sqlalchemy as sa

from indexer.ledger.answer_table import own_hashes, stored_ids
from indexer.ledger.database import Part, pages
from indexer.ledger.tables import deliveries

__all__ = ["Deliveries", "Delivery", "Outgoing", "erase_deliveries"]

_FORGOTTEN = {
    "state": "dead", "body": None, "tickets": "[]", "error": "not delivered: a ticket in it was deleted",
}  # fmt: skip
_DONE = ("delivered", "dead")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A finished answer that is to be delivered.

    :param body: JSON: an object whose ``data`` is the answer.
    :param tickets: ids of the tickets that the body names.
    :param next_at: when it is due.
    """

    id: str
    answer: str
    target: str
    at: float
    input_hash: str
    tickets: Collection[str]
    body: str
    next_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A delivery as it stands; times are in seconds since the epoch.

    :param tries: requests that were begun.
    :param body: ``None`` once it is delivered, or a ticket in it is gone.
    """

    id: str
    answer: str
    target: str
    at: float
    state: Literal["waiting", "delivered", "dead"]
    tries: int
    next_at: float
    error: str | None
    place: str | None
    body: str | None


class Deliveries(Part):
    """The outbox. Whoever claims a delivery has it alone until ``next_at``."""

    def record(self, given: Sequence[Outgoing]) -> None:
        """Store deliveries; one whose id is there already is left as it is."""
        with self._db.write() as connection:
            for one in given:
                named = sorted(stored_ids(connection, one.tickets))
                row = asdict(one) | {
                    "tickets": msgspec.json.encode(named).decode(),
                    "state": "waiting",
                    "tries": 0,
                }
                connection.execute(self._db.insert(deliveries).values(row).on_conflict_do_nothing())

    def claim(self, target: str, now: float, *, lease: float) -> Delivery | None:
        """Take the delivery of the target that is due longest, for so many seconds; ``None`` when none is due."""
        due = sa.and_(
            deliveries.c.state == "waiting", deliveries.c.target == target, deliveries.c.next_at <= now
        )
        first = sa.select(deliveries).where(due).order_by(deliveries.c.next_at, deliveries.c.id).limit(1)
        with self._db.read() as connection:
            if connection.execute(first).first() is None:
                return None
        with self._db.write() as connection:
            while row := connection.execute(first).first():
                here = sa.and_(due, deliveries.c.id == row.id, deliveries.c.tries == row.tries)
                named = set(msgspec.json.decode(row.tickets))
                if named - stored_ids(connection, named):
                    connection.execute(deliveries.update().where(here).values(_FORGOTTEN))
                    continue
                taken = deliveries.update().where(here)
                connection.execute(taken.values(tries=row.tries + 1, next_at=now + lease))
                return _delivery(row._asdict() | {"tries": row.tries + 1, "next_at": now + lease})
        return None

    def placed(self, delivery_id: str, place: str | None, now: float) -> None:
        """Note where a first version of the message stands, and that the delivery is due."""
        here = sa.and_(deliveries.c.id == delivery_id, deliveries.c.tries == 0)
        with self._db.write() as connection:
            connection.execute(deliveries.update().where(here).values(place=place, next_at=now))

    def succeeded(self, delivery: Delivery) -> None:
        """Note that a claimed delivery was acknowledged, and drop its body."""
        self._end(delivery, {"state": "delivered", "body": None, "tickets": "[]", "error": None})

    def failed(self, delivery: Delivery, error: str, *, again_at: float | None) -> None:
        """Note that a claimed delivery failed.

        :param again_at: when it is tried again; ``None``: it is dead.
        """
        values: dict[str, Any] = {"error": error, "place": delivery.place}
        self._end(delivery, values | ({"state": "dead"} if again_at is None else {"next_at": again_at}))

    def _end(self, delivery: Delivery, values: dict[str, Any]) -> None:
        # Whoever claimed it later, because this took too long, has the last word; an acknowledgement always counts.
        here = [deliveries.c.id == delivery.id, deliveries.c.state == "waiting"]
        if values.get("state") != "delivered":
            here.append(deliveries.c.tries == delivery.tries)
        with self._db.write() as connection:
            connection.execute(deliveries.update().where(*here).values(values))

    def repeat(self, ids: Collection[str] | None, now: float) -> list[str]:
        """Make dead deliveries due again, as if they had never been tried; return their ids.

        :param ids: which; ``None``: all dead ones. Those without a body are left.
        """
        dead = sa.and_(deliveries.c.state == "dead", deliveries.c.body.is_not(None))
        again = {"state": "waiting", "tries": 0, "next_at": now}
        found: list[str] = []
        with self._db.write() as connection:
            for page in [None] if ids is None else pages(ids):
                here = dead if page is None else sa.and_(dead, deliveries.c.id.in_(page))
                found += connection.execute(
                    deliveries.update().where(here).values(again).returning(deliveries.c.id)
                ).scalars()
        return sorted(found)

    def give_up(self, targets: Collection[str]) -> int:
        """Make what waits for any other target dead; return how many those are."""
        here = sa.and_(deliveries.c.state == "waiting", deliveries.c.target.not_in(targets))
        with self._db.read() as connection:
            if connection.execute(sa.select(deliveries.c.id).where(here).limit(1)).first() is None:
                return 0
        with self._db.write() as connection:
            gone = deliveries.update().where(here).values(state="dead", error="the target is no longer set")
            return int(connection.execute(gone).rowcount)

    def all(self) -> Iterator[Delivery]:
        """Yield all, oldest first, without their bodies; a reading transaction is open until the end."""
        columns = [column for column in deliveries.columns if column.name != "body"]
        query = sa.select(*columns).order_by(deliveries.c.at, deliveries.c.id)
        return (_delivery(row._asdict() | {"body": None}) for row in self._streamed(query))

    def counts(self) -> dict[str, int]:
        """Return how many are ``waiting``, and how many ``dead``."""
        query = sa.select(deliveries.c.state, sa.func.count()).where(deliveries.c.state != "delivered")
        with self._db.read() as connection:
            found = {row[0]: int(row[1]) for row in connection.execute(query.group_by(deliveries.c.state))}
        return {state: found.get(state, 0) for state in ("waiting", "dead")}

    def clear(self, before: float) -> int:
        """Remove those recorded before that moment that do not wait; return how many."""
        old = deliveries.delete().where(deliveries.c.at < before, deliveries.c.state.in_(_DONE))
        with self._db.write() as connection:
            return int(connection.execute(old).rowcount)

    def named(self, ids: Iterable[str]) -> set[str]:
        """Return those of the ticket ids that a body names."""
        wanted = set(ids)
        with self._db.read() as connection:
            return {found for _, named, _ in _bodies(connection) for found in named & wanted}

    def words(self, ids: Sequence[str]) -> dict[str, list[str]]:
        """Return the words of the bodies that `erase_deliveries` would drop, by a ticket that they name."""
        wanted, found = set(ids), dict[str, list[str]]()
        with self._db.read() as connection:
            for _, named, body in _bodies(connection):
                for ticket_id in named & wanted:
                    found.setdefault(ticket_id, []).extend(_words(body))
        return found

    def words_of_others(self, without_tickets: Container[str]) -> Iterator[str]:
        """Yield the words of the bodies that stay once these tickets are erased."""
        with self._db.read() as connection:
            for _, named, body in _bodies(connection):
                if not any(ticket_id in without_tickets for ticket_id in named):
                    yield from _words(body)


def erase_deliveries(connection: sa.Connection, ids: Sequence[str]) -> None:
    """Drop the bodies that name one of these tickets, or answer its text, before the tickets are erased themselves."""
    erased = set(ids)
    for page in pages([each for each, named, _ in _bodies(connection) if named & erased]):
        connection.execute(deliveries.update().where(deliveries.c.id.in_(page)).values(_FORGOTTEN))
    for page in pages(ids):
        hashes = own_hashes(connection, page)
        own = deliveries.update().where(deliveries.c.input_hash.in_(hashes), deliveries.c.body.is_not(None))
        connection.execute(own.values(_FORGOTTEN))


def _bodies(connection: sa.Connection) -> Iterator[tuple[str, set[str], str]]:
    """Yield id, tickets and body of those that have one."""
    query = sa.select(deliveries.c.id, deliveries.c.tickets, deliveries.c.body)
    for row in connection.execute(query.where(deliveries.c.body.is_not(None))):
        yield row.id, set(msgspec.json.decode(row.tickets)), row.body


def _words(body: str) -> Iterator[str]:
    data = msgspec.json.decode(body)["data"]
    neighbours = ((one["text"], one["resolution"]) for one in data["neighbours"])
    yield from filter(None, (data["note"]["text"], data["reply"]["text"], *chain.from_iterable(neighbours)))


def _delivery(row: dict[str, Any]) -> Delivery:
    return Delivery(**{name: row[name] for name in Delivery.__dataclass_fields__})
