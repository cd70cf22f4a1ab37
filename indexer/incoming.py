"""Records on their way in: which of them are to be written, and how each is counted."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from indexer.ledger import Ledger, Outcome, Stored
from indexer.ticket import Ticket

__all__ = ["Change", "Incoming"]

_WRITTEN = (Outcome.ADDED, Outcome.UPDATED)


class Change(NamedTuple):
    """A ticket to be written."""

    ticket: Ticket
    outcome: Outcome
    """What is expected to become of it: ``added`` or ``updated``."""
    again: bool
    """Whether an earlier version of it, of the same run, is counted already."""


class _Version(NamedTuple):
    """The version of a ticket that counts so far; ``outcome`` is what its id is counted as, ``None`` before this run."""

    stored: Stored | None
    outcome: Outcome | None


class Incoming:
    """The records of one run, compared with the ledger and with each other.

    One rule for every way in, a file, a batch or a single ticket: of two records of one id the one with the later
    ``updated_at`` counts; where either has none, the one that comes last. An id is counted once, its other records as
    ``repeated``. What must be known of a run stands in a temporary file: memory does not grow with it.
    """

    def __init__(self, ledger: Ledger, count: Callable[[str, int], None]) -> None:
        """Begin a run.

        :param count: told the name of a count and by how much it changes.
        """
        self._ledger = ledger
        self._count = count
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._db.execute(
            "CREATE TABLE seen (id TEXT PRIMARY KEY, record_hash TEXT, updated_at REAL, outcome TEXT) WITHOUT ROWID"
        )
        self._db.execute("CREATE TABLE texts (hash TEXT PRIMARY KEY) WITHOUT ROWID")
        self._db.execute("BEGIN")

    def changed(self, tickets: Sequence[Ticket]) -> list[Change]:
        """Return the tickets that are to be written, in this order, and count the others.

        Versions that another of these replaces are not among them, unless only one of the two has a time.
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
                    self._count(outcome, 1)
            else:
                self._count("repeated", 1)
                if outcome is Outcome.UPDATED and counted not in _WRITTEN:
                    self._count(counted, -1)
                    counted = outcome
            if outcome in _WRITTEN:
                again = before[ticket.id].outcome in _WRITTEN
                kept = changes.setdefault(ticket.id, [])
                # By a version with a time older ones are told from later ones; only the ledger does that in order.
                if kept and (kept[-1].ticket.updated_at is None) == (ticket.updated_at is None):
                    kept.pop()
                kept.append(Change(ticket, counted, again or bool(kept)))
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

    def written(self, changes: Iterable[Change], outcomes: Iterable[Outcome]) -> None:
        """Count what became of tickets that were written."""
        for change, outcome in zip(changes, outcomes, strict=True):
            if not change.again:
                self._count(outcome, 1)

    def refused(self, change: Change) -> None:
        """Count a ticket whose text the provider refuses."""
        self._count("rejected", 1)
        if change.again:
            self._count("repeated", -1)

    def first_text(self, text_hash: str) -> bool:
        """Note a text, and return whether it is the first time."""
        return bool(self._db.execute("INSERT OR IGNORE INTO texts VALUES (?)", (text_hash,)).rowcount)

    def has(self, ticket_id: str) -> bool:
        """Return whether a record of that id came."""
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
