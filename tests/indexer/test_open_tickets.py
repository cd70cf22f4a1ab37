"""What a sync does with tickets that are not resolved."""

import contextlib
from pathlib import Path

import pytest

from indexer.settings import Settings
from indexer.store import Store
from service.evaluation.loading import load
from tests.indexer.command import report_of, run_command
from tests.indexer.making import SPACE

_HEADER = "Summary,Issue key,Status,Status Category,Priority,Resolved,Comment"
_COMMENT = "02/Mar/24 10:12 AM;5f0a;Restart the print service and clear its queue."


def _export(folder: Path, *, done: int) -> str:
    """Write a table of Jira's with four issues, of which the first ones are done; return its path."""
    rows = [
        f"Printer {n} jams,OPS-{n},{'Fertig' if n < done else 'Prüfung'},{'Done' if n < done else 'In Progress'},"
        f"{'high' if n % 2 else 'low'},{'03/Mar/24 10:12 AM' if n < done else ''},{_COMMENT}"
        for n in range(4)
    ]
    path = folder / "jira.csv"
    path.write_text("\n".join([_HEADER, *rows]), encoding="utf-8")
    return str(path)


@pytest.mark.usefixtures("provider")
def test_open_tickets_are_kept_by_a_setting_and_teach_nothing(settings: Settings, tmp_path: Path) -> None:
    """Neither forest nor back-test sees them; the next export resolves them, and nothing is embedded again."""
    left_out = report_of(run_command(settings, "sync", _export(tmp_path, done=2), "--json"))
    assert (left_out["added"], left_out["left_out"]) == (2, 2)
    kept = report_of(run_command(settings, "sync", _export(tmp_path, done=2), "--json", OPEN_TICKETS="keep"))
    assert (kept["added"], kept["unchanged"], kept["left_out"]) == (2, 2, 0)
    assert report_of(run_command(settings, "verify", "--json"))["tickets"] == 4
    with contextlib.closing(Store(settings)) as store:
        ticket = store.tickets.get(["OPS-3"])["OPS-3"]
        assert (ticket.status, ticket.priority, ticket.is_open) == ("Prüfung", "high", True)
        assert store.tickets.altered() == []
        assert sorted(store.vectors.training_rows(SPACE, limit=9).ids) == ["OPS-0", "OPS-1"]
    loaded = load(settings, None, (), lambda *_: None)
    assert sorted(loaded.cases.ids) == ["OPS-0", "OPS-1"]
    of_file = load(settings, _export(tmp_path, done=2), (), lambda *_: None)
    assert (sorted(of_file.cases.ids), of_file.rejected) == (["OPS-0", "OPS-1"], 2)
    resolved = report_of(run_command(settings, "sync", _export(tmp_path, done=4), "--json"))
    assert (resolved["updated"], resolved["embedded_texts"]) == (2, 0)
    with contextlib.closing(Store(settings)) as store:
        assert sorted(store.vectors.training_rows(SPACE, limit=9).ids) == [f"OPS-{n}" for n in range(4)]
        assert not store.tickets.get(["OPS-3"])["OPS-3"].unresolved
