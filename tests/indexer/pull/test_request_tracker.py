"""From a real Request Tracker to its tickets found: made through its own API, pulled, and asked for."""

from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from tests.indexer.command import report_of, run_command
from tests.indexer.pull.request_tracker import MISSING, RequestTracker, running_rt
from tests.provider import Provider
from tests.service.running import running_service

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        MISSING,
        reason="Request Tracker is not installed: apt-get install request-tracker5 rt5-standalone rt5-db-sqlite",
    ),
]

_COUNT = 4
_INTERNAL = "This customer is on the cheap plan."


@pytest.fixture(scope="module")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RequestTracker]:
    with running_rt(tmp_path_factory.mktemp("rt")) as running:
        for number in range(_COUNT):
            ticket = running.open_ticket(f"VPN drops in office {number}", _asked(number))
            running.comment(ticket, _INTERNAL)
            running.answer(ticket, _answered(number))
            running.resolve(ticket)
        running.open_ticket("Still open", "Nobody has answered this one yet.")
        yield running


def _asked(number: int) -> str:
    return f"The tunnel of office {number} drops every {number + 3} minutes with error 809.\n\nBest regards,\nAda"


def _answered(number: int) -> str:
    return f"Set the keepalive of gateway {number} to {number + 20} seconds, then connect the tunnel again."


def test_tickets_of_a_real_rt_are_found(tracker: RequestTracker, tmp_path: Path, provider: Provider) -> None:
    """Resolved ones come whole with what was answered, internal comments and open tickets do not, and changes follow."""
    from indexer.settings import Settings

    settings = Settings(data_dir=tmp_path / "data", api_base=provider.url)
    address = f"rt://127.0.0.1:{tracker.port}?queue=General"
    with patch.dict("os.environ", {"RT_TOKEN": tracker.token}):
        first = report_of(run_command(settings, "sync", address, "--json"))
        assert (first["added"], first["rejected"], first["left_out"]) == (_COUNT, 0, 0)
        again = report_of(run_command(settings, "sync", address, "--json"))
        assert (again["added"], again["updated"], again["embedding_requests"]) == (0, 0, 0)
        with running_service(tmp_path / "data", provider) as service:
            found = service.answer("/v1/similar", text=f"VPN drops in office 2\n\n{_asked(2)}", top_k=1)[
                "neighbours"
            ][0]
            whole = service.http.get(f"/v1/tickets/{found['id']}").json()
            assert whole["subject"] == "VPN drops in office 2"
            assert whole["resolution"] == _answered(2)
            assert whole["resolution_from"] == "message 1 of the thread"
            assert whole["fields"] == {"queue": "General"}
            assert whole["text"] == f"VPN drops in office 2\n\n{_asked(2).partition(chr(10))[0]}"
            assert _INTERNAL not in str(whole)
            ticket = tracker.open_ticket("Printer is offline", "The printer on floor 2 shows error 49.")
            tracker.answer(
                ticket, "Power it off, remove the network cable, update its firmware to 2.9 by USB."
            )
            tracker.resolve(ticket)
            later = report_of(run_command(settings, "sync", address, "--json"))
            assert later["added"] == 1
            answer = service.answer("/v1/triage", text="printer shows error 49", top_k=3)
            assert str(ticket) in {neighbour["id"] for neighbour in answer["neighbours"]}
