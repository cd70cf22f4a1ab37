"""Try ways to grow a forest on the past and score them on what came later."""

import math
from dataclasses import dataclass, replace

import msgspec
import numpy as np
from numpy.typing import NDArray

from service.priority.calibration import (
    Calibrator,
    brier_score,
    calibration_error,
    classwise_error,
    fit_calibrator,
    most_probable,
    smooth,
)
from service.priority.timeline import Block
from service.priority.training import MAX_SAMPLES, grow
from service.priority.training_set import Calibration, Candidate, FloatMatrix, IntArray, TrainingSet
from service.priority.trees import Leaves, Trees

__all__ = ["History", "Later", "choose", "grow_on", "hold_out", "macro_f1", "measure_calibration"]

_MIN_LATER = 60  # later tickets below which a score says nothing and the default is taken
_TRIAL_WORK = 60_000  # draws x trees in one fit of a trial: bounds the search by work, not by the clock
_FEWEST_TRIAL_TREES, _MOST_TRIAL_TREES = 20, 40
_HALF_LIFE_DAYS = 180.0
_ENOUGH_LATER = 1_000  # tickets of the newest stretch with which the older need not be tried


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """Labelled tickets, oldest first, and the stretches of them that are held out in turn.

    :param names: the labels; ``label`` holds each row's number in them.
    """

    training: TrainingSet
    names: tuple[str, ...]
    label: NDArray[np.int64]
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Later:
    """What forests of the past said of later tickets, one row each.

    :param rows: the tickets' rows in the history.
    :param block: the number of the stretch that each was held out in.
    :param votes: shape (rows, labels).
    :param smoothed: the same, as a calibrator takes them.
    :param calibrator: learned from all of them.
    :param said: the column of the label that is most probable by it.
    :param label: the true column.
    :param known: whether the forest that voted had ever seen the true label.
    :param majority: the column of the most frequent label before the stretch.
    """

    rows: IntArray
    block: IntArray
    votes: FloatMatrix
    smoothed: FloatMatrix
    calibrator: Calibrator
    said: IntArray
    label: IntArray
    known: NDArray[np.bool_]
    majority: IntArray


def grow_on(
    history: History, rows: IntArray, candidate: Candidate, trees: int, seed: int
) -> tuple[Trees, Leaves]:
    """Grow a forest on the given rows."""
    return grow(
        history.training.vectors[rows],
        history.label[rows],
        history.training.times[rows],
        candidate=candidate,
        trees=trees,
        seed=seed,
    )


def hold_out(history: History, candidate: Candidate, trees: int, seed: int) -> Later:
    """Have a forest of what came before vote on each later stretch; stretches after a single label are left out."""
    labels = len(history.names)
    none = np.zeros(0, np.int64)
    rows, block, majority = [none], [none], [none]
    votes, smoothed = [np.zeros((0, labels))], [np.zeros((0, labels))]
    known = [np.zeros(0, dtype=bool)]
    for number, stretch in enumerate(history.blocks):
        if not _tests(history, stretch):
            continue
        past = history.label[stretch.learned]
        counts = np.bincount(past, minlength=labels)
        trees_, leaves = grow_on(history, stretch.learned, candidate, trees, seed)
        reached = trees_.walk(history.training.vectors[stretch.rows])
        found = leaves.votes(past, labels).mean(reached)
        rows.append(stretch.rows)
        block.append(np.full(len(stretch.rows), number))
        majority.append(np.full(len(stretch.rows), counts.argmax()))
        known.append(counts[history.label[stretch.rows]] > 0)
        votes.append(found)
        smoothed.append(smooth(found, len(past)))
    where, seen = np.concatenate(rows), np.concatenate(known)
    all_smoothed = np.concatenate(smoothed)
    label = history.label[where]
    # A label that the forest had never seen is no fault of its votes.
    calibrator = fit_calibrator(all_smoothed[seen], label[seen])
    return Later(
        rows=where,
        block=np.concatenate(block),
        votes=np.concatenate(votes),
        smoothed=all_smoothed,
        calibrator=calibrator,
        said=most_probable(calibrator(all_smoothed)),
        label=label,
        known=seen,
        majority=np.concatenate(majority),
    )


def choose(
    history: History, half_life_days: float | None, seed: int
) -> tuple[Candidate, tuple[Candidate, ...]]:
    """Return the candidate with the best macro-F1 on later tickets, and all that were tried with their scores.

    First the leaves and the labels' weights, then age, then more values a split: six trials at most. Of equals
    the earlier, which is the plainer, is chosen.
    """
    rows, dimension = history.training.vectors.shape
    few = math.isqrt(dimension)
    age = None if half_life_days in (None, math.inf) else half_life_days
    telling = tuple(stretch for stretch in history.blocks if _tests(history, stretch))
    if sum(len(stretch.rows) for stretch in telling) < _MIN_LATER:
        # A leaf that holds a fortieth of the tickets is about what larger histories choose.
        plain = Candidate(leaf=max(1, min(10, rows // 40)), balanced=True, features=few, half_life_days=age)
        return plain, (plain,)
    trees = max(_FEWEST_TRIAL_TREES, min(_MOST_TRIAL_TREES, _TRIAL_WORK // min(rows, MAX_SAMPLES)))
    newest = telling[-1:]
    tested = replace(history, blocks=newest if len(newest[0].rows) >= _ENOUGH_LATER else telling)

    def score(candidate: Candidate) -> Candidate:
        later = hold_out(tested, candidate, trees, seed)
        return msgspec.structs.replace(candidate, macro_f1=macro_f1(later.label, later.said))

    tried = [
        score(Candidate(leaf=leaf, balanced=balanced, features=few, half_life_days=age))
        for leaf, balanced in ((1, False), (3, True), (10, True), (25, True))
    ]
    if half_life_days is None and not np.isnan(history.training.times).all():
        tried.append(score(msgspec.structs.replace(_best(tried), half_life_days=_HALF_LIFE_DAYS)))
    tried.append(score(msgspec.structs.replace(_best(tried), features=min(2 * few, dimension))))
    return _best(tried), tuple(tried)


def measure_calibration(later: Later) -> Calibration | None:
    """Calibrate each stretch by the others, and measure what that changes; ``None`` with a single stretch."""
    stretches = np.unique(later.block)
    if len(stretches) < 2:  # noqa: PLR2004 (one to learn from, one to measure on)
        return None
    probabilities = np.zeros_like(later.votes)
    for number in stretches:
        inside = later.block == number
        others = ~inside & later.known
        calibrator = fit_calibrator(later.smoothed[others], later.label[others])
        probabilities[inside] = calibrator(later.smoothed[inside])

    def error(given: FloatMatrix) -> float:
        said = most_probable(given)
        return calibration_error(given[np.arange(len(said)), said], said == later.label)

    return Calibration(
        tickets=len(later.rows),
        brier_before=brier_score(later.votes, later.label),
        brier_after=brier_score(probabilities, later.label),
        ece_before=error(later.votes),
        ece_after=error(probabilities),
        classwise_before=classwise_error(later.votes, later.label),
        classwise_after=classwise_error(probabilities, later.label),
    )


def macro_f1(label: IntArray, said: IntArray) -> float | None:
    """Return the mean of the labels' F1 scores, over all that are true or said; ``None`` without tickets."""
    if not len(label):
        return None
    from sklearn.metrics import f1_score

    return float(f1_score(label, said, average="macro", zero_division=0))


def _tests(history: History, stretch: Block) -> bool:
    """Whether the stretch tells anything: what came before it had two labels to tell apart."""
    return len(stretch.rows) > 0 and len(np.unique(history.label[stretch.learned])) > 1


def _best(tried: list[Candidate]) -> Candidate:
    return max(tried, key=lambda candidate: candidate.macro_f1 or 0.0)
