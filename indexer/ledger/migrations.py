"""Making the ledger's tables, and bringing those of an earlier release forward."""

import contextlib
import math
import secrets
import time
import uuid
from collections.abc import Iterator
from functools import cache

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from indexer.ledger.tables import (
    FLAG,
    SCHEMA,
    changes_of_labels,
    facets,
    facets_of,
    generations,
    labelled_by_age,
    metadata,
    pending,
    priorities,
    resolved_tickets,
    spaces,
    state,
    subjects,
    subjects_of,
    tickets,
    tickets_by_revision,
    tickets_of_source,
)
from indexer.recipe import RECIPE, RECIPES_BEFORE, SHORT
from indexer.suspicion import RULES
from indexer.ticket import Ticket, moments

__all__ = ["make_tables"]

_PAGE = 500


def make_tables(connection: sa.Connection) -> int | None:
    """Make the tables that are not there, and add to those of an earlier release what they lack.

    :return: the schema that was found, ``None`` where there was no ledger. Of one that this release does not know nothing is changed.
    """
    names = set(sa.inspect(connection).get_table_names())
    if not names and connection.dialect.name == "sqlite":
        for statement in _definitions():
            connection.exec_driver_sql(statement)
    elif not names.issuperset(metadata.tables):
        metadata.create_all(connection)
    found: int | None = connection.execute(sa.select(state.c.schema)).scalar()
    if found is None:
        first = {
            "id": 1,
            "schema": SCHEMA,
            "ledger_id": uuid.uuid4().hex,
            "revision": 0,
            "deleted_revision": 0,
            "secret": secrets.token_hex(),
            "flag_rules": RULES,
        }
        connection.execute(state.insert().values(first))
    elif not 1 <= found <= SCHEMA:
        return found
    elif found < SCHEMA:
        for schema, bring_forward in _STEPS.items():
            if found < schema:
                bring_forward(connection)
        tickets_by_revision.create(connection, checkfirst=True)
        connection.execute(state.update().values(schema=SCHEMA))
    if connection.execute(sa.select(state.c.flag_rules)).scalar() != RULES:
        _flag(connection)
        connection.execute(state.update().values(flag_rules=RULES))
    return found


@cache
def _definitions() -> tuple[str, ...]:
    """Return what makes all tables of an empty SQLite database: to write it takes longer than to run it."""
    written, dialect = list[str](), sqlite.dialect()
    engine = sa.create_mock_engine(
        "sqlite://", lambda made, *_, **__: written.append(str(made.compile(dialect=dialect)))
    )
    metadata.create_all(engine, checkfirst=False)
    return tuple(written)


def _to_second(connection: sa.Connection) -> None:
    connection.exec_driver_sql("ALTER TABLE tickets ADD COLUMN label_revision BIGINT DEFAULT 0 NOT NULL")
    # When the priority came is not known: with the ticket at the latest.
    labelled = tickets.update().where(tickets.c.priority.is_not(None))
    connection.execute(labelled.values(label_revision=tickets.c.revision))


def _to_third(connection: sa.Connection) -> None:
    connection.exec_driver_sql("ALTER TABLE tickets ADD COLUMN resolved BOOLEAN DEFAULT false NOT NULL")
    # A record is JSON, where a quotation mark inside a text is never without a backslash before it.
    given = tickets.c.record.contains('"resolution":"', autoescape=True)
    connection.execute(tickets.update().where(given).values(resolved=True))
    resolved_tickets.create(connection)
    priorities.create(connection)
    connection.exec_driver_sql("ALTER TABLE state ADD COLUMN secret VARCHAR(64) DEFAULT '' NOT NULL")
    connection.execute(state.update().values(secret=secrets.token_hex()))
    tickets_of_source.create(connection, checkfirst=True)
    connection.exec_driver_sql("DROP INDEX IF EXISTS ix_tickets_source")
    # When a vector was stored is not known: it is kept as if it were new. SQLite takes constants only.
    connection.exec_driver_sql(
        f"ALTER TABLE vectors ADD COLUMN stored_at DOUBLE PRECISION DEFAULT {time.time():.0f} NOT NULL"
    )
    for name in ("created_at", "known_at"):
        connection.exec_driver_sql(f"ALTER TABLE tickets ADD COLUMN {name} DOUBLE PRECISION")
    _fill_moments(connection)
    changes_of_labels.create(connection)
    labelled_by_age.create(connection)
    _carry_recipe(connection)


def _to_fourth(connection: sa.Connection) -> None:
    # Tickets had no fields yet: only tags are facets.
    tagged = tickets.c.record.contains('"tags":[', autoescape=True)
    for page in _decoded_pages(connection, tagged):
        rows = [row for ticket in page for row in facets_of(ticket)]
        if rows:
            connection.execute(facets.insert(), rows)


def _to_fifth(connection: sa.Connection) -> None:
    for page in _decoded_pages(connection, sa.true()):
        if rows := subjects_of(page):
            connection.execute(subjects.insert(), rows)


def _to_thirteenth(connection: sa.Connection) -> None:
    connection.exec_driver_sql("ALTER TABLE state ADD COLUMN flag_rules VARCHAR(64) DEFAULT '' NOT NULL")


def _flag(connection: sa.Connection) -> None:
    """Flag tickets by the rules of this release, where those of another did."""
    connection.execute(facets.delete().where(facets.c.name == FLAG))
    for page in _decoded_pages(connection, sa.true()):
        found = [row for ticket in page for row in facets_of(ticket) if row["name"] == FLAG]
        if found:
            connection.execute(facets.insert(), found)


def _fill_moments(connection: sa.Connection) -> None:
    update = (
        tickets.update()
        .where(tickets.c.id == sa.bindparam("ticket"))
        .values(created_at=sa.bindparam("created"), known_at=sa.bindparam("known"))
    )
    for page in _decoded_pages(connection, sa.true()):
        found = [
            {"ticket": ticket.id, "created": created, "known": known}
            for ticket in page
            for created, known in [moments(ticket)]
            if not math.isnan(created)
        ]
        if found:
            connection.execute(update, found)


def _decoded_pages(connection: sa.Connection, which: sa.ColumnElement[bool]) -> Iterator[list[Ticket]]:
    """Yield tickets in pages, in order of their ids, but for those whose record is damaged: `verify` names them."""
    query = sa.select(tickets.c.id, tickets.c.record).where(which).order_by(tickets.c.id).limit(_PAGE)
    last = ""
    while page := connection.execute(query.where(tickets.c.id > last)).all():
        last = page[-1].id
        found = []
        for row in page:
            with contextlib.suppress(msgspec.MsgspecError, UnicodeError):
                ticket = msgspec.json.decode(row.record, type=Ticket)
                if ticket.id == row.id:
                    found.append(ticket)
        yield found


def _carry_recipe(connection: sa.Connection) -> None:
    """Carry vectors to the present recipe, and note the tickets whose text gives another by it.

    Vectors stand under the hash of what was embedded, which the present recipe leaves as it is. Only of long texts it
    chooses other parts: those tickets are embedded next time, and pending for every generation until then.
    """
    connection.execute(spaces.update().where(spaces.c.recipe.in_(RECIPES_BEFORE)).values(recipe=RECIPE))
    long = sa.select(tickets.c.id, tickets.c.text_hash, tickets.c.record).where(
        sa.func.length(tickets.c.record) > SHORT
    )
    changed = []
    for row in connection.execute(long.execution_options(yield_per=_PAGE)):
        try:
            hashed = msgspec.json.decode(row.record, type=Ticket).text_hash
        except (msgspec.MsgspecError, UnicodeError):
            continue  # damaged: `verify` names it
        if hashed != row.text_hash:
            changed.append({"ticket": row.id, "hash": hashed})
    if not changed:
        return
    connection.execute(
        tickets.update().where(tickets.c.id == sa.bindparam("ticket")).values(text_hash=sa.bindparam("hash")),
        changed,
    )
    revision = connection.execute(
        state.update().values(revision=state.c.revision + 1).returning(state.c.revision)
    ).scalar_one()
    rows = [
        {"generation": number, "ticket_id": one["ticket"], "revision": revision}
        for number in connection.execute(sa.select(generations.c.number)).scalars().all()
        for one in changed
    ]
    if rows:
        here = (pending.c[name] == sa.bindparam(f"of_{name}") for name in ("generation", "ticket_id"))
        keys = [{"of_generation": row["generation"], "of_ticket_id": row["ticket_id"]} for row in rows]
        connection.execute(pending.delete().where(*here), keys)
        connection.execute(pending.insert(), rows)


# Those from the sixth to the twelfth have new tables only, which begin empty, and an index.
_STEPS = {2: _to_second, 3: _to_third, 4: _to_fourth, 5: _to_fifth, 13: _to_thirteenth}
