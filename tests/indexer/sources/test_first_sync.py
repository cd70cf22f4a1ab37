"""The export of each tool is stored by `precedent sync FILE` without any option."""

import contextlib
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from indexer.ledger import Filter
from indexer.settings import Settings
from indexer.store import Store
from tests.exports.layouts import LAYOUTS
from tests.exports.making import TICKETS, VARIANTS, make_export
from tests.indexer.command import report_of, run_command


@pytest.mark.parametrize("number", range(len(LAYOUTS)), ids=list(LAYOUTS))
def test_every_resolved_ticket_is_stored_as_it_is(settings: Settings, tmp_path: Path, number: int) -> None:
    """Field by field; open ones are left out. The tools take turns in encodings, delimiters and dates."""
    export = make_export(list(LAYOUTS)[number], VARIANTS[number % len(VARIANTS)], seed=11)
    path = tmp_path / "export.csv"
    path.write_bytes(export.data)
    report = report_of(run_command(settings, "sync", str(path), "--json"))
    assert (report["added"], report["left_out"], report["rejected"]) == (len(export.truth), export.open, 0)
    with contextlib.closing(Store(settings)) as store:
        found = store.ledger.tickets.page(Filter(), limit=TICKETS)
    expected = {ticket["id"]: _comparable(ticket) for ticket in export.stored}
    assert {ticket.id: _comparable(msgspec.to_builtins(ticket)) for ticket in found} == expected


def _comparable(ticket: dict[str, Any]) -> dict[str, Any]:
    """Return a ticket's fields with times as such, since they can be written in several ways."""
    times = {name: datetime.fromisoformat(ticket[name]) for name in ticket if name.endswith("_at")}
    thread = [one | {"at": datetime.fromisoformat(one["at"])} for one in ticket.get("thread", [])]
    return ticket | times | {"thread": thread, "tags": list(ticket.get("tags", []))}
