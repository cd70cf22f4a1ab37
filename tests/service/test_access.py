"""Who may ask the service, and what keeps it from starting."""

import contextlib
import re
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from indexer.ledger import SCOPES, KeyScope, Ledger, Space
from indexer.ticket import RECIPE, text_hash
from tests.forked import Forked
from tests.free_port import free_port
from tests.leftovers import assert_nothing_runs
from tests.provider import Provider
from tests.service.running import Service, assert_problem, environment, read_events, running_service

KEYS = ("first-key-551299", "second-key-931000")
CALLS = [
    ("POST", "/v1/triage"),
    ("GET", "/v1/triage"),
    ("GET", "/v1/triage/1"),
    ("POST", "/v1/classify"),
    ("POST", "/v1/similar"),
    ("GET", "/v1/feedback"),
    ("POST", "/v1/feedback"),
    ("GET", "/v1/forest"),
    ("GET", "/v1/map"),
    ("GET", "/v1/map/gaps"),
    ("GET", "/v1/forest/later"),
    ("POST", "/v1/tickets/batch"),
    ("PUT", "/v1/tickets/1"),
    ("GET", "/v1/tickets"),
    ("GET", "/v1/tickets/1"),
    ("DELETE", "/v1/tickets/1"),
    ("GET", "/v1/jobs/1"),
    ("DELETE", "/v1/jobs/1"),
    ("GET", "/v1/jobs"),
    ("POST", "/v1/jobs"),
    ("POST", "/v1/uploads"),
    ("GET", "/v1/uploads"),
    ("DELETE", "/v1/uploads/1"),
    ("GET", "/v1/uploads/1/rejected"),
    ("GET", "/v1/status"),
    ("GET", "/v1/status/events"),
]


NEEDED: dict[tuple[str, str], KeyScope] = {
    ("POST", "/v1/tickets/batch"): "write",
    ("PUT", "/v1/tickets/1"): "write",
    ("DELETE", "/v1/tickets/1"): "write",
    ("GET", "/v1/jobs/1"): "write",
    ("DELETE", "/v1/jobs/1"): "write",
    ("GET", "/v1/jobs"): "write",
    ("POST", "/v1/jobs"): "admin",
    ("POST", "/v1/uploads"): "admin",
    ("GET", "/v1/uploads"): "admin",
    ("DELETE", "/v1/uploads/1"): "admin",
    ("GET", "/v1/uploads/1/rejected"): "admin",
}
"""The scope of calls that need more than `ask`."""


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory, _provider_process: Provider) -> Iterator[Service]:
    """A service that asks for a key, and may therefore serve other machines too."""
    data_dir = tmp_path_factory.mktemp("locked") / "data"
    with running_service(data_dir, _provider_process, host="0.0.0.0", api_keys=", ".join(KEYS)) as service:
        yield service
    assert not any(key in service.log for key in KEYS)


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_every_call_needs_a_key(locked: Service, method: str, path: str) -> None:
    """Without one the answer is 401, says how to send it, and is the same shape as any error."""
    response = locked.http.request(method, path)
    assert_problem(response, 401, about="Authorization: Bearer")
    assert response.headers["www-authenticate"] == "Bearer"


def test_all_calls_are_tried(locked: Service) -> None:
    """The list above has every documented call below ``/v1``."""
    paths = locked.http.get("/docs/openapi.json").json()["paths"]
    documented = {
        (method.upper(), re.sub(r"\{\w+\}", "1", path))
        for path, methods in paths.items()
        for method in methods
        if path.startswith("/v1/")
    }
    assert documented == set(CALLS)


@pytest.mark.parametrize("key", KEYS)
def test_each_of_several_keys_opens(locked: Service, key: str) -> None:
    """The scheme's name may be in any case."""
    for scheme in ("Bearer", "bearer"):
        response = locked.http.get("/v1/status", headers={"Authorization": f"{scheme} {key}"})
        assert response.status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer first-key-55129",
        "Basic first-key-551299",
        "first-key-551299",
        "Bearer schlüssel",
    ],
)
def test_anything_else_does_not(locked: Service, header: str) -> None:
    """A part of a key, another scheme or none, and what is not ASCII are refused alike."""
    assert_problem(locked.http.get("/v1/status", headers={b"Authorization": header.encode()}), 401)


def test_wrong_keys_are_logged_and_slowed(tmp_path: Path, provider: Provider) -> None:
    """An address that tries many waits, with whatever key it did not use before; who changed what is on record."""
    with running_service(tmp_path / "data", provider, api_keys=", ".join(KEYS)) as service:
        good = {"Authorization": f"Bearer {KEYS[0]}"}
        assert service.http.put("/v1/tickets/a-1", json={"text": "told of"}, headers=good).status_code == 200
        statuses = []
        for number in range(20):
            wrong = {"Authorization": f"Bearer wrong-key-{number:010}"}
            statuses.append(service.http.get("/v1/status", headers=wrong).status_code)
        assert statuses[:10] == [401] * 10
        assert statuses[-1] == 429
        other = service.http.get("/v1/status", headers={"Authorization": f"Bearer {KEYS[1]}"})
        assert assert_problem(other, 429)
        assert int(other.headers["retry-after"]) >= 1
        assert service.http.delete("/v1/tickets/a-1", headers=good).status_code == 200
        assert "a wrong API key from 127.0.0.1" in service.log
        assert "wrong-key" not in service.log
        assert KEYS[0] not in service.log
    with contextlib.closing(Ledger(None, tmp_path / "data")) as ledger:
        lines = list(ledger.audit.lines())
        assert [(line.action, line.ticket_id) for line in lines] == [("stored", "a-1"), ("deleted", "a-1")]
        assert {line.who for line in lines} == {lines[0].who}
        assert lines[0].who.startswith("key ")
        ledger.tickets.erase(["a-1"])
        hidden = {line.ticket_id for line in ledger.audit.lines()}
        assert hidden == {ledger.audit.mark("a-1")}
        assert ledger.audit.clear(lines[-1].at + 1) == len(lines)


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/metrics", "/docs", "/docs/openapi.json"])
def test_operations_need_no_key(locked: Service, path: str) -> None:
    """Probes and collectors have none."""
    assert locked.http.get(path, follow_redirects=True).status_code == 200


def made(service: Service, name: str, scope: KeyScope, **more: int) -> dict[str, str]:
    """Make a key in the ledger of a running service, wait until it opens, and return the header."""
    with contextlib.closing(Ledger(None, service.data_dir)) as ledger:
        header = {"Authorization": f"Bearer {ledger.keys.add(name, scope, **more)}"}
    wait_for_key(service, name, opens=True)
    return header


def wait_for_key(service: Service, name: str, *, opens: bool) -> None:
    """Wait until the service has seen that a key of the ledger opens, or no more: each wrong try would be counted."""

    def seen() -> bool:
        told = re.findall(r"API keys of the ledger that open: (.*)", service.log)
        return bool(told) and (name in told[-1].split(", ")) is opens

    service.until(seen, f"{name} is {'taken' if opens else 'refused'}")


@pytest.mark.parametrize("scope", ["ask", "write", "admin"])
def test_a_scope_allows_what_it_names_and_no_more(locked: Service, scope: KeyScope) -> None:
    """What is allowed gets past the door; else the answer is 403 and names the scope that is needed."""
    header = made(locked, f"may-{scope}", scope)
    for method, path in CALLS:
        # One of them is a stream without an end.
        with locked.http.stream(method, path, headers=header) as response:
            if response.status_code >= 400:
                response.read()
        needed = NEEDED.get((method, path), "ask")
        if SCOPES.index(scope) >= SCOPES.index(needed):
            assert response.status_code not in {401, 403}, (method, path)
        else:
            problem = assert_problem(response, 403, about=f"scope {needed}")
            assert f"scope {scope}" in problem["detail"]
            assert f'scope="{needed}"' in response.headers["www-authenticate"]
    if scope != "ask":
        assert locked.http.get("/v1/jobs", headers=header).json()["may_start"] is (scope == "admin")
    operations = locked.http.get("/docs/openapi.json").json()["paths"]
    for path, methods in operations.items():
        for method, operation in methods.items() if path.startswith("/v1/") else ():
            wanted = NEEDED.get((method.upper(), re.sub(r"\{\w+\}", "1", path)), "ask")
            assert operation["security"] == [{}, {"key": [wanted]}], (method, path)


def test_a_revoked_key_opens_nothing_within_a_second(locked: Service) -> None:
    """Its calls are counted, the audit log names it, and the other keys go on."""
    header = made(locked, "portal", "write")
    stored = locked.http.put("/v1/tickets/of-portal", json={"text": "sent by the portal"}, headers=header)
    assert stored.status_code == 200, stored.text
    with contextlib.closing(Ledger(None, locked.data_dir)) as ledger:
        assert [line.who for line in ledger.audit.lines() if line.ticket_id == "of-portal"] == ["key:portal"]
        locked.until(
            lambda: {key.name: key.calls for key in ledger.keys.all()}["portal"] == 1, "the call is counted"
        )
        with locked.http.stream("GET", "/v1/status/events", headers=header) as response:
            events = read_events(response)
            assert next(events).data["version"]
            ledger.keys.revoke("portal")
            assert all(event.name == "status" for event in events), "it ends"
    wait_for_key(locked, "portal", opens=False)
    assert_problem(locked.http.get("/v1/status", headers=header), 401)
    good = {"Authorization": f"Bearer {KEYS[0]}"}
    assert locked.http.get("/v1/status", headers=good).status_code == 200
    assert "precedent_wrong_keys_total" in locked.http.get("/metrics").text


def test_a_keys_limit_is_told_and_kept(locked: Service) -> None:
    """Of calls beyond it each is 429 until the minute of the clock ends; a key without a limit is told of none."""
    header = made(locked, "slow", "ask", per_minute=2)
    left = 60 - time.time() % 60
    if left < 5:
        time.sleep(left)
    answers = [locked.http.get("/v1/status", headers=header) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["1", "0", "0"]
    assert {answer.headers["ratelimit-limit"] for answer in answers} == {"2"}
    assert_problem(answers[2], 429, about="2 calls a minute")
    assert 1 <= int(answers[2].headers["retry-after"]) == int(answers[2].headers["ratelimit-reset"]) <= 60
    free = locked.http.get("/v1/status", headers={"Authorization": f"Bearer {KEYS[0]}"})
    assert "ratelimit-limit" not in free.headers


def test_a_key_of_the_ledger_locks_for_good(tmp_path: Path, provider: Provider) -> None:
    """With one, other machines may be served; once it is revoked, nobody is let in without a key."""
    data_dir = tmp_path / "data"
    with contextlib.closing(Ledger(None, data_dir)) as ledger:
        key = ledger.keys.add("portal", "ask")
        with running_service(data_dir, provider, host="0.0.0.0") as service:
            header = {"Authorization": f"Bearer {key}"}
            assert service.http.get("/v1/status", headers=header).status_code == 200
            ledger.keys.revoke("portal")
            wait_for_key(service, "portal", opens=False)
            assert_problem(service.http.get("/v1/status"), 401)
    assert "precedent keys add" in refused(data_dir, provider)


def refused(data_dir: Path, provider: Provider | None = None, **settings: str) -> str:
    """Start a service that cannot start, and return the one line that says why."""
    output = data_dir.parent / "refused.log"
    # Not where the developer's own service listens.
    given = environment(data_dir, provider, **{"port": str(free_port()), **settings})
    ended = Forked("serve", cwd=data_dir.parent, env=given, output=output)
    assert ended.wait(120) == 2, ended.output
    assert "Traceback" not in ended.output
    assert "serving on" not in ended.output, "it does not serve"
    assert "the index could not be read" not in ended.output
    assert_nothing_runs(data_dir)
    (line,) = [line for line in ended.output.splitlines() if line.startswith("error: ")]
    return line


def test_a_service_says_where_it_serves(locked: Service) -> None:
    """Once, and after what may still refuse a start."""
    (said,) = [line for line in locked.log.splitlines() if "serving on" in line]
    assert f"serving on http://0.0.0.0:{locked.url.rpartition(':')[2]}, documented at /docs" in said
    assert locked.log.index("embedding with") < locked.log.index(said)


def test_other_machines_are_served_only_with_keys(data_dir: Path) -> None:
    """An address that others can reach is refused without keys, with both ways out."""
    line = refused(data_dir, host="0.0.0.0")
    assert "PRECEDENT_API_KEYS" in line
    assert "127.0.0.1" in line
    assert not [*data_dir.glob("chroma*")], "no index is opened for nothing"


def test_an_unknown_setting_is_refused_by_name(data_dir: Path) -> None:
    """A misspelt name is not a silence; the right one is suggested."""
    line = refused(data_dir, prot="8000")
    assert "PRECEDENT_PROT" in line
    assert "PRECEDENT_PORT" in line


def test_an_unusable_value_is_refused_by_name(data_dir: Path) -> None:
    """The error names setting and value."""
    assert "PRECEDENT_PORT=http" in refused(data_dir, port="http")


def test_a_port_in_use_is_told_before_anything_starts(locked: Service, data_dir: Path) -> None:
    """The error names address and port, and no Chroma was started for nothing."""
    port = locked.url.rpartition(":")[2]
    line = refused(data_dir, port=port)
    assert f"PRECEDENT_PORT={port}" in line
    assert "in use" in line
    assert not data_dir.exists()


def test_an_address_of_nobody_is_refused(data_dir: Path) -> None:
    """A host that is not this machine's cannot be served on."""
    assert "PRECEDENT_HOST=203.0.113.9" in refused(data_dir, host="203.0.113.9", api_keys=KEYS[0], port="0")


def test_a_data_directory_that_is_a_file_is_refused(data_dir: Path) -> None:
    """The error names the setting."""
    data_dir.write_text("not a directory")
    assert f"PRECEDENT_DATA_DIR={data_dir}" in refused(data_dir, port="0")


def test_an_index_of_another_model_is_refused_before_any_request(data_dir: Path, provider: Provider) -> None:
    """The error names both models and the remedy."""
    ledger = Ledger(None, data_dir)
    space = Space("hosted", "another-model", 32, RECIPE)
    ledger.vectors.store(space, [text_hash("any")], np.ones((1, 32), np.float32))
    ledger.generations.ensure_live(space)
    ledger.close()
    line = refused(data_dir, provider, port="0")
    assert "another-model" in line
    assert "bge-large" in line
    assert "make reindex" in line
    assert provider.stats().requests["embeddings"] == 0
