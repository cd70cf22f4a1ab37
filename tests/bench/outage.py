"""What an answer takes while the provider of chat is down, once its breaker is open."""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from tests.bench.world import make_tickets
from tests.free_port import free_port

_TICKETS = 400
_ASKED = 400
_PAUSE = 8.0  # seconds for which the breaker is open when measuring begins: one request in that time tries, and waits
_ROOT = Path(__file__).parents[2]


def run(folder: Path) -> None:
    """/v1/triage with a draft against /v1/similar while the provider takes connections and never answers (goal: p99 at most 2 times)."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(1_000)
        port = free_port()
        environment = {
            "PRECEDENT_DATA_DIR": str(folder / "data"), "PRECEDENT_PORT": str(port), "PRECEDENT_EMBEDDER": "local",
            "PRECEDENT_API_BASE": f"http://127.0.0.1:{silent.getsockname()[1]}/v1", "PRECEDENT_PROVIDER_TIMEOUT": "2",
            "PRECEDENT_LOG_LEVEL": "WARNING",
        }  # fmt: skip
        service = subprocess.Popen(
            [sys.executable, "-m", "service"], cwd=_ROOT, env={**os.environ, **environment}
        )
        try:
            _measure(port)
        finally:
            service.terminate()
            service.wait()


def _measure(port: int) -> None:
    tickets = [
        {"id": t.id, "text": t.text, "priority": t.priority, "resolution": t.resolution}
        for t in make_tickets(_TICKETS)
    ]
    _until_ready(port)
    connection = http.client.HTTPConnection("127.0.0.1", port)

    def ask(path: str, body: object) -> tuple[dict[str, object], float]:
        began = time.perf_counter()
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        found = json.loads(answer.read())
        assert answer.status == 200, found
        return found, time.perf_counter() - began

    ask("/v1/tickets/batch", tickets)
    time.sleep(15)  # the first forest is fitted
    connection.close()  # which the service has closed too: the next request opens another
    first = [ask("/v1/triage", {"text": f"{tickets[n]['text']} first"})[1] for n in range(1, 10, 2)]
    while _open_for(port) < _PAUSE:
        ask("/v1/triage", {"text": tickets[1]["text"]})
        time.sleep(0.2)
    times: dict[str, list[float]] = {"/v1/similar": [], "/v1/triage": []}
    for number in range(_ASKED):
        for path, found in times.items():
            # In turns, each with a text of its own, so that whatever else the machine does falls on both.
            found.append(ask(path, {"text": f"{tickets[number]['text']} {path} {number}"})[1])
    print(f"the first 5 triages, before the breaker opens: {', '.join(f'{t:.2f} s' for t in first)}")
    for path, found in times.items():
        p50, p99 = np.percentile(found, [50, 99]) * 1000
        print(f"{path}: p50 {p50:.1f} ms, p99 {p99:.1f} ms, worst {max(found) * 1000:.0f} ms")
    ratio = np.percentile(times["/v1/triage"], 99) / np.percentile(times["/v1/similar"], 99)
    print(f"p99 ratio {ratio:.2f}")


def _open_for(port: int) -> float:
    return float(_status(port)["provider"]["chat"]["seconds"])


def _status(port: int) -> dict[str, dict[str, dict[str, float]]]:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/v1/status")
    found: dict[str, dict[str, dict[str, float]]] = json.loads(connection.getresponse().read())
    return found


def _until_ready(port: int) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port)
            connection.request(
                "PUT", "/v1/tickets/0", json.dumps({"text": "a"}), {"Content-Type": "application/json"}
            )
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.2)
    msg = "the service was not ready within 120 s"
    raise TimeoutError(msg)
