"""Two syncs and a service work on one data directory at the same time."""

import time
from pathlib import Path

import msgspec
import pytest

from indexer.settings import Settings
from tests.chaos.checking import assert_all_stored, finds, write_file
from tests.indexer.command import fork_command, report_of, run_command
from tests.indexer.making import make_ticket, make_tickets, sentence
from tests.leftovers import assert_nothing_runs
from tests.provider import Provider
from tests.service.running import JSON, assert_problem, start_service

pytestmark = pytest.mark.slow

_EACH = 200
_SMALL = {
    "EMBEDDING_BATCH_SIZE": "16",
    "EMBEDDING_CONCURRENCY": "2",
}  # many windows, so that the syncs interleave
_PUT = 5_000
_PRIORITY = "high"  # a single one, so that no forest is fitted beside


def test_two_syncs_and_a_service_lose_nothing(settings: Settings, provider: Provider, tmp_path: Path) -> None:
    """All start at once on an empty store; then two more syncs run while the service answers and takes tickets."""
    provider.configure(latency=0.1)
    service = start_service(settings.data_dir, provider)
    try:
        answers = written = 0
        for wave in range(2):
            starts = [1_000 * (2 * wave + n) for n in range(2)]
            files = [
                write_file(tmp_path / f"{n}.jsonl", make_tickets(_EACH, start=n, priority=_PRIORITY))
                for n in starts
            ]
            syncs = [fork_command(settings, "sync", file, "--json", **_SMALL) for file in files]
            if wave == 0:
                service.wait("/health/live")
            while any(process.poll() is None for process in syncs):
                response = service.post("/v1/similar", text=sentence(answers % _EACH), top_k=1)
                if wave == 0 and response.status_code == 503:  # nothing to answer from yet
                    assert_problem(response, 503)
                    time.sleep(0.05)
                    continue
                assert response.status_code == 200, response.text
                if wave == 1:  # what the first wave stored is found while the second is written
                    assert response.json()["neighbours"][0]["id"] == f"t-{answers % _EACH}"
                    answers += 1
                    body = msgspec.json.encode(make_ticket(_PUT + written, priority=_PRIORITY))
                    put = service.http.put(f"/v1/tickets/t-{_PUT + written}", content=body, headers=JSON)
                    assert put.status_code == 200, put.text
                    written += 1
            for process in syncs:
                assert process.wait() == 0, process.output
                assert report_of(process)["added"] == _EACH
            service.until(lambda first=starts[0]: finds(service, first), "what was synced is found")
        assert answers > 0
        synced = [
            ticket
            for start in range(0, 4_000, 1_000)
            for ticket in make_tickets(_EACH, start=start, priority=_PRIORITY)
        ]
        assert_all_stored(
            settings, service, [*synced, *make_tickets(written, start=_PUT, priority=_PRIORITY)]
        )
        assert service.status()["index"]["tickets"] == len(synced) + written
        run_command(settings, "stop")
        service.process.wait(60)
        assert_nothing_runs(settings.data_dir)
        assert "Traceback" not in service.log
    finally:
        service.http.close()
        service.process.kill()
        service.process.wait()
