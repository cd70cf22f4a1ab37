"""What a thousand clients at once get from the running service, and who still reaches its health."""

import asyncio
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import numpy as np

from tests.bench.world import make_tickets
from tests.free_port import free_port

_CLIENTS = 1_000
_SECONDS = 12
_TICKETS = 100
_ROOT = Path(__file__).parents[2]


def run(folder: Path) -> None:
    """1,000 clients ask for triages for 12 s, as fast as they are answered, and then as Retry-After tells them."""
    port = free_port()
    environment = {
        "PRECEDENT_DATA_DIR": str(folder / "data"), "PRECEDENT_PORT": str(port), "PRECEDENT_EMBEDDER": "local",
        "PRECEDENT_LOG_LEVEL": "WARNING",
    }  # fmt: skip
    service = subprocess.Popen(
        [sys.executable, "-m", "service"], cwd=_ROOT, env={**os.environ, **environment}
    )
    try:
        asyncio.run(_measure(f"http://127.0.0.1:{port}"))
    finally:
        service.terminate()
        service.wait()


async def _measure(url: str) -> None:
    limits = httpx.Limits(max_connections=None)
    async with (
        httpx.AsyncClient(base_url=url, timeout=60, limits=limits) as http,
        httpx.AsyncClient(base_url=url, timeout=60) as apart,
    ):
        tickets = [
            {"id": t.id, "text": t.text, "priority": t.priority, "resolution": t.resolution}
            for t in make_tickets(_TICKETS)
        ]
        await _until(lambda: apart.put("/v1/tickets/0", json=tickets[0]))
        await apart.post("/v1/tickets/batch", json=tickets, timeout=None)
        await _until(lambda: apart.get("/health/ready"))
        for clients, patient in ((1, False), (200, False), (_CLIENTS, False), (_CLIENTS, True)):
            await _load(http, apart, clients, tickets, patient=patient)


async def _load(
    http: httpx.AsyncClient,
    apart: httpx.AsyncClient,
    clients: int,
    tickets: list[dict[str, str | None]],
    *,
    patient: bool,
) -> None:
    end = time.monotonic() + _SECONDS
    found: list[tuple[str, float]] = []

    async def client(number: int) -> None:
        turn = 0
        while time.monotonic() < end:
            turn += 1
            body = {"text": f"{tickets[number % len(tickets)]['text']} again {turn}"}
            began = time.monotonic()
            try:
                response = await http.post("/v1/triage", json=body)
            except httpx.TransportError as error:
                found.append((type(error).__name__, time.monotonic() - began))
                continue
            found.append((str(response.status_code), time.monotonic() - began))
            if patient and response.status_code != 200:
                await asyncio.sleep(float(response.headers["retry-after"]))

    async def watch() -> list[float]:
        lives = []
        while time.monotonic() < end:
            began = time.monotonic()
            (await apart.get("/health/live")).raise_for_status()
            lives.append(time.monotonic() - began)
            await asyncio.sleep(0.1)
        return lives

    watching = asyncio.create_task(watch())
    await asyncio.gather(*(client(number) for number in range(clients)))
    lives = await watching
    print(
        f"{clients:,} clients{', who wait as told' if patient else ''}, {_SECONDS} s; /health/live worst {max(lives) * 1000:.0f} ms"
    )
    for status, count in sorted(Counter(status for status, _ in found).items()):
        times = [seconds for one, seconds in found if one == status]
        p50, p99 = np.percentile(times, [50, 99])
        print(f"  {status}: {count:6,}  p50 {p50:6.2f} s  p99 {p99:6.2f} s  worst {max(times):6.2f} s")


async def _until(ask: Callable[[], Awaitable[httpx.Response]]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            response = await ask()
            if response.status_code == 200:
                return
        except httpx.TransportError:
            pass
        await asyncio.sleep(0.3)
    msg = "the service was not ready within 120 s"
    raise TimeoutError(msg)
