"""A full disk: a clear word to who writes and in the log, nothing is damaged or put aside, and it goes on when there is room."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

from tests.indexer.chroma.users import endpoint_of, kill
from tests.indexer.making import make_ticket, make_tickets, sentence
from tests.provider import Provider
from tests.service.running import JSON, Service, assert_problem, running_service

pytestmark = pytest.mark.slow

_MEGABYTES = 200  # with less than half of it free a service says that it is not ready
_LEFT = 15_000_000  # bytes
_BATCH = 25
_MOST = 10_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few megabytes."""
    folder = tmp_path / "data"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={_MEGABYTES}m", "tmpfs", folder],
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.skip("only root can make a small file system to fill")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def _put(service: Service) -> httpx.Response:
    ticket = make_ticket(90_001, id="x-1")
    return service.http.put("/v1/tickets/x-1", content=msgspec.json.encode(ticket), headers=JSON)


@pytest.mark.parametrize("killed", [False, True])
def test_a_full_disk_is_no_damage(small_disk: Path, provider: Provider, *, killed: bool) -> None:
    """Writes are refused with a word on the disk; questions go on, nothing acknowledged is lost, and it recovers by itself.

    Chroma may be killed meanwhile: it then cannot start, and that is no damage either.
    """
    data_dir = small_disk
    with running_service(data_dir, provider) as service:
        service.store(make_tickets(50, priority=None))
        with (small_disk / "ballast").open("wb") as ballast:
            os.posix_fallocate(ballast.fileno(), 0, shutil.disk_usage(small_disk).free - _LEFT)
        stored = 50
        refused: list[str] = []
        while len(refused) < 3:
            batch = [
                make_ticket(n, priority=None, resolution=f"{n} " + "long " * 2_000)
                for n in range(stored, stored + _BATCH)
            ]
            response = service.http.post(
                "/v1/tickets/batch", content=msgspec.json.encode(batch), headers=JSON
            )
            if response.status_code == 200:
                stored += _BATCH
                assert stored < _MOST, "the disk never fills"
            else:
                refused.append(assert_problem(response, 503)["detail"])
        with contextlib.suppress(OSError), (small_disk / "filler").open("wb", buffering=0) as filler:
            while True:
                filler.write(bytes(4_096))
        if killed:
            kill(endpoint_of(data_dir)["server_pid"])
        for number in range(6):
            text = f"{sentence(number)} {'again' * number}"
            assert service.post("/v1/similar", text=text).status_code in {200, 503}
            refused.append(assert_problem(_put(service), 503)["detail"])
        assert any("full" in detail for detail in refused), refused
        assert not list(data_dir.glob("index.damaged-*"))
        assert "Traceback" not in service.log
        assert "is full" in service.log
        (small_disk / "filler").unlink()
        subprocess.run(["mount", "-o", "remount,size=400m", small_disk], check=True)
        service.until(lambda: _put(service).status_code == 200, "it goes on when there is room")
        service.until(lambda: service.post("/v1/similar", text=sentence(0)).status_code == 200, "it answers")
        for number in range(0, stored, 40):
            answer = service.answer("/v1/similar", text=sentence(number), top_k=1)
            assert answer["neighbours"][0]["id"] == f"t-{number}"
        assert not list(data_dir.glob("index.damaged-*"))
