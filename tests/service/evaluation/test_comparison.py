"""Methods compared on the same resamples."""

import numpy as np
import pytest
from sklearn.metrics import recall_score

from service.arrays import IntArray
from service.evaluation.comparison import compare
from service.evaluation.methods import SERVED, Predictions
from service.evaluation.result import MethodScore

_ROWS = 300
_NAMES = ("low", "medium", "high", "urgent")


def _predictions(seed: int, label: IntArray, skill: float) -> Predictions:
    generator = np.random.default_rng(seed)
    probabilities = generator.dirichlet(np.ones(4), size=len(label))
    probabilities[np.arange(len(label)), label] += skill
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return Predictions(probabilities.argmax(axis=1), probabilities)


def _score(predictions: Predictions, label: IntArray, *, ordered: bool = False) -> MethodScore:
    return compare({SERVED: predictions}, label, _NAMES, ordered=ordered)[0]


@pytest.fixture
def label() -> IntArray:
    """Labels 0, 1 and 2 of four."""
    return np.random.default_rng(0).integers(3, size=_ROWS)


def test_recall_is_of_each_label(label: IntArray) -> None:
    """A label that no ticket has gets no recall."""
    predictions = _predictions(1, label, 0.3)
    recalls = [found.recall for found in _score(predictions, label).recalls]
    expected = recall_score(label, predictions.label, average=None, labels=[0, 1, 2])
    assert [found.value for found in recalls if found] == pytest.approx(expected)
    assert recalls[3] is None


def test_intervals_hold_the_value_and_tell_methods_apart(label: IntArray) -> None:
    """A method with skill is ahead of one without by more than chance, and of itself by nothing."""
    good, poor = _predictions(1, label, 0.5), _predictions(2, label, 0.0)
    methods = compare({SERVED: good, "neighbours": poor, "majority": good}, label, _NAMES, ordered=True)
    assert [method.key for method in methods] == [SERVED, "majority", "neighbours"]
    for found in (methods[0].macro_f1, methods[0].kappa, methods[0].brier, methods[0].ece):
        assert found is not None
        assert found.low <= found.value <= found.high
    itself, behind = methods[1].ahead, methods[2].ahead
    assert itself is not None
    assert (itself.low, itself.value, itself.high) == (0, 0, 0)
    assert behind is not None
    assert behind.low > 0


def test_probabilities_before_calibration_are_scored_apart(label: IntArray) -> None:
    """Of the votes come the scores before, of the probabilities those after."""
    sharp, blunt = _predictions(1, label, 0.5), _predictions(2, label, 0.0)
    found = _score(Predictions(sharp.label, sharp.probabilities, blunt.probabilities), label)
    assert found.brier == _score(sharp, label).brier
    assert found.brier_before == _score(blunt, label).brier
    assert found.classwise_before == _score(blunt, label).classwise
    assert found.ece_before == _score(Predictions(sharp.label, blunt.probabilities), label).ece


def test_what_a_method_never_says_is_not_measured(label: IntArray) -> None:
    """Kappa without an order, coverage without decisions and scores before calibration are left out."""
    found = _score(_predictions(1, label, 0.5), label)
    assert [found.kappa, found.coverage, found.error, found.brier_before, found.ece_before] == [None] * 5


def test_error_is_counted_among_automatic_decisions_only(label: IntArray) -> None:
    """Coverage is the share decided, error the wrong share of these."""
    found = _predictions(1, label, 0.5)
    automatic = np.arange(_ROWS) < 60
    score = _score(Predictions(found.label, found.probabilities, automatic=automatic), label)
    assert score.coverage is not None
    assert score.error is not None
    assert score.coverage.value == pytest.approx(0.2)
    assert score.error.value == pytest.approx((found.label != label)[:60].mean())
    assert score.automatic == 60


def test_without_an_automatic_decision_there_is_no_error(label: IntArray) -> None:
    """Coverage is 0, and the share of errors in nothing is not measured."""
    found = _predictions(1, label, 0.5)
    score = _score(
        Predictions(found.label, found.probabilities, automatic=np.zeros(_ROWS, dtype=bool)), label
    )
    assert score.coverage is not None
    assert score.coverage.value == 0
    assert (score.error, score.error_bound) == (None, None)
