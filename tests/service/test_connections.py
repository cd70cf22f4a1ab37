"""A client that is slow, endless or one of many keeps nobody else out."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.service.running import NO_TLS, Service, running_service

pytestmark = pytest.mark.slow

CONNECTIONS = 2_300
"""More than the service keeps open."""

PATIENCE = 30.0
HEAD = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service without a ticket."""
    with running_service(tmp_path_factory.mktemp("connections") / "data") as running:
        yield running


@contextlib.contextmanager
def watched(service: Service) -> Iterator[list[float]]:
    """Ask whether the service lives, on new connections, while the block runs; the list has the seconds it took."""
    done, times = threading.Event(), list[float]()

    def watch() -> None:
        while not times or not done.wait(0.1):
            began = time.monotonic()
            live = httpx.get(f"{service.url}/health/live", timeout=PATIENCE, verify=NO_TLS)
            assert live.status_code == 200
            times.append(time.monotonic() - began)

    with ThreadPoolExecutor(1) as pool:
        watching = pool.submit(watch)
        try:
            yield times
        finally:
            done.set()
        watching.result()
    assert times


def connected(service: Service) -> socket.socket:
    """Return a connection of one's own."""
    url = httpx.URL(service.url)
    return socket.create_connection((url.host, url.port or 0), timeout=PATIENCE)


def ended(connection: socket.socket) -> bool:
    """Wait until the service has closed the connection."""
    try:
        while connection.recv(65_536):
            pass
    except ConnectionError:
        return True
    except TimeoutError:
        return False
    return True


def test_half_requests_keep_nobody_out(empty: Service) -> None:
    """More of them than connections are kept, and each is closed in the end."""
    with contextlib.ExitStack() as stack, watched(empty) as times:
        halves = []
        for _ in range(CONNECTIONS):
            half = stack.enter_context(connected(empty))
            with contextlib.suppress(OSError):
                half.sendall(b"GET /heal")
            halves.append(half)
        assert all(ended(half) for half in halves)
        assert len(times) >= 5


@pytest.mark.parametrize(
    "drip", [b"x", b"\r\n", b"X-Drip: 1\r\n"], ids=["in a line", "before any line", "line by line"]
)
def test_a_head_that_drips_is_given_up(empty: Service, drip: bytes) -> None:
    """Its time is that of the whole head, however much still comes."""
    with connected(empty) as slow:
        with contextlib.suppress(OSError):
            slow.sendall(b"" if drip == b"\r\n" else HEAD)
            deadline = time.monotonic() + PATIENCE
            while time.monotonic() < deadline:
                slow.sendall(drip)
                time.sleep(0.5)
            pytest.fail("the service still reads")
        assert ended(slow)


def test_a_head_without_end_is_refused(empty: Service) -> None:
    """It is neither collected nor waited for."""
    with watched(empty), connected(empty) as endless:
        endless.sendall(HEAD + b"X-Endless: ")
        sent = 0
        with contextlib.suppress(ConnectionError):
            while sent < 50_000_000:
                endless.sendall(b"x" * 100_000)
                sent += 100_000
        assert sent < 50_000_000
    response = httpx.get(f"{empty.url}/health/live", headers={"X-Long": "x" * 60_000})
    assert response.status_code == 200
    with connected(empty) as large:
        large.sendall(HEAD + b"X-Large: " + b"x" * 80_000 + b"\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            assert large.recv(1_000).startswith(b"HTTP/1.1 431 ")


def test_requests_one_after_another_and_at_once(empty: Service) -> None:
    """A connection that is kept serves on, also when the next request comes before the answer."""
    with httpx.Client(base_url=empty.url) as http:
        for _ in range(20):
            assert http.get("/health/live").status_code == 200
            refused = http.post("/v1/classify", json={"text": "x" * 200_000})
            assert refused.status_code in (422, 503)
    with connected(empty) as pipelined:
        pipelined.sendall((HEAD + b"\r\n") * 9 + HEAD + b"Connection: close\r\n\r\n")
        answers = b""
        while part := pipelined.recv(65_536):
            answers += part
    assert answers.count(b"HTTP/1.1 200 OK") == 10


def test_the_log_stays_quiet(empty: Service) -> None:
    """Whoever connects cannot fill it."""
    assert "Traceback" not in empty.log
    assert len(empty.log.splitlines()) < 50
    assert Path(f"/proc/{empty.process.pid}").exists()
