"""What is forgotten is in no byte of any file, and the receipt says so."""

import asyncio
import contextlib
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from indexer.errors import PrecedentError
from indexer.forget import Receipt, UnknownTicketsError, forget, unfinished
from indexer.ledger import FeedbackEntry, Ledger
from indexer.progress import no_progress
from indexer.rebuild import rebuild
from indexer.settings import Settings
from indexer.store import Store
from indexer.ticket import Ticket, text_hash
from indexer.verify import verify
from tests.indexer.command import report_of, run_command
from tests.indexer.making import SPACE, fill_store, make_ticket, make_tickets, vectors_for
from tests.indexer.rebuilding import open_hosted
from tests.leftovers import assert_nothing_runs
from tests.provider import Provider

_SECRET = Ticket(
    id="customer-4711-ticket-98765",
    text='Grüße, my "card" 4929 1111 2222 ends\nin tears: the vault of Ignatius Featherstonehaugh will not open for me.',
    priority="high",
    resolution="Told Ignatius Featherstonehaugh the code of the vault again, by courier.",
    tags=("customer:featherstonehaugh",),
)
_COUNT = 1_100
"""So many that Chroma has written its vectors to files, which it does after every thousand."""
_FEW = 40


@contextlib.contextmanager
def _holding(settings: Settings, count: int) -> Iterator[Store]:
    with contextlib.closing(Store(settings)) as opened:
        opened.prepare()
        fill_store(opened, [_SECRET, *make_tickets(count)])
        yield opened


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    with _holding(settings, _FEW) as opened:
        yield opened


@pytest.fixture
def large(settings: Settings) -> Iterator[Store]:
    with _holding(settings, _COUNT) as opened:
        yield opened


def _forget(store: Store, settings: Settings, *ids: str) -> Receipt:
    return forget(store, settings.data_dir, ids, progress=no_progress)


def _files_with(data_dir: Path, *pieces: bytes) -> dict[str, int]:
    """Search the files by other means than the code under test: grep."""
    found = {}
    for path in data_dir.rglob("*"):
        if path.is_file():
            count = sum(
                subprocess.run(
                    ["grep", "-q", "-a", "-F", "-e", piece.decode(), str(path)], check=False
                ).returncode == 0
                for piece in pieces
            )  # fmt: skip
            if count:
                found[path.name] = count
    return found


def _near_vectors(data_dir: Path, vector: np.ndarray[tuple[int], np.dtype[np.float32]]) -> list[str]:
    """Find the vector in Chroma's own files, at any length: by its cosine with every aligned run of floats."""
    found = []
    for path in (data_dir / "index").rglob("*.bin"):
        with np.errstate(invalid="ignore"):  # what is no number there is none here
            values = np.frombuffer(path.read_bytes()[: path.stat().st_size // 4 * 4], "<f4").astype(
                np.float64
            )
        if len(values) < len(vector):
            continue
        runs = np.lib.stride_tricks.sliding_window_view(
            np.nan_to_num(values, posinf=0, neginf=0), len(vector)
        )
        with np.errstate(all="ignore"):
            cosines = runs @ vector / np.linalg.norm(runs, axis=1)
        if (cosines > 0.99999).any():
            found.append(path.name)
    return found


_WORDS = (b"Featherstonehaugh", b"card", b"4929 1111 2222 ends", b"by courier", b"customer-4711-ticket-98765")


def test_no_byte_is_left(large: Store, settings: Settings, data_dir: Path) -> None:
    """Text, resolution, id and vector are in ledger and index before, and in no file after; all else stays."""
    vector = vectors_for([_SECRET])[0]
    before = _files_with(data_dir, *_WORDS)
    assert {"ledger.sqlite3-wal", "chroma.sqlite3", "index_metadata.pickle"} <= before.keys()
    assert _near_vectors(data_dir, vector) == ["data_level0.bin"]
    receipt = _forget(large, settings, _SECRET.id)
    assert receipt.clean
    assert (receipt.forgotten, receipt.unknown) == ([_SECRET.id], [])
    assert (receipt.tickets_before, receipt.tickets_after) == (_COUNT + 1, _COUNT)
    assert (receipt.vectors_before, receipt.vectors_after) == (_COUNT + 1, _COUNT)
    kinds = {Path(file.name).name: set(file.found) for file in receipt.before}
    assert {"text", "resolution", "id", "vector"} <= kinds["ledger.sqlite3-wal"]
    assert {"text", "resolution", "id"} <= kinds["chroma.sqlite3"]
    assert "vector" in kinds["data_level0.bin"]
    assert _files_with(data_dir, *_WORDS) == {}
    assert _near_vectors(data_dir, vector) == []
    assert all(len(file.sha256) == 64 for file in receipt.files)
    assert {Path(file.name).name for file in receipt.files} >= {
        "ledger.sqlite3",
        "chroma.sqlite3",
        "chroma.log",
    }
    report = verify(large, data_dir, full=True, progress=no_progress)
    assert (report.problems, report.rows) == ((), _COUNT)
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
    receipt = _forget(store, settings, _SECRET.id)
    assert receipt.clean
    # Of its text in both spaces, and of its first line, which the rebuild has embedded.
    assert receipt.vectors_before - receipt.vectors_after == 3
    assert [g.status for g in store.generations.all()] == ["live"]
    assert _files_with(data_dir, *_WORDS) == {}
    for dimension in (64, 48):
        assert _near_vectors(data_dir, vectors_for([_SECRET], dimension)[0]) == []


def test_a_text_that_another_ticket_has_too(store: Store, settings: Settings) -> None:
    """The vector stays for the other ticket, and the receipt says that the text cannot be told apart."""
    twin = msgspec.structs.replace(_SECRET, id="twin-of-it", resolution="Nothing yet.", tags=())
    fill_store(store, [twin])
    receipt = _forget(store, settings, _SECRET.id)
    assert receipt.clean
    assert receipt.vectors_before == receipt.vectors_after
    assert any("stands in a ticket that stays" in note for note in receipt.notes)
    assert store.vectors.get(SPACE, [text_hash(_SECRET.text)])
    assert verify(store, settings.data_dir, full=True, progress=no_progress).clean


def test_earlier_texts_go_too(store: Store, settings: Settings) -> None:
    """The vector of a text that the ticket had before it was edited is erased with it."""
    edited = msgspec.structs.replace(
        _SECRET, text="The vault opens now, says Featherstonehaugh of the old estate."
    )
    fill_store(store, [edited])
    receipt = _forget(store, settings, _SECRET.id)
    assert receipt.vectors_before - receipt.vectors_after == 2
    assert not store.vectors.get(SPACE, [text_hash(_SECRET.text)])


def test_put_aside_indexes_and_forests_go(store: Store, settings: Settings, data_dir: Path) -> None:
    """Copies of an index that was damaged, and forests, which hold ids, are removed and named."""
    for path in (
        data_dir / "index.damaged-20260101T000000" / "chroma.sqlite3",
        data_dir / "forests" / "tickets-0001-7.npz",
    ):
        path.parent.mkdir()
        path.write_bytes(_SECRET.id.encode() + _SECRET.text.encode())
    receipt = _forget(store, settings, _SECRET.id)
    assert receipt.clean
    assert receipt.removed == ["forests/tickets-0001-7.npz", "index.damaged-20260101T000000"]
    assert {"forests/tickets-0001-7.npz", "index.damaged-20260101T000000/chroma.sqlite3"} <= {
        f.name for f in receipt.before
    }
    assert _files_with(data_dir, *_WORDS) == {}


def test_reports_of_batches_go(store: Store, settings: Settings, data_dir: Path) -> None:
    """What a batch that has ended says of refused ids is removed; one that waits is left, and named as a trace."""
    jobs = data_dir / "jobs"
    jobs.mkdir()
    for name in ("ended.json", "waiting.json", "waiting.body"):
        (jobs / name).write_text(f'{{"errors": [{{"id": "{_SECRET.id}"}}]}}')
    receipt = _forget(store, settings, _SECRET.id)
    assert not receipt.clean
    assert receipt.removed == ["jobs/ended.json"]
    assert [file.name for file in receipt.files if file.found] == ["jobs/waiting.body", "jobs/waiting.json"]
    (jobs / "waiting.body").unlink()  # it has ended
    again = _forget(store, settings)
    assert again.clean
    assert again.removed == ["jobs/waiting.json"]
    assert _files_with(data_dir, *_WORDS) == {}


def test_a_trace_that_stays_is_reported(store: Store, settings: Settings, data_dir: Path) -> None:
    """A file that is not ours is not touched: the receipt names it, and the run counts as unfinished."""
    (data_dir / "notes.txt").write_text(f"about {_SECRET.resolution}")
    receipt = _forget(store, settings, _SECRET.id)
    assert not receipt.clean
    assert [file.name for file in receipt.files if file.found] == ["notes.txt"]
    kinds = {problem.kind for problem in verify(store, data_dir, progress=no_progress).problems}
    assert kinds == {"forget_unfinished"}
    (data_dir / "notes.txt").unlink()
    again = _forget(store, settings)
    assert again.clean
    assert again.forgotten == [_SECRET.id]
    assert verify(store, data_dir, progress=no_progress).clean


def test_unknown_ids(store: Store, settings: Settings) -> None:
    """Unknown ids are named; when none is known nothing is done."""
    revision = store.ledger.revision()
    with pytest.raises(UnknownTicketsError, match="'t-99999'"):
        _forget(store, settings, "t-99999")
    assert store.ledger.revision() == revision
    receipt = _forget(store, settings, "t-99999", "t-5")
    assert (receipt.forgotten, receipt.unknown) == (["t-5"], ["t-99999"])


def test_tickets_that_are_not_embedded_are_not_lost(store: Store, settings: Settings) -> None:
    """When the index cannot be written anew, that is said before anything is erased."""
    store.tickets.write([make_ticket(9_000)])
    with pytest.raises(PrecedentError, match="not embedded yet"):
        _forget(store, settings, _SECRET.id)
    assert store.tickets.get([_SECRET.id])


def test_postgresql(
    settings: Settings, data_dir: Path, postgres: object, request: pytest.FixtureRequest
) -> None:
    """With the ledger on PostgreSQL the tables are rewritten, and the receipt says what is out of reach."""
    chosen = msgspec.structs.replace(settings, database_url=postgres.new_database())  # type: ignore[attr-defined]
    with contextlib.closing(Store(chosen)) as store:
        store.prepare()
        fill_store(store, [_SECRET, *make_tickets(50)])
        receipt = _forget(store, chosen, _SECRET.id)
        assert receipt.clean
        assert any("write-ahead log" in note for note in receipt.notes)
        assert verify(store, data_dir, full=True, progress=no_progress).clean
    assert _files_with(data_dir, *_WORDS) == {}


def test_the_command(store: Store, settings: Settings, data_dir: Path) -> None:
    """A tag names tickets too; the receipt is the last line; a second time there is nothing to forget."""
    store.close()
    done = run_command(settings, "forget", "--tag", "customer:featherstonehaugh", "t-7", "--json")
    receipt = report_of(done)
    assert receipt["clean"]
    assert set(receipt["forgotten"]) == {_SECRET.id, "t-7"}
    assert_nothing_runs(data_dir)
    assert _files_with(data_dir, *_WORDS) == {}
    assert "Featherstonehaugh" not in done.stdout + done.stderr
    nothing = run_command(settings, "forget", _SECRET.id, "t-7", status=2)
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
    _forget(store, settings, *[f"t-{n}" for n in range(30)])
    with contextlib.closing(sqlite3.connect(data_dir / "ledger.sqlite3")) as database:
        assert database.execute("PRAGMA freelist_count").fetchone() == (0,)


_REPLY = "Dear Ignatius, the vault of yours opens on Thursdays only, as I said on the telephone."


def _said(store: Store, ticket_id: str, reply: str, answer: str | None = None) -> None:
    store.feedback.take(
        FeedbackEntry(action="edited", triage_id=answer, ticket_id=ticket_id, priority=None, reply=reply)
    )


def test_what_was_deleted_before_is_forgotten(large: Store, settings: Settings, data_dir: Path) -> None:
    """A ticket that the portal deleted is erased by its id: its text, vector, and what was replied, though no row has it."""
    store = large
    vector = vectors_for([_SECRET])[0]
    _said(store, _SECRET.id, _REPLY)
    store.tickets.delete([_SECRET.id])
    live = store.generations.live()
    assert live is not None
    store.replay(live, only=[_SECRET.id])
    assert _files_with(data_dir, b"Featherstonehaugh")
    receipt = _forget(store, settings, _SECRET.id)
    assert receipt.clean
    assert (receipt.forgotten, receipt.unknown) == ([_SECRET.id], [])
    found = {kind for file in receipt.before for kind in file.found}
    assert {"id", "hash", "vector"} <= found
    assert _files_with(data_dir, *_WORDS, b"Thursdays", text_hash(_SECRET.text).encode()) == {}
    assert _near_vectors(data_dir, vector) == []
    assert store.ledger.tombstones.deleted() == {}
    with pytest.raises(UnknownTicketsError):
        _forget(store, settings, _SECRET.id)


def test_a_deletion_takes_the_replies_at_once(store: Store) -> None:
    """What an agent sent for a ticket is not in the ledger once that is deleted; that something was said still counts."""
    _said(store, _SECRET.id, _REPLY, answer="a-1")
    _said(store, "t-1", "Something else.", answer="a-2")
    store.tickets.delete([_SECRET.id])
    assert store.feedback.replies([_SECRET.id, "t-1"]) == {
        _SECRET.id: [],
        "t-1": ["Something else."],
    }
    assert store.feedback.counts()["edited"] == 2


def test_feedback_for_what_never_was_is_forgotten(store: Store, settings: Settings, data_dir: Path) -> None:
    """An id that only feedback names is taken, and every word that was sent for it is erased."""
    _said(store, "never-stored-ticket-1", _REPLY, answer="a-1")
    _said(store, "never-stored-ticket-1", "And on Sundays, if Featherstonehaugh brings cake.", answer="a-2")
    _said(store, "t-2", f"As to another: {_REPLY}", answer="a-3")
    receipt = _forget(store, settings, "never-stored-ticket-1")
    assert receipt.clean
    assert receipt.forgotten == ["never-stored-ticket-1"]
    assert {"id", "reply"} <= {kind for file in receipt.before for kind in file.found}
    assert _files_with(data_dir, b"never-stored-ticket-1", b"brings cake") == {}
    assert store.feedback.replies(["t-2"])["t-2"], "what was said of another ticket stays"


def test_everything_that_was_deleted(store: Store, settings: Settings, data_dir: Path) -> None:
    """`--deleted` erases all tombstones, but no ticket that is stored again; afterwards there is none left."""
    store.tickets.delete([_SECRET.id, "t-1", "t-2"])
    fill_store(store, [make_ticket(2)])
    store.close()
    receipt = report_of(run_command(settings, "forget", "--deleted", "--json"))
    assert receipt["clean"]
    assert set(receipt["forgotten"]) == {_SECRET.id, "t-1"}
    assert _files_with(data_dir, *_WORDS) == {}
    with contextlib.closing(Ledger(None, data_dir)) as ledger:
        assert ledger.tickets.get(["t-2"]) == {"t-2": make_ticket(2)}
    assert "no deleted ticket" in run_command(settings, "forget", "--deleted", status=2).stderr


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
    receipt = _forget(store, settings, *[ticket.id for ticket in many])
    assert [file for file in receipt.files if file.found] == []
    assert len(receipt.forgotten) == 100
    assert {"text", "id", "vector"} <= {kind for file in receipt.before for kind in file.found}
    assert _files_with(data_dir, *[ticket.id.encode() for ticket in many], b"Call number") == {}
    assert verify(store, data_dir, full=True, progress=no_progress).clean
