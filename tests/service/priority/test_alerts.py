"""Whether a ticket has at least a certain priority, and what the forest says of its own reasons."""

import re

import numpy as np
import pytest

from service.drafting.wording import priority_sentence
from service.evaluation.methods import SERVED, fit_and_predict
from service.priority import Forest, Reading, fit
from service.priority.alerts import at_or_above
from service.priority.explanation import explain
from tests.service.evaluation.making import history
from tests.service.priority.data import alone, clustered, relabelled, ticket, told_by_words


@pytest.fixture(scope="module")
def warned() -> Forest:
    """A forest that says little of its three labels, and more of whether a ticket is at least medium."""
    found = fit(clustered(500, noise=0.1, spread=2.8), alert="Medium")
    assert isinstance(found, Forest)
    return found


def test_one_rule_for_alerts(warned: Forest) -> None:
    """The probability is that of the labels above together; it is raised above a half, and decided from its threshold on."""
    report = warned.report.alert
    assert report is not None
    assert (report.at_least, report.above) == ("Medium", ("medium", "high"))
    threshold = report.abstention.threshold
    assert threshold is not None
    decisions = set()
    for vector in clustered(150, spread=2.8, seed=4).vectors:
        found = warned.decide(alone(vector))
        assert found.alert is not None
        likely = found.probabilities["medium"] + found.probabilities["high"]
        assert found.alert.probability == pytest.approx(likely)
        assert found.alert.raised == (likely > 0.5)
        assert (found.alert.decision == "automatic") == (max(likely, 1 - likely) >= threshold)
        assert f"Medium or more urgent: {likely:.0%}" in priority_sentence(found, ())
        decisions.add(found.alert.decision)
    assert decisions == {"automatic", "review"}


def test_more_is_decided_than_of_single_labels(warned: Forest) -> None:
    """What is certain of "medium or more urgent" is more than what is certain of each label."""
    assert warned.report.alert is not None
    assert warned.report.alert.abstention.coverage > warned.report.abstention.coverage


@pytest.mark.parametrize(
    ("at_least", "order", "above"),
    [
        ("HIGH", (), ("high",)),
        ("low", (), ("low", "medium", "high")),
        ("urgent", (), ()),
        ("low", ("high", "medium", "low"), ("low",)),
        ("low", ("low", "high"), ()),
    ],
)
def test_what_is_above(at_least: str, order: tuple[str, ...], above: tuple[str, ...]) -> None:
    """The order is that of the settings, else that of the names; a priority that nobody has, or no order: nothing."""
    assert at_or_above(at_least, order, ("high", "low", "medium")) == above


def test_an_alert_that_cannot_be_told() -> None:
    """The state says so, and no ticket has one."""
    found = fit(clustered(60), alert="hgih")
    assert isinstance(found, Forest)
    assert (
        "PRECEDENT_ALERT names 'hgih', which is the priority of no ticket: there are high, low, medium"
        in found.state
    )
    assert found.decide(clustered(1).features).alert is None


def test_an_alert_without_an_order() -> None:
    """The state names the setting that gives the priorities one."""
    colours = {"high": "red", "low": "blue", "medium": "green"}
    tickets = clustered(60)
    found = fit(relabelled(tickets, [colours[label or ""] for label in tickets.labels]), alert="red")
    assert isinstance(found, Forest)
    assert (
        "PRECEDENT_ALERT=red cannot be told: set PRECEDENT_PRIORITY_ORDER to an order of all of blue, green, red"
        in found.state
    )


def test_the_back_test_says_the_same() -> None:
    """On every later ticket it has the alert of the forest that is served."""
    cases = history(220, signal=1.0)  # few enough to learn from that no way of training is selected
    learn, test = cases.take(range(120)), cases.take(range(120, 220))
    names = ("low", "medium", "high")

    def fitting(training: object) -> Forest:
        found = fit(learn, alert="high")
        assert isinstance(found, Forest)
        return found

    predicted = fit_and_predict(SERVED, learn, test, names, fit=fitting)
    assert predicted.alerts is not None
    assert (predicted.alerts == (predicted.probabilities[:, 2] > 0.5)).all()


def test_why() -> None:
    """It names the ticket's own words that point to a label, and values of its fields; with no models nothing."""
    found = fit(told_by_words(300, share=0.3))
    assert isinstance(found, Forest)
    asked = ticket("list outage page", fields={"type": "Incident"})
    read, tokens = Reading(asked, np.zeros(8, np.float32)).by(["type"])
    why = found.decide(read, tokens=tokens).why
    assert why is not None
    assert why.startswith("its words point to urgent (")
    assert "“outage”" in why
    assert "“type=incident”" in why
    assert "“page”" not in why, "most tickets say that"
    assert "its meaning to " in why
    # Where the forest decides otherwise, what the label itself got is told.
    thought = [np.array([[0.2, 0.5, 0.3]]), np.array([[0.1, 0.1, 0.8]])]
    other = explain(found.predictors, thought, ["outage"], ("low", "high", "urgent"), 2)
    assert re.fullmatch(
        r"its words point to high \(50%, urgent 30%(: .+)?\), its meaning to urgent \(80%\)", other or ""
    )
    small = fit(told_by_words(40))
    assert isinstance(small, Forest)
    assert small.decide(read, tokens=["outage"]).why is None
