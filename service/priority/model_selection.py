"""Select how the forest is trained: train candidates on the past, and score them on the tickets that came later."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec
import numpy as np

from indexer.embedding import Matrix
from service.arrays import BoolArray, FloatArray, IntArray, pick
from service.priority.calibration import Calibrator, costs_of, fit_calibrator, least_costly, smooth
from service.priority.forest_report import Calibration, Candidate
from service.priority.predictors import fit_predictors
from service.priority.timeline import Block
from service.priority.training import train
from service.priority.training_set import TrainingSet
from service.priority.trees import extract
from service.scores import ProbabilityScores, confusion_matrix, macro_f1, reliability

__all__ = [
    "HeldOut",
    "History",
    "make_history",
    "measure_calibration",
    "predict_held_out",
    "select_candidate",
]

_MIN_LATER = 60  # later tickets below which a score says nothing and the default is taken
_TRIAL_WORK, _TRIAL_DRAWS = 60_000, 3_000
"""Draws x trees in one fit of a trial, and draws a tree: they bound the search by work, not by the clock."""
_FEWEST_TRIAL_TREES, _MOST_TRIAL_TREES = 20, 40
_HALF_LIFE_DAYS = 180.0
_ENOUGH_LATER = 1_000  # tickets of the newest block with which the older need not be tried


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """A block that is held out, with its columns as they were at that moment.

    :param number: of the block.
    :param learned: the columns of the tickets that are learned from, shape (rows, width).
    :param tested: those of the tickets that are tested on.
    """

    number: int
    block: Block
    learned: Matrix
    tested: Matrix


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """Labelled tickets, oldest first, and the blocks of them that are held out in turn.

    :param names: the labels; ``label`` holds each row's number in them.
    :param costs: what it costs to miss each label, as of `costs_of`.
    :param trials: the blocks that tell anything: what came before them had two labels to tell apart.
    """

    training: TrainingSet
    names: tuple[str, ...]
    label: IntArray
    costs: Mapping[str, float]
    trials: tuple[Trial, ...]


def make_history(
    training: TrainingSet,
    names: tuple[str, ...],
    label: IntArray,
    blocks: Sequence[Block],
    costs: Mapping[str, float],
) -> History:
    """Make the columns of each block from what came before it.

    :param training: labelled tickets, oldest first; ``label``: the number in ``names`` of each one's label.
    """
    trials = []
    for number, block in enumerate(blocks):
        if not len(block.rows) or len(np.unique(label[block.learned])) < 2:  # noqa: PLR2004 (something to tell apart)
            continue
        known = training.features.take(block.learned)
        predictors, learned = fit_predictors(
            known, label[block.learned], len(names), training.groups[block.learned]
        )
        tested = predictors.matrix(training.features.take(block.rows))
        trials.append(Trial(number, block, learned, tested))
    return History(training, names, label, costs, tuple(trials))


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """Predictions for held-out tickets by forests of what came before them, one row each.

    :param rows: the tickets' rows in the history.
    :param block: the number of the block that each was held out in.
    :param votes: shape (rows, labels).
    :param smoothed: the same, as a calibrator takes them.
    :param calibrator: learned from all of them.
    :param costs: what it costs to miss each label, shape (labels,).
    :param predicted: the column of the label that is predicted by both.
    :param label: the true column.
    :param known: whether the forest that voted had ever seen the true label.
    :param majority: the column of the most frequent label before the block.
    """

    rows: IntArray
    block: IntArray
    votes: FloatArray
    smoothed: FloatArray
    calibrator: Calibrator
    costs: FloatArray
    predicted: IntArray
    label: IntArray
    known: BoolArray
    majority: IntArray

    def macro_f1(self, predicted: IntArray) -> float | None:
        """Return the macro-F1 of predicted columns, shape (rows,); ``None`` without rows."""
        return (
            macro_f1(confusion_matrix(self.label, predicted, self.votes.shape[1])) if len(self.rows) else None
        )


def predict_held_out(
    history: History, candidate: Candidate, trees: int, seed: int, *, drawn: int | None = None
) -> HeldOut:
    """Have a forest of what came before vote on each later block.

    :param drawn: as of `service.priority.training.train`.
    """
    labels = len(history.names)
    rows, number_of, majority = (np.zeros(0, np.int64) for _ in range(3))
    votes, smoothed = (np.zeros((0, labels)) for _ in range(2))
    known = np.zeros(0, dtype=bool)
    for trial in history.trials:
        block = trial.block
        past = history.label[block.learned]
        counts = np.bincount(past, minlength=labels)
        fitted = train(
            trial.learned,
            past,
            history.training.times[block.learned],
            candidate=candidate,
            trees=trees,
            seed=seed,
            drawn=drawn,
        )
        grown, leaves = extract(fitted, trial.learned)
        found = leaves.votes(past, labels).mean(grown.walk(trial.tested))
        rows = np.append(rows, block.rows)
        number_of = np.append(number_of, np.full(len(block.rows), trial.number))
        majority = np.append(majority, np.full(len(block.rows), counts.argmax()))
        known = np.append(known, counts[history.label[block.rows]] > 0)
        votes = np.concatenate([votes, found])
        smoothed = np.concatenate([smoothed, smooth(found, len(past))])
    label = history.label[rows]
    # A label that the forest had never seen is no fault of its votes.
    calibrator = fit_calibrator(smoothed[known], label[known])
    costs = costs_of(history.costs, history.names, np.bincount(history.label, minlength=labels))
    return HeldOut(
        rows=rows,
        block=number_of,
        votes=votes,
        smoothed=smoothed,
        calibrator=calibrator,
        costs=costs,
        predicted=least_costly(calibrator(smoothed), costs),
        label=label,
        known=known,
        majority=majority,
    )


def select_candidate(
    history: History, half_life_days: float | None, seed: int
) -> tuple[Candidate, tuple[Candidate, ...]]:
    """Return the candidate with the best macro-F1 on later tickets, and all that were tried with their scores.

    First the leaves and the labels' weights, then age: five trials at most. Of equals the earlier, which is the plainer,
    is chosen. That more values are tried at a split is no gain: on three fields of the README's tracker it was as often worse.
    """
    rows = len(history.training)
    few = math.isqrt(max((trial.learned.shape[1] for trial in history.trials), default=1))
    age = None if half_life_days in (None, math.inf) else half_life_days
    if sum(len(trial.block.rows) for trial in history.trials) < _MIN_LATER:
        # A leaf that holds a fortieth of the tickets is about what larger histories select.
        plain = Candidate(leaf=max(1, min(10, rows // 40)), balanced=True, features=few, half_life_days=age)
        return plain, (plain,)
    trees = max(_FEWEST_TRIAL_TREES, min(_MOST_TRIAL_TREES, _TRIAL_WORK // min(rows, _TRIAL_DRAWS)))
    newest = history.trials[-1:]
    tested = replace(history, trials=newest) if len(newest[0].block.rows) >= _ENOUGH_LATER else history

    def score(candidate: Candidate) -> Candidate:
        held_out = predict_held_out(tested, candidate, trees, seed, drawn=_TRIAL_DRAWS)
        return msgspec.structs.replace(candidate, macro_f1=held_out.macro_f1(held_out.predicted))

    tried = [
        score(Candidate(leaf=leaf, balanced=balanced, features=few, half_life_days=age))
        for leaf, balanced in ((1, False), (3, True), (10, True), (25, True))
    ]
    if half_life_days is None and not np.isnan(history.training.times).all():
        tried.append(score(msgspec.structs.replace(_best(tried), half_life_days=_HALF_LIFE_DAYS)))
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
    predicted = least_costly(probabilities, held_out.costs)
    everything = np.ones((1, len(held_out.rows)))
    before, after = (
        ProbabilityScores(given, least_costly(given, held_out.costs), held_out.label)(everything)[0].tolist()
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
        reliability=reliability(pick(probabilities, predicted), predicted == held_out.label),
    )


def _best(tried: list[Candidate]) -> Candidate:
    return max(tried, key=lambda candidate: candidate.macro_f1 or 0.0)
