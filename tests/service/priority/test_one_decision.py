"""The label that is predicted is the one that it would cost most to miss, wherever it is predicted."""

from collections.abc import Mapping
from functools import partial

import numpy as np
import pytest

from service.arrays import FloatArray
from service.drafting.wording import priority_sentence
from service.evaluation.methods import SERVED, fit_and_predict
from service.priority import Forest, TrainingSet, fit
from service.priority.calibration import least_costly
from service.scores import confusion_matrix, macro_f1
from tests.service.evaluation.making import history
from tests.service.priority.data import alone, clustered

pytestmark = pytest.mark.slow


def uneven(rows: int, seed: int = 0) -> TrainingSet:
    """Return tickets of which few are urgent, and that say little of their priority."""
    drawn = clustered(3 * rows, noise=0.3, spread=2.0, seed=seed)
    kept = [row for row, label in enumerate(drawn.labels) if label == "low" or row % 4 == 0]
    return drawn.take(np.array(kept[:rows]))


@pytest.fixture(scope="module")
def unsure() -> Forest:
    """A forest that draws rare labels more often than they come, so that its votes overrate them."""
    found = fit(uneven(600), costs={"HIGH": 3.0, "hihg": 2.0})
    assert isinstance(found, Forest)
    return found


def first_of_costliest(probabilities: Mapping[str, float]) -> str:
    """Return the label that it would cost most to miss, where one is three times as bad; of equals the first."""
    return max(probabilities, key=lambda label: probabilities[label] * (3 if label == "high" else 1))


def test_the_served_forest_says_the_costliest(unsure: Forest) -> None:
    """Label, confidence, evidence and the note's words all speak of it, also where another is more probable."""
    tickets = uneven(400, seed=7).features
    found = unsure.classify(tickets)
    assert "PRECEDENT_COSTS names 'hihg', which is the priority of no ticket" in unsure.state
    assert unsure.report.costs == {"high": 3.0, "low": 1.0, "medium": 1.0}
    assert (found.predicted != found.probabilities.argmax(axis=1)).any(), (
        "the costliest is always the most probable here: the test sees nothing"
    )
    for row, vector in enumerate(tickets.vectors):
        decision = unsure.decide(alone(vector))
        label = decision.label
        assert label == first_of_costliest(decision.probabilities) == unsure.labels[found.predicted[row]]
        assert decision.confidence == decision.probabilities[label]
        assert [entry.priority == label for entry in decision.evidence] == sorted(
            (entry.priority == label for entry in decision.evidence), reverse=True
        )
        words = priority_sentence(decision, ())
        assert f"{label} " in words
        assert f"probability {decision.confidence:.0%}" in words
        likelier = max(decision.probabilities.values()) > decision.confidence
        assert ("because missing it costs more" in words) == (likelier and decision.decision == "review")


@pytest.fixture(scope="module")
def daring() -> Forest:
    """A forest without costs of one's own, which may be wrong often and so decides all later tickets."""
    found = fit(uneven(600), max_error=0.9)
    assert isinstance(found, Forest)
    return found


def test_a_rare_label_costs_more(daring: Forest) -> None:
    """Without costs of one's own, the root of how much rarer it is than the commonest."""
    cost, tickets = daring.report.costs, daring.report.labels
    assert min(tickets.values()) < max(tickets.values()) / 2
    assert cost == pytest.approx(
        {label: (max(tickets.values()) / count) ** 0.5 for label, count in tickets.items()}
    )


def test_costs_that_are_alike_change_nothing() -> None:
    """What is most probable is predicted."""
    costs = {"high": 1.0, "low": 1.0, "medium": 1.0}
    found = fit(uneven(600), costs=costs)
    assert isinstance(found, Forest)
    assert found.report.costs == costs
    decided = found.classify(uneven(400, seed=7).features)
    assert (decided.predicted == decided.probabilities.argmax(axis=1)).all()


def test_thresholds_are_those_of_the_same_decisions(daring: Forest) -> None:
    """What it got wrong of the later tickets, all of which it decides, is what it predicted for them."""
    rule = daring.report.abstention
    assert (rule.coverage, rule.guards) == (1.0, {})
    assert rule.error == (daring.later_predicted != daring.label[daring.later]).mean()
    confusion = confusion_matrix(daring.label[daring.later], daring.later_predicted, len(daring.labels))
    assert daring.report.macro_f1 == macro_f1(confusion)


def test_the_back_test_says_the_same() -> None:
    """On every ticket, in whatever order its columns are: here all priorities cost the same."""
    cases = history(220, signal=1.0)  # few enough to learn from that no way of training is selected
    learn, test = cases.take(range(120)), cases.take(range(120, 220))
    predicted = fit_and_predict(
        SERVED, learn, test, ("medium", "high", "low"), fit=partial(fit, costs={"low": 1.0})
    )
    assert (predicted.label == predicted.probabilities.argmax(axis=1)).all()


@pytest.mark.parametrize(
    ("probabilities", "predicted"),
    [([[0.4, 0.4, 0.2]], 0), ([[0.2, 0.4, 0.4]], 1), ([[1 / 3, 1 / 3, 1 / 3]], 0)],
)
def test_of_equals_the_first_is_said(probabilities: list[list[float]], predicted: int) -> None:
    """Labels are in order of their names: the same on every machine."""
    matrix: FloatArray = np.array(probabilities)
    assert least_costly(matrix, np.ones(3)).tolist() == [predicted]
