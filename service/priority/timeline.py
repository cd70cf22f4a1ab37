"""Order in time: the newest tickets, repeats of earlier ones, and the blocks that are held out."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from indexer.embedding import Matrix
from service.arrays import BoolArray, FloatArray, IntArray, unit_rows
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

_BLOCK_ROWS = 2_048  # bounds the similarities in memory to rows x 2,048
_SOON = 0.75  # of the tickets were resolved soon
_CUTS = (0.6, 0.8, 1.0)
"""Where history is cut: each block is held out from a forest of all that came before."""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Learn from the rows ``learned``; be tested on ``rows``, all later."""

    learned: IntArray
    rows: IntArray


def newest_labelled(training: TrainingSet, limit: int) -> TrainingSet:
    """Return the labelled tickets, oldest first, and of these the newest ``limit``."""
    labelled = training.labelled()
    order = np.argsort(np.where(np.isnan(labelled.times), -np.inf, labelled.times), kind="stable")
    return labelled.take(order[-limit:])


def repeats(vectors: Matrix, groups: IntArray) -> BoolArray:
    """Say of each row whether an earlier one is of the same group or nearly the same text.

    :param vectors: shape (rows, dimension), oldest first, of any norm.
    :param groups: shape (rows,).
    """
    rows = len(groups)
    first = np.unique(groups, return_index=True)[1]
    repeated = np.ones(rows, dtype=bool)
    repeated[first] = False
    unit = unit_rows(vectors)
    for start in range(0, rows, _BLOCK_ROWS):
        stop = min(start + _BLOCK_ROWS, rows)
        similar = unit[start:stop] @ unit[:stop].T >= NEAR_DUPLICATE
        repeated[start:stop] |= np.tril(similar, start - 1).any(axis=1)
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


def later_blocks(times: FloatArray, known: FloatArray, repeated: BoolArray) -> tuple[Block, ...]:
    """Cut history, oldest first, into held-out blocks, without what repeats an earlier ticket.

    :param times: as in `existing`, and so is ``known``.
    """
    ends = [round(len(repeated) * cut) for cut in _CUTS]
    return tuple(
        Block(learned=existing(times, known, start), rows=start + np.flatnonzero(~repeated[start:stop]))
        for start, stop in pairwise(ends)
        if start < stop
    )
