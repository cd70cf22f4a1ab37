"""Order in time: the newest tickets, repeats of earlier ones, and the blocks that are held out."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from indexer.embedding import Matrix
from service.arrays import BoolArray, FloatArray, IntArray, row_norms
from service.priority.training_set import TrainingSet

__all__ = [
    "LATE",
    "NEAR_DUPLICATE",
    "NEWEST",
    "Block",
    "existing",
    "later_blocks",
    "newest_labelled",
    "repeats",
    "resolved_late",
]

NEAR_DUPLICATE = 0.95
"""Cosine from which two tickets count as the same problem."""
NEWEST = "the newest later tickets"
LATE = "the later tickets that took longest to be resolved"
"""Parts of the later tickets, in words: what is decided by itself must be right in each of them."""

_AT_ONCE = 1 << 24  # similarities in memory
_SOON = 0.75  # of the tickets were resolved soon
_LATER, _MOST_LATER = 0.4, 10_000
"""How much of history is held out, in two blocks, each from a forest of all that came before it: more tickets would make no
threshold better, and the more is learned from, the more the forests that they test are like the one that serves."""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Learn from the rows ``learned``; be tested on ``rows``, all later."""

    learned: IntArray
    rows: IntArray


def newest_labelled(training: TrainingSet, limit: int) -> TrainingSet:
    """Return the labelled tickets, oldest first, and of these the newest ``limit``."""
    labelled = np.flatnonzero([label is not None for label in training.labels])
    times = training.times[labelled]
    newest = labelled[np.argsort(np.where(np.isnan(times), -np.inf, times), kind="stable")[-limit:]]
    # Not twice in memory where that is all of them, in order.
    return training if np.array_equal(newest, np.arange(len(training))) else training.take(newest)


def repeats(vectors: Matrix, groups: IntArray, start: int = 0) -> BoolArray:
    """Say of each row whether an earlier one is of the same group or nearly the same text, shape (rows,).

    :param vectors: shape (rows, dimension), oldest first, of any norm.
    :param groups: shape (rows,).
    :param start: the vectors of rows before this one are not compared with earlier ones.
    """
    rows = len(groups)
    first = np.unique(groups, return_index=True)[1]
    repeated = np.ones(rows, dtype=bool)
    repeated[first] = False
    norms = row_norms(vectors)
    step = max(1, _AT_ONCE // max(1, rows))
    for begin in range(start, rows, step):
        end = min(begin + step, rows)
        least = NEAR_DUPLICATE * norms[:end]
        similar = (vectors[begin:end] / norms[begin:end, None]) @ vectors[:end].T >= least
        similar[:, begin:] = np.tril(similar[:, begin:], -1)
        repeated[begin:end] |= similar.any(axis=1)
    return repeated


def existing(times: FloatArray, known: FloatArray, start: int) -> IntArray:
    """Return the rows from which could be learned when the ticket of the row ``start`` came.

    Without this rule the past looks better than it was: what is resolved late is unlike what is resolved soon.

    :param times: when each ticket was created, oldest first, NaN where unknown.
    :param known: when each was resolved, NaN where unknown.
    """
    moment = times[start]
    return np.flatnonzero(np.isnan(known[:start]) | np.isnan(moment) | (known[:start] <= moment))


def resolved_late(times: FloatArray, known: FloatArray) -> BoolArray:
    """Return which tickets are of the quarter that took longest to be resolved, shape (rows,).

    They are those most like the tickets that are still open, of which nothing is known yet. None is where none took longer
    than three quarters of them, or no moments are known.

    :param times: as in `existing`, and so is ``known``.
    """
    took = known - times
    if np.isnan(took).all():
        return np.zeros(len(took), dtype=bool)
    return took > np.nanquantile(took, _SOON)


def later_blocks(training: TrainingSet) -> tuple[Block, ...]:
    """Cut history, oldest first, into held-out blocks, without what repeats an earlier ticket."""
    rows = len(training)
    later = min(_LATER * rows, _MOST_LATER)
    ends = [round(rows - later), round(rows - later / 2), rows]
    repeated = repeats(training.vectors, training.groups, ends[0])
    return tuple(
        Block(
            learned=existing(training.times, training.known, start),
            rows=start + np.flatnonzero(~repeated[start:stop]),
        )
        for start, stop in pairwise(ends)
        if start < stop
    )
