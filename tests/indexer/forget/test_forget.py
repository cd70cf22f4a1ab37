"""What is forgotten is in no byte of any file, and the receipt says so."""

import asyncio
import contextlib
import sqlite3
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from indexer.errors import PrecedentError
from indexer.forget import UnknownTicketsError, unfinished
from indexer.ledger import Answer
from indexer.progress import no_progress
from indexer.rebuild import rebuild
from indexer.settings import Settings
from indexer.store import Store
from indexer.ticket import text_hash
from indexer.verify import verify
from tests.indexer.command import report_of, run_command
from tests.indexer.forget.secret import (
    MANY,
    SECRET,
    WORDS,
    files_with,
    forget_tickets,
    near_vectors,
)
from tests.indexer.making import SPACE, fill_store, make_ticket, make_tickets, prepared, vectors_for
from tests.indexer.rebuilding import open_hosted
from tests.leftovers import assert_nothing_runs
from tests.provider import Provider

pytestmark = pytest.mark.slow


def test_no_byte_is_left(large: Store, settings: Settings, data_dir: Path) -> None:
    """Text, resolution, id and vector are in ledger and index before, and in no file after; all else stays."""
    vector = vectors_for([SECRET])[0]
    before = files_with(data_dir, *WORDS)
    assert {"ledger.sqlite3-wal", "chroma.sqlite3", "index_metadata.pickle"} <= before.keys()
    assert near_vectors(data_dir, vector) == ["data_level0.bin"]
    receipt = forget_tickets(large, settings, SECRET.id)
    assert receipt.clean
    assert (receipt.forgotten, receipt.unknown) == ([SECRET.id], [])
    assert (receipt.tickets_before, receipt.tickets_after) == (MANY + 1, MANY)
    assert (receipt.vectors_before, receipt.vectors_after) == (MANY + 1, MANY)
    kinds = {Path(file.name).name: set(file.found) for file in receipt.before}
    assert {"text", "resolution", "id", "vector"} <= kinds["ledger.sqlite3-wal"]
    assert {"text", "resolution", "id"} <= kinds["chroma.sqlite3"]
    assert "vector" in kinds["data_level0.bin"]
    assert files_with(data_dir, *WORDS) == {}
    assert near_vectors(data_dir, vector) == []
    assert all(len(file.sha256) == 64 for file in receipt.files)
    assert {Path(file.name).name for file in receipt.files} >= {
        "ledger.sqlite3",
        "chroma.sqlite3",
        "chroma.log",
    }
    report = verify(large, data_dir, full=True, progress=no_progress)
    assert (report.problems, report.rows) == ((), MANY)
    assert not unfinished(data_dir)


def test_every_generation_forgets(
    store: Store, settings: Settings, data_dir: Path, provider: Provider
) -> None:
    """After a rebuild in another model the ticket's two vectors and both generations' rows are erased."""
    provider.configure(models={"other-model": 48})

    async def there() -> None:
        async with open_hosted(settings, "other-model") as embedder:
            await rebuild(store, embedder, progress=no_progress)

    asyncio.run(there())
    receipt = forget_tickets(store, settings, SECRET.id)
    assert receipt.clean
    # Of its text in both spaces, and of its first line, which the rebuild has embedded.
    assert receipt.vectors_before - receipt.vectors_after == 3
    assert [g.status for g in store.generations.all()] == ["live"]
    assert files_with(data_dir, *WORDS) == {}
    for dimension in (64, 48):
        assert near_vectors(data_dir, vectors_for([SECRET], dimension)[0]) == []


def test_a_text_that_another_ticket_has_too(store: Store, settings: Settings) -> None:
    """The vector stays for the other ticket, and the receipt says that the text cannot be told apart."""
    twin = msgspec.structs.replace(SECRET, id="twin-of-it", resolution="Nothing yet.", tags=())
    fill_store(store, [twin])
    receipt = forget_tickets(store, settings, SECRET.id)
    assert receipt.clean
    assert receipt.vectors_before == receipt.vectors_after
    assert any("stands in a ticket that stays" in note for note in receipt.notes)
    assert store.vectors.get(SPACE, [text_hash(SECRET.text)])
    assert verify(store, settings.data_dir, full=True, progress=no_progress).clean


def test_earlier_texts_go_too(store: Store, settings: Settings) -> None:
    """The vector of a text that the ticket had before it was edited is erased with it."""
    edited = msgspec.structs.replace(
        SECRET, text="The vault opens now, says Featherstonehaugh of the old estate."
    )
    fill_store(store, [edited])
    receipt = forget_tickets(store, settings, SECRET.id)
    assert receipt.vectors_before - receipt.vectors_after == 2
    assert not store.vectors.get(SPACE, [text_hash(SECRET.text)])


def test_put_aside_indexes_and_forests_go(store: Store, settings: Settings, data_dir: Path) -> None:
    """Copies of an index that was damaged, and forests, which hold ids, also half written, are removed and named."""
    for path in (
        data_dir / "index.damaged-20260101T000000" / "chroma.sqlite3",
        data_dir / "forests" / "tickets-0001-7.npz",
        data_dir / "forests" / ".tickets-0001-8.npz.0a1b2c3d",
    ):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(SECRET.id.encode() + SECRET.text.encode())
    receipt = forget_tickets(store, settings, SECRET.id)
    assert receipt.clean
    assert receipt.removed == [
        "forests/.tickets-0001-8.npz.0a1b2c3d",
        "forests/tickets-0001-7.npz",
        "index.damaged-20260101T000000",
    ]
    assert {"forests/tickets-0001-7.npz", "index.damaged-20260101T000000/chroma.sqlite3"} <= {
        f.name for f in receipt.before
    }
    assert files_with(data_dir, *WORDS) == {}


def test_reports_of_batches_go(store: Store, settings: Settings, data_dir: Path) -> None:
    """What a batch that has ended says of refused ids is removed; one that waits is left, and named as a trace.

    The file of a back-test that runs is removed too, so that its service writes no report.
    """
    jobs = data_dir / "jobs"
    jobs.mkdir()
    for name in ("ended.json", "waiting.json", "waiting.body"):
        (jobs / name).write_text(f'{{"errors": [{{"id": "{SECRET.id}"}}]}}')
    (jobs / "runs.json").write_text('{"kind": "evaluate", "ended_at": null}')
    (jobs / "this.json").write_text('{"kind": "forget", "ended_at": null}')
    receipt = forget_tickets(store, settings, SECRET.id)
    assert not receipt.clean
    assert receipt.removed == ["jobs/ended.json", "jobs/runs.json"]
    assert (jobs / "this.json").exists()
    assert [file.name for file in receipt.files if file.found] == ["jobs/waiting.body", "jobs/waiting.json"]
    (jobs / "waiting.body").unlink()  # it has ended
    again = forget_tickets(store, settings)
    assert again.clean
    assert again.removed == ["jobs/waiting.json"]
    assert files_with(data_dir, *WORDS) == {}


def test_a_trace_that_stays_is_reported(store: Store, settings: Settings, data_dir: Path) -> None:
    """A file that is not ours is not touched: the receipt names it, and the run counts as unfinished."""
    (data_dir / "notes.txt").write_text(f"about {SECRET.resolution}")
    receipt = forget_tickets(store, settings, SECRET.id)
    assert not receipt.clean
    assert [file.name for file in receipt.files if file.found] == ["notes.txt"]
    kinds = {problem.kind for problem in verify(store, data_dir, progress=no_progress).problems}
    assert kinds == {"forget_unfinished"}
    (data_dir / "notes.txt").unlink()
    again = forget_tickets(store, settings)
    assert again.clean
    assert again.forgotten == [SECRET.id]
    assert verify(store, data_dir, progress=no_progress).clean


def test_a_run_that_was_killed_while_it_removed_its_notes_is_done(
    store: Store, settings: Settings, data_dir: Path
) -> None:
    """What it had begun to overwrite them with is read, the rest is not; the next run removes them."""
    (data_dir / "notes.txt").write_text(SECRET.text)
    assert not forget_tickets(store, settings, SECRET.id).clean
    (journal,) = data_dir.glob("*.journal")
    written = journal.read_bytes()
    nothing = {**msgspec.json.decode(written), "ids": [], "before": [], "traces": {"skip": journal.name}}
    begun = msgspec.json.encode(nothing) + b"\n\0"
    assert len(begun) < len(written)
    journal.write_bytes(begun + written[len(begun) :])
    assert unfinished(data_dir)
    receipt = forget_tickets(store, settings)
    assert receipt.clean
    assert receipt.forgotten == []
    assert not unfinished(data_dir)
    assert list(data_dir.glob("*.journal*")) == []


def test_words_that_are_said_again_are_no_trace(store: Store, settings: Settings, data_dir: Path) -> None:
    """Who asks in the same words before the proof is made keeps the answer, and the run does not stay unfinished for ever."""
    (data_dir / "notes.txt").write_text(f"about {SECRET.resolution}")
    assert not forget_tickets(store, settings, SECRET.id).clean
    (data_dir / "notes.txt").unlink()
    body: dict[str, Any] = {
        "text": None, "asked": {"exclude": []}, "neighbours": [], "priority": {"evidence": []},
        "note": {"text": f"Issue: {SECRET.text}", "citations": []}, "reply": {"text": "", "citations": []},
    }  # fmt: skip
    store.ledger.answers.keep([
        Answer(id="a-1", at=time.time(), who=None, input_hash="", reply_key=None, body=body)
    ])  # fmt: skip
    again = forget_tickets(store, settings)
    assert again.clean
    assert any("said again" in note for note in again.notes)
    kept = store.ledger.answers.get("a-1")
    assert kept is not None
    assert SECRET.text in kept.body["note"]["text"]


def test_unknown_ids(store: Store, settings: Settings) -> None:
    """Unknown ids are named; when none is known nothing is done."""
    revision = store.ledger.revision()
    with pytest.raises(UnknownTicketsError, match="'t-99999'"):
        forget_tickets(store, settings, "t-99999")
    assert store.ledger.revision() == revision
    receipt = forget_tickets(store, settings, "t-99999", "t-5")
    assert (receipt.forgotten, receipt.unknown) == (["t-5"], ["t-99999"])


def test_tickets_that_are_not_embedded_are_not_lost(store: Store, settings: Settings) -> None:
    """When the index cannot be written anew, that is said before anything is erased."""
    store.tickets.write([make_ticket(9_000)])
    with pytest.raises(PrecedentError, match="not embedded yet"):
        forget_tickets(store, settings, SECRET.id)
    assert store.tickets.get([SECRET.id])


def test_postgresql(
    settings: Settings, data_dir: Path, postgres: object, request: pytest.FixtureRequest
) -> None:
    """With the ledger on PostgreSQL the tables are rewritten, and the receipt says what is out of reach."""
    chosen = msgspec.structs.replace(settings, database_url=postgres.new_database())  # type: ignore[attr-defined]
    with prepared(chosen) as store:
        fill_store(store, [SECRET, *make_tickets(50)])
        receipt = forget_tickets(store, chosen, SECRET.id)
        assert receipt.clean
        assert any("write-ahead log" in note for note in receipt.notes)
        assert verify(store, data_dir, full=True, progress=no_progress).clean
    assert files_with(data_dir, *WORDS) == {}


def test_the_command(store: Store, settings: Settings, data_dir: Path) -> None:
    """A tag names tickets too; the receipt is the last line; a second time there is nothing to forget."""
    store.close()
    done = run_command(settings, "forget", "--tag", "customer:featherstonehaugh", "t-7", "--json")
    receipt = report_of(done)
    assert receipt["clean"]
    assert set(receipt["forgotten"]) == {SECRET.id, "t-7"}
    assert_nothing_runs(data_dir)
    assert files_with(data_dir, *WORDS) == {}
    assert "Featherstonehaugh" not in done.stdout + done.stderr
    nothing = run_command(settings, "forget", SECRET.id, "t-7", status=2)
    assert "not stored" in nothing.stderr
    some = run_command(settings, "forget", "t-7", "t-8", "--json", status=1)
    assert report_of(some)["unknown"] == ["t-7"]
    assert "no ticket has the tag" in run_command(settings, "forget", "--tag", "nobody", status=2).stderr


def test_the_tag_is_matched_whole(store: Store) -> None:
    """A tag that another one contains, or that stands in a text, names nothing else."""
    fill_store(
        store,
        [
            make_ticket(7_001, tags=("customer:10",)),
            make_ticket(7_002, tags=("customer:1", "x")),
            make_ticket(7_003, text='not tagged "customer:1" but said'),
            make_ticket(7_004, tags=("100%_ü",)),
        ],
    )
    assert store.tickets.tagged("customer:1") == ["t-7002"]
    assert store.tickets.tagged("100%_ü") == ["t-7004"]
    assert store.tickets.tagged("%") == []


def test_the_ledger_file_holds_no_free_pages(store: Store, settings: Settings, data_dir: Path) -> None:
    """After a forget the ledger's file is rewritten and its log is empty."""
    forget_tickets(store, settings, *[f"t-{n}" for n in range(30)])
    with contextlib.closing(sqlite3.connect(data_dir / "ledger.sqlite3")) as database:
        assert database.execute("PRAGMA freelist_count").fetchone() == (0,)


def test_a_hundred_at_once(store: Store, settings: Settings, data_dir: Path) -> None:
    """Many tickets are erased in one go, also those whose words stand in tickets that stay."""
    many = [
        make_ticket(
            500 + n,
            id=f"customer-10-ticket-{n:05}",
            text=f"Call number {n * 7919:07}: the heron of Mrs. Pumphrey limps",
        )
        for n in range(100)
    ]
    fill_store(store, [*many, make_ticket(700, text="the heron of Mrs. Pumphrey limps")])
    receipt = forget_tickets(store, settings, *[ticket.id for ticket in many])
    assert [file for file in receipt.files if file.found] == []
    assert len(receipt.forgotten) == 100
    assert {"text", "id", "vector"} <= {kind for file in receipt.before for kind in file.found}
    assert files_with(data_dir, *[ticket.id.encode() for ticket in many], b"Call number") == {}
    assert verify(store, data_dir, full=True, progress=no_progress).clean
