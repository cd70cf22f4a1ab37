"""The ledger's tables, and the migrations from earlier releases."""

import contextlib
import math
import secrets
import time
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import sqlalchemy as sa

from indexer.recipe import RECIPE, RECIPES_BEFORE, SHORT
from indexer.ticket import Ticket, moments

__all__ = [
    "COPIED_SINCE",
    "SCHEMA",
    "TAG",
    "audit",
    "copied",
    "facets",
    "facets_of",
    "feedback",
    "follow",
    "generations",
    "make_tables",
    "metadata",
    "pending",
    "spaces",
    "state",
    "subjects",
    "subjects_of",
    "tickets",
    "tombstones",
    "vectors",
]

SCHEMA = 5
"""Number of the tables below; it grows with every change of them."""

COPIED_SINCE = 3
"""The first schema whose `copied` tables have the columns that they have now: backups of it can be restored."""

TAG = "#"
"""Stands for a field's name where a facet is a tag; no field has that name."""

_PAGE = 500


def _first(context: Any) -> int:
    row = context.get_current_parameters()
    return 0 if row["priority"] is None else int(row["revision"])


metadata = sa.MetaData()
state = sa.Table(
    "state",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("schema", sa.Integer, nullable=False),
    sa.Column("ledger_id", sa.String(32), nullable=False),
    sa.Column("revision", sa.BigInteger, nullable=False),  # grows with every change of any ticket
    sa.Column("deleted_revision", sa.BigInteger, nullable=False),  # of the last deletion
    sa.Column(
        "secret", sa.String(64), nullable=False, server_default=""
    ),  # proves ids of answers, and marks erased ids in the audit log
)
tickets = sa.Table(
    "tickets",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("source", sa.String),
    sa.Column("priority", sa.String),
    sa.Column("updated_at", sa.Double),
    sa.Column("text_hash", sa.String(64), nullable=False, index=True),
    sa.Column("record_hash", sa.String(64), nullable=False),
    sa.Column("record", sa.Text, nullable=False),
    # When the priority was given, changed or taken away; 0 where there never was one.
    sa.Column("label_revision", sa.BigInteger, nullable=False, default=_first, server_default="0"),
    sa.Column("resolved", sa.Boolean, nullable=False, server_default=sa.false()),  # it has a resolution
    sa.Column("created_at", sa.Double),  # this and the next are its `moments`, in seconds since the epoch
    sa.Column("known_at", sa.Double),
)
resolved_tickets = sa.Index(
    "ix_tickets_resolved",
    tickets.c.text_hash,
    tickets.c.id,
    sqlite_where=tickets.c.resolved,
    postgresql_where=tickets.c.resolved,
)
tickets_of_source = sa.Index("ix_tickets_source_id", tickets.c.source, tickets.c.id)  # in the order of pages
priorities = sa.Index("ix_tickets_priority", tickets.c.priority)
changes_of_labels = sa.Index("ix_tickets_label_revision", tickets.c.label_revision)
labelled_by_age = sa.Index(
    "ix_tickets_labelled",
    tickets.c.created_at,
    tickets.c.id,
    sqlite_where=tickets.c.priority.is_not(None),
    postgresql_where=tickets.c.priority.is_not(None),
)
facets = sa.Table(
    "facets",  # what tickets can be filtered by, beside their own columns: follows from their records
    metadata,
    sa.Column("ticket_id", sa.String, primary_key=True),
    sa.Column("name", sa.String, primary_key=True),  # of a field, or `TAG`
    sa.Column("value", sa.String, primary_key=True),  # without regard to case
)
subjects = sa.Table(
    "subjects",  # hashes of the embedded subjects: follow from the tickets' records
    metadata,
    sa.Column("ticket_id", sa.String, primary_key=True),
    sa.Column("text_hash", sa.String(64), nullable=False, index=True),
)
tickets_of_facet = sa.Index("ix_facets_value", facets.c.name, facets.c.value, facets.c.ticket_id)
spaces = sa.Table(
    "spaces",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("model", sa.String, nullable=False),
    sa.Column("recipe", sa.String, nullable=False),
    sa.Column("dimension", sa.Integer, nullable=False),
    sa.UniqueConstraint("kind", "model", "recipe", "dimension"),
)
vectors = sa.Table(
    "vectors",
    metadata,
    sa.Column("space", sa.Integer, sa.ForeignKey("spaces.id"), primary_key=True),
    sa.Column("text_hash", sa.String(64), primary_key=True),
    sa.Column("vector", sa.LargeBinary, nullable=False),  # float32, little-endian
    sa.Column("stored_at", sa.Double, nullable=False, default=time.time),
)
generations = sa.Table(
    "generations",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("space", sa.Integer, sa.ForeignKey("spaces.id"), nullable=False),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("changed_at", sa.Double, nullable=False),
)
pending = sa.Table(
    "pending",  # what a generation's collection has not seen yet
    metadata,
    sa.Column("generation", sa.Integer, sa.ForeignKey("generations.number"), primary_key=True),
    sa.Column("ticket_id", sa.String, primary_key=True),
    sa.Column("revision", sa.BigInteger, nullable=False),
)
feedback = sa.Table(
    "feedback",  # the last word on each answer
    metadata,
    sa.Column("answer", sa.String, primary_key=True),
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("ticket_id", sa.String, index=True),
    sa.Column("action", sa.String, nullable=False),
    sa.Column("priority", sa.String),
    sa.Column("reply", sa.Text),
)
tombstones = sa.Table(
    "tombstones",  # of deleted tickets, whose bytes may still be in files
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("text_hash", sa.String(64), nullable=False),  # of its last text: names its vectors
    sa.Column("deleted_at", sa.Double, nullable=False),
    sa.Column("rewritten_at", sa.Double),  # when a forget had rewritten every file since: no byte is left
)
audit = sa.Table(
    "audit",  # who changed which tickets
    metadata,
    sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("at", sa.Double, nullable=False, index=True),
    sa.Column("who", sa.String, nullable=False),
    sa.Column("action", sa.String, nullable=False),
    sa.Column("ticket_id", sa.String, nullable=False, index=True),
)
copied = [table for table in metadata.sorted_tables if table not in (pending, facets, subjects)]
"""The tables that a backup has, each after those that it refers to; the others follow from these."""


def facets_of(ticket: Ticket) -> list[dict[str, str]]:
    """Return the rows of a ticket in `facets`."""
    found = {(TAG, tag.casefold()) for tag in ticket.tags}
    for name, given in ticket.fields.items():
        values = (given,) if isinstance(given, str) else given
        found |= {(name, value.casefold()) for value in values}
    return [{"ticket_id": ticket.id, "name": name, "value": value} for name, value in sorted(found)]


def subjects_of(batch: Iterable[Ticket]) -> list[dict[str, str]]:
    """Return the rows of tickets in `subjects`."""
    return [
        {"ticket_id": ticket.id, "text_hash": ticket.subject_hash}
        for ticket in batch
        if ticket.subject_hash is not None
    ]


def follow(table: sa.Table, given: sa.ColumnCollection[str, Any]) -> dict[str, sa.ColumnElement[Any]]:
    """Return the columns whose values, where a row is there already, follow from it and from the one that is given."""
    if table is not tickets:
        return {}
    changed = tickets.c.priority.is_distinct_from(given["priority"])
    return {"label_revision": sa.case((changed, given["revision"]), else_=tickets.c.label_revision)}


def make_tables(connection: sa.Connection) -> int | None:
    """Make the tables that are not there, and add to those of an earlier release what they lack.

    :return: ``None``, or the schema that was found, if it is one that this release does not know.
    """
    metadata.create_all(connection)
    found = connection.execute(sa.select(state.c.schema)).scalar()
    if found is None:
        first = {
            "id": 1,
            "schema": SCHEMA,
            "ledger_id": uuid.uuid4().hex,
            "revision": 0,
            "deleted_revision": 0,
            "secret": secrets.token_hex(),
        }
        connection.execute(state.insert().values(first))
    elif not 1 <= found <= SCHEMA:
        return int(found)
    elif found < SCHEMA:
        if found < 2:  # noqa: PLR2004 (a schema)
            _to_second(connection)
        if found < 3:  # noqa: PLR2004 (a schema)
            _to_third(connection)
        if found < 4:  # noqa: PLR2004 (a schema)
            _to_fourth(connection)
        _to_fifth(connection)
        connection.execute(state.update().values(schema=SCHEMA))
    return None


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
    for row in connection.execute(long.execution_options(yield_per=500)):
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
    here = sa.and_(
        pending.c.generation == sa.bindparam("number"), pending.c.ticket_id == sa.bindparam("ticket")
    )
    for each in rows:
        connection.execute(
            pending.delete().where(here), {"number": each["generation"], "ticket": each["ticket_id"]}
        )
    if rows:
        connection.execute(pending.insert(), rows)
