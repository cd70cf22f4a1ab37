"""Jobs: large batches, which are resumed after a restart, and the commands of operators, which are not."""

import contextlib
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from indexer.ledger import Ledger
from tests.indexer.making import make_tickets
from tests.provider import Provider
from tests.service.running import (
    JSON,
    NO_TLS,
    Service,
    assert_problem,
    read_events,
    running_service,
    start_service,
)

pytestmark = pytest.mark.slow

PATIENCE = 30.0
MANY = 3_000
FILE = {"Content-Type": "application/octet-stream"}


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
        service.http.delete(where).raise_for_status()
        assert ended(service, where)["state"] == "cancelled"


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


@pytest.fixture(scope="module")
def operated(tmp_path_factory: pytest.TempPathFactory, _provider_process: Provider) -> Iterator[Service]:
    """A service with thirty tickets without priorities, and a folder for backups."""
    folder = tmp_path_factory.mktemp("operated")
    backups = folder / "backups"
    backups.mkdir()
    with running_service(
        folder / "data", _provider_process, backup_dir=str(backups), max_upload_mb="1"
    ) as service:
        service.store(make_tickets(30, priority=None))
        yield service


def begun(service: Service, **order: Any) -> str:
    """Start a job and return where it can be asked for."""
    taken = service.post("/v1/jobs", **order)
    assert taken.status_code == 202, taken.text
    assert taken.json()["state"] == "running"
    return taken.headers["location"]


def ended(service: Service, where: str) -> Any:
    """Wait for the end of a job, and return it."""
    service.until(lambda: service.http.get(where).json()["ended_at"], "the job has ended")
    return service.http.get(where).json()


def test_an_operators_job_is_a_command_of_its_own(operated: Service) -> None:
    """It tells how far it is, who sent it, and what the command reports; lists have it without the report."""
    job = ended(operated, begun(operated, kind="verify", full=True))
    assert (job["state"], job["kind"], job["sent_by"]) == ("done", "verify", "no key"), job
    assert job["report"]["clean"]
    assert job["report"]["tickets"] == 30
    copy = ended(operated, begun(operated, kind="backup"))["report"]
    assert copy["tickets"] == 30
    assert Path(copy["file"]).parent == operated.data_dir.parent / "backups"
    assert Path(copy["file"]).stat().st_size == copy["bytes"]
    failed = ended(operated, begun(operated, kind="evaluate"))
    assert failed["state"] == "failed"
    assert failed["detail"].startswith("0 tickets have a priority")
    listed = operated.http.get("/v1/jobs").json()["jobs"]
    assert [one["kind"] for one in listed[:3]] == ["evaluate", "backup", "verify"]
    assert not any(one["report"] for one in listed)


def test_one_of_a_kind_runs_at_a_time_and_can_be_cancelled(operated: Service) -> None:
    """The second is told where the first is; another kind is not in its way."""
    where = begun(operated, kind="rebuild")
    second = operated.post("/v1/jobs", kind="rebuild", rollback=True)
    assert_problem(second, 409, about=where)
    assert second.headers["location"] == where
    cancelled = operated.http.delete(where).json()
    assert cancelled["state"] == "cancelled"
    assert cancelled["ended_at"]
    assert operated.http.delete(where).json() == cancelled
    for order, words in (
        ({"kind": "reindex"}, "reindex"),
        ({"kind": "sync"}, "upload"),
        ({"kind": "sync", "upload": "../../etc"}, "upload"),
        ({"kind": "sync", "upload": "0" * 32}, "send it to /v1/uploads"),
        ({"kind": "verify", "ful": True}, "ful"),
        ({"kind": "evaluate", "folds": 0}, "folds"),
    ):
        assert_problem(operated.post("/v1/jobs", **order), 422, about=words)


def _sent(service: Service, name: str, content: bytes) -> Any:
    """Send an export, and return what is said of it."""
    taken = service.http.post("/v1/uploads", params={"name": name}, content=content, headers=FILE)
    assert taken.status_code == 200, taken.text
    return taken.json()


def test_an_export_is_sent_looked_at_and_stored(operated: Service) -> None:
    """As `inspect` and `sync` do, with columns that the order names; the file is gone afterwards, what was rejected is not."""
    rows = "Number;What;Fix\nup-1;The wombat digs in the yard;Fence it\nup-2;;Fence it\n"
    sent = _sent(operated, "../März 2026.csv", rows.encode())
    assert (sent["name"], sent["bytes"]) == ("M-rz-2026.csv", len(rows))
    upload = sent["id"]
    assert operated.http.get("/v1/uploads").json() == {"uploads": [sent]}
    failed = ended(operated, begun(operated, kind="inspect", upload=upload))
    assert failed["state"] == "failed"
    assert failed["detail"].startswith("M-rz-2026.csv: it makes no tickets")
    (source,) = failed["report"]["sources"]
    assert source["columns"]["What"] == "fields.what"
    assert source["values"]["What"] == {"filled": 1, "examples": ["The wombat digs in the yard"]}
    order = {
        "kind": "sync",
        "upload": upload,
        "columns": {"id": "Number", "text": "What", "resolution": "Fix"},
    }
    tried = ended(operated, begun(operated, **order, dry_run=True))
    assert (tried["state"], tried["report"]["added"], tried["report"]["rejected"]) == ("done", 1, 1), tried
    job = ended(operated, begun(operated, **order))
    assert job["state"] == "done", job
    assert {name: job["order"][name] for name in order} == order
    assert (job["report"]["added"], job["report"]["rejected"]) == (1, 1)
    assert operated.http.get("/v1/tickets/up-1").json()["resolution"] == "Fence it"
    assert operated.http.get("/v1/uploads").json() == {"uploads": []}
    rejected = operated.http.get(f"/v1/uploads/{upload}/rejected")
    assert rejected.headers["content-type"].startswith("application/x-ndjson")
    assert "text is missing" in rejected.json()["reason"]
    assert operated.http.delete(f"/v1/uploads/{upload}").json() == {"id": upload, "deleted": True}
    assert_problem(operated.http.get(f"/v1/uploads/{upload}/rejected"), 404)
    operated.http.delete("/v1/tickets/up-1")


def test_what_cannot_be_kept_of_an_export_is_refused(operated: Service) -> None:
    """Larger than settings allow, of no stated kind, without a name, or one too many: nothing of it stays."""
    name = {"name": "x.csv"}
    large = operated.http.post("/v1/uploads", params=name, content=b"x" * 1_000_001, headers=FILE)
    assert_problem(large, 413, about="PRECEDENT_MAX_UPLOAD_MB")
    assert_problem(operated.http.post("/v1/uploads", params=name, content=b"x"), 415, about="octet-stream")
    assert_problem(operated.http.post("/v1/uploads", content=b"x", headers=FILE), 422, about="name")
    assert not list((operated.data_dir / "uploads").glob("*"))
    kept = [_sent(operated, "x.csv", b"x")["id"] for _ in range(8)]
    many = operated.http.post("/v1/uploads", params=name, content=b"x", headers=FILE)
    assert_problem(many, 503, about="wait already")
    for upload in kept:
        operated.http.delete(f"/v1/uploads/{upload}").raise_for_status()
    assert operated.http.delete(f"/v1/uploads/{kept[0]}").json()["deleted"] is False


def test_a_forget_leaves_a_receipt_that_no_file_has(operated: Service) -> None:
    """The proof holds although the job names the tickets: it does so in memory only. The log has who did it."""
    verified = ended(operated, begun(operated, kind="verify"))["id"]
    ticket = operated.http.get("/v1/tickets/t-3").content
    upload = _sent(operated, "waits.jsonl", ticket)["id"]
    where = begun(operated, kind="forget", ids=["t-3", "t-4"])
    receipt = ended(operated, where)["report"]
    assert receipt["clean"]
    assert receipt["forgotten"] == ["t-3", "t-4"]
    job = operated.data_dir / "jobs" / f"{where.rpartition('/')[2]}.json"
    assert b"t-3" not in job.read_bytes()
    assert f"uploads/{upload}" in receipt["removed"]
    assert operated.http.get("/v1/uploads").json() == {"uploads": []}
    assert_problem(operated.http.get(f"/v1/jobs/{verified}"), 404)
    with contextlib.closing(Ledger(None, operated.data_dir)) as ledger:
        mark = ledger.audit.mark("t-3")
        assert {line.who for line in ledger.audit.lines() if line.ticket_id == mark} == {"no key"}


def test_a_forget_of_another_process_takes_reports_with_it(operated: Service) -> None:
    """`precedent forget` removes files of jobs: those that ended are gone, and one that runs says why it has no report."""
    over, runs = (begun(operated, kind="backup"), begun(operated, kind="verify"))
    (operated.data_dir / "jobs" / f"{runs.rpartition('/')[2]}.json").unlink()
    job = ended(operated, runs)
    assert (job["state"], job["report"]) == ("failed", None)
    assert "forgotten" in job["detail"]
    assert ended(operated, over)["report"]
    (operated.data_dir / "jobs" / f"{over.rpartition('/')[2]}.json").unlink()
    assert_problem(operated.http.get(over), 404)
    assert over.rpartition("/")[2] not in {one["id"] for one in operated.http.get("/v1/jobs").json()["jobs"]}


def test_an_operators_job_does_not_survive_a_restart_and_says_so(data_dir: Path, provider: Provider) -> None:
    """Its process ends with the service, also when that is killed; a folder for backups is asked for."""
    first = start_service(data_dir, provider)
    try:
        first.wait()
        assert_problem(first.post("/v1/jobs", kind="backup"), 422, about="PRECEDENT_BACKUP_DIR")
        where = begun(first, kind="verify")
    finally:
        first.stop(signal.SIGKILL)
        first.http.close()
    with running_service(data_dir, provider) as second:
        job = second.http.get(where).json()
        assert job["state"] == "interrupted"
        assert "restart" in job["detail"]
        where = begun(second, kind="verify")
    with running_service(data_dir, provider) as third:
        assert third.http.get(where).json()["state"] == "interrupted"
        with third.http.stream("GET", "/v1/status/events") as response:
            events = read_events(response)
            whole = next(events)
            assert whole.name == "status"
            assert whole.data.keys() == third.status().keys()
            third.store(make_tickets(3, priority=None))
            changed = next(event.data for event in events if event.data.get("index"))
            assert changed["index"]["tickets"] == 3
            assert "machine" not in changed or changed["machine"] != whole.data["machine"], (
                "only what changed"
            )
            assert "version" not in changed
            assert third.stop() == 0
            assert all(event.name == "status" for event in events), (
                "the stream has its end, and is not torn off"
            )
