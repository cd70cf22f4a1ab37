"""Select how the forest is trained: train candidates on the past, and score them on the tickets that came later."""

import math
from dataclasses import dataclass, replace

import msgspec
import numpy as np

from service.arrays import BoolArray, FloatArray, IntArray
from service.priority.calibration import Calibrator, fit_calibrator, most_probable, smooth
from service.priority.forest_report import Calibration, Candidate
from service.priority.timeline import Block
from service.priority.training import MAX_SAMPLES, train
from service.priority.training_set import TrainingSet
from service.scores import ProbabilityScores, confusion_matrix, macro_f1

__all__ = ["HeldOut", "History", "measure_calibration", "predict_held_out", "select_candidate"]

_MIN_LATER = 60  # later tickets below which a score says nothing and the default is taken
_TRIAL_WORK = 60_000  # draws x trees in one fit of a trial: bounds the search by work, not by the clock
_FEWEST_TRIAL_TREES, _MOST_TRIAL_TREES = 20, 40
_HALF_LIFE_DAYS = 180.0
_ENOUGH_LATER = 1_000  # tickets of the newest block with which the older need not be tried


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """Labelled tickets, oldest first, and the blocks of them that are held out in turn.

    :param names: the labels; ``label`` holds each row's number in them.
    """

    training: TrainingSet
    names: tuple[str, ...]
    label: IntArray
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """Predictions for held-out tickets by forests of what came before them, one row each.

    :param rows: the tickets' rows in the history.
    :param block: the number of the block that each was held out in.
    :param votes: shape (rows, labels).
    :param smoothed: the same, as a calibrator takes them.
    :param calibrator: learned from all of them.
    :param predicted: the column of the label that is most probable by it.
    :param label: the true column.
    :param known: whether the forest that voted had ever seen the true label.
    :param majority: the column of the most frequent label before the block.
    """

    rows: IntArray
    block: IntArray
    votes: FloatArray
    smoothed: FloatArray
    calibrator: Calibrator
    predicted: IntArray
    label: IntArray
    known: BoolArray
    majority: IntArray

    def macro_f1(self, predicted: IntArray) -> float | None:
        """Return the macro-F1 of predicted columns, shape (rows,); ``None`` without rows."""
        return (
            macro_f1(confusion_matrix(self.label, predicted, self.votes.shape[1])) if len(self.rows) else None
        )


def predict_held_out(history: History, candidate: Candidate, trees: int, seed: int) -> HeldOut:
    """Have a forest of what came before vote on each later block; blocks after a single label are left out."""
    labels = len(history.names)
    rows, number_of, majority = (np.zeros(0, np.int64) for _ in range(3))
    votes, smoothed = (np.zeros((0, labels)) for _ in range(2))
    known = np.zeros(0, dtype=bool)
    for number, block in enumerate(history.blocks):
        if not _tests(history, block):
            continue
        past = history.label[block.learned]
        counts = np.bincount(past, minlength=labels)
        grown, leaves = train(
            history.training, history.label, block.learned, candidate=candidate, trees=trees, seed=seed
        )
        found = leaves.votes(past, labels).mean(grown.walk(history.training.vectors[block.rows]))
        rows = np.append(rows, block.rows)
        number_of = np.append(number_of, np.full(len(block.rows), number))
        majority = np.append(majority, np.full(len(block.rows), counts.argmax()))
        known = np.append(known, counts[history.label[block.rows]] > 0)
        votes = np.concatenate([votes, found])
        smoothed = np.concatenate([smoothed, smooth(found, len(past))])
    label = history.label[rows]
    # A label that the forest had never seen is no fault of its votes.
    calibrator = fit_calibrator(smoothed[known], label[known])
    return HeldOut(
        rows=rows,
        block=number_of,
        votes=votes,
        smoothed=smoothed,
        calibrator=calibrator,
        predicted=most_probable(calibrator(smoothed)),
        label=label,
        known=known,
        majority=majority,
    )


def select_candidate(
    history: History, half_life_days: float | None, seed: int
) -> tuple[Candidate, tuple[Candidate, ...]]:
    """Return the candidate with the best macro-F1 on later tickets, and all that were tried with their scores.

    First the leaves and the labels' weights, then age, then more values a split: six trials at most. Of equals
    the earlier, which is the plainer, is chosen.
    """
    rows, dimension = history.training.vectors.shape
    few = math.isqrt(dimension)
    age = None if half_life_days in (None, math.inf) else half_life_days
    telling = tuple(block for block in history.blocks if _tests(history, block))
    if sum(len(block.rows) for block in telling) < _MIN_LATER:
        # A leaf that holds a fortieth of the tickets is about what larger histories select.
        plain = Candidate(leaf=max(1, min(10, rows // 40)), balanced=True, features=few, half_life_days=age)
        return plain, (plain,)
    trees = max(_FEWEST_TRIAL_TREES, min(_MOST_TRIAL_TREES, _TRIAL_WORK // min(rows, MAX_SAMPLES)))
    newest = telling[-1:]
    tested = replace(history, blocks=newest if len(newest[0].rows) >= _ENOUGH_LATER else telling)

    def score(candidate: Candidate) -> Candidate:
        held_out = predict_held_out(tested, candidate, trees, seed)
        return msgspec.structs.replace(candidate, macro_f1=held_out.macro_f1(held_out.predicted))

    tried = [
        score(Candidate(leaf=leaf, balanced=balanced, features=few, half_life_days=age))
        for leaf, balanced in ((1, False), (3, True), (10, True), (25, True))
    ]
    if half_life_days is None and not np.isnan(history.training.times).all():
        tried.append(score(msgspec.structs.replace(_best(tried), half_life_days=_HALF_LIFE_DAYS)))
    tried.append(score(msgspec.structs.replace(_best(tried), features=min(2 * few, dimension))))
    return _best(tried), tuple(tried)


def measure_calibration(held_out: HeldOut) -> Calibration | None:
    """Calibrate each block by the others, and measure what that changes; ``None`` with a single block."""
    blocks = np.unique(held_out.block)
    if len(blocks) < 2:  # noqa: PLR2004 (one to learn from, one to measure on)
        return None
    probabilities = np.zeros_like(held_out.votes)
    for number in blocks:
        inside = held_out.block == number
        others = ~inside & held_out.known
        calibrator = fit_calibrator(held_out.smoothed[others], held_out.label[others])
        probabilities[inside] = calibrator(held_out.smoothed[inside])
    everything = np.ones((1, len(held_out.rows)))
    before, after = (
        ProbabilityScores(given, most_probable(given), held_out.label)(everything)[0].tolist()
        for given in (held_out.votes, probabilities)
    )
    return Calibration(
        tickets=len(held_out.rows),
        brier_before=before[0],
        brier_after=after[0],
        ece_before=before[1],
        ece_after=after[1],
        classwise_before=before[2],
        classwise_after=after[2],
    )


def _tests(history: History, block: Block) -> bool:
    """Whether the block tells anything: what came before it had two labels to tell apart."""
    return len(block.rows) > 0 and len(np.unique(history.label[block.learned])) > 1


def _best(tried: list[Candidate]) -> Candidate:
    return max(tried, key=lambda candidate: candidate.macro_f1 or 0.0)
