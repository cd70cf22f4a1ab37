"""Turns a ledger back into one of an earlier release."""

import sqlalchemy as sa

__all__ = ["turn_back"]


def turn_back(connection: sa.Connection, schema: int) -> None:
    """Take away what came after schema 1, 2 or any from 5 on; tickets and vectors stay."""
    since = {
        "corrections": 12,
        "classifications": 11,
        "api_keys": 10,
        "distillates": 9,
        "deliveries": 8,
        "spend": 7,
        "allowances": 7,
        "answer_tickets": 6,
        "answers": 6,
        "remarks": 6,
    }
    names = [name for name, came in since.items() if came > schema]
    statements = [
        *(f"DROP TABLE {name}" for name in names),
        "DROP INDEX ix_tickets_revision",
        "ALTER TABLE state DROP COLUMN flag_rules",
        f"UPDATE state SET schema = {schema}",
    ]
    if schema >= 5:
        _run(connection, statements)
        return
    statements += [
        *(f"DROP INDEX ix_tickets_{name}" for name in ("resolved", "label_revision", "labelled", "priority")),
        "DROP INDEX ix_tickets_source_id",
        "CREATE INDEX ix_tickets_source ON tickets (source)",
        *(f"ALTER TABLE tickets DROP COLUMN {name}" for name in ("created_at", "known_at", "resolved")),
        "ALTER TABLE vectors DROP COLUMN stored_at",
        "DROP TABLE tombstones",
        "DROP TABLE audit",
        "DROP TABLE subjects",
        "ALTER TABLE state DROP COLUMN secret",
    ]
    if schema == 1:
        statements.append("ALTER TABLE tickets DROP COLUMN label_revision")
    _run(connection, statements)


def _run(connection: sa.Connection, statements: list[str]) -> None:
    for statement in statements:
        connection.execute(sa.text(statement))
