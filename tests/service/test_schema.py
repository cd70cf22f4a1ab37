"""The OpenAPI document says what is taken, and what is not."""

import itertools
import json
from typing import Any

import jsonschema
import pytest

from tests.service.running import Service

GOOD: dict[str, list[Any]] = {
    "TriageRequest": [
        {"text": "a"},
        {"subject": "a"},
        {"body": "a", "subject": None},
        {"text": None, "subject": "a", "body": "b", "top_k": 50},
    ],
    "SimilarRequest": [{"text": "a", "with_resolution": True}],
    "Question": [{"body": "a"}],
    "TicketBody": [
        {"text": "a"},
        {
            "subject": "a",
            "body": None,
            "priority": None,
            "tags": ["x"],
            "created_at": 1_700_000_000,
            "more": 1,
        },
    ],
    "BatchTicket": [{"id": 5, "text": "a"}, {"id": "b/1", "subject": "a", "body": "b"}],
}
"""Bodies that are taken."""

BAD: dict[str, list[Any]] = {
    "TriageRequest": [
        {},
        {"text": ""},
        {"text": " \n"},
        {"text": None},
        {"subject": None, "body": None},
        {"text": "a", "txt": "b"},
        {"text": "a", "top_k": 0},
        {"text": 5},
        [],
    ],
    "SimilarRequest": [{"with_resolution": True}, {"text": "a", "draft": False}],
    "Question": [{}, {"text": "a", "top_k": 5}],
    "FeedbackRequest": [
        {},
        {"action": "accepted"},
        {"action": "liked", "ticket_id": "t-1"},
        {"action": "accepted", "triage_id": ""},
        {"action": "edited", "triage_id": "1", "priority": "high"},
        {"action": "edited", "ticket_id": "t-1", "precedent": ""},
        {"action": "edited", "ticket_id": "t-1", "reason": "a\0b"},
        {"action": "accepted", "text": "a", "priority": "low"},
    ],
    "TicketBody": [
        {},
        {"id": "1"},
        {"text": " "},
        {"text": "a", "priority": ["high"]},
        {"text": "a", "tags": {"a": 1}},
        [],
    ],
    "BatchTicket": [{"text": "a"}, {"id": "1"}, {"id": "", "text": "a"}, {"id": True, "text": "a"}, "a"],
}
"""Bodies that are never taken."""

PATHS = {
    "TriageRequest": ("POST", "/v1/triage"),
    "SimilarRequest": ("POST", "/v1/similar"),
    "Question": ("POST", "/v1/classify"),
    "FeedbackRequest": ("POST", "/v1/feedback"),
    "TicketBody": ("PUT", "/v1/tickets/schema"),
    "BatchTicket": ("POST", "/v1/tickets/batch"),
}


@pytest.fixture
def document(service: Service) -> Any:
    return service.http.get("/docs/openapi.json").json()


def send(service: Service, name: str, body: Any) -> bool:
    """Send a body, and tell whether it was taken."""
    method, path = PATHS[name]
    response = service.http.request(method, path, json=[body] if name == "BatchTicket" else body)
    if response.status_code == 200 and name == "BatchTicket":
        return not response.json()["rejected"]
    assert response.status_code in (200, 422), response.text
    return response.status_code == 200


@pytest.mark.parametrize("name", PATHS)
def test_what_the_document_allows_is_what_is_taken(service: Service, document: Any, name: str) -> None:
    """Its examples are taken; what it allows here is taken, and what it does not is refused."""
    schema = {"$ref": f"#/components/schemas/{name}"} | {"components": document["components"]}
    validator = jsonschema.Draft202012Validator(schema)
    examples = document["components"]["schemas"][name].get("examples", [])
    assert examples or name == "FeedbackRequest"
    for body in itertools.chain(examples, GOOD.get(name, [])):
        assert validator.is_valid(body), body
        assert send(service, name, body), body
    for body in BAD[name]:
        assert not validator.is_valid(body), body
        assert not send(service, name, body), body


def test_bodies_are_documented_where_they_are_taken(document: Any) -> None:
    """Each path names its own, and a ticket that is put needs no id."""
    bodies = {
        path: content
        for path, methods in document["paths"].items()
        for operation in methods.values()
        for content in [operation.get("requestBody", {}).get("content", {})]
        if content
    }
    # An export is a file, in whatever format.
    assert set(bodies.pop("/v1/uploads")) == {"application/octet-stream"}
    named = {path: content["application/json"]["schema"] for path, content in bodies.items()}
    assert set(named) == {path.replace("schema", "{ticket_id}") for _, path in PATHS.values()} | {"/v1/jobs"}
    assert "TicketBody" in json.dumps(named["/v1/tickets/{ticket_id}"])
    assert "BatchTicket" in json.dumps(named["/v1/tickets/batch"]["items"])
    assert "id" not in document["components"]["schemas"]["TicketBody"]["properties"]


def test_orders_of_jobs_are_documented_as_they_are_taken(service: Service, document: Any) -> None:
    """What the document does not allow is refused; what it allows would begin long work, and is not sent."""
    body = document["paths"]["/v1/jobs"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    validator = jsonschema.Draft202012Validator(body | {"components": document["components"]})
    good: list[Any] = [{"kind": "verify"}, {"kind": "rebuild"}, {"kind": "forget", "ids": ["t-1"]}]
    bad: list[Any] = [
        {},
        {"kind": "dance"},
        {"kind": "verify", "more": 1},
        {"kind": "verify", "full": "maybe"},
        [],
    ]
    assert all(map(validator.is_valid, good))
    for order in bad:
        assert not validator.is_valid(order), order
        assert service.http.post("/v1/jobs", json=order).status_code == 422, order


def test_metrics_are_documented_as_text(service: Service, document: Any) -> None:
    """As they are sent."""
    (kind,) = document["paths"]["/metrics"]["get"]["responses"]["200"]["content"]
    assert service.http.get("/metrics").headers["content-type"].startswith(kind)
    assert kind == "text/plain"
