"""The records that the ledger returns."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from indexer.embedding import Matrix
from indexer.ticket import Ticket

__all__ = ["Candidates", "Generation", "IndexEntry", "Measure", "Outcome", "Space", "Stored", "TrainingRows"]


Measure = Callable[[NDArray[np.float32]], NDArray[np.float64]]
"""A number for each of some vectors, shape (rows, dimension), that is worked out once and kept with them."""


class Outcome(StrEnum):
    """What became of a ticket that was written."""

    ADDED = "added"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    STALE = "stale"
    """The stored ticket was updated later, by its own ``updated_at``."""


@dataclass(frozen=True, slots=True)
class Space:
    """A vector space: vectors of two spaces are never compared."""

    kind: Literal["hosted", "local"]
    model: str
    dimension: int
    recipe: str

    def __str__(self) -> str:
        return f"{self.model} ({self.dimension} dimensions, recipe {self.recipe})"


@dataclass(frozen=True, slots=True)
class Generation:
    """One collection in Chroma, in one space."""

    name: str
    space: Space
    status: Literal["building", "live", "retired"]


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Stored tickets that are near a vector, one row each.

    :param cosines: of the vector and the tickets', shape (rows,).
    :param vectors: float32, of unit length, shape (rows, dimension).
    :param subjects: likewise, of the tickets' subjects; where there is none, of the text.
    :param created: when each was created, in seconds since the epoch, NaN where unknown, shape (rows,).
    :param lengths: what the `Measure` says that was asked for, shape (rows,); NaN or ``None`` without one.
    """

    ids: tuple[str, ...]
    cosines: NDArray[np.float64]
    vectors: NDArray[np.float32]
    subjects: NDArray[np.float32]
    created: NDArray[np.float64]
    lengths: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Stored:
    """What is needed to tell whether a ticket changed."""

    record_hash: str
    text_hash: str
    updated_at: float | None

    def outcome(self, record_hash: str, updated_at: float | None) -> Outcome:
        """Return what becomes of another version of the ticket, by its hash and its own time of update."""
        if self.record_hash == record_hash:
            return Outcome.UNCHANGED
        if self.updated_at is not None and updated_at is not None and updated_at < self.updated_at:
            return Outcome.STALE
        return Outcome.UPDATED


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """A ticket that the index has not seen in this form; ``ticket`` is ``None`` when it was deleted.

    ``position`` is the row of its vector in the matrix that comes along.
    """

    id: str
    ticket: Ticket | None
    text_hash: str
    position: int


@dataclass(frozen=True, slots=True)
class TrainingRows:
    """Stored tickets with a priority and their vectors in one space; ``times`` and ``known`` are their `moments`."""

    revision: int
    ids: tuple[str, ...]
    labels: tuple[str | None, ...]
    times: tuple[float, ...]
    known: tuple[float, ...]
    text_hashes: tuple[str, ...]
    vectors: Matrix
