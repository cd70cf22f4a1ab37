"""The whole way from each tool's export into the store, at the first try and without an option."""

import contextlib
from pathlib import Path

import pytest

from indexer.ledger import Filter
from indexer.parsing import parse_ticket
from indexer.settings import Settings
from indexer.store import Store
from tests.exports.layouts import LAYOUTS
from tests.exports.making import TICKETS, VARIANTS, make_export
from tests.indexer.command import report_of, run_command
from tests.provider import Provider

_TOOLS = list(enumerate(sorted(LAYOUTS)))


@pytest.mark.parametrize(("number", "tool"), _TOOLS, ids=[tool for _, tool in _TOOLS])
def test_every_resolved_ticket_is_stored(
    settings: Settings, provider: Provider, tmp_path: Path, number: int, tool: str
) -> None:
    """Each tool in one of the encodings: what is stored is what the generator meant, cleaned; open ones are left out."""
    del provider
    export = make_export(tool, VARIANTS[number % len(VARIANTS)], seed=11)
    file = tmp_path / "export.csv"
    file.write_bytes(export.data)
    report = report_of(run_command(settings, "sync", str(file), "--source", tool, "--json"))
    counts = tuple(report[name] for name in ("read", "added", "left_out", "rejected"))
    assert counts == (TICKETS, TICKETS - export.open, export.open, 0)
    with contextlib.closing(Store(settings)) as store:
        stored = {ticket.id: ticket for ticket in store.tickets.page(Filter(source=tool), limit=TICKETS)}
    assert len(stored) == TICKETS - export.open
    for record in export.truth:
        ticket = stored[str(record["id"])]
        assert ticket == parse_ticket(record, source=tool)
        assert "<" not in ticket.text
        assert "Guten Tag" not in ticket.text or "die Übersicht bleibt leer" in ticket.text
        if record.get("thread") or record.get("resolution"):
            given = record.get("resolution") or record["thread"][-1]["text"]
            assert ticket.resolution == given
        if record.get("outcome"):
            assert ticket.outcome == record["outcome"]
