"""What a thousand clients at once get from the running service, and who still reaches its health."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

from tests.bench.world import make_tickets
from tests.free_port import free_port

_CLIENTS = 1_000
_SECONDS = 12
_TICKETS = 100
_ROOT = Path(__file__).parents[2]


def run(folder: Path) -> None:
    """Triages for 1, 200 and 1,000 clients, 12 s each: as fast as they are answered, or as Retry-After tells them."""
    port = free_port()
    environment = {
        "PRECEDENT_DATA_DIR": str(folder / "data"), "PRECEDENT_PORT": str(port), "PRECEDENT_EMBEDDER": "local",
        "PRECEDENT_LOG_LEVEL": "WARNING",
    }  # fmt: skip
    service = subprocess.Popen(
        [sys.executable, "-m", "service"], cwd=_ROOT, env={**os.environ, **environment}
    )
    try:
        asyncio.run(_measure(port))
    finally:
        service.terminate()
        service.wait()


class _Client:
    """A connection that costs little: a usual client of Python would be slower than what it measures."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, body: object = None) -> tuple[int, float | None]:
        """Return the status, and what Retry-After says."""
        data = json.dumps(body).encode() if body is not None else b""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nContent-Type: application/json\r\n"
        )
        writer.write(f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data)
        try:
            first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
            headers = dict(line.lower().split(": ", 1) for line in lines if line)
            await reader.readexactly(int(headers["content-length"]))
        except (OSError, asyncio.IncompleteReadError):
            self.close()
            raise
        return int(first.split()[1]), float(headers["retry-after"]) if "retry-after" in headers else None

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def _measure(port: int) -> None:
    tickets = [
        {"id": t.id, "text": t.text, "priority": t.priority, "resolution": t.resolution}
        for t in make_tickets(_TICKETS)
    ]
    await _until(port, "PUT", "/v1/tickets/0", tickets[0])
    await _Client(port).ask("POST", "/v1/tickets/batch", tickets)
    await _until(port, "GET", "/health/ready")
    await asyncio.sleep(5)  # the first forest is fitted
    for clients, patient in ((1, False), (200, False), (_CLIENTS, False), (_CLIENTS, True)):
        await _load(port, clients, tickets, patient=patient)


async def _load(port: int, clients: int, tickets: list[dict[str, str | None]], *, patient: bool) -> None:
    end = time.monotonic() + _SECONDS
    found: list[tuple[str, float]] = []

    async def client(number: int) -> None:
        turn, asking = 0, _Client(port)
        while time.monotonic() < end:
            turn += 1
            body = {"text": f"{tickets[number % len(tickets)]['text']} again {turn}"}
            began, wait = time.monotonic(), None
            try:
                status, wait = await asking.ask("POST", "/v1/triage", body)
                found.append((str(status), time.monotonic() - began))
            except (OSError, asyncio.IncompleteReadError) as error:
                found.append((type(error).__name__, time.monotonic() - began))
            if patient and wait is not None:
                await asyncio.sleep(wait)
        asking.close()

    async def watch() -> list[float]:
        lives, asking = [], _Client(port)
        while time.monotonic() < end:
            began = time.monotonic()
            status, _ = await asking.ask("GET", "/health/live")
            assert status == 200
            lives.append(time.monotonic() - began)
            await asyncio.sleep(0.1)
        asking.close()
        return lives

    watching = asyncio.create_task(watch())
    await asyncio.gather(*(client(number) for number in range(clients)))
    lives = await watching
    print(
        f"{clients:,} clients{', who wait as told' if patient else ''}, {_SECONDS} s; /health/live worst {max(lives) * 1000:.0f} ms",
        flush=True,
    )
    for status, count in sorted(Counter(status for status, _ in found).items()):
        times = [seconds for one, seconds in found if one == status]
        p50, p99 = np.percentile(times, [50, 99])
        print(f"  {status}: {count:6,}  p50 {p50:6.2f} s  p99 {p99:6.2f} s  worst {max(times):6.2f} s")


async def _until(port: int, method: str, path: str, body: object = None) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        asking = _Client(port)
        try:
            if (await asking.ask(method, path, body))[0] == 200:
                return
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            asking.close()
        await asyncio.sleep(0.3)
    msg = "the service was not ready within 120 s"
    raise TimeoutError(msg)
