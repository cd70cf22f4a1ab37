"""A portal's writers and askers over HTTP, while Chroma and the service are killed; and what became of it all."""

import contextlib
import itertools
import json
import os
import random
import signal
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import httpx
import msgspec

from indexer.settings import Settings
from indexer.store import Store
from indexer.ticket import Ticket
from tests.indexer.making import SPACE, make_ticket, make_tickets, sentence, store_vectors, write_tickets
from tests.leftovers import is_gone, wait_until
from tests.provider import Provider
from tests.service.running import JSON, NO_TLS, start_service

__all__ = ["Outcome", "run_portal"]

_PORTION = 1_000_000  # numbers of one writer's tickets
_CHANGED = 7  # each so many-th ticket is written a second time, with another text
_ASKED_SECONDS = 30.0
_PAUSE_SECONDS = 0.2  # after a refusal
_LOOK_SECONDS = 0.05
_READY_SECONDS = 180.0
_CHECKING = 8
_PAGE = 1_000
_STEP = 20  # of the tickets that were there before, each so many-th is looked for in the end


@dataclass
class Outcome:
    """What a run counted."""

    acknowledged: int = 0
    lost: list[str] = field(default_factory=list)
    """Acknowledged tickets that GET does not give as they were written, or that their own text does not find."""
    asked: int = 0
    wrong: list[str] = field(default_factory=list)
    """Answers of another ticket than the one whose text was asked for."""
    refused: Counter[str] = field(default_factory=Counter)
    """Other answers than 200 by their status, and connections that failed."""
    ready: dict[str, list[float]] = field(default_factory=lambda: {"chroma": [], "service": []})
    """Seconds from each kill until a question is answered and readiness says so."""
    put_aside: set[str] = field(default_factory=set)
    """Names of all ``index.damaged-*`` that were ever seen."""

    def table(self) -> str:
        """Return what is counted, a line each."""
        lines = [
            ("acknowledged writes", f"{self.acknowledged:,}"),
            ("of them lost", f"{len(self.lost):,} {self.lost[:5] or ''}"),
            ("questions answered", f"{self.asked:,}"),
            ("of them wrongly", f"{len(self.wrong):,} {self.wrong[:5] or ''}"),
            *((f"seconds to ready after kill -9 of {name}", _seconds(found)) for name, found in self.ready.items()),
            ("indexes put aside", f"{len(self.put_aside):,}"),
            ("refused meanwhile", ", ".join(f"{what}: {n:,}" for what, n in sorted(self.refused.items())) or "0"),
        ]  # fmt: skip
        return "\n".join(f"{name:<45} {value}".rstrip() for name, value in lines)


def run_portal(
    settings: Settings,
    provider: Provider,
    *,
    seconds: float,
    writers: int,
    askers: int,
    kills: dict[str, int],
    stored: int = 0,
    dimension: int = SPACE.dimension,
) -> Outcome:
    """Let writers and askers work for that long, kill ``chroma`` and ``service`` as often, and count.

    :param stored: tickets of that dimension that are there before.
    """
    if stored:
        _fill(settings, stored, dimension)
    portal = _Portal(settings, provider)
    try:
        portal.work(seconds, writers, askers, kills, stored)
        portal.check()
    finally:
        portal.close()
    return portal.outcome


class _Portal:
    """One service, found again on the same port after each start, and what was acknowledged."""

    def __init__(self, settings: Settings, provider: Provider) -> None:
        self.outcome = Outcome()
        self._settings = settings
        self._provider = provider
        self._acknowledged: dict[str, str] = {}
        self._lock = threading.Lock()
        self._service = start_service(settings.data_dir, provider)
        self._port = self._service.url.rpartition(":")[2]
        self._ended = threading.Event()

    def work(self, seconds: float, writers: int, askers: int, kills: dict[str, int], stored: int) -> None:
        """Write, ask and kill."""
        self._acknowledged |= {ticket.id: ticket.text for ticket in make_tickets(stored)}
        if not stored:
            self._until(self._written(make_ticket(0)), "the first ticket is stored")
        self._until(lambda: self._answers(self._service.http, 0), "the first ticket is found")
        with ThreadPoolExecutor(writers + askers + 1) as pool:
            work = [
                *(pool.submit(self._write, writer) for writer in range(1, writers + 1)),
                *(pool.submit(self._ask, asker) for asker in range(askers)),
                pool.submit(self._watch),
            ]
            try:
                self._kill(seconds, kills)
            finally:
                self._ended.set()
            for one in work:
                one.result()

    def check(self) -> None:
        """See whether each acknowledged ticket is there as it was written, and found by its text."""
        tickets = [
            (ticket_id, text)
            for ticket_id, text in self._acknowledged.items()
            if _number(ticket_id) >= _PORTION or _number(ticket_id) % _STEP == 0
        ]
        self.outcome.acknowledged = len(tickets)
        with self._client() as client, ThreadPoolExecutor(_CHECKING) as pool:

            def lost(ticket: tuple[str, str]) -> bool:
                ticket_id, text = ticket
                found = self._persistently(lambda: client.get(f"/v1/tickets/{ticket_id}"))
                if found.status_code != 200 or found.json()["text"] != text:
                    return True
                near = self._persistently(lambda: client.post("/v1/similar", json={"text": text, "top_k": 1}))
                return bool(near.json()["neighbours"][0]["id"] != ticket_id)

            found = pool.map(lost, tickets)
            self.outcome.lost = [ticket[0] for ticket, gone in zip(tickets, found, strict=True) if gone]
        self._look()

    def close(self) -> None:
        """End the service in order."""
        self._ended.set()
        self._service.stop()
        self._service.http.close()

    def _write(self, writer: int) -> None:
        with self._client() as client:
            for number in itertools.count(writer * _PORTION):
                if self._ended.is_set():
                    return
                versions = [make_ticket(number)]
                if number % _CHANGED == 0:
                    versions.append(make_ticket(number, text=f"{sentence(number)} changed"))
                for ticket in versions:
                    # A portal tries until it is told that the ticket is stored.
                    deadline = time.monotonic() + _READY_SECONDS
                    while not self._put(client, ticket):
                        assert time.monotonic() < deadline, f"{ticket.id} is refused all the time"
                        time.sleep(_PAUSE_SECONDS)

    def _put(self, client: httpx.Client, ticket: Ticket) -> bool:
        body = msgspec.json.encode(ticket)
        response = self._answer(lambda: client.put(f"/v1/tickets/{ticket.id}", content=body, headers=JSON))
        if response is None:
            return False
        with self._lock:
            self._acknowledged[ticket.id] = ticket.text
        return True

    def _ask(self, asker: int) -> None:
        chosen = random.Random(asker)
        with self._client() as client:
            while not self._ended.is_set():
                with self._lock:
                    number = _number(chosen.choice(list(self._acknowledged)))
                # Others are just being changed.
                if (number % _CHANGED or number < _PORTION) and not self._answers(client, number):
                    time.sleep(_PAUSE_SECONDS)

    def _answers(self, client: httpx.Client, number: int) -> bool:
        body = {"text": sentence(number), "top_k": 1}
        response = self._answer(lambda: client.post("/v1/similar", json=body))
        if response is None:
            return False
        with self._lock:
            self.outcome.asked += 1
        found = response.json()["neighbours"]
        if not found or found[0]["id"] != f"t-{number}":
            with self._lock:
                self.outcome.wrong.append(f"t-{number}")
        return True

    def _answer(self, ask: Callable[[], httpx.Response]) -> httpx.Response | None:
        try:
            response = ask()
            what = str(response.status_code)
        except httpx.TransportError as error:
            response, what = None, type(error).__name__
        if response is not None and response.status_code == 200:
            return response
        with self._lock:
            self.outcome.refused[what] += 1
        return None

    def _kill(self, seconds: float, kills: dict[str, int]) -> None:
        chosen = random.Random(8)
        victims = [name for name, times in kills.items() for _ in range(times)]
        chosen.shuffle(victims)
        ends = time.monotonic() + seconds
        for done, victim in enumerate(victims):
            time.sleep(max(0.0, chosen.uniform(0.5, 1.0) * (ends - time.monotonic()) / (len(victims) - done)))
            killed = time.monotonic()
            self._kill_chroma() if victim == "chroma" else self._kill_service()
            with self._client() as client:
                self._until(lambda: self._is_ready(client), f"it is ready after {victim} was killed")
            self.outcome.ready[victim].append(time.monotonic() - killed)
        time.sleep(max(0.0, ends - time.monotonic()))

    def _kill_chroma(self) -> None:
        pid = json.loads((self._settings.data_dir / "chroma.json").read_text())["server_pid"]
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: is_gone(pid))

    def _kill_service(self) -> None:
        self._service.process.kill()
        self._service.process.wait()
        self._service.http.close()
        self._service = start_service(self._settings.data_dir, self._provider, port=self._port)

    def _is_ready(self, client: httpx.Client) -> bool:
        with contextlib.suppress(httpx.TransportError):
            asked = client.post("/v1/similar", json={"text": sentence(0), "top_k": 1})
            return asked.status_code == client.get("/health/ready").status_code == 200
        return False

    def _watch(self) -> None:
        while not self._ended.wait(_LOOK_SECONDS):
            self._look()

    def _look(self) -> None:
        self.outcome.put_aside |= {path.name for path in self._settings.data_dir.glob("index.damaged-*")}

    def _written(self, ticket: Ticket) -> Callable[[], bool]:
        return lambda: self._put(self._service.http, ticket)

    def _until(self, true: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while not true():
            if time.monotonic() > deadline or self._service.process.poll() is not None:
                msg = f"not within {_READY_SECONDS:.0f} s: {what}\n{self._service.log[-5_000:]}"
                raise AssertionError(msg)
            time.sleep(_LOOK_SECONDS)

    def _persistently(self, ask: Callable[[], httpx.Response]) -> httpx.Response:
        """Ask until the service is not too busy."""
        for _ in range(100):
            response = ask()
            if response.status_code not in {429, 503}:
                break
            time.sleep(_PAUSE_SECONDS)
        return response

    @contextlib.contextmanager
    def _client(self) -> Iterator[httpx.Client]:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{self._port}", timeout=_ASKED_SECONDS, verify=NO_TLS
        ) as client:
            yield client


def _number(ticket_id: str) -> int:
    return int(ticket_id.removeprefix("t-"))


def _fill(settings: Settings, count: int, dimension: int) -> None:
    space = replace(SPACE, dimension=dimension)
    with contextlib.closing(Store(settings)) as store:
        store.prepare()
        for start in range(0, count, _PAGE):
            tickets = make_tickets(min(_PAGE, count - start), start=start)
            store_vectors(store.ledger, tickets, space)
            write_tickets(store, space, tickets)


def _seconds(found: list[float]) -> str:
    if not found:
        return "no kill"
    return f"max {max(found):.1f}, median {statistics.median(found):.1f}, of {len(found)} kills"
