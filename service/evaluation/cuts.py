"""The moments at which a back-test turns the clock back: what is learned from then, and what is tested on."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from service.arrays import IntArray
from service.evaluation.cases import Cases, EvaluationError
from service.priority.fitting import MIN_TICKETS
from service.priority.timeline import existing, repeats

__all__ = ["Cut", "roll", "tested_tickets"]

_MIN_LABELLED = 30  # labelled tickets below which a back-test says nothing
_FIRST = 0.4  # of history, before the first cut: later tickets are the most part, and yet there is something to learn from
_MIN_BLOCK = 10


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """One moment of the past.

    :param moment: seconds since the epoch, NaN where unknown.
    :param learned: rows of the tickets that existed then, with their priority.
    :param tested: rows of the tickets that came after it and before the next cut, without repeats of earlier ones.
    :param repeated: how many repeats were left out.
    """

    moment: float
    learned: IntArray
    tested: IntArray
    repeated: int


def roll(cases: Cases, folds: int, *, start: int | None = None) -> tuple[Cut, ...]:
    """Cut the last six tenths of history, or what begins at a row, into that many blocks, fewer where they would be tiny.

    A ticket that was created before a cut but resolved after it is learned from only after its resolution.

    :param cases: labelled tickets.
    :raises EvaluationError: there is too little to learn from or to test on.
    """
    rows = len(cases)
    names = set(cases.labels)
    if rows < _MIN_LABELLED:
        msg = f"{rows:,} tickets have a priority: at least {_MIN_LABELLED} are needed for a back-test"
        raise EvaluationError(msg)
    if len(names) == 1:
        msg = f"all {rows:,} tickets have the priority {names.pop()!r}: there is nothing to predict"
        raise EvaluationError(msg)
    start = round(rows * _FIRST) if start is None else start
    blocks = max(1, min(folds, (rows - start) // _MIN_BLOCK))
    bounds = [round(start + (rows - start) * part / blocks) for part in range(blocks + 1)]
    repeated = repeats(cases.vectors, cases.groups)
    cuts = []
    for begin, end in pairwise(bounds):
        moment = float(cases.times[begin])
        learned = existing(cases.times, cases.known, begin)
        tested = begin + np.flatnonzero(~repeated[begin:end])
        if len(tested) and len(learned) >= MIN_TICKETS and len({cases.labels[row] for row in learned}) > 1:
            cuts.append(Cut(moment, learned, tested, int(repeated[begin:end].sum())))
    if not cuts:
        msg = (
            "no later ticket is left to test on: "
            f"{repeated.sum():,} of {rows:,} tickets repeat an earlier one, or at no moment of the past had "
            "tickets of two priorities been resolved"
        )
        raise EvaluationError(msg)
    return tuple(cuts)


def tested_tickets(cases: Cases, cuts: Sequence[Cut]) -> list[tuple[str, float]]:
    """Return the ids of the tickets that are tested on, in order, each with the moment to which the clock is turned back for it."""
    return [(cases.ids[row], cut.moment) for cut in cuts for row in cut.tested.tolist()]
