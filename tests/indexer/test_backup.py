"""A backup of a running system fills an empty store with exactly what it held; what is no backup is refused."""

import contextlib
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
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
from indexer.ledger import Candidates, FeedbackEntry, Filter, Ledger, Row
from indexer.ledger.tables import feedback
from indexer.progress import no_progress
from indexer.settings import Settings
from indexer.store import Store
from indexer.verify import verify
from tests.indexer.command import ROOT, environment, report_of, run_command
from tests.indexer.making import SPACE, fill_store, make_ticket, make_tickets, store_vectors, vectors_for
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


def _nearest(found: Candidates) -> tuple[list[float], dict[str, float]]:
    """Return the similarities, and the hits without those that tie for the last place: which of them come is chance."""
    similar = found.cosines.round(5).tolist()
    return similar, {i: s for i, s in zip(found.ids, similar, strict=True) if s > similar[-1]}


def _feedback(ledger: Ledger) -> list[Row]:
    """Return all feedback, as it is stored."""
    with ledger.copies.reading() as rows:
        return list(rows(feedback))


@contextlib.contextmanager
def _opened(settings: Settings, folder: Path, database_url: str | None = None) -> Iterator[Store]:
    chosen = msgspec.structs.replace(settings, data_dir=folder, database_url=database_url)
    with contextlib.closing(Store(chosen)) as store:
        store.prepare()
        yield store
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
        backup(ledger, tmp_path / "small.backup", progress=no_progress)
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
        live = fill_store(first, tickets)
        store_vectors(first.ledger, tickets[:50], _OTHER)
        first.feedback.take(_SAID)
        made = backup(first.ledger, file, progress=no_progress)
        neighbours = [_nearest(first.nearest(live, query, 10)) for query in queries]
        stored = first.tickets.get(t.id for t in tickets)
        hashes = set(first.tickets.hashes().values())
        vectors = {space: first.vectors.get(space, hashes) for space in (SPACE, _OTHER)}
        said = _feedback(first.ledger)
    assert (made.tickets, made.vectors, made.feedback) == (301, 351, 1)
    with _opened(settings, tmp_path / "second", back) as second:
        restored = restore(second.ledger, file, progress=no_progress)
        second.prepare()
        new = second.generations.live()
        assert new is not None
        assert (restored.tickets, restored.vectors) == (301, 351)
        assert _feedback(second.ledger) == said
        assert second.tickets.get(stored) == stored == {t.id: t for t in tickets}
        for space, expected in vectors.items():
            found = second.vectors.get(space, hashes)
            assert found.keys() == expected.keys()
            assert all(found[text].tobytes() == expected[text].tobytes() for text in expected)
        assert [_nearest(second.nearest(new, query, 10)) for query in queries] == neighbours
        assert verify(second, tmp_path / "second", full=True, progress=no_progress).clean
        fill_store(second, [make_ticket(400)])
        store_vectors(second.ledger, [make_ticket(401)], replace(SPACE, model="a third"))
    assert provider.stats().requests["embeddings"] == 0


def test_a_backup_of_the_release_before_is_restored(settings: Settings, tmp_path: Path) -> None:
    """It has the same tables; what tickets can be filtered by follows from them."""
    file = tmp_path / "all.backup"
    with _opened(settings, tmp_path / "first", None) as first:
        fill_store(first, [make_ticket(n, tags=("eu",)) for n in range(5)])
        backup(first.ledger, file, progress=no_progress)
    with contextlib.closing(sqlite3.connect(file)) as database, database:
        database.execute('UPDATE backup SET "schema" = 3')
    with _opened(settings, tmp_path / "second", None) as second:
        assert restore(second.ledger, file, progress=no_progress).tickets == 5
        assert len(second.tickets.page(Filter(tags=("eu",)), limit=9)) == 5


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
                    backup(ledger, tmp_path / f"{number}.backup", progress=no_progress)
            finally:
                stop.set()
            assert rounds.result() > 5
    for number in range(5):
        with contextlib.closing(Ledger(None, tmp_path / f"copy-{number}")) as copy:
            restore(copy, tmp_path / f"{number}.backup", progress=no_progress)
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
    path.unlink()
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE photos (name)")


def _of_an_earlier_version(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("manifest.json", b"{}")


def _changed(*statements: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        with contextlib.closing(sqlite3.connect(path)) as database, database:
            for statement in statements:
                assert database.execute(statement).rowcount

    return change


_DAMAGE: dict[str, Callable[[Path], None]] = {
    "truncated": _truncated,
    "cut in half": _cut_in_half,
    "empty": _empty,
    "text": _text,
    "foreign": _foreign,
    "of an earlier version": _of_an_earlier_version,
    "missing": Path.unlink,
    "of the future": _changed("UPDATE backup SET format = 'precedent-backup-9'"),
    "of another schema": _changed('UPDATE backup SET "schema" = 99'),
    "without what says so": _changed("DELETE FROM backup"),
    "without tickets": _changed("DROP TABLE tickets"),
    "one ticket less": _changed("DELETE FROM tickets WHERE id = 't-3'"),
    "a ticket twice": _changed(
        "CREATE TEMP TABLE c AS SELECT * FROM tickets WHERE id = 't-3'",
        "UPDATE c SET id = 'xt-3'",
        "INSERT INTO tickets SELECT * FROM c",
    ),
    "another text": _changed("UPDATE tickets SET record = replace(record, 'Case', 'Cafe') WHERE id = 't-3'"),
    "no text": _changed("UPDATE tickets SET record = CAST(x'7b22fffe' AS TEXT) WHERE id = 't-3'"),
    "another priority": _changed("UPDATE tickets SET priority = 'high' WHERE id = 't-3'"),
    "other feedback": _changed("UPDATE feedback SET action = 'denied'"),
    "another vector": _changed("UPDATE vectors SET vector = zeroblob(256) WHERE rowid = 7"),
    "a short vector": _changed("UPDATE vectors SET vector = x'00' WHERE rowid = 7"),
    "a view for a table": _changed(
        "ALTER TABLE tickets RENAME TO t", "CREATE VIEW tickets AS SELECT * FROM t"
    ),
    "a bomb": _changed("UPDATE feedback SET reply = zeroblob(200000000)"),
}


@pytest.mark.parametrize("damage", _DAMAGE)
def test_what_is_no_whole_backup_is_refused_by_name(written: Path, tmp_path: Path, damage: str) -> None:
    """Damaged, cut, foreign and newer files are refused with their name and without a text, and nothing is written."""
    _DAMAGE[damage](written)
    with contextlib.closing(Ledger(None, tmp_path / "empty")) as ledger:
        with pytest.raises(BackupFileError, match=r"small\.backup") as refused:
            restore(ledger, written, progress=no_progress)
        assert "Case" not in str(refused.value)
        assert ledger.copies.is_empty()
        assert ledger.revision() == 0


def test_any_flipped_byte_is_refused_or_harmless(written: Path, tmp_path: Path) -> None:
    """A byte changed anywhere is found out, or it stands where it changes nothing that is restored."""
    whole = written.read_bytes()
    generator = random.Random(20261122)
    with contextlib.closing(Ledger(None, tmp_path / "right")) as right:
        restore(right, written, progress=no_progress)
        expected = list(right.tickets.records())
    refused = 0
    for number in range(60):
        place = generator.randrange(len(whole))
        written.write_bytes(
            whole[:place] + bytes([whole[place] ^ (1 << generator.randrange(8))]) + whole[place + 1 :]
        )
        with contextlib.closing(Ledger(None, tmp_path / f"flip-{number}")) as ledger:
            try:
                restore(ledger, written, progress=no_progress)
            except BackupFileError:
                refused += 1
                assert ledger.copies.is_empty()
            else:
                assert list(ledger.tickets.records()) == expected
        shutil.rmtree(tmp_path / f"flip-{number}")
    assert refused > 10  # much of a small SQLite file is room, and keys that are not read


def test_only_an_empty_store_is_filled(written: Path, settings: Settings, tmp_path: Path) -> None:
    """A store that holds anything, be it one vector, is left as it is."""
    with contextlib.closing(Ledger(None, tmp_path / "used")) as ledger:
        store_vectors(ledger, make_tickets(1))
        with pytest.raises(PrecedentError, match="the store is not empty"):
            restore(ledger, written, progress=no_progress)
        assert ledger.tickets.count() == 0


def test_of_nothing_there_is_no_backup(settings: Settings, tmp_path: Path) -> None:
    """A mistyped folder is told, and not taken for a backup that can be relied on."""
    with (
        contextlib.closing(Ledger(None, settings.data_dir)) as ledger,
        pytest.raises(PrecedentError, match="PRECEDENT_DATA_DIR"),
    ):
        backup(ledger, tmp_path / "nothing.backup", progress=no_progress)
    assert not (tmp_path / "nothing.backup").exists()


def test_no_file_is_overwritten(written: Path, settings: Settings) -> None:
    """A backup names a file that does not exist, in a folder that does; nothing half is left behind."""
    before = written.read_bytes()
    with contextlib.closing(Ledger(None, settings.data_dir)) as ledger:
        with pytest.raises(PrecedentError, match="exists already"):
            backup(ledger, written, progress=no_progress)
        with pytest.raises(PrecedentError, match="cannot be written"):
            backup(ledger, written.parent / "nowhere" / "file", progress=no_progress)
    assert written.read_bytes() == before
    assert not list(written.parent.glob("*.partial"))


def test_one_can_look_into_it(written: Path) -> None:
    """It is a whole SQLite database with the ledger's own tables, and its owner alone can read it."""
    assert written.stat().st_mode & 0o777 == 0o600
    with contextlib.closing(sqlite3.connect(written)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert database.execute("SELECT count(*) FROM tickets").fetchone() == (41,)
        (record,) = database.execute("SELECT record FROM tickets WHERE id = 't-9077'").fetchone()
        assert json.loads(record)["text"] == _FULL.text
        (data,) = database.execute("SELECT vector FROM vectors ORDER BY length(vector) DESC").fetchone()
        assert np.isclose(np.linalg.norm(np.frombuffer(data, "<f4")), 1)


def _hurt(data_dir: Path, statement: str) -> None:
    with contextlib.closing(sqlite3.connect(data_dir / "ledger.sqlite3")) as database, database:
        assert database.execute(statement).rowcount == 1
    with contextlib.closing(sqlite3.connect(data_dir / "ledger.sqlite3")) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


_HURTS = {
    "t-3": "UPDATE tickets SET record = replace(record, 'Case', 'Cafe') WHERE id = 't-3'",
    "t-4": "UPDATE tickets SET record = CAST(x'7b226964223a22436173' || x'fffe' AS TEXT) WHERE id = 't-4'",
    "t-5": "UPDATE tickets SET record = substr(record, 1, 40) WHERE id = 't-5'",
    "t-6": "UPDATE tickets SET text_hash = 'zz' WHERE id = 't-6'",
}


@pytest.mark.parametrize("ticket_id", _HURTS)
def test_damage_is_not_laundered(
    written: Path, settings: Settings, tmp_path: Path, ticket_id: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A ledger with an altered record is not backed up: the ticket is named, its text is not, and no file is left."""
    _hurt(settings.data_dir, _HURTS[ticket_id])
    with contextlib.closing(Ledger(None, settings.data_dir)) as ledger:
        with pytest.raises(PrecedentError, match=f"'{ticket_id}'.*salvage") as refused:
            backup(ledger, tmp_path / "new.backup", progress=no_progress)
        assert ledger.tickets.altered() == [ticket_id]
        ledger.check_sample()
        if ticket_id in ("t-4", "t-5"):
            with pytest.raises(PrecedentError, match="damaged") as unread:
                ledger.tickets.get([ticket_id])
            assert "Cas" not in str(unread.value)
    assert "Cas" not in str(refused.value) + caplog.text
    assert [path.name for path in tmp_path.iterdir() if "new.backup" in path.name] == []


def test_salvage(written: Path, settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What is sound of a ledger with altered rows and torn pages is saved and restored; what is lost is named."""
    data_dir, file = settings.data_dir, tmp_path / "saved.backup"
    with contextlib.closing(Ledger(None, data_dir)) as ledger:
        ledger.tickets.write(make_tickets(600, start=100))
    for statement in _HURTS.values():
        _hurt(data_dir, statement)
    path = data_dir / "ledger.sqlite3"
    content = path.read_bytes()
    page = content.index(b"Case c000300") // 4096 * 4096
    path.write_bytes(content[:page] + b"\xff" * 4096 + content[page + 4096 :])
    with contextlib.closing(Ledger(None, data_dir)) as ledger:
        for _ in range(30):  # of 200 tickets each: some look at the torn page
            ledger.check_sample()
    assert "could not be compared" in caplog.text
    assert "Cas" not in caplog.text
    done = run_command(settings, "salvage", str(file), "--json", status=1)
    report = report_of(done)
    assert {f"tickets '{ticket_id}'" for ticket_id in (*_HURTS, "t-300")} <= set(report["rows"])
    assert report["lost"] == len(report["rows"]) < 60
    assert report["tickets"] + report["lost"] == 641
    assert "Cas" not in done.stdout + done.stderr
    with contextlib.closing(Ledger(None, tmp_path / "saved")) as saved:
        restored = restore(saved, file, progress=no_progress)
        assert (restored.tickets, restored.vectors) == (report["tickets"], 51)
        assert saved.tickets.altered() == []
        assert saved.tickets.get(["t-7", "t-9077"]) == {"t-7": make_ticket(7), "t-9077": _FULL}


def test_salvage_of_a_sound_ledger(
    written: Path, database_url: str | None, settings: Settings, tmp_path: Path
) -> None:
    """It is the same as a backup, on either database, and says that nothing is lost."""
    chosen = msgspec.structs.replace(settings, database_url=database_url)
    if database_url is not None:
        with contextlib.closing(Ledger(database_url, tmp_path / "other")) as ledger:
            restore(ledger, written, progress=no_progress)
    report = report_of(run_command(chosen, "salvage", str(tmp_path / "saved.backup"), "--json"))
    assert (report["lost"], report["tickets"], report["vectors"], report["feedback"]) == (0, 41, 51, 1)


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("unshare") is None, reason="needs a read-only mount")
def test_a_read_only_file_system(written: Path, settings: Settings, tmp_path: Path) -> None:
    """The ledger is backed up from where nothing can be written, with what only its log holds, and is left as it was."""
    with contextlib.closing(Ledger(None, settings.data_dir)) as ledger:
        ledger.tickets.write([make_ticket(77)])
        shutil.copytree(settings.data_dir, tmp_path / "frozen")
    assert (tmp_path / "frozen" / "ledger.sqlite3-wal").stat().st_size
    (tmp_path / "frozen" / "ledger.sqlite3-shm").unlink()
    chosen = msgspec.structs.replace(settings, data_dir=tmp_path / "frozen")
    before = sorted(path.name for path in chosen.data_dir.iterdir())
    file = tmp_path / "frozen.backup"
    script = f"mount --bind {chosen.data_dir} {chosen.data_dir} && mount -o remount,ro,bind {chosen.data_dir} && exec {sys.executable} -m indexer backup {file}"
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script],
        env=environment(chosen),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"mounts are not allowed here: {done.stderr}")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in chosen.data_dir.iterdir()) == before
    with contextlib.closing(Ledger(None, tmp_path / "thawed")) as ledger:
        assert restore(ledger, file, progress=no_progress).tickets == 42
        assert ledger.tickets.get(["t-77"])
    assert not list(tmp_path.glob(".frozen*"))


def test_an_interrupted_restore_leaves_nothing(written: Path, tmp_path: Path) -> None:
    """Ended in the middle of its one transaction, a restore leaves an empty store that can be filled again."""
    with contextlib.closing(Ledger(None, tmp_path / "store")) as ledger:
        with sqlite3.connect(tmp_path / "store" / "ledger.sqlite3") as other:
            other.execute(
                "CREATE TRIGGER stop BEFORE INSERT ON generations BEGIN SELECT RAISE(ABORT, 'no'); END"
            )
        other.close()
        with pytest.raises(PrecedentError):
            restore(ledger, written, progress=no_progress)
        assert ledger.copies.is_empty()
        with contextlib.closing(sqlite3.connect(tmp_path / "store" / "ledger.sqlite3")) as database, database:
            database.execute("DROP TRIGGER stop")
        assert restore(ledger, written, progress=no_progress).tickets == 41


def test_the_commands(settings: Settings, tmp_path: Path, provider: Provider) -> None:
    """Backup, then restore into another folder: verified clean, without a provider request."""
    with contextlib.closing(Store(settings)) as store:
        store.prepare()
        fill_store(store, make_tickets(50))
    file = str(tmp_path / "made.backup")
    assert report_of(run_command(settings, "backup", file, "--json"))["tickets"] == 50
    empty = msgspec.structs.replace(settings, data_dir=tmp_path / "other")
    assert report_of(run_command(empty, "restore", file, "--json"))["vectors"] == 50
    assert report_of(run_command(empty, "verify", "--full", "--json"))["asked"] == 50
    assert "not empty" in run_command(empty, "restore", file, status=2).stderr
    assert provider.stats().requests["embeddings"] == 0
    assert_nothing_runs(tmp_path / "other")
