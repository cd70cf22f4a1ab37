"""What stands beside a source: rejected records, the cursor, links; and a repeated ticket on its whole way."""

import json
from pathlib import Path

import msgspec
import pytest

from indexer.rejections import Rejections
from indexer.settings import Settings
from indexer.sources import SourceRecord, read_source
from tests.indexer.command import report_of, run_command
from tests.indexer.making import make_tickets
from tests.provider import Provider
from tests.service.running import running_service


def _page(*tickets: dict[str, object], cursor: str) -> str:
    return json.dumps({"tickets": tickets, "after_cursor": cursor, "end_of_stream": True})


def _zendesk(number: int, **fields: object) -> dict[str, object]:
    url = f"https://desk.example.com/api/v2/tickets/{number}.json"
    return {"id": number, "url": url, "subject": "Printer on fire", "description": "It burns.", **fields}


def test_a_ticket_that_an_export_repeats(provider: Provider, tmp_path: Path) -> None:
    """The solved version is stored and answered with, wherever it stands, and the next export continues behind it."""
    comment = {
        "id": 1,
        "author_id": 5,
        "public": True,
        "plain_body": "Turned it off.",
        "created_at": "2026-01-02T00:00:00Z",
    }
    opened = _zendesk(1, status="open", priority="low", updated_at="2026-01-01T00:00:00Z")
    solved = _zendesk(
        1,
        status="solved",
        priority="urgent",
        updated_at="2026-01-02T00:00:00Z",
        assignee_id=5,
        comments=[comment],
    )
    export = tmp_path / "export"
    export.mkdir()
    (export / "page-1.json").write_text(_page(opened, solved, cursor="one"))
    (export / "page-2.json").write_text(_page(opened, cursor="two"))
    settings = Settings(data_dir=tmp_path / "data", api_base=provider.url)
    report = report_of(run_command(settings, "sync", str(export), "--json"))
    counts = tuple(report[name] for name in ("read", "added", "left_out", "repeated", "rejected"))
    assert counts == (3, 1, 2, 0, 0)
    assert json.loads((tmp_path / "export.cursor.json").read_text())["value"] == "two"
    with running_service(tmp_path / "data", provider) as service:
        found = service.answer("/v1/similar", text="Printer on fire", top_k=1)["neighbours"][0]
        assert (found["priority"], found["resolution"]) == ("urgent", "Turned it off.")


def test_no_cursor_skips_a_rejected_record(settings: Settings, provider: Provider, tmp_path: Path) -> None:
    """It would never come again; one that is deleted at its source is not lost, and --force goes on."""
    del provider
    file, cursor = tmp_path / "export.json", tmp_path / "export.json.cursor.json"
    deleted = {"id": 3, "url": "https://desk.example.com/api/v2/tickets/3.json", "status": "deleted"}
    file.write_text(_page(_zendesk(1), deleted, cursor="c"))
    run_command(settings, "sync", str(file), status=1)
    assert cursor.exists()
    cursor.unlink()
    file.write_text(_page(_zendesk(1), _zendesk(2, subject="", description=""), cursor="c"))
    done = run_command(settings, "sync", str(file), status=1)
    assert "1 rejected records" in done.stderr
    assert not cursor.exists()
    run_command(settings, "sync", str(file), "--force", status=1)
    assert cursor.exists()


def test_rejections_of_an_earlier_run_stay(settings: Settings, provider: Provider, tmp_path: Path) -> None:
    """Only a run that comes to its end takes them away; a dry run writes none; each file has its own."""
    lines, table = tmp_path / "t.jsonl", tmp_path / "t.csv"
    kept = tmp_path / "t.jsonl.rejected.jsonl"
    lines.write_bytes(b'{"id": "1"}\n' + msgspec.json.Encoder().encode_lines(make_tickets(3)))
    table.write_text("id,text\n9,a text\n")
    run_command(settings, "sync", str(lines), "--dry-run", status=1)
    assert not kept.exists()
    run_command(settings, "sync", str(lines), status=1)
    before = kept.read_bytes()
    run_command(settings, "sync", str(table))
    lines.write_bytes(msgspec.json.Encoder().encode_lines(make_tickets(5)))
    run_command(settings, "sync", str(lines), "--dry-run")
    provider.fail("500", times=None, endpoint="embeddings")
    run_command(settings, "sync", str(lines), status=2, PROVIDER_TIMEOUT="1")
    run_command(settings, "sync", str(lines), status=2, EMBEDDING_MODEL="other")
    assert kept.read_bytes() == before
    provider.clear()
    run_command(settings, "sync", str(lines))
    assert not kept.exists()


def test_a_file_of_rejections_is_bounded(tmp_path: Path) -> None:
    """What is above the bound is counted, and the file says so."""
    record = SourceRecord(place="line 1", raw="x" * 2**20)
    with Rejections(tmp_path / "r.jsonl", lambda _: None) as rejections:
        for _ in range(80):
            rejections.add(record, "no ticket")
    assert rejections.count == 80
    assert (tmp_path / "r.jsonl").stat().st_size < 65 * 2**20
    assert "counted only" in (tmp_path / "r.jsonl").read_text()[-200:]


def test_a_link_out_of_a_folder_is_not_followed(tmp_path: Path) -> None:
    """It is one record with an error; a link inside the folder is a file like others."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "secret.jsonl").write_text('{"id": "1", "text": "secret"}\n')
    (folder / "a.jsonl").write_text('{"id": "2", "text": "open"}\n')
    (folder / "b.jsonl").symlink_to(tmp_path / "secret.jsonl")
    (folder / "c.jsonl").symlink_to(folder / "a.jsonl")
    found = list(read_source(str(folder)))
    assert [(record.place, record.error is None) for record in found] == [
        ("a.jsonl line 1", True), ("b.jsonl", False), ("c.jsonl line 1", True),
    ]  # fmt: skip
    assert not any("secret" in record.raw for record in found)


@pytest.mark.parametrize("content", ["[]", "id,text\n", '{"tickets": []}', ""])
@pytest.mark.parametrize("command", ["sync", "inspect"])
def test_a_file_without_a_record_is_told(
    settings: Settings, tmp_path: Path, content: str, command: str
) -> None:
    """It ends with 2, as where an export failed, and makes no store."""
    (tmp_path / "tickets").write_text(content)
    run = run_command(settings, command, str(tmp_path / "tickets"), status=2)
    assert "tickets holds no tickets" in run.stderr
    assert not settings.data_dir.exists()


def test_an_export_may_have_nothing_new(settings: Settings, tmp_path: Path) -> None:
    """One that says where the next one continues is whole, and a file that is synced again is fine."""
    for name, content in (
        ("a.json", _page(cursor="two")),
        ("b.jsonl", '{"id": "1", "text": "a"}'),
        ("b.jsonl", '{"id": "1", "text": "a"}'),
    ):
        (tmp_path / name).write_text(content)
        run = run_command(settings, "sync", str(tmp_path / name), status=0)
    assert "0 added, 0 updated, 1 unchanged" in run.stderr


def test_names_that_the_first_record_lacks_are_told(settings: Settings, tmp_path: Path) -> None:
    """What is known at the beginning is told then, and the whole when everything was read."""
    lines = ('{"id": "1", "text": "a"}', '{"id": "2", "text": "b", "urgency": "high"}')
    (tmp_path / "tickets.jsonl").write_text("\n".join(lines))
    run = run_command(settings, "sync", str(tmp_path / "tickets.jsonl"))
    read = [line.strip() for line in run.stderr.splitlines() if line.startswith("  id from")]
    assert read == [
        "id from 'id', text from 'text'",
        "id from 'id', text from 'text', priority from 'urgency'",
    ]
