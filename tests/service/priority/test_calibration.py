"""Calibration."""

import numpy as np
import pytest

from service.priority.calibration import fit_calibrator, least_costly, smooth
from service.scores import ProbabilityScores


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
    (brier_before, _, error_before), (brier_after, _, error_after) = (
        ProbabilityScores(given, least_costly(given, np.ones(3)), label[10_000:])(np.ones((1, 10_000)))[0]
        for given in (votes[10_000:], after)
    )
    assert brier_after < brier_before - 0.05
    assert error_after < 0.4 * error_before


def test_no_tickets_to_learn_from() -> None:
    """Without later tickets the votes stay as they are."""
    votes = np.array([[0.6, 0.3, 0.1]])
    calibrator = fit_calibrator(np.zeros((0, 3)), np.zeros(0, np.int64))
    assert calibrator(votes) == pytest.approx(votes)
