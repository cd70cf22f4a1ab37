"""Feedback of an answer that another process gave, or that was given before a restart or a restore."""

import contextlib
import json
from pathlib import Path

from indexer.settings import Settings
from tests.indexer.command import run_command
from tests.indexer.making import make_tickets, sentence
from tests.provider import Provider
from tests.service.running import Service, assert_problem, running_service, start_service


def _ask(service: Service) -> str:
    return str(service.answer("/v1/triage", text=sentence(3), draft=False)["id"])


def _is_known(service: Service, answer: str) -> bool:
    return service.post("/v1/feedback", action="accepted", triage_id=answer).status_code == 200


def _command(data_dir: Path, provider: Provider, *arguments: str) -> str:
    return run_command(Settings(data_dir=data_dir, api_base=provider.url), *arguments).stdout


def test_an_answer_is_known_to_every_service_of_the_ledger(
    data_dir: Path, provider: Provider, tmp_path: Path
) -> None:
    """To a second one at once, after a restart, and where the ledger was restored; not on another ledger."""
    with running_service(data_dir, provider, similarity_floor="0.5") as one:
        one.store(make_tickets(20, priority=None))
        answer = _ask(one)
        two = start_service(data_dir, provider, similarity_floor="0.5")
        with contextlib.closing(two.http):
            two.wait()
            assert _is_known(two, answer)
            assert _is_known(one, _ask(two))
            assert two.stop() == 0, two.log
    with running_service(data_dir, provider, similarity_floor="0.5") as again:
        assert _is_known(again, answer)
    _command(data_dir, provider, "backup", str(tmp_path / "all.backup"))
    with running_service(tmp_path / "other" / "data", provider, similarity_floor="0.5") as waiting:
        # It runs on an empty store already: what it learns of the restore includes what proves answers.
        assert_problem(
            waiting.post("/v1/feedback", action="accepted", triage_id=answer), 422, about="triage_id"
        )
        _command(waiting.data_dir, provider, "restore", str(tmp_path / "all.backup"))
        waiting.until(
            lambda: (waiting.status()["index"] or {}).get("tickets") == 20, "the restored tickets are served"
        )
        assert _is_known(waiting, answer)
        assert _is_known(waiting, _ask(waiting))


def test_a_new_label_is_kept_for_review(data_dir: Path, provider: Provider) -> None:
    """With the setting the feedback is kept, says so, and no ticket gets the label; a known label is learned as ever."""
    with running_service(data_dir, provider, similarity_floor="0.5", new_labels="review") as service:
        service.store(make_tickets(20, priority="low"))
        answer = _ask(service)
        kept = service.answer(
            "/v1/feedback", action="edited", ticket_id="t-3", triage_id=answer, priority="critical"
        )
        assert kept == {"ticket_id": "t-3", "outcome": None, "review": True}
        new = {"text": sentence(99), "ticket_id": "t-99", "triage_id": _ask(service)}
        assert service.answer("/v1/feedback", action="rejected", priority="critical", **new)["review"] is True
        assert service.http.get("/v1/tickets/t-3").json()["priority"] == "low"
        assert service.http.get("/v1/tickets/t-99").status_code == 404
        counted = service.status()["feedback"]
        assert (counted["edited"], counted["rejected"], counted["corrected"]) == (1, 1, 2)
        # In another case it is the label that there is.
        learned = service.answer("/v1/feedback", action="edited", ticket_id="t-3", priority="LOW")
        assert learned["review"] is False
    lines = [json.loads(line) for line in _command(data_dir, provider, "audit-log", "--json").splitlines()]
    assert [line["action"] for line in lines if line["ticket_id"] == "t-3"][:2] == [
        "stored",
        "new label kept",
    ]
    assert {line["who"] for line in lines} == {"no key"}
