"""Tickets that were looked up lately, with their vectors, in memory: questions compare with much the same ones."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from indexer.embedding import Matrix
from indexer.ledger.database import Database
from indexer.ledger.prepared_query import PreparedQuery
from indexer.ledger.rows import Measure, Space
from indexer.ledger.tables import state, tickets

__all__ = ["LookedUp", "TicketCache"]

_BYTES = 320_000_000  # of vectors: 100,000 tickets of 384 dimensions
_MANY = 1_000  # changed tickets, above which all are read again

_state = sa.select(state.c.revision, state.c.deleted_revision)
_changed = (
    sa.select(tickets.c.id).where(tickets.c.revision > sa.bindparam("seen", type_=sa.BigInteger)).limit(_MANY)
)


@dataclass(frozen=True, slots=True, eq=False)
class LookedUp:
    """What is compared of stored tickets, one row each.

    :param texts: their vectors, float32, of unit length, shape (rows, dimension).
    :param subjects: likewise of the subjects; where there is none, of the text; ``texts`` itself where no row has one.
    :param created: in seconds since the epoch, NaN where unknown, shape (rows,).
    :param resolved: whether they have a resolution, shape (rows,); ``open``: whether they are not resolved yet.
    :param lengths: what a `Measure` says of the texts, NaN where there is none, shape (rows,).
    :param final: whether nothing but a change of the ticket makes the row another, shape (rows,).
    """

    ids: list[str]
    texts: Matrix
    subjects: Matrix
    created: NDArray[np.float64]
    resolved: NDArray[np.bool_]
    open: NDArray[np.bool_]
    lengths: NDArray[np.float64]
    final: NDArray[np.bool_]

    def __add__(self, other: "LookedUp") -> "LookedUp":
        """Return the rows of both."""
        subjects = texts = np.concatenate([self.texts, other.texts])
        if self.subjects is not self.texts or other.subjects is not other.texts:
            subjects = np.concatenate([self.subjects, other.subjects])
        return LookedUp(
            self.ids + other.ids,
            texts,
            subjects,
            np.concatenate([self.created, other.created]),
            np.concatenate([self.resolved, other.resolved]),
            np.concatenate([self.open, other.open]),
            np.concatenate([self.lengths, other.lengths]),
            np.concatenate([self.final, other.final]),
        )


class TicketCache:
    """Rows of tickets as they are at one revision of the ledger, each in a slot; where all are taken, the oldest makes room.

    Every question brings it up to date first, so that it is never behind the ledger. A deletion empties it: what was forgotten
    is in no process's memory for longer than until the next question.
    """

    def __init__(self, db: Database, most_bytes: int = _BYTES) -> None:
        self._state, self._changed = PreparedQuery(db, _state), PreparedQuery(db, _changed)
        self._bytes = most_bytes
        self._lock = threading.Lock()
        self._revision = 0
        self._measure: Measure | None = None
        self.place: str | None
        """The last id up to which tickets were looked up ahead, ``None`` when that is done or no room is left."""
        self.clear()

    def go_on(self, before: str, place: str | None) -> None:
        """Note up to which id tickets were looked up ahead, ``None`` for all; not when it was emptied meanwhile."""
        with self._lock:
            if self.place == before:
                self.place = place if len(self._slots) < len(self._ids) else None

    def clear(self) -> None:
        """Drop all rows."""
        with self._lock:
            self._clear()

    def take(
        self, space: Space, ids: Sequence[str], measure: Measure | None = None
    ) -> tuple[LookedUp, list[str], int]:
        """Return the rows that are here, the ids of the others, and the ledger's revision before."""
        # Before the lock: what another question saw meanwhile is newer, and stays.
        ((revision, deleted),) = self._state.rows()
        with self._lock:
            self._follow(space, revision, deleted)
            slots = list(map(self._slots.get, ids))
            others = [i for i, slot in zip(ids, slots, strict=True) if slot is None] if None in slots else []
            at = np.array([slot for slot in slots if slot is not None] if others else slots, np.int64)
            texts = self._texts[at]
            subjects = texts
            if (own := np.flatnonzero(self._has_subject[at])).size:
                subjects = texts.copy()
                subjects[own] = self._subjects[at[own]]
            found = LookedUp(
                [self._ids[slot] for slot in at.tolist()] if others else list(ids),
                texts,
                subjects,
                self._created[at],
                self._resolved[at],
                self._open[at],
                self._lengths_of(at, texts, measure),
                np.ones(len(at), np.bool_),
            )
        return found, others, revision

    def add(self, rows: LookedUp, space: Space, revision: int, measure: Measure | None = None) -> None:
        """Keep the rows that are final, as they were at the revision or later."""
        with self._lock:
            if (space, revision, measure) != (self._space, self._revision, self._measure):
                return
            new = [row for row in np.flatnonzero(rows.final).tolist() if rows.ids[row] not in self._slots][
                -len(self._ids) :
            ]
            slots = (self._next + np.arange(len(new))) % len(self._ids) if new else np.empty(0, np.int64)
            for row, slot in zip(new, slots.tolist(), strict=True):
                before, ticket_id = self._ids[slot], rows.ids[row]
                if self._slots.get(before) == slot:
                    del self._slots[before]
                self._slots[ticket_id] = slot
                self._ids[slot] = ticket_id
            self._next += len(new)
            self._texts[slots] = rows.texts[new]
            self._has_subject[slots] = own = (rows.subjects[new] != rows.texts[new]).any(axis=1)
            self._subjects[slots[own]] = rows.subjects[new][own]
            self._created[slots], self._lengths[slots] = rows.created[new], rows.lengths[new]
            self._resolved[slots], self._open[slots] = rows.resolved[new], rows.open[new]

    def _follow(self, space: Space, revision: int, deleted: int) -> None:
        if space != self._space or deleted > self._revision:
            self._clear(space)
        elif revision > self._revision:
            changed = self._changed.rows(seen=self._revision)
            if len(changed) == _MANY:
                self._clear(space)
            for (ticket_id,) in changed:
                self._slots.pop(ticket_id, None)
        self._revision = max(revision, self._revision)

    def _lengths_of(
        self, slots: NDArray[np.int64], texts: Matrix, measure: Measure | None
    ) -> NDArray[np.float64]:
        if measure != self._measure:
            self._measure = measure
            self._lengths.fill(np.nan)
        lengths = self._lengths[slots]
        if measure is not None and (new := np.flatnonzero(np.isnan(lengths))).size:
            lengths[new] = self._lengths[slots[new]] = measure(texts[new])
        return lengths

    def _clear(self, space: Space | None = None) -> None:
        dimension = space.dimension if space else 0
        slots = self._bytes // (2 * 4 * dimension) if dimension else 0
        self._space = space
        self._revision = self._next = 0
        self.place = ""
        self._slots: dict[str, int] = {}
        self._ids = [""] * slots
        # Memory that nothing was written to yet takes no room.
        self._texts = np.empty((slots, dimension), np.float32)
        self._subjects = np.empty((slots, dimension), np.float32)
        self._has_subject = np.zeros(slots, np.bool_)
        self._created, self._lengths = np.empty(slots, np.float64), np.full(slots, np.nan)
        self._resolved, self._open = np.zeros(slots, np.bool_), np.zeros(slots, np.bool_)
