"""Incremental indexing of a team's real tickets: ``TICKETS=tickets.jsonl make test``."""

import json
import os
import random
from pathlib import Path
from typing import Any

import pytest

from indexer.settings import Settings
from tests.indexer.command import report_of, run_command
from tests.provider import Provider

_TICKETS = os.environ.get("TICKETS")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not _TICKETS, reason="no real tickets: set TICKETS to a JSONL file of at least 1,000"),
]


def _write(path: Path, tickets: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(ticket) + "\n" for ticket in tickets))
    return path


def test_a_twentieth_changes_in_each_way(settings: Settings, provider: Provider, tmp_path: Path) -> None:
    """Of changed bodies, changed priorities, removed and added tickets, exactly the new texts are embedded."""
    with Path(str(_TICKETS)).open() as file:
        everything = [json.loads(line) for line in file]
    random.Random(20).shuffle(everything)
    size = len(everything) // 20
    later, tickets = everything[:size], everything[size:]
    options = ("--source", "tracker", "--delete-missing", "--json")
    first = report_of(run_command(settings, "sync", str(_write(tmp_path / "a.jsonl", tickets)), *options))
    assert (first["added"], first["rejected"]) == (len(tickets), 0)

    part = len(tickets) // 20
    for ticket in tickets[:part]:
        ticket["subject"] = f"{ticket['subject']} (again)"
    for ticket in tickets[part : 2 * part]:
        ticket["priority"] = "Blocker"
    kept = tickets[: 2 * part] + tickets[3 * part :] + later
    asked = provider.stats().texts
    source = _write(tmp_path / "b.jsonl", kept)
    planned = report_of(run_command(settings, "sync", str(source), *options, "--dry-run"))
    done = report_of(run_command(settings, "sync", str(source), *options))

    counts = ("read", "added", "updated", "unchanged", "deleted", "rejected", "embedded_texts")
    assert {name: planned[name] for name in counts} == {name: done[name] for name in counts}
    assert done["added"] == size
    assert done["updated"] == 2 * part
    assert done["deleted"] == part
    assert done["unchanged"] == len(kept) - size - 2 * part
    # Texts that another ticket has already are not embedded again, so it may be a few less than tickets.
    assert done["embedded_texts"] == provider.stats().texts - asked
    assert size + part - 10 <= done["embedded_texts"] <= size + part
