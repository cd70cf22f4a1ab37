"""A ticket that lived in a running service is erased with all that the service kept of it."""

import json
from pathlib import Path

import msgspec

from indexer.settings import Settings
from indexer.ticket import Ticket, text_hash
from tests.free_port import free_port
from tests.indexer.command import report_of, run_command
from tests.indexer.making import make_tickets
from tests.provider import Provider
from tests.service.running import JSON, running_service

_DELETED = Ticket(
    id="customer-4711-ticket-55001",
    text="The vault of Ignatius Featherstonehaugh will not open for me, whatever I turn.",
    priority="low",
    resolution="Told Ignatius the code of it again, by courier.",
)
_STORED = Ticket(
    id="customer-4711-ticket-55002",
    text="Since Monday the lighthouse of Mrs. Pumphrey blinks at noon.",
    priority="low",
    resolution="Turned the heron's clock back to winter time.",
)
_REPLY = "Dear customer, the marmalade key hangs behind the door of the scullery."
_TRACES = (
    "Featherstonehaugh", "whatever I turn", "by courier", "lighthouse of Mrs", "blinks at noon", "heron's clock",
    "marmalade key", "scullery", _DELETED.id, _STORED.id, text_hash(_DELETED.text), text_hash(_STORED.text),
)  # fmt: skip


def _traces(data_dir: Path) -> dict[str, set[str]]:
    return {
        trace: found
        for trace in _TRACES
        if (
            found := {
                str(path.relative_to(data_dir))
                for path in data_dir.rglob("*")
                if path.is_file() and trace.encode() in path.read_bytes()
            }
        )
    }


def test_nothing_is_kept_of_a_ticket(data_dir: Path, settings: Settings, provider: Provider) -> None:
    """Stored, answered, waiting to be delivered, corrected, replied to, one also deleted: no file has them after, and the audit log a mark only."""
    nobody = f"http://127.0.0.1:{free_port()}/hook"
    secret = f"whsec_{'A' * 32}"
    with running_service(
        data_dir, provider, keep_text="true", webhook_url=nobody, webhook_secret=secret
    ) as service:
        service.store(make_tickets(40))
        for ticket in (_DELETED, _STORED):
            put = service.http.put(
                f"/v1/tickets/{ticket.id}", content=msgspec.json.encode(ticket), headers=JSON
            )
            assert put.status_code == 200, put.text
            answer = service.answer("/v1/triage", text=ticket.text, draft=True)["id"]
            service.answer(
                "/v1/feedback",
                triage_id=answer,
                ticket_id=ticket.id,
                action="edited",
                priority="high",
                reply=_REPLY,
            )
        near = service.answer("/v1/triage", text=f"{_STORED.text} Please.", draft=True)["id"]
        service.until(lambda: service.http.get(f"/v1/triage/{near}").is_success, "the answer is kept")
        service.until(lambda: service.status()["deliveries"]["waiting"] == 3, "all wait to be delivered")
        service.wait_for_forest()
        assert service.http.delete(f"/v1/tickets/{_DELETED.id}").is_success
        before = _traces(data_dir)
        assert {_DELETED.id, _STORED.id, "lighthouse of Mrs", "marmalade key"} <= before.keys()
        said = run_command(settings, "audit-log", "--json").stdout
        assert {_DELETED.id, _STORED.id} <= {json.loads(line)["ticket_id"] for line in said.splitlines()}

        done = run_command(settings, "forget", _DELETED.id, _STORED.id, "--json")
        receipt = report_of(done)
        assert receipt["clean"], receipt
        assert _traces(data_dir) == {}
        service.wait()
        assert _traces(data_dir) == {}
        said = run_command(settings, "audit-log", "--json").stdout
        assert "customer-4711" not in said
        for ticket, kinds in ((_DELETED, {"stored", "deleted", "erased"}), (_STORED, {"stored", "erased"})):
            lines = run_command(settings, "audit-log", "--ticket", ticket.id, "--json").stdout.splitlines()
            assert kinds <= {json.loads(line)["action"] for line in lines}
        # It asks for the collection that is gone until it has seen the switch.
        service.until(lambda: service.post("/v1/similar", text=_STORED.text).is_success, "it answers again")
        found = service.answer("/v1/similar", text=_STORED.text, top_k=20)["neighbours"]
        assert not {_DELETED.id, _STORED.id} & {one["id"] for one in found}
        assert service.http.get(f"/v1/triage/{near}").json()["forgotten"]
        assert service.status()["deliveries"] == {"waiting": 0, "dead": 3}
    assert not [trace for trace in _TRACES if trace in service.log]
    assert _traces(data_dir) == {}
