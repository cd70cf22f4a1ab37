"""Histories that teach little: the status says what is known, and nothing is guessed with confidence."""

from pathlib import Path
from typing import Any

import pytest

from indexer.ticket import Ticket
from tests.indexer.making import make_ticket, sentence
from tests.provider import Provider
from tests.service.running import SOON, Service, running_service

_LABELS = ("high", "low")


def learned(service: Service, tickets: int) -> Any:
    """Wait for a fit on so many labelled tickets, and return the status of the forest."""

    def fitted() -> bool:
        verdict = service.status()["forest"]["last_fit"]
        return bool(verdict and verdict["report"] and verdict["report"]["tickets"] == tickets)

    service.until(fitted, f"a fit on {tickets} tickets")
    return service.status()["forest"]


def assert_unsure(service: Service, number: int) -> None:
    """Every decision goes to a person, and no label is given for sure."""
    priority = service.answer("/v1/classify", text=sentence(number))["priority"]
    assert priority["decision"] == "review"
    assert priority["confidence"] < 0.9
    assert sum(priority["probabilities"].values()) == pytest.approx(1, abs=1e-6)
    assert priority["evidence"]


@pytest.mark.slow
def test_a_history_that_grows_odd(data_dir: Path, provider: Provider) -> None:
    """Ten tickets in all; then a label with one ticket, in another script; then a hundred labels."""
    with running_service(data_dir, provider, intervals=SOON) as service:
        service.store([make_ticket(n, priority=_LABELS[n % 2]) for n in range(10)])
        forest = learned(service, 10)
        assert "10 tickets" in forest["state"]
        assert "every decision goes to review" in forest["state"]
        assert_unsure(service, 3)

        service.store([make_ticket(10, priority="عاجل")])
        assert learned(service, 11)["report"]["labels"] == {"high": 5, "low": 5, "عاجل": 1}
        assert_unsure(service, 10)

        service.store([make_ticket(n, priority=f"P{n}") for n in range(11, 108)])
        assert len(learned(service, 108)["report"]["labels"]) == 100
        assert_unsure(service, 100)


def test_tickets_that_are_all_equal(data_dir: Path, provider: Provider) -> None:
    """One text with two priorities teaches nothing: even odds, and a person decides."""
    with running_service(data_dir, provider, intervals=SOON) as service:
        text = sentence(1)
        service.store([Ticket(id=str(n), text=text, priority=_LABELS[n % 2]) for n in range(40)])
        learned(service, 40)
        priority = service.answer("/v1/classify", text=text)["priority"]
        assert priority["decision"] == "review"
        assert priority["probabilities"] == {label: pytest.approx(0.5, abs=0.05) for label in _LABELS}


def test_a_decision_rests_on_its_evidence(fitted_dir: Path, provider: Provider) -> None:
    """When the tickets that spoke most for a decision are deleted, the next forest is less sure, and names others."""
    with running_service(fitted_dir, provider, intervals=SOON) as service:
        service.wait_for_forest()
        before = service.answer("/v1/classify", text=sentence(7))["priority"]
        label = before["label"]
        spoke_for = [entry["id"] for entry in before["evidence"] if entry["priority"] == label]
        assert spoke_for
        for ticket_id in spoke_for:
            assert service.http.delete(f"/v1/tickets/{ticket_id}").status_code in {200, 204}
        learned(service, 60 - len(spoke_for))
        after = service.answer("/v1/classify", text=sentence(7))["priority"]
        assert after["probabilities"][label] < before["probabilities"][label]
        assert not {entry["id"] for entry in after["evidence"]} & set(spoke_for)
