"""Fitting: the same every time, honest on what comes later, and calm about odd data."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

from service.priority import Forest, NoForest, TrainingSet, fit
from service.priority.abstention import error_bound
from tests.service.priority.data import (
    DAY,
    alone,
    clustered,
    columns,
    of_vectors,
    relabelled,
    shuffled,
    weights,
)

pytestmark = pytest.mark.slow


def grown(training: TrainingSet, **options: object) -> Forest:
    """Fit what must become a forest."""
    found = fit(training, **options)  # type: ignore[arg-type]  # the options of fit
    assert isinstance(found, Forest)
    return found


def part(training: TrainingSet, start: int, stop: int) -> TrainingSet:
    """Return a stretch of the tickets."""
    return training.take(np.arange(start, stop))


def test_same_tickets_same_forest(history: TrainingSet, forest: Forest) -> None:
    """The same tickets and seed give the same forest, to the last bit, in whatever order the tickets come."""
    shuffled_rows = np.random.default_rng(0).permutation(len(history))
    again = grown(history.take(shuffled_rows), fitted_on={"generation": "tickets-0001"})
    assert again.ids == forest.ids
    assert again.report == forest.report
    for name in ("roots", "children", "feature", "threshold", "leaf"):
        assert np.array_equal(getattr(again.trees, name), getattr(forest.trees, name))
    assert np.array_equal(again.leaves.row, forest.leaves.row)
    assert np.array_equal(again.leaves.share, forest.leaves.share)
    assert again.calibrator.sharpness == forest.calibrator.sharpness
    assert np.array_equal(again.calibrator.bias, forest.calibrator.bias)


def test_another_seed_another_forest(history: TrainingSet) -> None:
    """The seed is what the drawing of tickets begins with."""
    one, other = (grown(part(history, 0, 20), seed=seed).trees.threshold for seed in (0, 1))
    assert not np.array_equal(one, other)


def test_report(forest: Forest) -> None:
    """The report tells what was tried, what was chosen, and what it is worth."""
    report = forest.report
    assert (report.tickets, report.rows, report.later_tickets) == (200, 200, 80)
    assert sum(report.labels.values()) == 200
    assert report.chosen in report.candidates
    assert report.chosen.macro_f1 == max(tried.macro_f1 or 0 for tried in report.candidates)
    assert {tried.half_life_days for tried in report.candidates} == {None, 180.0}
    assert report.macro_f1 is not None
    assert report.majority_macro_f1 is not None
    assert report.macro_f1 > 0.8
    assert report.majority_macro_f1 < 0.3
    assert report.calibration is not None
    assert report.calibration.brier_after < report.calibration.brier_before
    assert report.calibration.ece_after < report.calibration.ece_before
    assert report.calibration.classwise_after < report.calibration.classwise_before


def test_budget_holds_on_later_tickets() -> None:
    """On tickets that came after the fit, automatic decisions keep the error budget with 95 % confidence."""
    stream = clustered(3_000, noise=0.05, spread=2.8, seed=2)
    found = grown(part(stream, 0, 600))
    later = part(stream, 600, 3_000)
    decisions = found.classify(later.features)
    automatic = decisions.automatic
    errors = int((decisions.predicted != columns(later))[automatic].sum())
    assert automatic.mean() > 0.3
    assert (decisions.predicted != columns(later)).mean() > 0.2
    assert error_bound(errors, int(automatic.sum())) <= 0.2


def test_shuffled_labels_go_to_review(history: TrainingSet) -> None:
    """Where labels mean nothing, every decision goes to review and none is confident."""
    found = grown(shuffled(history))
    decisions = found.classify(clustered(400, seed=5).features)
    assert not decisions.automatic.any()
    assert decisions.probabilities.max() < 0.6
    assert "every decision goes to review" in found.state


def test_repeats_are_not_held_out(history: TrainingSet) -> None:
    """Tickets that come twice, as a group or word for word, do not make the forest look better than it is."""
    noisy = shuffled(clustered(200, seed=3))
    rows = np.concatenate([np.arange(200), np.arange(200)])
    twice = TrainingSet(
        ids=tuple(str(row) for row in range(400)),
        features=noisy.features.take(rows),
        labels=tuple(noisy.labels[row] for row in rows),
        times=np.arange(400.0),
        known=np.arange(400.0),
        groups=np.arange(400),
    )
    found = grown(twice)
    assert found.report.later_tickets == 0
    assert not found.classify(noisy.features).automatic.any()


def test_groups_are_kept_on_one_side() -> None:
    """Of a group only the first ticket can be held out."""
    training = clustered(120, spread=1.5)
    grouped = replace(training, groups=np.arange(120) % 100)
    found = grown(grouped)
    assert found.report.later_tickets == 28
    assert found.later.max() == 99


def test_without_the_best_evidence(history: TrainingSet, forest: Forest) -> None:
    """Without the tickets that carried a decision most, a new forest votes less for it than without others of the label."""
    vector = clustered(1, seed=9).vectors[0]
    before = forest.decide(alone(vector))
    weight = dict(zip(forest.ids, weights(forest, vector), strict=True))
    agreeing = sorted(
        (name for name, label in zip(history.ids, history.labels, strict=True) if label == before.label),
        key=lambda name: weight[name],
    )

    def vote_without(gone: list[str]) -> float:
        kept = np.array([row for row, name in enumerate(history.ids) if name not in gone])
        found = grown(history.take(kept))
        return float(found.votes(alone(vector))[0, found.labels.index(before.label or "")])

    whole = float(forest.votes(alone(vector)).max())
    without_strongest, without_weakest = vote_without(agreeing[-60:]), vote_without(agreeing[:60])
    assert without_strongest < without_weakest
    assert without_strongest < whole


def test_recency_follows_drift() -> None:
    """After labels change their meaning, a short half-life believes the newer tickets."""
    training = clustered(300, labels=("high", "low"), spread=0.5)
    swap = {"high": "low", "low": "high"}
    labels = [swap[label] if label and row < 225 else label for row, label in enumerate(training.labels)]
    drifted = relabelled(training, labels)
    test = clustered(200, labels=("high", "low"), spread=0.5, seed=4)
    right = {
        days: float(
            (grown(drifted, half_life_days=days).classify(test.features).predicted == columns(test)).mean()
        )
        for days in (15.0, np.inf)
    }
    assert right[np.inf] < 0.3
    assert right[15.0] > 0.9


def test_rows_are_capped_to_the_newest() -> None:
    """Of a history that is too long the newest tickets are learned from."""
    found = grown(clustered(150), max_rows=100)
    assert (found.report.tickets, found.report.rows) == (150, 100)
    assert found.ids == tuple(f"t{row}" for row in range(50, 150))


@pytest.mark.parametrize(
    ("labels", "state"),
    [
        ([], "no labelled tickets"),
        ([None] * 8, "no labelled tickets"),
        (["high"] * 8, "only one label: 'high'"),
        (["high", "low", None, "low", "high"], "too few labelled tickets: 4, at least 5 are needed"),
    ],
)
def test_too_little_for_a_forest(labels: list[str | None], state: str) -> None:
    """Without labels to tell apart there is a clear state, and every decision goes to review."""
    found = fit(relabelled(clustered(len(labels)), labels))
    assert isinstance(found, NoForest)
    assert found.state == state
    assert found.decide(alone(np.zeros(32, np.float32))).decision == "review"


def test_ten_tickets() -> None:
    """Ten tickets make a forest that has a guess, is not confident, and passes everything on."""
    training = clustered(10, labels=("high", "low"))
    found = grown(training)
    decisions = found.classify(training.features)
    assert not decisions.automatic.any()
    assert decisions.probabilities.max() < 0.9
    assert found.report.candidates == (found.report.chosen,)
    assert "every decision goes to review" in found.state


def test_label_of_a_single_ticket() -> None:
    """A label that one ticket has does not drown the others, and is not given with confidence."""
    training = clustered(140, labels=("high", "low"))
    labels = list(training.labels)
    labels[120] = "urgent"
    found = grown(relabelled(training, labels))
    decisions = found.classify(clustered(400, labels=("high", "low"), seed=8).features)
    urgent = found.labels.index("urgent")
    assert (decisions.predicted == urgent).mean() < 0.05
    assert decisions.probabilities[:, urgent].max() < 0.6


def test_two_hundred_labels() -> None:
    """Two hundred labels, a few tickets each, are learned as well as any."""
    labels = tuple(f"label {number}" for number in range(200))
    training = clustered(800, labels=labels, dimension=24, spread=0.1)
    found = grown(training)
    assert len(found.labels) == len(set(training.labels))
    test = clustered(100, labels=labels, dimension=24, spread=0.1, seed=3)
    decisions = found.classify(test.features)
    predicted = [found.labels[column] for column in decisions.predicted]
    assert np.mean([a == b for a, b in zip(predicted, test.labels, strict=True)]) > 0.6


def test_labels_in_other_scripts() -> None:
    """Labels are any text."""
    labels = ("عاجل", "низкий", "高い", "🔥")
    found = grown(clustered(120, labels=labels))
    assert found.labels == tuple(sorted(labels))
    assert found.decide(clustered(1).features).label in labels


def test_equal_tickets_that_contradict() -> None:
    """Equal tickets with different labels teach nothing: even odds, and review."""
    training = TrainingSet(
        ids=tuple(str(row) for row in range(140)),
        features=of_vectors(np.ones((140, 8), np.float32)),
        labels=("high", "low") * 70,
        times=np.arange(140, dtype=np.float64) * DAY,
        known=np.arange(140, dtype=np.float64) * DAY,
        groups=np.arange(140),
    )
    found = grown(training)
    decision = found.decide(alone(np.ones(8, np.float32)))
    assert decision.decision == "review"
    assert decision.confidence == pytest.approx(0.5, abs=0.05)
    assert weights(found, np.ones(8, np.float32)).sum() == pytest.approx(1)


@pytest.mark.parametrize("times", [np.full(140, np.nan), np.zeros(140)], ids=["unknown", "equal"])
def test_without_times(times: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
    """Without times the given order is the order in time, and age does not count."""
    training = clustered(140)
    found = grown(replace(training, times=times, known=times))
    assert found.ids == training.ids
    assert found.classify(training.features).automatic.any()


def test_a_label_that_appears_late() -> None:
    """A label that only the newest tickets have is known to the forest."""
    training = clustered(140, labels=("high", "low", "urgent"))
    labels: list[str | None] = [
        "low" if label == "urgent" and row < 126 else label for row, label in enumerate(training.labels)
    ]
    assert "urgent" in grown(relabelled(training, labels)).labels


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"max_error": 0.0}, "error budget of max_error must be between 0 and 1, found 0.0"),
        ({"max_error": 1.0}, "found 1.0"),
        ({"max_missed": {"urgent": 1.5}}, "error budget of urgent must be between 0 and 1, found 1.5"),
        ({"half_life_days": 0.0}, "half_life_days must be above 0, found 0.0"),
        ({"half_life_days": float("nan")}, "found nan"),
        ({"max_rows": 4}, "max_rows must be at least 5, found 4"),
    ],
)
def test_arguments_out_of_range(history: TrainingSet, options: dict[str, object], told: str) -> None:
    """An argument out of its range is refused with its value."""
    with pytest.raises(ValueError, match=told):
        fit(history, **options)  # type: ignore[arg-type]  # the options of fit


def test_warning_filters_survive(history: TrainingSet) -> None:
    """Fitting leaves the process's warning filters as they were; scikit-learn's threads alone would not."""
    filters = list(warnings.filters)
    grown(part(history, 0, 60))
    assert warnings.filters == filters


def test_nothing_was_resolved_in_time() -> None:
    """Where no ticket was resolved before the last came, nothing was tested: the plain way, and review, with the reason."""
    training = clustered(300)
    found = grown(replace(training, known=np.full(300, 400 * DAY)))
    assert found.report.later_tickets == 0
    assert len(found.report.candidates) == 1
    assert found.report.chosen.leaf > 1
    assert "only 0 later tickets" in found.state
    assert not found.classify(training.features).automatic.any()


def test_a_guard_of_no_label_is_told(history: TrainingSet) -> None:
    """A budget for a priority that no ticket has is likely a typing error: the state says so."""
    found = grown(history.take(np.arange(60)), max_missed={"hgih": 0.1})
    assert "PRECEDENT_MAX_MISSED names 'hgih'" in found.state
