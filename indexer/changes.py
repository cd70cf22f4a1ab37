"""Which records of a run change the ledger, and how each record is counted."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from indexer.ledger import Ledger, Outcome, Stored
from indexer.ticket import Ticket

__all__ = ["Change", "ChangeDetector", "Counts"]

_WRITTEN = (Outcome.ADDED, Outcome.UPDATED)


class Counts(msgspec.Struct, kw_only=True):
    """How many records were read, and what became of them: each is counted in one of ``added`` to ``left_out``."""

    read: int = 0
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    stale: int = 0
    repeated: int = 0
    rejected: int = 0
    left_out: int = 0
    """Records that are no resolved tickets, such as those that are still open."""
    embedding_requests: int = 0
    embedded_texts: int = 0

    @property
    def done(self) -> int:
        """How many of the records read are stored, compared or rejected."""
        told = self.repeated + self.rejected + self.left_out
        return self.added + self.updated + self.unchanged + self.stale + told

    def add(self, name: str, change: int = 1) -> None:
        """Change one of the counts."""
        setattr(self, name, getattr(self, name) + change)


class Change(NamedTuple):
    """A ticket to be written."""

    ticket: Ticket
    outcome: Outcome
    """What is expected to become of it: ``added`` or ``updated``."""
    already_counted: bool
    """Whether an earlier version of it, of the same run, is counted."""


class _Version(NamedTuple):
    """The newest version of a ticket so far; ``outcome`` is what its id is counted as, ``None`` before this run."""

    stored: Stored | None
    outcome: Outcome | None


class ChangeDetector:
    """Compares the records of one run with the ledger and with each other.

    The rule is the same for a file, a batch and a single ticket: of two records of one id the one with the later
    ``updated_at`` counts; where either has none, the one that comes last. An id is counted once, its other records as
    ``repeated``. What must be remembered of a run is kept in a temporary file, so memory does not grow with it.
    """

    def __init__(self, ledger: Ledger, counts: Counts) -> None:
        """Begin a run.

        :param counts: kept up to date with what is found here.
        """
        self._ledger = ledger
        self._counts = counts
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._db.execute(
            "CREATE TABLE seen (id TEXT PRIMARY KEY, record_hash TEXT, updated_at REAL, outcome TEXT) WITHOUT ROWID"
        )
        self._db.execute("CREATE TABLE texts (hash TEXT PRIMARY KEY) WITHOUT ROWID")
        self._db.execute("BEGIN")

    def changes(self, tickets: Sequence[Ticket]) -> list[Change]:
        """Return the tickets that are to be written, in this order, and count the others.

        A version that another of these replaces is left out, unless only one of the two has a time.
        """
        before = self._versions({ticket.id for ticket in tickets})
        versions = dict(before)
        changes: dict[str, list[Change]] = {}
        for ticket in tickets:
            stored, counted = versions[ticket.id]
            updated_at = ticket.updated_at.timestamp() if ticket.updated_at else None
            outcome = stored.outcome(ticket.record_hash, updated_at) if stored else Outcome.ADDED
            if counted is None:
                counted = outcome
                if outcome not in _WRITTEN:
                    self._counts.add(outcome)
            else:
                self._counts.repeated += 1
                if outcome is Outcome.UPDATED and counted not in _WRITTEN:
                    self._counts.add(counted, -1)
                    counted = outcome
            if outcome in _WRITTEN:
                already_counted = before[ticket.id].outcome in _WRITTEN
                kept = changes.setdefault(ticket.id, [])
                # Whether a version without a time is newer than one with a time, only the ledger can tell, in order.
                if kept and (kept[-1].ticket.updated_at is None) == (ticket.updated_at is None):
                    kept.pop()
                kept.append(Change(ticket, counted, already_counted or bool(kept)))
                stored = Stored(ticket.record_hash, ticket.text_hash, updated_at)
            versions[ticket.id] = _Version(stored, counted)
        self._db.executemany(
            "INSERT OR REPLACE INTO seen VALUES (?, ?, ?, ?)",
            [
                (i, version.stored and version.stored.record_hash, version.stored and version.stored.updated_at, version.outcome)
                for i, version in versions.items()
            ],
        )  # fmt: skip
        return [change for of_one in changes.values() for change in of_one]

    def count_written(self, changes: Iterable[Change], outcomes: Iterable[Outcome]) -> None:
        """Count what became of tickets that were written."""
        for change, outcome in zip(changes, outcomes, strict=True):
            if not change.already_counted:
                self._counts.add(outcome)

    def count_refused(self, change: Change) -> None:
        """Count a ticket whose text the provider refuses."""
        self._counts.rejected += 1
        self._counts.repeated -= change.already_counted

    def is_first(self, text_hash: str) -> bool:
        """Remember a text, and return whether it is the first time in this run."""
        return bool(self._db.execute("INSERT OR IGNORE INTO texts VALUES (?)", (text_hash,)).rowcount)

    def has_seen(self, ticket_id: str) -> bool:
        """Return whether a record of that id came in this run."""
        return self._db.execute("SELECT 1 FROM seen WHERE id = ?", (ticket_id,)).fetchone() is not None

    def close(self) -> None:
        """Remove the temporary file."""
        self._db.close()

    def _versions(self, ids: set[str]) -> dict[str, _Version]:
        query = "SELECT * FROM seen WHERE id IN (SELECT value FROM json_each(?))"
        seen = {
            row[0]: _Version(Stored(row[1], "", row[2]) if row[1] else None, Outcome(row[3]))
            for row in self._db.execute(query, (json.dumps(list(ids)),))
        }
        stored = self._ledger.tickets.stored(ids - seen.keys())
        return {i: seen.get(i) or _Version(stored.get(i), None) for i in ids}
