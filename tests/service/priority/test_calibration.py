"""Calibration and its measures."""

import numpy as np
import pytest

from service.priority.calibration import (
    brier_score,
    calibration_error,
    classwise_error,
    fit_calibrator,
    smooth,
)


def test_brier_score_by_hand() -> None:
    """The score is the mean squared distance to the truth."""
    probabilities = np.array([[0.8, 0.2], [0.4, 0.6]])
    assert brier_score(probabilities, np.array([0, 0])) == pytest.approx((0.08 + 0.72) / 2)


def test_calibration_error_by_hand() -> None:
    """Each bin counts by the tickets in it; certainty falls into the last bin."""
    confidence = np.array([0.55, 0.55, 0.55, 0.55, 1.0])
    right = np.array([True, False, False, False, True])
    assert calibration_error(confidence, right) == pytest.approx(4 / 5 * 0.3)


def test_classwise_error_by_hand() -> None:
    """Every label's probability counts, said or not."""
    probabilities = np.array([[0.75, 0.25]] * 4)
    assert classwise_error(probabilities, np.array([0, 0, 0, 1])) == pytest.approx(0)
    assert classwise_error(probabilities, np.array([1, 1, 1, 1])) == pytest.approx(0.75)


def test_smooth() -> None:
    """No vote stays at zero, and the shares still sum to 1."""
    found = smooth(np.array([[1.0, 0.0]]), 40)
    assert found.tolist() == [[0.9, 0.1]]


def test_timid_votes_become_honest() -> None:
    """Votes that are too timid, and skewed towards a label, come out as frequencies do, given tickets enough."""
    generator = np.random.default_rng(0)
    truth = generator.dirichlet((0.5, 0.5, 0.5), size=20_000)
    label = np.array([generator.choice(3, p=row) for row in truth])
    votes = np.maximum(truth, 1e-3) ** 0.4 * np.array([3.0, 1.0, 1.0])
    votes /= votes.sum(axis=1, keepdims=True)
    calibrator = fit_calibrator(votes[:10_000], label[:10_000])
    after = calibrator(votes[10_000:])
    assert after.sum(axis=1) == pytest.approx(np.ones(10_000))
    assert brier_score(after, label[10_000:]) < brier_score(votes[10_000:], label[10_000:]) - 0.05
    assert classwise_error(after, label[10_000:]) < 0.4 * classwise_error(votes[10_000:], label[10_000:])


def test_no_tickets_to_learn_from() -> None:
    """Without later tickets the votes stay as they are."""
    votes = np.array([[0.6, 0.3, 0.1]])
    calibrator = fit_calibrator(np.zeros((0, 3)), np.zeros(0, np.int64))
    assert calibrator(votes) == pytest.approx(votes)
