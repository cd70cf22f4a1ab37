"""The tickets that a forest is fitted on, as arrays."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from indexer.embedding import Matrix
from indexer.errors import PrecedentError
from service.arrays import FloatArray, IntArray
from service.priority.features import Features

__all__ = ["TrainingDataError", "TrainingSet"]


class TrainingDataError(PrecedentError):
    """The tickets' arrays do not fit together, or hold values that no forest can be fitted on."""


@dataclass(frozen=True, slots=True, eq=False)
class TrainingSet:
    """Tickets as arrays, one row each.

    :param ids: the tickets' ids, no two alike.
    :param features: what the forest reads of them; vectors are float32, finite.
    :param labels: the priorities; ``None`` where a ticket has none.
    :param times: when each was created, in seconds since the epoch, NaN where unknown. A ticket without a time counts
        as older than all that have one; among equal times the given order holds, so give the rows in an order that
        stays the same.
    :param known: when each was resolved, likewise: before that moment nothing could have been learned from it. NaN: it
        could always.
    :param groups: equal numbers mark tickets of one problem, such as known duplicates.
    :raises TrainingDataError: the shapes disagree, an id comes twice, or a value is not finite.
    """

    ids: tuple[str, ...]
    features: Features
    labels: tuple[str | None, ...]
    times: FloatArray
    known: FloatArray
    groups: IntArray

    def __post_init__(self) -> None:
        """Refuse arrays that do not fit together."""
        rows, vectors = len(self.ids), self.features.vectors
        if vectors.ndim != 2 or (rows and not vectors.shape[1]):  # noqa: PLR2004 (a matrix)
            msg = f"vectors must have the shape (rows, dimension), found {vectors.shape}"
            raise TrainingDataError(msg)
        if vectors.dtype != np.float32:
            msg = f"vectors must be float32, found {vectors.dtype}"
            raise TrainingDataError(msg)
        for name, found in (
            ("vectors", vectors.shape[:1]),
            ("labels", (len(self.labels),)),
            ("times", self.times.shape),
            ("known", self.known.shape),
            ("groups", self.groups.shape),
        ):
            if found != (rows,):
                msg = f"there are {rows:,} ids, so {name} must have as many rows, found {found}"
                raise TrainingDataError(msg)
        if len(set(self.ids)) != rows:
            msg = f"{rows - len(set(self.ids)):,} ids come more than once: give each ticket one row"
            raise TrainingDataError(msg)
        # The sum of a row is finite when all of it is; this needs no matrix of booleans. Only a row that
        # overflows is looked at value by value.
        with np.errstate(over="ignore", invalid="ignore"):
            suspects = np.flatnonzero(~np.isfinite(vectors.sum(axis=1)))
        bad = [int(row) for row in suspects if not np.isfinite(vectors[row]).all()]
        if bad:
            msg = (
                f"the vectors of {len(bad):,} tickets have values that are not finite, first that of ticket "
                f"{self.ids[bad[0]]!r}: embed them again"
            )
            raise TrainingDataError(msg)
        for moments in (self.times, self.known):
            if np.isinf(moments).any():
                msg = f"a time of ticket {self.ids[int(np.isinf(moments).argmax())]!r} is infinite; use NaN for unknown"
                raise TrainingDataError(msg)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def vectors(self) -> Matrix:
        """The vectors, shape (rows, dimension)."""
        return self.features.vectors

    def take(self, rows: IntArray) -> Self:
        """Return the given rows, in the given order."""
        return replace(
            self,
            ids=tuple(self.ids[row] for row in rows),
            features=self.features.take(rows),
            labels=tuple(self.labels[row] for row in rows),
            times=self.times[rows],
            known=self.known[rows],
            groups=self.groups[rows],
        )

    def labelled(self) -> Self:
        """Return the tickets that have a priority."""
        return self.take(np.flatnonzero([label is not None for label in self.labels]))

    def columns(self, names: Sequence[str]) -> IntArray:
        """Return the place of each ticket's priority in ``names``, shape (rows,); every ticket has one."""
        column = {name: number for number, name in enumerate(names)}
        return np.array([column[label] for label in self.labels if label is not None], np.int64)
