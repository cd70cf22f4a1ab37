"""An index that hangs or is held by others: a clear answer in good time, and no harm done."""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from filelock import FileLock

from indexer.settings import Settings
from indexer.store import Store
from tests.chaos.checking import finds
from tests.indexer.chroma.users import endpoint_of, halt, kill
from tests.indexer.making import fill_store, make_ticket, make_tickets, mislead, sentence
from tests.leftovers import assert_nothing_runs
from tests.provider import Provider
from tests.service.running import Service, assert_problem, running_service

_PATIENCE = 30.0
"""Seconds that a person is made to wait at most, here on a machine that has other things to do."""

_MANY = 1_200


@pytest.fixture
def own(data_dir: Path, provider: Provider) -> Iterator[Service]:
    """A service of the test's own, with a few tickets."""
    with running_service(data_dir, provider) as running:
        running.store(make_tickets(30, priority=None))
        yield running


def test_a_hung_chroma_costs_a_question_seconds(own: Service) -> None:
    """Questions get 503 soon, the later ones at once; when Chroma goes on, so do they, and nothing is put aside."""
    server = endpoint_of(own.data_dir)["server_pid"]
    halt(server)
    try:
        for number in range(3):
            began = time.monotonic()
            response = own.post("/v1/similar", text=sentence(number))
            assert_problem(response, 503)
            assert response.headers["retry-after"]
            assert time.monotonic() - began < _PATIENCE
    finally:
        os.kill(server, signal.SIGCONT)
    own.until(lambda: own.post("/v1/similar", text=sentence(3)).status_code == 200, "it answers again")
    assert not list(own.data_dir.glob("index.damaged-*"))


def test_a_write_does_not_wait_for_ever(own: Service) -> None:
    """While another process writes to the index, a PUT is told so in time; what it brought is found by itself later."""
    ticket = make_ticket(500)
    with FileLock(own.data_dir / "index.lock"):
        began = time.monotonic()
        response = own.http.put("/v1/tickets/t-500", json=msgspec.to_builtins(ticket))
        problem = assert_problem(response, 503, about="is being written to")
        assert problem["retry_after"]
        assert time.monotonic() - began < _PATIENCE
        assert own.post("/v1/similar", text=sentence(3)).status_code == 200

    def found() -> bool:
        return bool(own.answer("/v1/similar", text=ticket.text)["neighbours"][0]["id"] == "t-500")

    own.until(found, "the ticket is found without another PUT")
    assert "Traceback" not in own.log


def test_damage_that_samples_do_not_show_is_mended(
    settings: Settings, data_dir: Path, provider: Provider
) -> None:
    """A service answers at once after a crash, finds a few wrong vectors among many meanwhile, and brings the index back."""
    with contextlib.closing(Store(settings)) as store:
        store.prepare()
        mislead(store, fill_store(store, make_tickets(_MANY, priority=None)), ["t-5", "t-900"])
        kill(endpoint_of(data_dir)["server_pid"])
    assert_nothing_runs(data_dir)
    with running_service(data_dir, provider) as service:
        service.until(lambda: list(data_dir.glob("index.damaged-*")), "the damage is found")
        service.wait()
        for number in range(0, _MANY, 45):
            service.until(lambda number=number: finds(service, number), f"ticket {number} is found")
        assert service.status()["index"]["pending"] == 0
        assert "Traceback" not in service.log
    assert len(list(data_dir.glob("index.damaged-*"))) == 1
