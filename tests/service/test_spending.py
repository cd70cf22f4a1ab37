"""Limits on chat requests, what is given where they are reached, and the ledger of what was spent."""

import itertools
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from indexer.settings import Settings
from tests.indexer.command import run_command
from tests.indexer.making import make_ticket, sentence
from tests.provider import Provider
from tests.service.running import Service, running_service, start_service

_LIMIT = 20
_ASKED = 120
_TEXTS = 4
_PRICES = "llama-3.3-70b=1/2,bge-large=0.1"


def test_a_limit_is_exact_over_two_services(data_dir: Path, settings: Settings, provider: Provider) -> None:
    """Not one request more; other answers say so, and give the same reply again as long as all is as it was."""
    with running_service(data_dir, provider, chat_per_day=str(_LIMIT), prices=_PRICES) as first:
        # One label: no forest is fitted.
        first.store([make_ticket(n, priority="low") for n in range(_TEXTS)])
        second = start_service(data_dir, provider, chat_per_day=str(_LIMIT), prices=_PRICES)
        try:
            second.wait()
            answers = _ask_both(first, second)
            _check_limit(first, answers, provider)
            assert second.stop() == 0
        finally:
            second.http.close()
            second.process.kill()
            second.process.wait()
        _check_kept_reply(first)
    lines = [json.loads(line) for line in run_command(settings, "spend", "--json").stdout.splitlines()]
    chat = [line for line in lines if line["kind"] == "chat"]
    assert [(line["who"], line["model"], line["requests"], line["cost"]) for line in chat] == [
        ("no key", "llama-3.3-70b", _LIMIT, None)
    ]
    usage = [answer["usage"] for answer in answers]
    for name in ("prompt_tokens", "completion_tokens"):
        assert chat[0][name] == sum(one[name] for one in usage)
    assert (
        "llama-3.3-70b (chat)  20 requests" in run_command(settings, "spend", PRICES="llama-3.3-70b=1").stdout
    )


def _ask_both(first: Service, second: Service) -> list[Any]:
    def ask(turn: tuple[int, Service]) -> Any:
        number, service = turn
        return service.answer("/v1/triage", text=sentence(number % _TEXTS))

    with ThreadPoolExecutor(6) as pool:
        return list(pool.map(ask, zip(range(_ASKED), itertools.cycle((first, second)), strict=False)))


def _check_limit(service: Service, answers: list[Any], provider: Provider) -> None:
    assert provider.stats().requests["chat"] == _LIMIT
    assert sum(answer["usage"]["chat_requests"] for answer in answers) == _LIMIT
    for answer in answers:
        reply, usage = answer["reply"], answer["usage"]
        if usage["chat_requests"]:
            assert (reply["source"], reply["degraded"], reply["kept_from"]) == ("llm", None, None)
            assert usage["cost"] == pytest.approx(
                (usage["prompt_tokens"] + 2 * usage["completion_tokens"]) / 1e6, abs=1e-8
            )
        else:
            assert "the configured limit on requests to the provider is reached" in reply["degraded"]
            assert usage["cost"] == 0
    service.until(lambda: service.status()["answers"]["kept"] == _ASKED, "all answers are kept")
    spend = service.status()["spend"]
    assert spend["requests"] == sum(provider.stats().requests.values())
    assert spend["cost"] > 0
    assert spend["estimated"] == 0


def _check_kept_reply(service: Service) -> None:
    again = service.answer("/v1/triage", text=sentence(1))["reply"]
    written = service.http.get(f"/v1/triage/{again['kept_from']}").json()["reply"]
    assert (again["source"], again["text"], again["citations"]) == ("llm", written["text"], ["t-1"])
    assert again["sentences"] == written["sentences"]
    assert written["kept_from"] is None
    for change, source in (({"resolution": "Restart unit 1 twice."}, "extractive"), ({}, "llm")):
        service.store([make_ticket(1, priority="low", **change)])
        reply = service.answer("/v1/triage", text=sentence(1))["reply"]
        assert reply["source"] == source, (
            "with the same resolution it is the same reply, with another it is none"
        )
    service.answer("/v1/feedback", triage_id=again["kept_from"], action="rejected")
    other = service.answer("/v1/triage", text=sentence(1))["reply"]["kept_from"]
    assert other != again["kept_from"], "a reply that an agent rejected is not given again"
