"""The ledger's tables."""

import time
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from indexer.suspicion import suspicion_of
from indexer.ticket import Ticket

__all__ = [
    "COPIED_SINCE",
    "FLAG",
    "OPEN",
    "SCHEMA",
    "TABLES_SINCE",
    "TAG",
    "allowances",
    "answer_tickets",
    "answers",
    "api_keys",
    "audit",
    "changes_of_labels",
    "classifications",
    "copied",
    "corrections",
    "deliveries",
    "distillates",
    "facets",
    "facets_of",
    "feedback",
    "follow",
    "generations",
    "labelled_by_age",
    "metadata",
    "pending",
    "priorities",
    "remarks",
    "resolved_tickets",
    "spaces",
    "spend",
    "state",
    "subjects",
    "subjects_of",
    "tickets",
    "tickets_by_revision",
    "tickets_of_source",
    "tombstones",
    "vectors",
]

SCHEMA = 13
"""Number of the tables below; it grows with every change of them."""

COPIED_SINCE = 3
"""The first schema whose `copied` tables have the columns that they have now: backups of it can be restored."""

FLAG = "!"
"""Stands for a field's name where a facet says why no draft rests on the ticket; no field has that name."""

TAG = "#"
"""Stands for a field's name where a facet is a tag; no field has that name."""
OPEN = "~"
"""Likewise, where a facet says that the ticket is not resolved yet."""


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
    # Proves ids of answers, and marks erased ids in the audit log.
    sa.Column("secret", sa.String(64), nullable=False, server_default=""),
    sa.Column("flag_rules", sa.String(64), nullable=False, server_default=""),  # by which tickets are flagged
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
tickets_by_revision = sa.Index("ix_tickets_revision", tickets.c.revision)
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
remarks = sa.Table(
    "remarks",  # what feedback says of an answer beside its columns above
    metadata,
    sa.Column("answer", sa.String, primary_key=True),
    sa.Column("reason", sa.Text),
    sa.Column("precedent", sa.String, index=True),  # a ticket that would have been the right one
)
corrections = sa.Table(
    "corrections",  # the right values of further fields, by the last word on an answer
    metadata,
    sa.Column("answer", sa.String, primary_key=True),
    sa.Column("field", sa.String, primary_key=True),
    sa.Column("value", sa.String, nullable=False),
)
answers = sa.Table(
    "answers",  # that were given, until they are old
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("who", sa.String),  # asked: an actor, as in `audit`
    sa.Column("input_hash", sa.String(64), nullable=False, index=True),
    sa.Column("reply_key", sa.String(64), index=True),  # the same for replies that rest on the same
    sa.Column("body", sa.Text, nullable=False),  # JSON
)
answers_by_time = sa.Index("ix_answers_at_id", answers.c.at, answers.c.id)
answer_tickets = sa.Table(
    "answer_tickets",  # the tickets that an answer names
    metadata,
    sa.Column("ticket_id", sa.String, primary_key=True),
    sa.Column("answer", sa.String, primary_key=True, index=True),
)
spend = sa.Table(
    "spend",  # what was asked of the provider
    metadata,
    sa.Column("day", sa.String(10), primary_key=True),  # UTC, as in 2026-03-31
    sa.Column("who", sa.String, primary_key=True),  # asked: an actor, as in `audit`
    sa.Column("model", sa.String, primary_key=True),
    sa.Column("kind", sa.String, primary_key=True),  # chat or embeddings
    sa.Column("requests", sa.BigInteger, nullable=False),
    sa.Column("prompt_tokens", sa.BigInteger, nullable=False),
    sa.Column("completion_tokens", sa.BigInteger, nullable=False),
    sa.Column("estimated", sa.BigInteger, nullable=False),  # of the tokens
)
allowances = sa.Table(
    "allowances",  # requests that were taken of a limit, by minutes and days
    metadata,
    sa.Column("window", sa.String, primary_key=True),
    sa.Column("used", sa.BigInteger, nullable=False),
    sa.Column("ends", sa.Double, nullable=False, index=True),
)
deliveries = sa.Table(
    "deliveries",  # answers on their way to a webhook or to Slack
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("answer", sa.String, nullable=False, index=True),
    sa.Column("target", sa.String, nullable=False),
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("next_at", sa.Double, nullable=False),
    sa.Column("error", sa.Text),
    sa.Column("place", sa.Text),  # where a first version of the message stands already
    sa.Column("input_hash", sa.String(64), nullable=False),  # as of the answer
    sa.Column("tickets", sa.Text, nullable=False),  # JSON: the tickets that the body names
    sa.Column("body", sa.Text),  # JSON, until it is delivered
)
due_deliveries = sa.Index("ix_deliveries_due", deliveries.c.state, deliveries.c.target, deliveries.c.next_at)
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
distillates = sa.Table(
    "distillates",  # what models made of tickets' conversations
    metadata,
    sa.Column("ticket_id", sa.String, primary_key=True),
    sa.Column("prompt", sa.String, primary_key=True),
    sa.Column("thread_hash", sa.String(64), primary_key=True),
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("model", sa.String, nullable=False),
    sa.Column("problem", sa.Text),
    sa.Column("resolution", sa.Text),
)
api_keys = sa.Table(
    "api_keys",  # beside those in settings; a revoked one stays
    metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("hash", sa.String(64), nullable=False, unique=True),
    sa.Column("scope", sa.String, nullable=False),
    sa.Column("per_minute", sa.Integer),
    sa.Column("made_at", sa.Double, nullable=False),
    sa.Column("revoked_at", sa.Double),
    sa.Column("calls", sa.BigInteger, nullable=False),
    sa.Column("last_call_at", sa.Double),
)
classifications = sa.Table(
    "classifications",  # priorities that models at the provider answered
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),  # keyed hash of all that was asked
    sa.Column("input_hash", sa.String(64), nullable=False, index=True),  # as of an answer
    sa.Column("at", sa.Double, nullable=False, index=True),
    sa.Column("label", sa.String),
    sa.Column("shares", sa.Text, nullable=False),  # JSON
)
TABLES_SINCE = {
    "remarks": 6,
    "answers": 6,
    "answer_tickets": 6,
    "spend": 7,
    "deliveries": 8,
    "distillates": 9,
    "api_keys": 10,
    "classifications": 11,
    "corrections": 12,
}
"""The schema that a copied table came with, where that is later than `COPIED_SINCE`: earlier backups lack it."""

copied = [table for table in metadata.sorted_tables if table not in (pending, facets, subjects, allowances)]
"""The tables that a backup has, each after those that it refers to; the others follow from these, or are of a day only."""


def facets_of(ticket: Ticket) -> list[dict[str, str]]:
    """Return the rows of a ticket in `facets`."""
    found = {(TAG, tag.casefold()) for tag in ticket.tags}
    for name, given in ticket.fields.items():
        values = (given,) if isinstance(given, str) else given
        found |= {(name, value.casefold()) for value in values}
    if ticket.is_open:
        found.add((OPEN, ""))
    if why := suspicion_of(ticket):
        found.add((FLAG, why))
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
