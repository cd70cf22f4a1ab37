"""The running service against the bare query, by Chroma's own client, for the same candidates. Alone: ``python -m tests.bench.serving --rows 100000``."""

import argparse
import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import numpy as np

from indexer.embedding import Matrix
from indexer.ledger import Space
from indexer.settings import Settings
from indexer.store import Store
from indexer.ticket import Ticket
from service.ranking import CANDIDATES
from tests.bench.processes import cpu_of
from tests.bench.world import make_settings, make_tickets, make_vectors, opened, store_vectors
from tests.free_port import free_port
from tests.indexer.making import write_tickets

_ROWS = 5_000
_QUERIES = 400
_BEFORE = 1_000  # questions: a service that has just begun has looked up no ticket yet
_FITTED_SECONDS = 600.0
_PATIENCE = 60.0
_ROOT = Path(__file__).parents[2]


def run(folder: Path) -> None:
    """/v1/similar p50 against the bare Chroma query for the same candidates (goal: at most 1.5 times), embedding apart; p99 while a forest is fitted."""
    _run(folder, _ROWS)


def _run(folder: Path, rows: int) -> None:
    settings = make_settings(folder)
    with opened(settings) as store:
        _measure(folder, settings, store, rows)


def _measure(folder: Path, settings: Settings, store: Store, rows: int) -> None:
    tickets, vectors = make_tickets(rows), make_vectors(rows)
    space = store_vectors(store, tickets, vectors)
    for start in range(0, rows, 500):
        generation, _ = write_tickets(store, space, tickets[start : start + 500])
    port = free_port()
    environment = {
        "PRECEDENT_DATA_DIR": str(folder), "PRECEDENT_PORT": str(port), "PRECEDENT_API_BASE": settings.api_base,
        "PRECEDENT_EMBEDDING_MODEL": settings.embedding_model, "PRECEDENT_EMBEDDER": "hosted", "PRECEDENT_LOG_LEVEL": "WARNING",
    }  # fmt: skip
    service = subprocess.Popen(
        [sys.executable, "-m", "service"], cwd=_ROOT, env={**os.environ, **environment}
    )
    try:
        _wait(port)
        chosen = np.random.default_rng(3).integers(0, rows, _QUERIES).tolist()
        before = np.random.default_rng(4).integers(0, rows, _BEFORE).tolist()
        connection = http.client.HTTPConnection("127.0.0.1", port)
        forest = ""
        embedding: list[float] = []  # seconds, query by query: set apart below

        def similar(row: int) -> None:
            nonlocal forest
            # The text is stored, so its vector comes from the ledger: no embedding in what is measured.
            body = msgspec.json.encode({"text": tickets[row].text, "top_k": 5})
            connection.request("POST", "/v1/similar", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            found = json.loads(answer.read())
            assert answer.status == 200, found
            embedding.append(found["timings_ms"]["embed"] / 1000)
            forest = found["index"]["forest"]

        def bare_query(row: int) -> None:
            (found,) = store.index.nearest_ids(generation, vectors[row : row + 1], CANDIDATES)
            assert found

        deadline = time.monotonic() + _FITTED_SECONDS
        while not forest.startswith("fitted") and time.monotonic() < deadline:
            time.sleep(1)
            similar(0)
        _times(before, similar)
        embedding.clear()

        def quick_query(row: int) -> None:
            assert store.index.ids_near(generation, vectors[row], CANDIDATES, patience=_PATIENCE)

        # In turns, so that whatever else the machine does falls on all.
        ours, bare, quick = _in_turns(chosen, similar, bare_query, quick_query)
        apart = [whole - embed for whole, embed in zip(ours, embedding, strict=True)]
        print(
            f"{rows:,} x {vectors.shape[1]}, {_QUERIES} queries after {_BEFORE:,}: bare query p50 {_ms(bare, 50)} (as the service sends it {_ms(quick, 50)}), /v1/similar p50 {_ms(apart, 50)} "
            f"without embedding, ratio {_p(apart, 50) / _p(bare, 50):.2f} ({_ms(ours, 50)} with the stored vector's look-up, "
            f"ratio {_p(ours, 50) / _p(bare, 50):.2f})"
        )
        used = [_cpu_ms(folder, chosen, action) for action in (similar, bare_query)][::-1]
        connection.close()  # the service closes one that nothing comes on for seconds
        print(
            f"CPU time of all processes a query: bare {used[0]:.1f} ms, /v1/similar {used[1]:.1f} ms, ratio {used[1] / used[0]:.2f}"
        )
        quiet = _times(chosen, similar)
        _refit(store, space, tickets, vectors)
        time.sleep(3.5)  # the service notices, waits for the writes to pause, and starts to fit
        connection.close()
        busy = _times(chosen, similar)
        print(
            f"/v1/similar p99 {_ms(quiet, 99)} quiet, {_ms(busy, 99)} while a forest is fitted, ratio {_p(busy, 99) / _p(quiet, 99):.2f}"
        )
    finally:
        service.terminate()
        service.wait()


def _refit(store: Store, space: Space, tickets: Sequence[Ticket], vectors: Matrix) -> None:
    changed = [msgspec.structs.replace(ticket, priority="low") for ticket in tickets[:10]]
    write_tickets(store, space, changed)


def _in_turns(rows: Sequence[int], *actions: Callable[[int], None]) -> list[list[float]]:
    times: list[list[float]] = [[] for _ in actions]
    for turn in range(len(rows)):
        for number, (action, found) in enumerate(zip(actions, times, strict=True)):
            # Never the row that another has just asked for: its neighbours are in the processor's caches.
            row = rows[(turn + number * len(rows) // len(actions)) % len(rows)]
            began = time.perf_counter()
            action(row)
            found.append(time.perf_counter() - began)
    return times


def _times(rows: Sequence[int], action: Callable[[int], None]) -> list[float]:
    return _in_turns(rows, action)[0]


def _cpu_ms(folder: Path, rows: Sequence[int], action: Callable[[int], None]) -> float:
    before = sum(cpu_of(folder).values())
    _times(rows, action)
    return (sum(cpu_of(folder).values()) - before) / len(rows) * 1000


def _p(times: Sequence[float], percent: int) -> float:
    return float(np.percentile(times, percent))


def _ms(times: Sequence[float], percent: int) -> str:
    return f"{_p(times, percent) * 1000:.1f} ms"


def _wait(port: int) -> None:
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/health/ready")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.2)
    msg = "the service was not ready within 300 s"
    raise TimeoutError(msg)


def main() -> None:
    """Measure at the sizes asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.serving", description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[_ROWS], help="tickets that are stored")
    for rows in parser.parse_args().rows:
        with tempfile.TemporaryDirectory() as folder:
            _run(Path(folder), rows)


if __name__ == "__main__":
    main()
