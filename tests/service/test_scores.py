"""Scores against scikit-learn's and by hand, and their intervals."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, cohen_kappa_score, f1_score

from service.arrays import BoolArray, FloatArray, IntArray
from service.scores import (
    SEED,
    ProbabilityScores,
    confusion_matrix,
    interval,
    macro_f1,
    quadratic_kappa,
    resample,
    resample_macro_f1,
)

_ROWS = 300


@pytest.fixture
def label() -> IntArray:
    """Labels 0, 1 and 2 of four."""
    return np.random.default_rng(0).integers(3, size=_ROWS)


def _scores(probabilities: FloatArray, predicted: IntArray, label: IntArray) -> list[float]:
    found: list[float] = ProbabilityScores(probabilities, predicted, label)(np.ones((1, len(label))))[
        0
    ].tolist()
    return found


def _calibration_error(confidence: FloatArray, right: FloatArray | BoolArray) -> float:
    """Return the expected calibration error, bin by bin."""
    which = np.minimum(np.floor(confidence * 10), 9)
    parts = [which == number for number in range(10)]
    gaps = [abs(float(np.sum((right - confidence)[part]))) for part in parts]
    return sum(gaps) / len(right)


def test_scores_of_labels_are_those_of_scikit_learn(label: IntArray) -> None:
    """Macro-F1 counts labels that are true or predicted; kappa is quadratic in the order of the columns."""
    generator = np.random.default_rng(1)
    predicted = np.where(generator.random(_ROWS) < 0.5, label, generator.integers(4, size=_ROWS))
    for given in (predicted, np.where(predicted == 3, 0, predicted)):
        confusion = confusion_matrix(label, given, 4)
        assert macro_f1(confusion) == pytest.approx(f1_score(label, given, average="macro", zero_division=0))
        expected = cohen_kappa_score(label, given, labels=[0, 1, 2, 3], weights="quadratic")
        assert quadratic_kappa(confusion) == pytest.approx(expected)


def test_kappa_of_one_label_is_not_measured() -> None:
    """Nothing can agree beyond chance."""
    assert np.isnan(quadratic_kappa(np.diag([5.0, 0.0])))


def test_brier_score_by_hand() -> None:
    """The score is the mean squared distance to the truth."""
    probabilities = np.array([[0.8, 0.2], [0.4, 0.6]])
    brier, _, _ = _scores(probabilities, probabilities.argmax(axis=1), np.array([0, 0]))
    assert brier == pytest.approx((0.08 + 0.72) / 2)


def test_calibration_error_by_hand() -> None:
    """Each bin counts by the tickets in it; certainty falls into the last bin."""
    probabilities = np.array([[0.55, 0.45]] * 4 + [[1.0, 0.0]])
    _, ece, _ = _scores(probabilities, np.zeros(5, np.int64), np.array([0, 1, 1, 1, 0]))
    assert ece == pytest.approx(4 / 5 * 0.3)


def test_classwise_error_by_hand() -> None:
    """Every label's probability counts, predicted or not."""
    probabilities = np.array([[0.75, 0.25]] * 4)
    predicted = np.zeros(4, np.int64)
    assert _scores(probabilities, predicted, np.array([0, 0, 0, 1]))[2] == pytest.approx(0)
    assert _scores(probabilities, predicted, np.array([1, 1, 1, 1]))[2] == pytest.approx(0.75)


@pytest.mark.parametrize("labels", [4, 30])
def test_scores_of_every_resample_are_those_of_the_drawn_tickets(label: IntArray, labels: int) -> None:
    """Value and resamples are what is measured on the same rows, however many labels."""
    probabilities = np.random.default_rng(5).dirichlet(np.full(labels, 0.3), size=_ROWS)
    probabilities[:4] = np.eye(labels)[:4]
    predicted = probabilities.argmax(axis=1)
    found = resample(_ROWS, ProbabilityScores(probabilities, predicted, label))
    scores = resample_macro_f1(label, predicted, labels)
    assert len(found) == len(scores) == 1_001
    draw = np.random.default_rng(SEED)
    samples = [np.arange(_ROWS), *(draw.integers(_ROWS, size=_ROWS) for _ in range(60))]
    for rows, measured, score in zip(samples, found, scores, strict=False):
        given, true = probabilities[rows], label[rows]
        hot = np.eye(labels)[true]
        confidence = given[np.arange(_ROWS), predicted[rows]]
        expected = [
            brier_score_loss(hot, given, scale_by_half=False),
            _calibration_error(confidence, predicted[rows] == true),
            np.mean([_calibration_error(given[:, column], hot[:, column]) for column in range(labels)]),
        ]
        assert measured == pytest.approx(expected, abs=1e-12)
        assert score == pytest.approx(f1_score(true, predicted[rows], average="macro", zero_division=0))


def test_an_interval_widens_to_its_value() -> None:
    """Resamples that all lie beside the value, as those of a calibration error may, do not exclude it."""
    found = interval(np.array([0.1, 0.2, 0.3, np.nan]))
    assert (found.low, found.value) == (0.1, 0.1)
    assert found.high == pytest.approx(0.2975)
