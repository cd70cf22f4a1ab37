"""Tests of indexer.ledger, on SQLite and on PostgreSQL."""
