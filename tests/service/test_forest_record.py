"""``/v1/forest``: what the forest would have done with later tickets."""

from pathlib import Path
from typing import Any

import pytest

from tests.provider import Provider
from tests.service.running import Service, assert_problem, running_service


def test_a_budget_is_what_the_service_does(service: Service) -> None:
    """The budget in force has the threshold, the share and the errors of the rule that decides."""
    rule = service.status()["forest"]["report"]["abstention"]
    found = service.http.get("/v1/forest").json()
    assert found["max_error"] == rule["max_error"]
    own = next(budget for budget in found["budgets"] if budget["max_error"] == rule["max_error"])
    assert (own["threshold"], own["error_bound"]) == (rule["threshold"], rule["error_bound"])
    assert own["automatic"] == round(rule["coverage"] * found["later_tickets"])
    assert own["wrong"] == round((rule["error"] or 0) * own["automatic"])
    assert len(service.http.get("/v1/forest").content) < 10_000


def test_a_cell_of_the_confusions_opens_its_tickets(fitted_dir: Path, provider: Provider) -> None:
    """Pages of a cell have as many tickets as it counts, each with the label and what was said of it."""
    with running_service(fitted_dir, provider) as service:
        service.wait_for_forest()
        found = service.http.get("/v1/forest").json()
        labels, counts = found["labels"], found["confusions"]
        assert sum(map(sum, counts)) == found["later_tickets"] > 0
        for row, label in enumerate(labels):
            for column, said in enumerate(labels):
                tickets = listed(service, label=label.upper(), said=said)
                assert len(tickets) == counts[row][column]
                assert {(ticket["label"], ticket["said"]) for ticket in tickets} <= {(label, said)}
        every = listed(service, limit="7")
        assert len({ticket["id"] for ticket in every}) == len(every) == found["later_tickets"]
        numbers = [int(ticket["id"].removeprefix("t-")) for ticket in every]
        assert set(numbers) <= set(range(60))
        assert all(ticket["text"] for ticket in every)


@pytest.mark.parametrize(
    ("query", "about"),
    [
        ("label=nobody", "nobody"),
        ("field=nobody", "nobody"),
        ("said=nobody", "nobody"),
        ("cursor=x", "cursor"),
        ("cursor=-1", "cursor"),
        ("true=high", "true"),
    ],
)
def test_what_cannot_be_asked_is_told(service: Service, query: str, about: str) -> None:
    """A label that the forest does not know, a cursor that is none, or a parameter that would be ignored."""
    assert_problem(service.http.get(f"/v1/forest/later?{query}"), 422, about=about)


def listed(service: Service, **asked: str) -> list[Any]:
    """Return the tickets of all pages."""
    tickets: list[Any] = []
    cursor: str | None = ""
    while cursor is not None:
        response = service.http.get("/v1/forest/later", params=asked | {"cursor": cursor})
        assert response.status_code == 200, response.text
        page = response.json()
        tickets += page["tickets"]
        cursor = page["next_cursor"]
    return tickets
