"""A backup of a running system fills an empty store with exactly what it held; what is no backup is refused."""

import contextlib
import json
import random
import shutil
import sqlite3
import threading
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import pytest

from indexer.backup import BackupFileError, backup, restore
from indexer.errors import PrecedentError
from indexer.knowledge.knowledge import Knowledge
from indexer.ledger import FeedbackEntry, Hit, Ledger
from indexer.settings import Settings
from indexer.verify import verify
from tests.indexer.command import report_of, run_command
from tests.indexer.making import SPACE, make_ticket, make_tickets, store, store_vectors, vectors_for
from tests.leftovers import assert_nothing_runs
from tests.postgres import Postgres
from tests.provider import Provider

_OTHER = replace(SPACE, model="other-model", dimension=48)
_FULL = make_ticket(
    9_077,
    text='Zeilen\nmit "Zeichen" и ещё\u2028 eines \U0001f642',
    tags=("customer:1", "x"),
    source="desk",
    created_at=datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
    updated_at=datetime(2026, 2, 3, tzinfo=UTC),
)
_SAID = FeedbackEntry(
    action="edited", triage_id="a-1", ticket_id="t-3", priority=None, reply="Zeilen\nund \U0001f642"
)


def _quiet(_what: str, _done: int, _total: int) -> None:
    """Tell nobody."""


def _nearest(hits: list[Hit]) -> tuple[list[float], set[Hit]]:
    """Return the similarities, and the hits without those that tie for the last place: which of them come is chance."""
    similar = [round(hit.similarity, 5) for hit in hits]
    return similar, {replace(h, similarity=s) for h, s in zip(hits, similar, strict=True) if s > similar[-1]}


def _feedback(ledger: Ledger) -> list[str]:
    """Return all feedback, as it is stored."""
    with ledger.copies.snapshot() as snapshot:
        return list(snapshot.feedback())


@contextlib.contextmanager
def _opened(settings: Settings, folder: Path, database_url: str | None = None) -> Iterator[Knowledge]:
    chosen = msgspec.structs.replace(settings, data_dir=folder, database_url=database_url)
    with contextlib.closing(Knowledge(chosen)) as knowledge:
        knowledge.prepare()
        yield knowledge
    assert_nothing_runs(folder)


@pytest.fixture
def written(settings: Settings, tmp_path: Path) -> Path:
    """A backup of a small store."""
    with contextlib.closing(Ledger(None, settings.data_dir)) as ledger:
        tickets = [*make_tickets(40), _FULL]
        store_vectors(ledger, tickets)
        store_vectors(ledger, tickets[:10], _OTHER)
        ledger.generations.ensure_live(SPACE)
        ledger.tickets.write(tickets)
        ledger.feedback.take(_SAID)
        backup(ledger, tmp_path / "small.backup", notify=_quiet)
    return tmp_path / "small.backup"


@pytest.mark.parametrize("way", [("sqlite", "sqlite"), ("sqlite", "postgresql"), ("postgresql", "sqlite")])
def test_round_trip(
    settings: Settings, tmp_path: Path, postgres: Postgres, provider: Provider, way: tuple[str, str]
) -> None:
    """Ids, texts, metadata and vectors are equal bit for bit in either database, and so are the neighbours of 100 queries."""
    tickets = [*make_tickets(300), _FULL]
    there, back = (postgres.new_database() if kind == "postgresql" else None for kind in way)
    queries = vectors_for(make_tickets(100, start=5_000))
    file = tmp_path / "all.backup"
    with _opened(settings, tmp_path / "first", there) as first:
        live = store(first, tickets)
        store_vectors(first.ledger, tickets[:50], _OTHER)
        first.ledger.feedback.take(_SAID)
        made = backup(first.ledger, file, notify=_quiet)
        neighbours = [_nearest(first.nearest(live, query, 10)) for query in queries]
        stored = first.ledger.tickets.get(t.id for t in tickets)
        hashes = set(first.ledger.tickets.hashes().values())
        vectors = {space: first.ledger.vectors.get(space, hashes) for space in (SPACE, _OTHER)}
        said = _feedback(first.ledger)
    assert (made.tickets, made.vectors, made.feedback) == (301, 351, 1)
    with _opened(settings, tmp_path / "second", back) as second:
        restored = restore(second.ledger, file, notify=_quiet)
        second.prepare()
        new = second.ledger.generations.live()
        assert new is not None
        assert (restored.tickets, restored.vectors) == (301, 351)
        assert _feedback(second.ledger) == said
        assert second.ledger.tickets.get(stored) == stored == {t.id: t for t in tickets}
        for space, expected in vectors.items():
            found = second.ledger.vectors.get(space, hashes)
            assert found.keys() == expected.keys()
            assert all(found[text].tobytes() == expected[text].tobytes() for text in expected)
        assert [_nearest(second.nearest(new, query, 10)) for query in queries] == neighbours
        assert verify(second, tmp_path / "second", full=True, notify=_quiet).clean
        store(second, [make_ticket(400)])
        store_vectors(second.ledger, [make_ticket(401)], replace(SPACE, model="a third"))
    assert provider.stats().requests["embeddings"] == 0


def test_a_running_system_is_copied_as_it_was_at_one_moment(settings: Settings, tmp_path: Path) -> None:
    """While tickets are written in pairs, no backup has one without the other."""
    with contextlib.closing(Ledger(None, settings.data_dir)) as ledger:
        tickets = make_tickets(600)
        store_vectors(ledger, tickets)
        ledger.generations.ensure_live(SPACE)
        ledger.tickets.write(tickets[:400])
        stop = threading.Event()

        def write() -> int:
            rounds = 0
            while not stop.is_set():
                rounds += 1
                ledger.tickets.write([make_ticket(n, priority=f"round {rounds}") for n in (0, 399)])
            return rounds

        with ThreadPoolExecutor() as pool:
            rounds = pool.submit(write)
            try:
                for number in range(5):
                    backup(ledger, tmp_path / f"{number}.backup", notify=_quiet)
            finally:
                stop.set()
            assert rounds.result() > 5
    for number in range(5):
        with contextlib.closing(Ledger(None, tmp_path / f"copy-{number}")) as copy:
            restore(copy, tmp_path / f"{number}.backup", notify=_quiet)
            pair = copy.tickets.get(["t-0", "t-399"])
            assert pair["t-0"].priority == pair["t-399"].priority
            assert copy.tickets.count() == 400


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def _cut_in_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _text(path: Path) -> None:
    path.write_text('{"id": "1", "text": "an export"}\n')


def _foreign(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("photos/1.jpg", b"jpeg")


def _rewritten(path: Path, change: Callable[[str, bytes], bytes | None]) -> None:
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            changed = change(name, content)
            if changed is not None:
                archive.writestr(name, changed)


def _of_the_future(path: Path) -> None:
    _rewritten(path, lambda _, content: content.replace(b"precedent-backup-1", b"precedent-backup-9"))


def _without_tickets(path: Path) -> None:
    _rewritten(path, lambda name, content: None if name == "tickets.jsonl" else content)


def _one_ticket_less(path: Path) -> None:
    _rewritten(path, lambda name, c: c.split(b"\n", 1)[1] if name == "tickets.jsonl" else c)


def _other_feedback(path: Path) -> None:
    _rewritten(path, lambda name, c: c.replace(b"edited", b"denied") if name == "feedback.jsonl" else c)


def _another_vector(path: Path) -> None:
    _rewritten(path, lambda name, c: c[:-4] + b"\0\0\0\0" if name == "vectors-1.bin" else c)


def _manifest_that_is_none(path: Path) -> None:
    _rewritten(path, lambda name, c: b"[1, 2]" if name == "manifest.json" else c)


def _manifest_that_lies(path: Path) -> None:
    def lie(name: str, content: bytes) -> bytes:
        return (
            json.dumps(json.loads(content) | {"tickets": 40}).encode() if name == "manifest.json" else content
        )

    _rewritten(path, lie)


@pytest.mark.parametrize(
    "damage",
    [
        _truncated, _cut_in_half, _empty, _text, _foreign, _of_the_future, _without_tickets, _one_ticket_less,
        _another_vector, _other_feedback, _manifest_that_is_none, _manifest_that_lies, Path.unlink,
    ],
)  # fmt: skip
def test_what_is_no_whole_backup_is_refused_by_name(
    written: Path, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    """Damaged, cut, foreign and newer files are refused with their name, and nothing is written."""
    damage(written)
    with contextlib.closing(Ledger(None, tmp_path / "empty")) as ledger:
        with pytest.raises(BackupFileError, match=r"small\.backup"):
            restore(ledger, written, notify=_quiet)
        assert ledger.copies.is_empty()
        assert ledger.revision() == 0


def test_any_flipped_byte_is_refused_or_harmless(written: Path, tmp_path: Path) -> None:
    """A byte changed anywhere is found out, or it stands where it changes nothing that is restored."""
    whole = written.read_bytes()
    generator = random.Random(20261122)
    with contextlib.closing(Ledger(None, tmp_path / "right")) as right:
        restore(right, written, notify=_quiet)
        expected = list(right.tickets.records())
    refused = 0
    for number in range(60):
        place = generator.randrange(len(whole))
        written.write_bytes(
            whole[:place] + bytes([whole[place] ^ (1 << generator.randrange(8))]) + whole[place + 1 :]
        )
        with contextlib.closing(Ledger(None, tmp_path / f"flip-{number}")) as ledger:
            try:
                restore(ledger, written, notify=_quiet)
            except BackupFileError:
                refused += 1
                assert ledger.copies.is_empty()
            else:
                assert list(ledger.tickets.records()) == expected
        shutil.rmtree(tmp_path / f"flip-{number}")
    assert refused > 50


def test_only_an_empty_store_is_filled(written: Path, settings: Settings, tmp_path: Path) -> None:
    """A store that holds anything, be it one vector, is left as it is."""
    with contextlib.closing(Ledger(None, tmp_path / "used")) as ledger:
        store_vectors(ledger, make_tickets(1))
        with pytest.raises(PrecedentError, match="the store is not empty"):
            restore(ledger, written, notify=_quiet)
        assert ledger.tickets.count() == 0


def test_of_nothing_there_is_no_backup(settings: Settings, tmp_path: Path) -> None:
    """A mistyped folder is told, and not taken for a backup that can be relied on."""
    with (
        contextlib.closing(Ledger(None, settings.data_dir)) as ledger,
        pytest.raises(PrecedentError, match="PRECEDENT_DATA_DIR"),
    ):
        backup(ledger, tmp_path / "nothing.backup", notify=_quiet)
    assert not (tmp_path / "nothing.backup").exists()


def test_no_file_is_overwritten(written: Path, settings: Settings) -> None:
    """A backup names a file that does not exist, in a folder that does; nothing half is left behind."""
    before = written.read_bytes()
    with contextlib.closing(Ledger(None, settings.data_dir)) as ledger:
        with pytest.raises(PrecedentError, match="exists already"):
            backup(ledger, written, notify=_quiet)
        with pytest.raises(PrecedentError, match="cannot be written"):
            backup(ledger, written.parent / "nowhere" / "file", notify=_quiet)
    assert written.read_bytes() == before
    assert not list(written.parent.glob("*.partial"))


def test_the_parts_are_as_documented(written: Path) -> None:
    """Other programs can read it: JSON lines, and rows of a hash and float32 values."""
    with zipfile.ZipFile(written) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        lines = archive.read("tickets.jsonl").decode().split("\n")
        data = archive.read("vectors-1.bin")
    rows = np.frombuffer(data, np.dtype([("text", "S32"), ("vector", "<f4", 64)]))
    assert manifest["format"] == "precedent-backup-1"
    assert manifest["tickets"] == 41
    assert len(rows) == manifest["spaces"][0]["vectors"] == 41
    assert np.allclose(np.linalg.norm(rows["vector"], axis=1), 1)
    assert {json.loads(line)["id"] for line in lines if line} >= {"t-0", "t-9077"}


def test_an_interrupted_restore_leaves_nothing(written: Path, tmp_path: Path) -> None:
    """Ended in the middle of its one transaction, a restore leaves an empty store that can be filled again."""
    with contextlib.closing(Ledger(None, tmp_path / "store")) as ledger:
        with sqlite3.connect(tmp_path / "store" / "ledger.sqlite3") as other:
            other.execute(
                "CREATE TRIGGER stop BEFORE INSERT ON generations BEGIN SELECT RAISE(ABORT, 'no'); END"
            )
        other.close()
        with pytest.raises(PrecedentError):
            restore(ledger, written, notify=_quiet)
        assert ledger.copies.is_empty()
        with contextlib.closing(sqlite3.connect(tmp_path / "store" / "ledger.sqlite3")) as database, database:
            database.execute("DROP TRIGGER stop")
        assert restore(ledger, written, notify=_quiet).tickets == 41


def test_the_commands(settings: Settings, tmp_path: Path, provider: Provider) -> None:
    """Backup, then restore into another folder: verified clean, without a provider request."""
    with contextlib.closing(Knowledge(settings)) as knowledge:
        knowledge.prepare()
        store(knowledge, make_tickets(50))
    file = str(tmp_path / "made.backup")
    assert report_of(run_command(settings, "backup", file, "--json"))["tickets"] == 50
    empty = msgspec.structs.replace(settings, data_dir=tmp_path / "other")
    assert report_of(run_command(empty, "restore", file, "--json"))["vectors"] == 50
    assert report_of(run_command(empty, "verify", "--full", "--json"))["asked"] == 50
    assert "not empty" in run_command(empty, "restore", file, status=2).stderr
    assert provider.stats().requests["embeddings"] == 0
    assert_nothing_runs(tmp_path / "other")
