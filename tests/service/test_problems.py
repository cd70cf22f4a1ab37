"""Every error has one shape."""

import json
from typing import Any

import pytest
from litestar import Litestar, get
from litestar.testing import TestClient

from service.problems import handlers
from tests.service.conftest import MARK
from tests.service.running import Service, assert_problem

JSON = {"Content-Type": "application/json"}


def test_400_for_what_is_not_json(service: Service) -> None:
    """The detail says where the JSON ends being JSON."""
    for path in ("/v1/triage", "/v1/classify", "/v1/similar", "/v1/tickets/batch"):
        assert_problem(service.http.post(path, content=b'{"text": oops}', headers=JSON), 400)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1"),
        ("POST", "/v2/triage"),
        ("GET", "/wp-login.php"),
        ("GET", "/docs/assets/missing.js"),
    ],
)
def test_404_for_a_path_that_does_not_exist(service: Service, method: str, path: str) -> None:
    """The query string is not repeated."""
    response = service.http.request(method, path, params={"q": MARK})
    assert_problem(response, 404)
    assert MARK not in response.text


def test_404_for_a_ticket_that_is_not_stored(service: Service) -> None:
    """The detail names the id."""
    assert_problem(service.http.get("/v1/tickets/nobody-has-this"), 404, about="nobody-has-this")


@pytest.mark.parametrize(
    ("method", "path"),
    [("DELETE", "/v1/triage"), ("PUT", "/v1/similar"), ("POST", "/v1/status"), ("POST", "/v1/tickets/1"), ("PATCH", "/health/live")],
)  # fmt: skip
def test_405_for_a_method_that_does_not_exist(service: Service, method: str, path: str) -> None:
    """The answer lists those that do."""
    response = service.http.request(method, path)
    assert_problem(response, 405)
    assert response.headers["allow"]


def test_413_for_a_body_that_is_too_large(service: Service) -> None:
    """It says what fits."""
    body = json.dumps({"text": "x" * 17_000_000}).encode()
    assert_problem(service.http.post("/v1/triage", content=body, headers=JSON), 413, about="bytes")
    assert_problem(service.http.put("/v1/tickets/413", content=body * 2, headers=JSON), 413, about="bytes")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_415_for_a_body_of_another_type(service: Service, kind: str) -> None:
    """The detail names the type that is needed and the one that came."""
    for path in ("/v1/triage", "/v1/tickets/batch"):
        response = service.http.post(path, content=b"text=hello", headers={"Content-Type": kind})
        assert kind in assert_problem(response, 415, about="application/json")["detail"]


@pytest.mark.parametrize(
    ("method", "path", "body", "told"),
    [
        ("POST", "/v1/jobs", {"kind": "dance"}, "kind: 'dance' is none of rebuild, verify, evaluate, audit, backup, forget, inspect, sync"),
        ("POST", "/v1/jobs", {}, "kind is missing: one of rebuild, verify, evaluate, audit, backup, forget, inspect, sync"),
        ("POST", "/v1/jobs", {"kind": "verify", "full": 5}, "full: expected true or false, got a whole number"),
        ("POST", "/v1/feedback", {"action": "loved"}, "action: 'loved' is none of accepted, edited, rejected"),
        ("POST", "/v1/feedback", {}, "action is missing: one of accepted, edited, rejected"),
        ("POST", "/v1/similar", {"text": "a", "texts": "all"}, "texts: 'all' is none of full, short"),
        ("POST", "/v1/similar", {"text": "a", "created_at": "now"}, "created_at: this is no date and time such as 2026-03-31T14:05:00Z"),
        ("POST", "/v1/classify", [], "the body must be an object with text, subject, body, created_at, fields"),
        ("GET", "/v1/tickets?limit=x", None, "limit: expected a whole number, got a text"),
        ("GET", "/v1/tickets?created_after=now", None, "created_after: this is no date and time such as 2026-03-31T14:05:00Z"),
        ("GET", "/v1/tickets?cursor=zzz", None, "cursor 'zzz' is none: send the next_cursor of a page, or no cursor"),
        ("GET", "/v1/triage?cursor=zzz", None, "cursor 'zzz' is none: send the next_cursor of a page, or no cursor"),
    ],
)  # fmt: skip
def test_422_says_what_would_be_right(service: Service, method: str, path: str, body: Any, told: str) -> None:
    """The values that are allowed, an example, or where it comes from; in words, and of nothing that the client did not name."""
    response = service.http.request(method, path, json=body)
    problem = assert_problem(response, 422, about=told)
    assert problem["detail"] == told


@pytest.mark.parametrize(
    ("body", "about"),
    [
        ({}, "text is missing"),
        ({"text": ""}, "text is missing"),
        ({"text": "  \n "}, "text is missing"),
        ({"subject": None, "body": None}, "text is missing"),
        ({"text": 5}, "text"),
        ({"text": ["a"]}, "text"),
        ({"text": "a", "txt": "b"}, "txt"),
        ({"text": "a", "top_k": 0}, "top_k"),
        ({"text": "a", "draft": "yes"}, "draft"),
        ({"text": "a" * 1_000_001}, "1,000,001"),
        ([], "object"),
        ("text", "object"),
    ],
)
def test_422_for_json_that_is_no_request(service: Service, body: Any, about: str) -> None:
    """The detail names the field and what is wrong with it."""
    assert_problem(service.http.post("/v1/triage", json=body), 422, about=about)


@pytest.mark.parametrize(
    ("path", "name", "about"),
    [
        ("/v1/triage", "subjet", "unknown field 'subjet': did you mean 'subject'?"),
        ("/v1/similar", "topk", "unknown field 'topk': did you mean 'top_k'?"),
        ("/v1/feedback", "tiket_id", "unknown field 'tiket_id': did you mean 'ticket_id'?"),
        ("/v1/classify", "zzz", "unknown field 'zzz': known are text, subject, body, created_at, fields"),
        ("/v1/classify", "top_k", "unknown field 'top_k': known are text, subject, body, created_at, fields"),
    ],
)
def test_422_for_an_unknown_field_names_the_nearest(
    service: Service, path: str, name: str, about: str
) -> None:
    """Where none is near, those that are known are named; each path has its own."""
    body = (
        {"text": MARK, "action": "accepted", name: "a"} if "feedback" in path else {"text": MARK, name: "a"}
    )
    assert assert_problem(service.http.post(path, json=body), 422)["detail"] == about


@pytest.mark.parametrize(
    ("body", "about"), [(b"", "the body is empty"), (b"null", "object"), (b"5", "object")]
)
def test_422_for_a_body_that_is_no_object(service: Service, body: bytes, about: str) -> None:
    """An empty body too."""
    assert_problem(service.http.post("/v1/classify", content=body, headers=JSON), 422, about=about)


def test_a_query_string_is_never_repeated(service: Service) -> None:
    """It may hold what should not be kept."""
    response = service.http.post("/v1/triage", json={"text": 5}, params={"note": MARK})
    assert_problem(response, 422)
    assert MARK not in response.text


def test_500_for_a_bug() -> None:
    """Nothing of it is told but where to look."""

    @get("/boom", sync_to_thread=False)
    def boom() -> None:
        msg = f"a bug that quotes {MARK}"
        raise RuntimeError(msg)

    app = Litestar([boom], exception_handlers=handlers, logging_config=None)
    with TestClient(app, raise_server_exceptions=False) as client:
        response = client.get("/boom")
    problem = response.json()
    assert (response.status_code, problem["status"]) == (500, 500)
    assert response.headers["content-type"] == "application/problem+json"
    assert set(problem) == {"type", "title", "status", "detail"}
    assert MARK not in response.text
