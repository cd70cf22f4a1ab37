"""The log: times with a zone, the request that a line is of, and JSON for programs."""

import json
import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.provider import Provider
from tests.service.conftest import MARK
from tests.service.running import Service, assert_problem, running_service

LINE = re.compile(r"(\S+) (DEBUG|INFO|WARNING|ERROR|CRITICAL) ([\w.]+)(?: \[([^\]]+)\])?: (.+)")


@pytest.mark.parametrize("path", ["/health/live", "/v1/status", "/nowhere", "/v1/tickets/none"])
def test_every_answer_has_an_id(service: Service, path: str) -> None:
    """The one that the client sent, if it can be logged as it is, and else a new one; an error has it too."""
    assert service.http.get(path, headers={"X-Request-ID": "a-1.b:2"}).headers["x-request-id"] == "a-1.b:2"
    made = {service.http.get(path).headers["x-request-id"] for _ in range(3)}
    assert len(made) == 3
    for bad in ("", "x" * 101, "two words", "a]b", "ä".encode("latin-1").decode("latin-1")):
        response = service.http.get(path, headers={b"X-Request-ID": bad.encode("latin-1")})
        assert re.fullmatch(r"[0-9a-f]{32}", response.headers["x-request-id"])
    assert service.http.post(path, headers={"X-Request-ID": "made-405"}).headers["x-request-id"] == "made-405"


def test_the_log_tells_which_request_failed(service: Service, provider: Provider) -> None:
    """In UTC, whatever the machine's zone is; whoever is told the same again within a minute adds no line."""
    provider.fail("401", times=None, endpoint="embeddings")
    for number in range(5):
        response = service.http.post(
            "/v1/classify",
            json={"text": f"{MARK} unknown {number}"},
            headers={"X-Request-ID": f"case-{number}"},
        )
        assert_problem(response, 503)
    lines = [line for line in map(LINE.fullmatch, service.log.splitlines()) if line]
    assert lines
    assert all(datetime.fromisoformat(line[1]).utcoffset() == timedelta() for line in lines)
    told = [line for line in lines if "told clients 503" in line[5] and (line[4] or "").startswith("case-")]
    assert len(told) <= 1
    assert any("told clients 503" in line[5] for line in lines)
    provider.clear()
    again = {"text": f"{MARK} unknown again"}
    # Five failures in a row have opened the breaker; other tests find it closed.
    service.until(lambda: service.post("/v1/classify", **again).is_success, "embeddings are asked again")


def test_json_lines(tmp_path: Path, provider: Provider) -> None:
    """Every line of the service is one object, also of what the server and the libraries say."""
    with running_service(tmp_path / "data", provider, log_format="json", log_level="DEBUG") as service:
        provider.fail("401", times=None, endpoint="embeddings")
        ticket = {"text": f"{MARK} unknown"}
        response = service.http.put("/v1/tickets/one", json=ticket, headers={"X-Request-ID": "one"})
        assert_problem(response, 503)
        with service.http.stream("GET", "/%zz", headers={"Upgrade": "websocket", "Connection": "upgrade"}):
            pass
    lines = [json.loads(line) for line in service.log.splitlines()]
    assert {"service", "uvicorn.error"} <= {line["logger"] for line in lines}
    assert [line["level"] for line in lines if line.get("request_id") == "one"] == ["warning"]
    for line in lines:
        assert {"time", "level", "logger", "message"} <= set(line)
        assert datetime.fromisoformat(line["time"]).utcoffset() == timedelta()
