"""A running service follows a rebuild into another space and back, and a forget, while eight clients ask."""

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from indexer.settings import Settings
from tests.indexer.command import report_of, run_command
from tests.indexer.making import make_ticket, make_tickets, sentence
from tests.provider import Provider
from tests.service.running import KEY, NO_TLS, Service, running_service

_COUNT = 60
_CLIENTS = 8
_OTHER = "other-model"


class _Clients:
    """Clients that ask all the time; ``answers`` has what they were told, in the order of arrival."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._stop = threading.Event()
        self.answers: list[tuple[int, Any]] = []
        self._threads = [threading.Thread(target=self._ask, args=(n,)) for n in range(_CLIENTS)]

    @contextlib.contextmanager
    def asking(self) -> Iterator[None]:
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join()

    def _ask(self, client: int) -> None:
        number = client
        with httpx.Client(base_url=self._service.url, timeout=60, verify=NO_TLS) as http:
            while not self._stop.is_set():
                number = (number + _CLIENTS) % _COUNT
                # Not a stored text: it is embedded by the model of the generation that answers.
                body = {"text": f"{sentence(number)} again", "draft": False, "top_k": 3}
                response = http.post("/v1/triage", json=body)
                self.answers.append((response.status_code, response.json()))


@pytest.fixture
def other(provider: Provider) -> Provider:
    provider.configure(models={_OTHER: 48})
    return provider


def _settings(data_dir: Path, provider: Provider) -> Settings:
    return Settings(data_dir=data_dir, api_base=provider.url, oxlo_api_key=KEY)


def _serves(service: Service, generation: str) -> None:
    service.until(lambda: service.status()["index"]["generation"] == generation, f"{generation} is served")


@pytest.mark.slow
def test_a_rebuild_and_back_without_a_failed_query(fitted_dir: Path, other: Provider) -> None:
    """No query fails, and each answer is wholly of one generation: its model, its neighbours, its forest."""
    with running_service(fitted_dir, other) as service:
        clients, settings = _Clients(service), _settings(fitted_dir, other)
        with clients.asking():
            there = report_of(run_command(settings, "rebuild", "--json", EMBEDDING_MODEL=_OTHER))
            _serves(service, there["generation"])
            service.store([make_ticket(5_000)])
            found = service.answer("/v1/similar", text=sentence(5_000), top_k=1)
            back = report_of(run_command(settings, "rebuild", "--json"))
            _serves(service, back["generation"])
            rolled = report_of(run_command(settings, "rebuild", "--rollback", "--json"))
            _serves(service, there["generation"])
    assert found["neighbours"][0]["id"] == "t-5000"
    assert rolled["generation"] == there["generation"]
    assert Counter(status for status, _ in clients.answers) == {200: len(clients.answers)}
    models = {"tickets-0001": "bge-large", there["generation"]: _OTHER, back["generation"]: "bge-large"}
    seen = Counter(answer["index"]["generation"] for _, answer in clients.answers)
    assert seen.keys() == models.keys()
    for _, answer in clients.answers:
        assert answer["index"]["embedding_model"] == models[answer["index"]["generation"]]
        # Were the question in one space and the rows in another, the nearest would be any ticket.
        assert answer["neighbours"][0]["similarity"] > 0.8
    asked = [body for body in other.stats().bodies if body["endpoint"] == "embeddings"]
    assert {body["model"] for body in asked} <= {"bge-large", _OTHER}


@pytest.mark.slow
@pytest.mark.parametrize("model", ["bge-large", _OTHER])
def test_what_is_acknowledged_during_a_switch_is_seen(data_dir: Path, other: Provider, model: str) -> None:
    """From the moment that another generation is live: what a portal deletes or relabels is so in the next answer."""
    with running_service(data_dir, other) as service:
        service.store(make_tickets(_COUNT, priority=None))  # no forest is fitted on one label
        settings = _settings(data_dir, other)
        made = report_of(run_command(settings, "rebuild", "--json", EMBEDDING_MODEL=model))
        for number in range(20):
            assert service.http.delete(f"/v1/tickets/t-{number}").json()["deleted"]
            service.store([make_ticket(30 + number, priority="changed")])
            for gone in (number, 30 + number):
                found = service.answer("/v1/similar", text=sentence(gone), top_k=1)["neighbours"][0]
                if gone == number:
                    assert found["id"] != f"t-{number}"
                else:
                    assert (found["id"], found["priority"]) == (f"t-{gone}", "changed")
        _serves(service, made["generation"])


@pytest.mark.slow
def test_a_forget_under_load(fitted_dir: Path, other: Provider) -> None:
    """Queries recover by themselves: they wait, or are told 503 and when to come again; the ticket never comes back.

    That clients ask in the ticket's words all the time, and that notes which quote them are kept, is no remains of it.
    """
    secret = make_ticket(7)  # which the forest knows
    with running_service(fitted_dir, other) as service:
        assert service.answer("/v1/similar", text=secret.text, top_k=1)["neighbours"][0]["id"] == secret.id
        clients, settings = _Clients(service), _settings(fitted_dir, other)
        with clients.asking():
            receipt = report_of(run_command(settings, "forget", secret.id, "--json"))
            _serves(service, receipt["generation"])
            service.wait()
        service.wait_for_forest()
        evidence = service.answer("/v1/similar", text=secret.text, top_k=5)
        last = service.answer("/v1/triage", text=secret.text, draft=False)
    assert receipt["clean"]
    assert "forests/" in " ".join(receipt["removed"])
    assert secret.id not in str(evidence) + str(last)
    assert {status for status, _ in clients.answers} <= {200, 503}
    refused = [problem for status, problem in clients.answers if status == 503]
    assert all(problem["retry_after"] for problem in refused)
    assert clients.answers[-1][0] == 200
