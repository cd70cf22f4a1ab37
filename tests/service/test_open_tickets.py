"""Open tickets that a setting keeps: known by id and in lists, and never a precedent."""

from collections.abc import Iterator

import pytest

from tests.provider import Provider
from tests.service.running import Service, running_service

_TEXT = "The export of invoices stops at page four."
_ANSWER = "Raise the page limit in the export settings."


@pytest.fixture(scope="module")
def keeping(tmp_path_factory: pytest.TempPathFactory, _provider_process: Provider) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("open")
    with running_service(folder / "data", _provider_process, open_tickets="keep") as service:
        others = [
            {"id": f"o{n}", "text": f"Unlike, number {n}", "resolution": _ANSWER, "status": "closed"}
            for n in range(5)
        ]
        assert service.http.post("/v1/tickets/batch", json=others).json()["added"] == 5
        yield service


def test_an_open_ticket_is_known_and_answers_nothing_until_it_is_resolved(keeping: Service) -> None:
    """Whatever it says of a priority or a resolution; with its next version it is a precedent like any other."""
    ticket = {"text": _TEXT, "status": "Open", "priority": "high", "resolution": "It was restarted before."}
    assert keeping.http.put("/v1/tickets/new", json=ticket).json()["outcome"] == "added"
    batch = [ticket | {"id": "batched", "text": f"{_TEXT} Again."}]
    assert keeping.http.post("/v1/tickets/batch", json=batch).json()["added"] == 1
    assert keeping.http.get("/v1/tickets/new").json()["status"] == "Open"
    listed = keeping.http.get("/v1/tickets").json()["tickets"]
    assert {"new", "batched"} <= {one["id"] for one in listed}
    question = {"text": _TEXT, "top_k": 10}
    for path in ("/v1/similar", "/v1/triage"):
        for more in ({}, {"filter": {"created_before": "2999-01-01T00:00:00Z"}}):
            found = keeping.answer(path, **question, **more)
            assert not {"new", "batched"} & {one["id"] for one in found["neighbours"]}
    solved = ticket | {"status": "solved", "resolution": _ANSWER}
    assert keeping.http.put("/v1/tickets/new", json=solved).json()["outcome"] == "updated"
    assert keeping.answer("/v1/triage", **question)["neighbours"][0]["id"] == "new"
