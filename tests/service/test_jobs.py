"""Large batches: taken on at once, stored in the background, resumed after a restart."""

import signal
import time
from pathlib import Path

import httpx
import msgspec

from tests.indexer.making import make_tickets
from tests.provider import Provider
from tests.service.running import JSON, NO_TLS, assert_problem, running_service, start_service

PATIENCE = 30.0
MANY = 3_000


def test_a_batch_of_what_are_no_tickets_neither_freezes_nor_fills(data_dir: Path, provider: Provider) -> None:
    """16 MB of numbers: taken on, counted in the background, and health is told all the while."""
    body = b"[" + b"1," * 8_000_000 + b"1]"
    with running_service(data_dir, provider) as service:
        taken = service.http.post("/v1/tickets/batch", content=body, headers=JSON)
        assert taken.status_code == 202
        assert len(taken.content) < 1_000
        for _ in range(20):
            live = httpx.get(f"{service.url}/health/live", timeout=PATIENCE, verify=NO_TLS)
            assert live.status_code == 200
            time.sleep(0.1)
        where = taken.headers["location"]
        service.until(
            lambda: service.http.get(where).json()["result"]["rejected"] > 5_000, "records are counted"
        )
        assert len(service.http.get(where).json()["result"]["rejections"]) == 1_000
        status = Path(f"/proc/{service.process.pid}/status").read_text()
        peak = int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])
        assert peak < 1_000_000, f"{peak:,} KiB"
        few = service.http.post("/v1/tickets/batch", content=b"[" + b"1," * 999 + b"1]", headers=JSON).json()
        assert (few["read"], few["rejected"], len(few["rejections"])) == (1_000, 1_000, 1_000)
        assert_problem(service.http.get("/v1/jobs/none"), 404)


def test_a_batch_survives_a_kill(data_dir: Path, provider: Provider) -> None:
    """What was taken on is stored by the next process, and its job can still be asked for."""
    body = msgspec.json.encode(make_tickets(MANY, priority=None))
    first = start_service(data_dir, provider)
    try:
        first.wait()
        taken = first.http.post("/v1/tickets/batch", content=body, headers=JSON)
        assert taken.status_code == 202
        where = taken.headers["location"]
        first.until(lambda: first.http.get(where).json()["result"]["read"] > 0, "a chunk is stored")
    finally:
        first.stop(signal.SIGKILL)
        first.http.close()
    with running_service(data_dir, provider) as second:
        result = second.ended(taken)["result"]
        assert result["read"] == MANY
        assert result["rejected"] == 0
        assert second.status()["index"]["tickets"] == MANY
        assert not list((data_dir / "jobs").glob("*.body"))
