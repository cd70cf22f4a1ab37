"""The command `inspect`, and the mapping file that it writes."""

import csv
import json
import re
from pathlib import Path

import pytest

from indexer.ledger import Ledger
from indexer.settings import Settings
from tests.exports.layouts import LAYOUTS
from tests.exports.making import VARIANTS, make_export
from tests.indexer.command import report_of, run_command

_ROWS = (
    ("Ticket No", "Title", "Issue Text", "Urgency", "Mood"),
    ("1", "Printer", "It jams on every page.", "P1", "bad"),
    ("2", "Login", "It fails since the update.", "P2", "good"),
)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table with columns of its own, which is no export of a known tool."""
    path = tmp_path / "may.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(_ROWS)
    return path


def test_it_stores_nothing_and_needs_no_settings(
    table: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even the data directory is made, and an unknown setting is no matter."""
    monkeypatch.chdir(table.parent)
    before = sorted(table.parent.rglob("*"))
    run = run_command(
        settings, "inspect", str(table), "--map", "id=Ticket No", "--map", "body=Issue Text", NO_SUCH="1"
    )
    assert sorted(table.parent.rglob("*")) == before
    for line in ("Ticket No                       id", "Issue Text                      body"):
        assert f"  {line}\n" in run.stdout
    assert "Mood                            kept as a field, mood" in run.stdout
    assert "2 records: 2 to store, 0 left out, 0 rejected" in run.stdout


def test_the_statuses_are_those_of_sync(tmp_path: Path, settings: Settings) -> None:
    """0 all, 1 some, 2 none; 2 as well where the file cannot be read."""
    good, bad = '{"id": "1", "text": "a"}\n', '{"id": "2"}\n'
    path = tmp_path / "t.jsonl"
    for content, status in ((good, 0), (good + bad, 1), (bad, 2), ("", 2)):
        path.write_text(content)
        run_command(settings, "inspect", str(path), status=status)


def test_a_helpdesk_is_no_file(settings: Settings) -> None:
    """It is said, and nothing is asked of it."""
    run = run_command(settings, "inspect", "zendesk://acme", status=2)
    assert "zendesk://acme is an address: inspect reads files" in run.stderr


def test_what_was_found_is_one_object_at_the_end(table: Path, settings: Settings) -> None:
    """With the tickets in full."""
    run = run_command(
        settings, "inspect", str(table), "--map=id=Ticket No", "--map=body=Issue Text", "--json"
    )
    report = report_of(run)
    assert report["sources"][0]["columns"]["Issue Text"] == "body"
    assert report["has"] == {"subject": 2, "body": 2, "priority": 2, "fields": 2}
    assert report["tickets"][0]["text"] == "Printer\n\nIt jams on every page."


def test_a_column_that_holds_escapes_does_not_reach_the_terminal(tmp_path: Path, settings: Settings) -> None:
    """A name is shown without them."""
    path = tmp_path / "t.jsonl"
    path.write_text(json.dumps({"id": "1", "text": "a", "\x1b[2Jname": "b"}) + "\n")
    run = run_command(settings, "inspect", str(path))
    assert "\x1b" not in run.stdout
    assert "[2Jname" in run.stdout


@pytest.mark.usefixtures("provider")
def test_the_next_export_needs_no_option(table: Path, settings: Settings) -> None:
    """What is written is read by sync, for this file, and as mapping.toml for every other one in its folder."""
    names = ("--map", "id=Ticket No", "--map", "body=Issue Text")
    run_command(settings, "inspect", str(table), *names, "--write")
    written = table.with_name("may.csv.mapping.toml")
    text = written.read_text()
    assert 'id = "Ticket No"\n' in text
    assert 'subject = "Title"\n' in text
    assert '# "P1" = "P1"\n' in text
    written.write_text(text.replace('# "P1" = "P1"', '"p1" = "urgent"'))

    assert report_of(run_command(settings, "inspect", str(table), "--json"))["priorities"] == {
        "urgent": 1,
        "P2": 1,
    }
    run = run_command(settings, "sync", str(table), "--json")
    assert report_of(run)["added"] == 2
    assert (
        "id from 'Ticket No', subject from 'Title', body from 'Issue Text', priority from 'Urgency'; 1 more as fields"
        in run.stderr
    )
    ledger = Ledger(settings.database_url, settings.data_dir)
    tickets = ledger.tickets.get(["1", "2"])
    ledger.close()
    assert {i: ticket.priority for i, ticket in tickets.items()} == {"1": "urgent", "2": "P2"}

    written.rename(table.with_name("mapping.toml"))
    june = table.rename(table.with_name("june.csv"))
    assert report_of(run_command(settings, "sync", str(june), "--json"))["unchanged"] == 2


def test_options_go_before_the_mapping_file(table: Path, settings: Settings) -> None:
    """The file keeps what they do not name."""
    table.with_name("mapping.toml").write_text('[columns]\nid = "Ticket No"\nbody = "Mood"\n')
    run = run_command(settings, "inspect", str(table), "--map", "body=Issue Text", "--json")
    assert report_of(run)["tickets"][0]["text"] == "Printer\n\nIt jams on every page."


def test_a_folder_has_one_mapping_file(table: Path, settings: Settings) -> None:
    """It stands in the folder, and its own name beside it goes first."""
    folder = table.parent / "exports"
    folder.mkdir()
    table.rename(folder / table.name)
    (folder / "mapping.toml").write_text('[columns]\nid = "Ticket No"\nbody = "Mood"\n')
    assert (
        report_of(run_command(settings, "inspect", str(folder), "--json"))["tickets"][0]["text"]
        == "Printer\n\nbad"
    )
    run_command(settings, "inspect", str(folder), "--map=body=Issue Text", "--write")
    found = report_of(run_command(settings, "inspect", str(folder), "--json"))
    assert found["tickets"][0]["text"] == "Printer\n\nIt jams on every page."


def test_standard_input_has_no_mapping_file(settings: Settings) -> None:
    """It could not be found again."""
    run = run_command(settings, "inspect", "-", "--write", status=2)
    assert "--write needs a file" in run.stderr


def test_the_order_of_dates_is_shown(tmp_path: Path, settings: Settings) -> None:
    """Where there is one: an ISO date has none."""
    path = tmp_path / "t.csv"
    path.write_text("id,text,created,updated\n1,a,13/02/2025,2025-03-04\n2,b,01/02/2025,2025-03-04\n")
    run = run_command(settings, "inspect", str(path))
    assert re.search(r"^  created +created_at, day-first$", run.stdout, re.MULTILINE)
    assert re.search(r"^  updated +updated_at$", run.stdout, re.MULTILINE)
    assert "dates from 2025-02-01 to 2025-02-13" in run.stdout


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("[columns", "mapping.toml cannot be used: Expected"),
        ("colums = 1", "unknown field `colums`"),
        ('time_zone = "Mars"', "'Mars'"),
    ],
)
def test_a_mapping_file_that_is_wrong_says_so(
    table: Path, settings: Settings, content: str, reason: str
) -> None:
    """Nothing is read by half of it."""
    table.with_name("mapping.toml").write_text(content)
    run = run_command(settings, "inspect", str(table), status=2)
    assert reason in run.stderr


def test_what_is_written_can_be_read_again(tmp_path: Path, settings: Settings) -> None:
    """Whatever a name holds; of two columns for one field neither is chosen."""
    path = tmp_path / "t.jsonl"
    name = 'a "quoted" \\ name\x7f\t№'
    path.write_text(
        json.dumps({"id": "1", name: "b", "title": "a", "summary": "c", "priority": 'a "b\\'}) + "\n"
    )
    first = report_of(run_command(settings, "inspect", str(path), f"--map=body={name}", "--write", "--json"))
    text = path.with_name("t.jsonl.mapping.toml").read_text()
    assert '# subject = "title"\n# subject = "summary"\n' in text
    again = report_of(run_command(settings, "inspect", str(path), "--json"))
    assert again == first
    assert again["tickets"][0]["text"] == "a\n\nb"


def test_a_known_helpdesk_needs_no_columns(tmp_path: Path, settings: Settings) -> None:
    """Its table is known already, and named columns would have to be in every later export."""
    path = tmp_path / "t.csv"
    path.write_text("Issue key,Summary,Issue Type,Priority\nA-1,It fails,Bug,High\n")
    run = run_command(settings, "inspect", str(path), "--write")
    assert "CSV of Jira, utf-8" in run.stdout
    assert "Issue Type                      kept as a field, type" in run.stdout
    assert '\nid = "Issue key"' not in path.with_name("t.csv.mapping.toml").read_text()
    run_command(settings, "inspect", str(path))


@pytest.mark.parametrize("tool", LAYOUTS)
def test_exports_of_known_helpdesks_are_shown_without_an_option(
    tool: str, tmp_path: Path, settings: Settings
) -> None:
    """The resolved tickets as those to store, the open ones as left out, and each column with what it became."""
    export = make_export(tool, VARIANTS[0])
    path = tmp_path / "export.csv"
    path.write_bytes(export.data)
    report = report_of(run_command(settings, "inspect", str(path), "--json"))
    assert report["sources"][0]["tool"] == tool
    assert all(report["sources"][0]["columns"].values())
    assert report["usable"] == len(export.truth)
    assert sum(report["left_out"].values()) == export.open
    assert report["has"]["subject"] == report["usable"]


def test_objects_are_not_said_to_be_kept(tmp_path: Path, settings: Settings) -> None:
    """Nor what stands beside a record's own fields; what is plain in any record is kept."""
    path = tmp_path / "t.json"
    path.write_text(
        json.dumps(
            [
                {"id": "1", "text": "a", "team": {"name": "x"}, "people": [{"name": "y"}], "room": None},
                {"id": "2", "text": "b", "team": "z", "room": "4b", "calls": []},
                {"id": "3", "text": "c", "calls": [{"at": "noon"}]},
            ]
        )
    )
    run = run_command(settings, "inspect", str(path), "--json")
    (source,) = report_of(run)["sources"]
    assert source["columns"] == {
        "id": "id",
        "text": "text",
        "team": "fields.team",
        "people": "",
        "room": "fields.room",
        "calls": "",
    }
    assert report_of(run)["fields"] == {"team": 1, "room": 1}
    path.write_text(json.dumps([{"id": "1", "text": "a", "team": "z", "fields": {"room": "4b"}}]))
    assert "team                            not read" in run_command(settings, "inspect", str(path)).stdout


@pytest.mark.parametrize("more", [{}, {"created_at": "2026-01-02T00:00:00Z", "public": True}])
def test_what_looks_like_zendesks_is_read_so_or_said(
    tmp_path: Path, settings: Settings, more: dict[str, object]
) -> None:
    """Without its address it is known by its comments, as far as these have what a conversation is made of."""
    comment = {"author_id": 7, "body": "Restart the spooler, then print again.", **more}
    ticket = {
        "id": 1, "subject": "Printer", "description": "It jams.", "status": "solved", "requester_id": 5,
        "comments": [comment],
    }  # fmt: skip
    path = tmp_path / "t.json"
    path.write_text(json.dumps({"tickets": [ticket], "next_page": None, "count": 1}))
    run = run_command(settings, "inspect", str(path), "--json")
    found = report_of(run)
    if more:
        assert found["tickets"][0]["resolution"] == "Restart the spooler, then print again."
        assert "JSON of zendesk" in run.stdout
    else:
        assert "its comments are not read: if it is Zendesk's, say --format zendesk" in run.stdout
        assert "comments                        not read" in run.stdout
