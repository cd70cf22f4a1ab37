"""Further fields are decided for a ticket, each by a forest of its own."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from indexer.settings import Settings
from indexer.ticket import Ticket
from service.decided_fields import decided_fields, label_of, rules_of
from service.priority import load
from tests.indexer.making import make_ticket, sentence
from tests.provider import Provider
from tests.service.running import SOON, Service, assert_problem, running_service

pytestmark = pytest.mark.slow

COMPONENTS = ("API", "CLI", "Web")


def with_fields(number: int) -> Ticket:
    """Return a ticket with a component, of which its type tells a little, and a team that all have."""
    component, second = COMPONENTS[number % 3], COMPONENTS[(number + 1) % 3]
    fields = {"component": (component, second), "type": "bug" if number % 3 else "task", "team": "support"}
    return make_ticket(number, fields=fields)


@pytest.fixture(scope="module")
def deciding(
    tmp_path_factory: pytest.TempPathFactory, fitted: Path, _provider_process: Provider
) -> Iterator[Service]:
    """A service that decides components, teams, of which there is one, and owners, of which there are none."""
    data_dir = tmp_path_factory.mktemp("deciding") / "data"
    shutil.copytree(fitted, data_dir)
    with running_service(
        data_dir, _provider_process, intervals=SOON,
        decide="priority,component,team,owner", field_max_error="component=0.45",
    ) as service:  # fmt: skip
        service.store([with_fields(number) for number in range(60)])
        service.until(lambda: service.status()["forests"]["component"]["report"], "components are learned")
        yield service


def test_an_answer_has_every_decision(deciding: Service) -> None:
    """Each shaped as the priority: classified, triaged, streamed, kept; with a note in words, and never an error."""
    answer = deciding.answer("/v1/triage", text=sentence(7), draft=False)
    assert set(answer["decisions"]) == {"component", "team", "owner"}
    component = answer["decisions"]["component"]
    assert set(component) == set(answer["priority"])
    assert component["label"] in COMPONENTS
    assert set(component["probabilities"]) == set(COMPONENTS)
    assert {one["priority"] for one in component["evidence"]} <= set(COMPONENTS)
    for field in ("team", "owner"):
        assert (answer["decisions"][field]["label"], answer["decisions"][field]["decision"]) == (
            None,
            "review",
        )
    assert f"Fields: component {component['label']} (" in answer["note"]["text"]
    assert deciding.answer("/v1/classify", text=sentence(7))["decisions"] == answer["decisions"]
    events = deciding.events(text=sentence(7), draft=False)
    assert [event.data["decisions"] for event in events if event.name in ("triage", "done")] == [
        answer["decisions"]
    ] * 2
    path = f"/v1/triage/{answer['id']}"
    deciding.until(lambda: deciding.http.get(path).status_code == 200, "the answer is kept")
    assert deciding.http.get(path).json()["decisions"] == answer["decisions"]


def test_status_tells_of_each_forest(deciding: Service) -> None:
    """With its own budget; a field with too little to learn from says so in plain words."""
    found = deciding.status()
    assert found["forest"]["report"]["abstention"]["max_error"] == 0.2
    assert found["forests"]["component"]["report"]["abstention"]["max_error"] == 0.45
    assert found["forests"]["component"]["report"]["labels"] == dict.fromkeys(COMPONENTS, 20)
    assert found["forests"]["team"]["state"] == "only one label: 'support'"
    assert found["forests"]["owner"]["state"] == "no labelled tickets"


def test_a_field_tells_its_own_forest_nothing(deciding: Service) -> None:
    """Neither when it is fitted, nor when it is asked; its value may tell the priority's."""
    (path,) = (deciding.data_dir / "forests").glob("*.component-*.npz")
    values = load(path).predictors.values
    assert set(values) == {"type=bug", "type=task"}
    question: dict[str, Any] = {"text": sentence(7)}
    without = deciding.answer("/v1/classify", **question)["decisions"]["component"]
    given = deciding.answer("/v1/classify", **question, fields={"component": "Web"})["decisions"]["component"]
    assert given == without
    typed = deciding.answer("/v1/classify", **question, fields={"type": "bug"})["decisions"]["component"]
    assert typed != without


def test_a_corrected_field_is_learned(deciding: Service) -> None:
    """It replaces the first value of the stored ticket, which is found by it at once; it is kept with the answer, and a forest follows."""
    answer = deciding.answer("/v1/triage", text=sentence(4), draft=False)
    told = {"triage_id": answer["id"], "ticket_id": "t-4", "action": "edited"}
    learned = deciding.answer("/v1/feedback", **told, decisions={"component": "Web"})
    assert learned == {"ticket_id": "t-4", "outcome": "updated", "review": False}
    stored = deciding.http.get("/v1/tickets/t-4").json()
    assert stored["fields"] == {"component": ["Web"], "type": "bug", "team": "support"}
    assert stored["priority"] == "medium"
    again = deciding.answer("/v1/feedback", **told, decisions={"Component": "Web"})
    assert again["outcome"] == "unchanged"
    path = f"/v1/triage/{answer['id']}"
    deciding.until(lambda: deciding.http.get(path).status_code == 200, "the answer is kept")
    assert deciding.http.get(path).json()["feedback"]["decisions"] == {"component": "Web"}
    found = deciding.answer(
        "/v1/similar", text=sentence(4), filter={"fields": {"component": "web"}}, top_k=50
    )
    assert "t-4" in {one["id"] for one in found["neighbours"]}
    text = f"{sentence(70)} new"
    asked = deciding.answer("/v1/triage", text=text, draft=False)["id"]
    correction = {"triage_id": asked, "action": "edited", "decisions": {"component": "cli"}}
    new = deciding.answer("/v1/feedback", **correction, text=text)
    assert new["outcome"] == "added"
    assert deciding.http.get(f"/v1/tickets/{new['ticket_id']}").json()["fields"] == {"component": "cli"}

    def labels() -> Any:
        return deciding.status()["forests"]["component"]["report"]["labels"]

    deciding.until(lambda: labels() == {"API": 20, "CLI": 20, "Web": 21}, "both are learned")


@pytest.mark.parametrize(
    ("body", "about"),
    [
        (
            {"ticket_id": "t-9", "decisions": {"type": "bug"}},
            "'type' is no further field that PRECEDENT_DECIDE names (there: component",
        ),
        (
            {"ticket_id": "t-9", "decisions": {"component": "Mars"}},
            "component 'Mars' is that of no stored ticket (there: api, cli, web)",
        ),
        (
            {"triage_id": "1", "decisions": {"component": "CLI"}},
            "decisions needs ticket_id, or the ticket's text",
        ),
    ],
)
def test_a_field_that_cannot_be_corrected(deciding: Service, body: dict[str, Any], about: str) -> None:
    """What is not decided, what no ticket has, and what there is no ticket for, are told in words."""
    assert_problem(deciding.post("/v1/feedback", action="edited", **body), 422, about=about)


def test_rules() -> None:
    """Budgets and costs of single labels are the priority's, unless they name a field that is decided."""
    settings = Settings(
        decide=("component", "priority"),
        field_max_error={"component": 0.1},
        max_missed={"urgent": 0.05, "component:Security": 0.1, "sev:1": 0.2},
        costs={"component:Security": 4.0, "urgent": 2.0},
        alert="high",
        priority_order=("low", "high"),
    )
    assert decided_fields(settings) == ("priority", "component")
    own, other = rules_of(settings, "priority"), rules_of(settings, "component")
    assert (own.max_error, own.max_missed, own.costs) == (
        0.2,
        {"urgent": 0.05, "sev:1": 0.2},
        {"urgent": 2.0},
    )
    assert (other.max_error, other.max_missed, other.costs) == (0.1, {"Security": 0.1}, {"Security": 4.0})
    assert (own.alert, own.order, other.alert, other.order) == ("high", ("low", "high"), None, ())
    assert ("component" in own.reads, "component" in other.reads) == (True, False)


@pytest.mark.parametrize(
    ("fields", "label"),
    [({"type": "Bug"}, "Bug"), ({"type": ("Bug", "UI")}, "Bug"), ({"type": ()}, None), ({}, None)],
)
def test_labels(fields: dict[str, Any], label: str | None) -> None:
    """A field's first value is its label."""
    assert label_of(make_ticket(1, fields=fields), "type") == label
    assert label_of(make_ticket(1, fields=fields), "priority") == "medium"
