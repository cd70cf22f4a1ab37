"""The service as its users meet it: a process of its own, asked over HTTP."""

import contextlib
import functools
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import msgspec

from indexer.commands.output import settings_for_command
from indexer.ticket import Ticket
from service.commands import serve
from service.intervals import Intervals
from tests.forked import Forked
from tests.free_port import free_port
from tests.indexer.making import make_tickets
from tests.leftovers import assert_nothing_runs, running
from tests.provider import Provider

__all__ = [
    "JSON",
    "KEY",
    "NEVER",
    "NO_TLS",
    "SOON",
    "Event",
    "Service",
    "assert_problem",
    "environment",
    "fit_sixty",
    "index_sample",
    "read_events",
    "running_service",
    "start_service",
]

KEY = "sk-test-8c1f27aa90"
"""The provider's key in every test: it must be in no log and no answer."""

SOON = Intervals(poll=0.1, settle=0.3, refit_retry=2.0)
"""Intervals of a service whose forest follows new labels at once."""

NEVER = Intervals(settle=math.inf, refit=math.inf)
"""Intervals of a service that stays with its first forest: fitting another takes seconds, beside tests of something else."""

JSON = {"Content-Type": "application/json"}

NO_TLS = httpx.create_ssl_context(verify=False)
"""For clients of services on loopback: certificates, which take long to load, have nothing to prove there."""

_ROOT = Path(__file__).parents[2]
_PATIENCE = 120.0


class Event(NamedTuple):
    """One server-sent event; ``data`` is decoded."""

    name: str
    data: Any


class Service:
    """A running service. ``http`` asks it; ``log`` is what it has written to standard error."""

    def __init__(self, process: Forked, url: str, folder: Path, data_dir: Path) -> None:
        self.process = process
        self.url = url
        self.data_dir = data_dir
        self.http = httpx.Client(base_url=url, timeout=_PATIENCE, verify=NO_TLS)
        self._log = folder / "service.log"

    @property
    def log(self) -> str:
        """All log lines so far."""
        return self._log.read_text()

    def post(self, path: str, **body: Any) -> httpx.Response:
        """POST an object as JSON."""
        return self.http.post(path, json=body)

    def answer(self, path: str, **body: Any) -> Any:
        """POST an object as JSON and return the decoded answer, which must be a good one."""
        response = self.post(path, **body)
        assert response.status_code == 200, response.text
        return response.json()

    def store(self, tickets: Sequence[Ticket]) -> None:
        """Store tickets as a portal does."""
        body = msgspec.json.encode(tickets)
        response = self.http.post("/v1/tickets/batch", content=body, headers=JSON)
        if response.status_code == 202:
            assert self.ended(response)["result"]["rejected"] == 0
        else:
            assert response.status_code == 200, response.text

    def ended(self, taken_on: httpx.Response) -> Any:
        """Wait until the job of a large batch is done, and return it."""
        assert taken_on.status_code == 202, taken_on.text

        def job() -> Any:
            return self.http.get(taken_on.headers["location"]).json()

        self.until(lambda: job()["ended_at"], "the job has ended")
        found = job()
        assert found["state"] == "done", found
        return found

    def status(self) -> Any:
        """Return ``/v1/status``."""
        response = self.http.get("/v1/status")
        assert response.status_code == 200, response.text
        return response.json()

    def events(self, **body: Any) -> list[Event]:
        """Return the events of a triage as a stream."""
        headers = {"Accept": "text/event-stream"}
        with self.http.stream("POST", "/v1/triage", json=body, headers=headers) as response:
            assert response.status_code == 200, response.read()
            assert response.headers["content-type"].startswith("text/event-stream")
            return list(read_events(response))

    def wait(self, path: str = "/health/ready") -> None:
        """Wait until the path answers 200."""
        self.until(lambda: self.http.get(path).status_code == 200, f"{path} is 200")

    def wait_for_forest(self) -> None:
        """Wait until a forest serves."""
        self.until(lambda: self.status()["forest"]["report"], "a forest is fitted")

    def until(self, true: Any, what: str) -> None:
        """Wait until the function returns something true, a connection that fails counting as not."""
        deadline, pause = time.monotonic() + _PATIENCE, 0.1
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.TransportError):
                if true():
                    return
            assert self.process.poll() is None, f"the service ended:\n{self.log}"
            time.sleep(pause)
            pause = min(pause * 1.2, 0.4)  # to look takes processor time from what is waited for
        msg = f"not within {_PATIENCE:.0f} s: {what}\n{self.log}"
        raise AssertionError(msg)

    def stop(self, with_signal: signal.Signals = signal.SIGINT) -> int:
        """Tell the service to end, wait for that, and return its exit status."""
        self.process.send_signal(with_signal)
        return self.process.wait(_PATIENCE)


def read_events(response: httpx.Response) -> Iterator[Event]:
    """Yield events as they come."""
    name = ""
    for line in response.iter_lines():
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield Event(name, json.loads(value))


def environment(data_dir: Path, provider: Provider | None = None, **settings: str) -> dict[str, str]:
    """Return this process's environment with these settings and no others, such as a developer's own."""
    kept = {n: v for n, v in os.environ.items() if not n.startswith("PRECEDENT_") and n != "OXLO_API_KEY"}
    given = {"PRECEDENT_DATA_DIR": str(data_dir), "PYTHONPATH": str(_ROOT)}
    if provider is not None:
        given |= {"PRECEDENT_API_BASE": provider.url, "OXLO_API_KEY": KEY}
    return kept | given | {f"PRECEDENT_{name.upper()}": value for name, value in settings.items()}


def index_sample(data_dir: Path) -> None:
    """Index the bundled sample by the command, with the embedded model, and have a service fit forests of priority and component."""
    subprocess.run(
        [sys.executable, "-m", "indexer", "sample"],
        check=True, env=environment(data_dir), capture_output=True, timeout=200,
    )  # fmt: skip
    with running_service(data_dir, decide="priority,component") as service:
        service.wait_for_forest()
        service.until(lambda: service.status()["forests"]["component"]["report"], "components are learned")


def fit_sixty(data_dir: Path, provider: Provider) -> None:
    """Store sixty tickets as a portal does, and have the service fit their forest."""
    with running_service(data_dir, provider) as service:
        service.store(make_tickets(60))
        service.wait_for_forest()


def start_service(
    data_dir: Path, provider: Provider | None = None, *, intervals: Intervals | None = None, **settings: str
) -> Service:
    """Start a service and return at once; it logs beside the data directory."""
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    port = settings.pop("port", None) or str(free_port())
    process = Forked(
        "serve",
        cwd=data_dir.parent,
        env=environment(data_dir, provider, port=port, **settings),
        output=data_dir.parent / "service.log",
        main=functools.partial(serve_with, intervals) if intervals else None,
    )
    return Service(process, f"http://127.0.0.1:{port}", data_dir.parent, data_dir)


def serve_with(intervals: Intervals, _arguments: tuple[str, ...]) -> int:
    """Run ``precedent serve`` with other intervals."""
    return serve.run(settings_for_command(), intervals)


@contextlib.contextmanager
def running_service(
    data_dir: Path, provider: Provider | None = None, *, intervals: Intervals | None = None, **settings: str
) -> Iterator[Service]:
    """Run a service until the block ends, then as Ctrl-C would end it, and see that nothing stays behind."""
    older = running()
    service = start_service(data_dir, provider, intervals=intervals, **settings)
    try:
        service.wait()
        yield service
        if service.process.poll() is None:
            assert service.stop() == 0, service.log
    finally:
        service.http.close()
        service.process.kill()
        service.process.wait()
    assert_nothing_runs(data_dir, older=older)


def assert_problem(response: httpx.Response, status: int, *, about: str = "") -> Any:
    """See that an error has the one shape of all errors, and return it."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert set(problem) - {"errors", "retry_after"} == {"type", "title", "status", "detail"}, problem
    assert problem["status"] == status
    assert problem["detail"]
    assert "Traceback" not in response.text
    assert about in problem["detail"], problem
    return problem
