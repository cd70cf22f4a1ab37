"""The service heals, and ends in order, whatever happens around it."""

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from indexer.chroma.run_state import state_of
from tests.indexer.making import make_ticket, make_tickets, sentence
from tests.leftovers import assert_nothing_runs, processes_of
from tests.provider import Provider
from tests.service.running import JSON, Service, assert_problem, read_events, running_service

pytestmark = pytest.mark.slow

REFIT = "service.forest.child"
PATIENCE = 30.0


def chroma(service: Service) -> dict[str, int]:
    """Return the process ids of Chroma's supervisor and server."""
    found: dict[str, int] = json.loads((service.data_dir / "chroma.json").read_text())
    return found


def fitting(service: Service) -> list[int]:
    """Return the process ids of children of the service that fit a forest."""
    children = Path(f"/proc/{service.process.pid}/task/{service.process.pid}/children").read_text().split()
    return [int(pid) for pid in children if REFIT.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()]


def wait_for_end(pid: int) -> None:
    """Wait until the process is gone."""
    deadline = time.monotonic() + PATIENCE
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < deadline, Path(f"/proc/{pid}/cmdline").read_text()
        time.sleep(0.05)


@pytest.mark.parametrize("victims", [("server_pid",), ("pid",), ("pid", "server_pid")])
def test_a_killed_chroma_is_noticed_and_healed(
    service: Service, provider: Provider, victims: tuple[str, ...]
) -> None:
    """The next question may be a 503 with Retry-After, never anything worse; soon all is found again."""
    before = chroma(service)
    for name in victims:
        os.kill(before[name], signal.SIGKILL)
    text = sentence(33)

    def answered() -> bool:
        response = service.post("/v1/triage", text=text)
        if response.status_code == 200:
            return bool(response.json()["neighbours"][0]["id"] == "t-33")
        problem = assert_problem(response, 503)
        assert problem["type"] == "/problems/index-unavailable"
        assert response.headers["retry-after"]
        return False

    # A server whose supervisor was killed may answer once more before it ends too.
    service.until(lambda: answered() and chroma(service)["run"] != before["run"], "another server answers")
    assert provider.stats().requests["embeddings"] == 0
    service.wait()


def test_a_write_while_chroma_is_gone_is_not_lost(service: Service) -> None:
    """It is acknowledged only when it is in both stores, and found then."""
    os.kill(chroma(service)["server_pid"], signal.SIGKILL)
    ticket = make_ticket(7_000)

    def stored() -> bool:
        response = service.http.put("/v1/tickets/t-7000", content=msgspec.json.encode(ticket), headers=JSON)
        if response.status_code != 200:
            assert_problem(response, 503)
        return response.status_code == 200

    service.until(stored, "the ticket is acknowledged")
    assert service.answer("/v1/similar", text=ticket.text)["neighbours"][0]["id"] == "t-7000"


def fit_under_way(service: Service, provider: Provider) -> None:
    """Store tickets and wait until their forest is being fitted."""
    service.store(make_tickets(300))
    service.until(lambda: fitting(service), "a forest is being fitted")


def stream_open(service: Service, provider: Provider) -> None:
    """Store tickets, without labels for a forest, and let a draft be written that takes long."""
    service.store(make_tickets(60, priority=None))
    provider.configure(reply="Restart unit 1 [t-1]. " + "And so on it goes. " * 2_000, chunk_delay=0.05)
    headers = {"Accept": "text/event-stream"}
    body = {"text": f"{sentence(1)} again"}
    stream = service.http.send(
        service.http.build_request("POST", "/v1/triage", json=body, headers=headers), stream=True
    )
    events = read_events(stream)
    assert [next(events).name, next(events).name] == ["triage", "token"]


def nothing_special(service: Service, provider: Provider) -> None:
    """Let the service be idle, its store empty."""


@pytest.mark.parametrize(
    ("while_", "told_by"),
    [
        (nothing_special, signal.SIGINT),
        (fit_under_way, signal.SIGTERM),
        (stream_open, signal.SIGTERM),
        (stream_open, signal.SIGINT),
    ],
)
def test_it_ends_in_order(
    data_dir: Path,
    provider: Provider,
    while_: Callable[[Service, Provider], None],
    told_by: signal.Signals,
) -> None:
    """Ctrl-C and SIGTERM end service, Chroma and the child that fits a forest; nothing needs to be repaired then."""
    with running_service(data_dir, provider) as service:
        while_(service, provider)
        assert len(processes_of(data_dir)) >= 3  # service, supervisor, server
        assert service.stop(told_by) == 0
        assert_nothing_runs(data_dir)
        assert state_of(data_dir)["files"], "Chroma was stopped in order"
        assert "Traceback" not in service.log
        assert "ERROR" not in service.log
        assert not list(data_dir.glob("service-*.pid"))


def test_a_killed_service_leaves_nothing_and_starts_again(data_dir: Path, provider: Provider) -> None:
    """Chroma ends with it, its fitting child too, and the next start has every ticket, a forest, and asks no provider."""
    with running_service(data_dir, provider) as service:
        service.store(make_tickets(300))
        service.until(lambda: fitting(service), "a forest is being fitted")
        (child,) = fitting(service)
        service.process.kill()
        service.process.wait()
        service.http.close()
        assert_nothing_runs(data_dir)
        wait_for_end(child)
    provider.reset()
    with running_service(data_dir, provider) as service:
        assert service.status()["index"]["tickets"] == 300
        service.wait_for_forest()
        assert service.status()["forest"]["report"]["tickets"] == 300
        assert service.answer("/v1/similar", text=sentence(250))["neighbours"][0]["id"] == "t-250"
        assert provider.stats().requests["embeddings"] == 0


def test_without_two_labels_there_is_a_clear_state(data_dir: Path, provider: Provider) -> None:
    """Status says so in words, and every decision goes to a person, without a guess."""
    with running_service(data_dir, provider) as service:
        states: list[str] = []
        for priority in (None, "high"):
            service.store([make_ticket(n, priority=priority) for n in range(30)])
            before = states[-1:]
            service.until(lambda: fitted(service) not in (None, *before), "another fit was tried")  # noqa: B023 (called at once)
            states.append(service.status()["forest"]["state"])
            answer = service.answer("/v1/triage", text=f"{sentence(3)} again")
            decision = answer["priority"]
            assert (decision["decision"], decision["label"]) == ("review", None)
            assert (decision["probabilities"], decision["evidence"]) == ({}, [])
            assert answer["index"]["forest"] == states[-1]
            assert answer["reply"]["source"] == "llm"
        assert "label" in states[0]
        assert "high" in states[1]


def fitted(service: Service) -> str | None:
    """Return what the last fit said, if there was one."""
    verdict = service.status()["forest"]["last_fit"]
    return None if verdict is None else str(verdict["why"])


def test_without_a_key_everything_but_the_llm_works(data_dir: Path) -> None:
    """The embedded model embeds, the best resolution is quoted, and the answer says why."""
    with running_service(data_dir) as service:
        service.store(
            [
                make_ticket(
                    1,
                    text="The webhook signature does not verify.",
                    resolution="Sign the raw body with HMAC-SHA256.",
                ),
                make_ticket(
                    2, text="The logo is misaligned in Safari.", resolution="Centred it with flexbox."
                ),
            ]
        )
        answer = service.answer("/v1/triage", text="Our webhook signatures cannot be verified.")
        assert answer["neighbours"][0]["id"] == "t-1"
        reply = answer["reply"]
        assert (reply["source"], reply["citations"]) == ("extractive", ["t-1"])
        assert reply["degraded"] == "no provider key is set"
        assert "HMAC-SHA256" in reply["text"]
        assert answer["usage"] == {
            "embedding_requests": 0, "chat_requests": 0, "prompt_tokens": 0, "completion_tokens": 0,
            "estimated": False, "cost": 0,
        }  # fmt: skip
        assert service.status()["chat_model"] is None
