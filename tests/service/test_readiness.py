"""``/health/ready`` tells what does not work, in words that name no host, database or path; the log says it once."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.indexer.chroma.users import halt
from tests.indexer.making import make_ticket, make_tickets, sentence
from tests.provider import Provider
from tests.service.running import JSON, Service, assert_problem, running_service

DISK_MB = 400
pytestmark = pytest.mark.slow

HOLD = """
import sqlite3, sys
ledger = sqlite3.connect(sys.argv[1], isolation_level=None)
ledger.execute("BEGIN IMMEDIATE")
sys.stdin.read()
"""


@pytest.fixture
def own(tmp_path: Path, provider: Provider) -> Iterator[Service]:
    """A service that a test may break."""
    with running_service(tmp_path / "data", provider) as service:
        service.store(make_tickets(20, priority=None))
        yield service


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, a small one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "none", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("only root may mount the small disk that this test fills")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_harms_nothing(small_disk: Path, provider: Provider) -> None:
    """Writes are told so, questions are answered, the log has one line; with room again all goes on."""
    data_dir = small_disk / "data"
    with running_service(data_dir, provider) as service:
        service.store(make_tickets(20, priority=None))
        filling = small_disk / "filling"
        free = os.statvfs(small_disk)
        with filling.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_frsize - 64 * 2**10)
        batches = [msgspec.json.encode(make_tickets(size)) for size in (5, 2_000)]
        for _ in range(5):
            put = service.http.put("/v1/tickets/more", json={"text": "one more"})
            posts = [service.http.post("/v1/tickets/batch", content=body, headers=JSON) for body in batches]
            for response in (put, *posts):
                problem = assert_problem(response, 503, about="the disk is full")
                assert problem["type"] == "/problems/disk-full"
                assert response.headers["retry-after"]
                assert str(small_disk) not in response.text
        service.until(lambda: service.http.get("/health/ready").status_code == 503, "it is not ready")
        ready = service.http.get("/health/ready")
        assert "the disk is full" in ready.json()["stage"]
        assert str(small_disk) not in ready.text
        assert service.answer("/v1/similar", text=sentence(3))["neighbours"][0]["id"] == "t-3"
        filling.unlink()
        service.wait()
        assert service.http.put("/v1/tickets/more", json={"text": "one more"}).status_code == 200
        assert service.answer("/v1/similar", text="one more")["neighbours"][0]["id"] == "more"
        assert service.log.count("not ready: the disk is full") == 1, service.log
        assert service.log.count("over: the disk is full") == 1, service.log
        assert service.log.count("the disk") == 2, service.log
    assert not list(data_dir.glob("index.damaged-*"))


def test_a_hung_index_is_not_ready(own: Service) -> None:
    """Nobody needs to ask for it to be noticed; the log tells begin and end, once each."""
    server = _server(own)
    halt(server)
    try:
        own.until(lambda: own.http.get("/health/ready").status_code == 503, "it is not ready")
        ready = own.http.get("/health/ready")
        assert "index" in ready.json()["stage"]
        assert "127.0.0.1" not in ready.text
    finally:
        os.kill(server, signal.SIGCONT)
    own.wait()
    assert own.log.count("not ready: the index does not answer") == 1
    assert own.log.count("over: the index does not answer") == 1


def test_a_dead_index_comes_back_unasked(own: Service) -> None:
    """It is missed within seconds, by nobody's question."""
    server = _server(own)
    os.kill(server, signal.SIGKILL)
    # While another is started the file that names it is not there.
    own.until(
        lambda: (own.data_dir / "chroma.json").exists() and _server(own) != server, "another one is started"
    )
    own.wait()
    assert own.answer("/v1/similar", text=sentence(3))["neighbours"][0]["id"] == "t-3"


def test_an_embedder_that_fails_is_not_ready(own: Service, provider: Provider) -> None:
    """After three failures in a row; one success is enough to be ready."""
    provider.fail("401", times=None, endpoint="embeddings")
    for number in range(3):
        assert own.http.get("/health/ready").status_code == 200
        problem = assert_problem(own.post("/v1/similar", text=f"unknown {number}"), 503)
        assert "127.0.0.1" not in problem["detail"]
    ready = own.http.get("/health/ready")
    assert ready.status_code == 503
    assert ready.json()["stage"] == "texts cannot be embedded"
    provider.clear()
    own.answer("/v1/similar", text="unknown too")
    own.wait()
    assert own.log.count("not ready: texts cannot be embedded") == 1
    assert own.log.count("over: texts cannot be embedded") == 1


def test_a_ledger_that_cannot_be_written_is_not_ready(own: Service) -> None:
    """Such as while another program holds it."""
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            HOLD,
            str(own.data_dir / "ledger.sqlite3"),
        ],
        stdin=subprocess.PIPE,
    )
    try:
        own.until(lambda: own.http.get("/health/ready").status_code == 503, "it is not ready")
        assert own.http.get("/health/ready").json()["stage"] == "the ledger does not answer in time"
    finally:
        holder.communicate()
    own.wait()
    assert own.log.count("not ready: the ledger") == 1
    assert own.http.put("/v1/tickets/t-77", json=msgspec.to_builtins(make_ticket(77))).status_code == 200


def test_a_background_task_is_of_no_request(own: Service) -> None:
    """What is done about an index that a request found broken is not logged as that request's for ever."""
    server = _server(own)
    os.kill(server, signal.SIGKILL)
    for number in range(20):
        own.http.post("/v1/similar", json={"text": sentence(number)}, headers={"X-Request-ID": "finder"})
    own.wait()
    healing = [line for line in own.log.splitlines() if "indexer.chroma" in line or "indexer.store" in line]
    assert healing
    assert not [line for line in healing if "[finder]" in line], healing


def _server(service: Service) -> int:
    return int(msgspec.json.decode((service.data_dir / "chroma.json").read_bytes())["server_pid"])
