"""Requests wait in bounded queues, each kind of work in its own."""

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import msgspec
import pytest
from filelock import FileLock

from service.pools import Admission, BusyError, Pool
from tests.indexer.making import make_ticket, make_tickets, sentence
from tests.service.running import Service, assert_problem, running_service

WRITERS = 12
PATIENCE = 15.0
"""Seconds within which a question is answered on a machine that has other things to do."""


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that embeds on this machine, with a few tickets."""
    with running_service(tmp_path_factory.mktemp("pools") / "data") as running:
        running.store(make_tickets(20, priority=None))
        running.wait()
        yield running


def test_writes_that_wait_for_the_index_do_not_stop_questions(local: Service) -> None:
    """While another process has the index, and 12 portals wait to write, new texts are embedded and answered."""

    def put(number: int) -> int:
        ticket = msgspec.to_builtins(make_ticket(number, priority=None))
        return local.http.put(f"/v1/tickets/t-{number}", json=ticket).status_code

    with ThreadPoolExecutor(WRITERS) as portals:
        with FileLock(local.data_dir / "index.lock"):
            writes = [portals.submit(put, 100 + n) for n in range(WRITERS)]
            time.sleep(2)
            assert not all(write.done() for write in writes)
            for number in range(3):
                found = local.http.post(
                    "/v1/similar", json={"text": f"never seen {number}: {sentence(3)}"}, timeout=PATIENCE
                )
                assert found.status_code == 200, found.text
            assert httpx.get(f"{local.url}/health/live", timeout=PATIENCE).status_code == 200
        statuses = {write.result() for write in writes}
    assert statuses <= {200, 503}


def test_a_pool_refuses_what_would_wait_too_long() -> None:
    """A queue that is full refuses at once, one that does not move after a while; what was refused never runs."""

    async def check() -> None:
        pool, go = Pool("jobs", threads=1, waiting=1), threading.Event()
        ran: list[str] = []
        first = asyncio.create_task(pool.run(go.wait))
        await asyncio.sleep(0.1)
        second = asyncio.create_task(pool.run(ran.append, "second"))
        await asyncio.sleep(0)
        with pytest.raises(BusyError, match="too many jobs"):
            await pool.run(ran.append, "third")
        with pytest.raises(BusyError, match="too many jobs"):
            await second
        go.set()
        assert await first is True
        await pool.run(ran.append, "fourth")
        pool.close()
        assert ran == ["fourth"]

    asyncio.run(check())


def test_turns_are_given_back_however_they_end() -> None:
    """An error, a cancelled wait and a refusal leave as many turns as there were."""

    async def hold(admission: Admission) -> None:
        async with admission.turn():
            await asyncio.sleep(3600)

    async def check() -> None:
        admission = Admission("questions", at_work=2, waiting=1)
        for _ in range(3):
            tasks = [asyncio.create_task(hold(admission)) for _ in range(3)]
            await asyncio.sleep(0.05)
            assert admission.full
            with pytest.raises(BusyError, match="too many questions"):
                await hold(admission)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            with pytest.raises(ZeroDivisionError):
                async with admission.turn():
                    _ = 1 // 0
            assert not admission.full

    asyncio.run(check())


def test_many_clients_get_an_answer_or_a_refusal_soon(local: Service) -> None:
    """200 clients at once: every answer is a 200 or a 503 with Retry-After, and health is told all the while."""
    clients, each = 200, 3
    lives: list[float] = []
    done = threading.Event()

    def watch() -> None:
        with httpx.Client(base_url=local.url, timeout=PATIENCE) as http:
            while not done.is_set():
                began = time.monotonic()
                assert http.get("/health/live").status_code == 200
                assert http.get("/metrics").status_code == 200
                lives.append(time.monotonic() - began)
                time.sleep(0.05)

    async def ask(http: httpx.AsyncClient, client: int) -> list[httpx.Response]:
        text = {"text": f"{sentence(client % 20)} again", "draft": True}
        return [await http.post("/v1/triage", json=text) for _ in range(each)]

    async def ask_all() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=clients)
        # Kept connections that a starved client leaves idle would be closed while it asks again.
        headers = {"Connection": "close"}
        async with httpx.AsyncClient(base_url=local.url, timeout=60, limits=limits, headers=headers) as http:
            found = await asyncio.gather(*(ask(http, client) for client in range(clients)))
            return [response for responses in found for response in responses]

    with ThreadPoolExecutor(1) as watcher:
        watching = watcher.submit(watch)
        try:
            answers = asyncio.run(ask_all())
        finally:
            done.set()
        watching.result()
    assert len(lives) >= 3
    refused = [answer for answer in answers if answer.status_code != 200]
    assert refused
    assert len(refused) < len(answers)
    for answer in refused:
        problem = assert_problem(answer, 503)
        assert problem["type"] == "/problems/busy"
        assert int(answer.headers["retry-after"]) >= 1
    assert local.answer("/v1/triage", text=sentence(3))["neighbours"]
