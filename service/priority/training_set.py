"""What a forest is fitted on, and what is recorded of how it was fitted."""

from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from indexer.errors import PrecedentError

__all__ = [
    "Abstention",
    "Calibration",
    "Candidate",
    "FloatArray",
    "FloatMatrix",
    "ForestReport",
    "IntArray",
    "Matrix",
    "TrainingDataError",
    "TrainingSet",
]

Matrix = NDArray[np.float32]
"""float32, shape (rows, dimension)."""
FloatMatrix = NDArray[np.float64]
FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


class TrainingDataError(PrecedentError):
    """The tickets' arrays do not fit together, or hold values that no forest can be fitted on."""


@dataclass(frozen=True, slots=True, eq=False)
class TrainingSet:
    """Tickets as arrays, one row each.

    :param ids: the tickets' ids, no two alike.
    :param vectors: float32, shape (rows, dimension), finite.
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
    vectors: Matrix
    labels: tuple[str | None, ...]
    times: FloatArray
    known: FloatArray
    groups: IntArray

    def __post_init__(self) -> None:
        """Refuse arrays that do not fit together."""
        rows = len(self.ids)
        if self.vectors.ndim != 2 or (rows and not self.vectors.shape[1]):  # noqa: PLR2004 (a matrix)
            msg = f"vectors must have the shape (rows, dimension), found {self.vectors.shape}"
            raise TrainingDataError(msg)
        if self.vectors.dtype != np.float32:
            msg = f"vectors must be float32, found {self.vectors.dtype}"
            raise TrainingDataError(msg)
        for name, found in (
            ("vectors", self.vectors.shape[:1]),
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
            suspects = np.flatnonzero(~np.isfinite(self.vectors.sum(axis=1)))
        bad = [int(row) for row in suspects if not np.isfinite(self.vectors[row]).all()]
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

    def take(self, rows: IntArray) -> "TrainingSet":
        """Return the given rows, in the given order."""
        return TrainingSet(
            ids=tuple(self.ids[row] for row in rows),
            vectors=self.vectors[rows],
            labels=tuple(self.labels[row] for row in rows),
            times=self.times[rows],
            known=self.known[rows],
            groups=self.groups[rows],
        )


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One way to grow the forest, and how it did on later tickets."""

    leaf: int
    """The least number of tickets in a leaf."""
    balanced: bool
    """Whether every label is drawn alike, however rare it is."""
    features: int
    """How many of the vector's values are tried at a split."""
    half_life_days: float | None
    """Days after which a ticket is drawn half as often; ``None``: age does not count."""
    macro_f1: float | None = None
    """On later tickets; ``None`` where it was not tried."""


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """How probabilities did, before and after calibration, on later tickets that took no part in calibrating."""

    tickets: int
    brier_before: float
    brier_after: float
    ece_before: float
    """Expected calibration error of the confidence in the label said."""
    ece_after: float
    classwise_before: float
    """Expected calibration error of all labels' probabilities, mean over the labels."""
    classwise_after: float


class Abstention(msgspec.Struct, frozen=True, kw_only=True):
    """When the forest decides by itself, and what that was worth on later tickets."""

    max_error: float
    max_missed: dict[str, float]
    unknown: tuple[str, ...]
    """Those of ``max_missed`` that no ticket has: nothing guards them."""
    threshold: float | None
    """The confidence from which a decision is automatic; ``None``: every decision goes to review."""
    guards: dict[str, float]
    """For each label that ``max_missed`` names, in whatever case: its probability above which no other label is given automatically."""
    coverage: float
    """The share of later tickets that were decided automatically."""
    error: float | None
    """The share of wrong labels among them."""
    error_bound: float | None
    """What that share is at most, with 95 % confidence."""
    reason: str | None
    """Why every decision goes to review."""


class ForestReport(msgspec.Struct, frozen=True, kw_only=True):
    """How a forest was fitted and how good it was on later tickets of its own history."""

    tickets: int
    """Labelled tickets that were given."""
    rows: int
    """Of these the newest, which the forest was fitted on."""
    labels: dict[str, int]
    """How many of the rows have each label."""
    later_tickets: int
    """Tickets that were held out in time order; none repeats an earlier one."""
    macro_f1: float | None
    """Of the chosen forest on them."""
    majority_macro_f1: float | None
    """Of always saying the most frequent label, on the same."""
    chosen: Candidate
    candidates: tuple[Candidate, ...]
    calibration: Calibration | None
    abstention: Abstention
    seed: int
    sklearn_version: str
    fitted_on: dict[str, str]
    """What the caller said of the data, such as the generation."""
