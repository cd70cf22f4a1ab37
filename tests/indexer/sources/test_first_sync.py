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
from tests.exports.documents import DOCUMENTS
from tests.exports.layouts import LAYOUTS
from tests.exports.making import VARIANTS, make_export, make_json
from tests.indexer.command import report_of, run_command


@pytest.mark.parametrize("number", range(len(LAYOUTS)), ids=list(LAYOUTS))
def test_every_resolved_ticket_is_stored_as_it_is(settings: Settings, tmp_path: Path, number: int) -> None:
    """Field by field; open ones are left out. The tools take turns in encodings, delimiters and dates."""
    export = make_export(list(LAYOUTS)[number], VARIANTS[number % len(VARIANTS)], seed=11)
    path = tmp_path / "export.csv"
    path.write_bytes(export.data)
    _assert_stored(settings, path, export.stored, export.open)


def test_every_resolved_ticket_of_all_documents_is_stored_as_it_is(
    settings: Settings, tmp_path: Path
) -> None:
    """Field by field, conversations and what was drawn from them too; the folder holds a document of each tool."""
    exports = {tool: make_json(tool, seed=11, first=1_000 * place) for place, tool in enumerate(DOCUMENTS)}
    folder = tmp_path / "exports"
    folder.mkdir()
    for tool, export in exports.items():
        (folder / f"{tool}.json").write_bytes(export.data)
    stored = [ticket for export in exports.values() for ticket in export.stored]
    _assert_stored(settings, folder, stored, sum(export.open for export in exports.values()))


def _assert_stored(settings: Settings, path: Path, stored: list[dict[str, Any]], is_open: int) -> None:
    report = report_of(run_command(settings, "sync", str(path), "--json"))
    assert (report["added"], report["left_out"], report["rejected"]) == (len(stored), is_open, 0)
    with contextlib.closing(Store(settings)) as store:
        found = store.ledger.tickets.page(Filter(), limit=len(stored) + 1)
    expected = {ticket["id"]: _comparable(ticket) for ticket in stored}
    assert {ticket.id: _comparable(msgspec.to_builtins(ticket)) for ticket in found} == expected


def _comparable(ticket: dict[str, Any]) -> dict[str, Any]:
    """Return a ticket's fields with times as such, since they can be written in several ways."""
    times = {name: _moment(ticket[name]) for name in ticket if name.endswith("_at")}
    thread = [one | {"at": _moment(one["at"])} for one in ticket.get("thread", [])]
    return ticket | times | {"thread": thread, "tags": list(ticket.get("tags", []))}


def _moment(given: str | datetime) -> datetime:
    return datetime.fromisoformat(given) if isinstance(given, str) else given
