"""Who changed what, by commands: `precedent audit-log`."""

import contextlib
import json
import os
import pwd
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from indexer.ledger import Ledger
from indexer.settings import Settings
from tests.indexer.command import run_command

_WHO = f"command:{pwd.getpwuid(os.getuid()).pw_name}"


@dataclass(frozen=True)
class _Log:
    """The audit log of a store, as the command prints it."""

    settings: Settings

    def lines(self, *options: str) -> list[dict[str, Any]]:
        """Return the lines as objects."""
        return [json.loads(line) for line in self.text("--json", *options).splitlines()]

    def text(self, *options: str) -> str:
        """Return what is printed for people."""
        return run_command(self.settings, "audit-log", *options).stdout

    def said(self, *options: str) -> list[tuple[str, str | None]]:
        """Return action and ticket of each line, all of this user."""
        lines = self.lines(*options)
        assert {line["who"] for line in lines} <= {_WHO}
        return [(line["action"], line["ticket_id"]) for line in lines]


@pytest.fixture
def log(settings: Settings, tmp_path: Path) -> _Log:
    """Two tickets synced, and then one changed."""
    source = tmp_path / "tickets.jsonl"
    source.write_text('{"id": "a", "text": "The export hangs."}\n{"id": "b", "text": "No invoice came."}\n')
    run_command(settings, "sync", str(source), "--source", "desk")
    source.write_text(
        '{"id": "a", "text": "The export hangs."}\n{"id": "b", "text": "No invoice came today."}\n'
    )
    run_command(settings, "sync", str(source), "--source", "desk")
    return _Log(settings)


def test_a_sync_leaves_a_line_for_each_ticket_that_changed(log: _Log, tmp_path: Path) -> None:
    """With the user and the moment; what is unchanged, and a dry run, leave none; a deletion leaves one."""
    assert sorted(log.said()[:2]) == [("stored", "a"), ("stored", "b")]
    assert log.said()[2:] == [("stored", "b")]
    run_command(log.settings, "sync", str(tmp_path / "tickets.jsonl"), "--source", "desk", "--dry-run")
    assert len(log.said()) == 3
    (tmp_path / "tickets.jsonl").write_text('{"id": "a", "text": "The export hangs."}\n')
    run_command(
        log.settings,
        "sync",
        str(tmp_path / "tickets.jsonl"),
        "--source",
        "desk",
        "--delete-missing",
        "--force",
    )
    assert log.said()[3:] == [("deleted", "b")]
    moment = datetime.fromisoformat(log.lines()[-1]["at"])
    assert abs(datetime.now(UTC) - moment) < timedelta(minutes=10)


def test_the_log_is_printed_for_people_and_narrowed(log: _Log) -> None:
    """By ticket and by time; each line is time, who, action, id."""
    (line,) = log.text("--ticket", "a").splitlines()
    at, who, action, ticket_id = line.split("  ")
    assert (who, action, ticket_id) == (_WHO, "stored", "a")
    assert datetime.fromisoformat(at).tzinfo is not None
    assert log.said("--ticket", "b") == [("stored", "b")] * 2
    assert log.said("--ticket", "nobody") == []
    assert len(log.lines("--since", "2020-01-01")) == 3
    assert log.lines("--since", "2999-01-01") == []
    with contextlib.closing(Ledger(None, log.settings.data_dir)) as ledger:
        assert len(list(ledger.audit.lines())) == 3, "opening a ledger by itself changes nothing"


def test_clearing_the_log_leaves_a_line_of_that(log: _Log) -> None:
    """Nobody removes lines without one that says so."""
    assert log.lines("--clear-before", "2020-01-01") == log.lines()
    assert len(log.lines()) == 3
    assert log.said("--clear-before", "2999-01-01") == [("cleared 3 lines of this log", None)]
    assert log.text().splitlines() == [f"{log.lines()[0]['at']}  {_WHO}  cleared 3 lines of this log"]


def test_a_forgotten_ticket_is_found_only_by_who_knows_its_id(log: _Log) -> None:
    """Its lines stay under a mark, and one is added for the erasure; its id is nowhere."""
    run_command(log.settings, "forget", "b")
    assert [action for action, _ in log.said("--ticket", "b")] == ["stored", "stored", "erased"]
    marks = {ticket_id for _, ticket_id in log.said("--ticket", "b")}
    assert len(marks) == 1
    assert str(marks).startswith("{'erased:")
    assert {ticket_id for _, ticket_id in log.said()} == {"a"} | marks


def test_clear_leaves_a_line_if_it_removed_anything(log: _Log) -> None:
    """The vector of the text that was changed goes."""
    run_command(log.settings, "clear", "--days", "0")
    assert log.said()[3:] == [("cleared 1 unused vectors", None)]
    run_command(log.settings, "clear", "--days", "0")
    assert len(log.said()) == 4


def test_a_backup_has_the_log_and_a_restore_adds_to_it(log: _Log, tmp_path: Path) -> None:
    """Marks of erased ids are still found by who knows the id."""
    run_command(log.settings, "forget", "b")
    before = log.lines()
    run_command(log.settings, "backup", str(tmp_path / "all.backup"))
    other = _Log(msgspec.structs.replace(log.settings, data_dir=tmp_path / "other"))
    run_command(other.settings, "restore", str(tmp_path / "all.backup"))
    assert other.lines()[:-1] == before
    assert other.said()[-1] == ("restored from a backup", None)
    assert len(other.lines("--ticket", "b")) == 3


def test_the_samples_removal_leaves_lines(settings: Settings) -> None:
    """One for each ticket."""
    log = _Log(settings)
    run_command(settings, "sample")
    stored = log.said()
    run_command(settings, "sample", "--remove")
    assert sorted(log.said()[len(stored) :]) == sorted(("deleted", ticket_id) for _, ticket_id in stored)
