"""Scores against scikit-learn's, and their intervals."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score, f1_score, recall_score

from service.evaluation.methods import Said
from service.evaluation.metrics import (
    confusion_matrix,
    interval,
    macro_f1,
    macro_f1_interval,
    quadratic_kappa,
    resample,
)
from service.priority.calibration import brier_score, calibration_error, classwise_error

_ROWS = 300


def _said(seed: int, label: np.ndarray, skill: float) -> Said:
    generator = np.random.default_rng(seed)
    probabilities = generator.dirichlet(np.ones(4), size=len(label))
    probabilities[np.arange(len(label)), label] += skill
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return Said(probabilities.argmax(axis=1), probabilities, probabilities)


@pytest.fixture
def label() -> np.ndarray:
    """Labels 0, 1 and 2 of four."""
    return np.random.default_rng(0).integers(3, size=_ROWS)


def test_scores_are_those_of_scikit_learn(label: np.ndarray) -> None:
    """Macro-F1 counts labels that are true or said; kappa is quadratic in the order of the columns."""
    said = _said(1, label, 0.3).label
    confusion = confusion_matrix(label, said, 4)
    assert macro_f1(confusion) == pytest.approx(f1_score(label, said, average="macro", zero_division=0))
    expected = cohen_kappa_score(label, said, labels=[0, 1, 2, 3], weights="quadratic")
    assert quadratic_kappa(confusion) == pytest.approx(expected)


def test_recall_is_of_each_label(label: np.ndarray) -> None:
    """A label that no ticket has gets no recall."""
    said = _said(1, label, 0.3)
    scores = resample({"a": said}, label, 4, None, 0)["a"]
    recalls = [scores.recall(column) for column in range(4)]
    expected = recall_score(label, said.label, average=None, labels=[0, 1, 2])
    assert [found.value for found in recalls if found] == pytest.approx(expected)
    assert recalls[3] is None


def test_intervals_hold_the_value_and_tell_methods_apart(label: np.ndarray) -> None:
    """A method with skill is ahead of one without by more than chance, and of itself by nothing."""
    scores = resample({"good": _said(1, label, 0.5), "poor": _said(2, label, 0.0)}, label, 4, (0, 1, 2, 3), 0)
    for name in ("macro_f1", "kappa", "brier", "ece"):
        found = scores["good"][name]
        assert found is not None
        assert found.low <= found.value <= found.high
    assert scores["good"].ahead_of(scores["poor"]).low > 0
    itself = scores["good"].ahead_of(scores["good"])
    assert (itself.low, itself.value, itself.high) == (0, 0, 0)


@pytest.mark.parametrize("labels", [4, 30])
def test_calibration_on_every_draw_is_that_of_the_drawn_tickets(label: np.ndarray, labels: int) -> None:
    """Value and resamples are those of the measures of calibration on the same rows, however many labels."""
    generator = np.random.default_rng(5)
    probabilities, votes = (generator.dirichlet(np.full(labels, 0.3), size=_ROWS) for _ in range(2))
    probabilities[:5], votes[:5] = np.eye(labels)[:5] if labels > 5 else np.eye(labels)[[0, 1, 2, 3, 0]], 0.5
    said = Said(probabilities.argmax(axis=1), probabilities, votes)
    found = resample({"a": said}, label, labels, None, 7)["a"]
    draw = np.random.default_rng(7)
    at = np.arange(_ROWS)
    for rows, scores in zip(
        [at, *(draw.integers(_ROWS, size=_ROWS) for _ in range(60))],
        [found.point, *found.samples],
        strict=False,
    ):
        right, true = (said.label == label)[rows], label[rows]
        expected = [
            measured
            for given in (probabilities, votes)
            for measured in (
                brier_score(given[rows], true),
                calibration_error(given[at, said.label][rows], right),
                classwise_error(given[rows], true),
            )
        ]
        assert scores[2:8] == pytest.approx(expected, abs=1e-12)


def test_macro_f1_alone_is_that_among_all_scores(label: np.ndarray) -> None:
    """The learning curve's cheaper resampling gives the same value on the same draws."""
    said = _said(1, label, 0.3)
    expected = resample({"a": said}, label, 4, None, 3)["a"]["macro_f1"]
    assert expected is not None
    assert macro_f1_interval(said.label, label, 4, 3) == expected


def test_what_a_method_never_says_is_not_measured(label: np.ndarray) -> None:
    """Kappa without an order, coverage without decisions and scores before calibration are left out."""
    scores = resample({"a": _said(1, label, 0.5)}, label, 4, None, 0)["a"]
    assert [scores[name] for name in ("kappa", "coverage", "error", "brier_before", "ece_before")] == [
        None
    ] * 5


def test_error_is_counted_among_automatic_decisions_only(label: np.ndarray) -> None:
    """Coverage is the share decided, error the wrong share of these."""
    found = _said(1, label, 0.5)
    automatic = np.arange(_ROWS) < 60
    said = Said(found.label, found.probabilities, found.votes, automatic)
    scores = resample({"a": said}, label, 4, None, 0)["a"]
    coverage, error = scores["coverage"], scores["error"]
    assert coverage is not None
    assert error is not None
    assert coverage.value == pytest.approx(0.2)
    assert error.value == pytest.approx((found.label != label)[:60].mean())


def test_an_interval_widens_to_its_value() -> None:
    """Resamples that all lie beside the value, as those of a calibration error may, do not exclude it."""
    found = interval(0.1, np.array([0.2, 0.3, np.nan]))
    assert found is not None
    assert (found.low, found.value) == (0.1, 0.1)
