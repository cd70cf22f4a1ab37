"""A backup of a running system fills an empty store with exactly what it held."""

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from indexer.backup import backup, restore
from indexer.errors import PrecedentError
from indexer.ledger import Candidates, Filter, Ledger, Row, hash_of_key
from indexer.ledger.tables import TABLES_SINCE, feedback
from indexer.progress import no_progress
from indexer.settings import Settings
from indexer.store import Store
from indexer.verify import verify
from tests.indexer.command import ROOT, environment, report_of, run_command
from tests.indexer.making import (
    EDITED_REPLY,
    FULL_TICKET,
    OTHER_SPACE,
    SPACE,
    fill_store,
    make_ticket,
    make_tickets,
    prepared,
    store_vectors,
    vectors_for,
)
from tests.leftovers import assert_nothing_runs
from tests.postgres import Postgres
from tests.provider import Provider


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
    with prepared(chosen) as store:
        yield store
    assert_nothing_runs(folder)


@pytest.mark.parametrize("way", [("sqlite", "sqlite"), ("sqlite", "postgresql"), ("postgresql", "sqlite")])
def test_round_trip(
    settings: Settings, tmp_path: Path, postgres: Postgres, provider: Provider, way: tuple[str, str]
) -> None:
    """Ids, texts, metadata and vectors are equal bit for bit in either database, and so are the neighbours of 100 queries."""
    tickets = [*make_tickets(300), FULL_TICKET]
    there, back = (postgres.new_database() if kind == "postgresql" else None for kind in way)
    queries = vectors_for(make_tickets(100, start=5_000))
    file = tmp_path / "all.backup"
    with _opened(settings, tmp_path / "first", there) as first:
        live = fill_store(first, tickets)
        store_vectors(first.ledger, tickets[:50], OTHER_SPACE)
        first.feedback.take(EDITED_REPLY)
        portal, _ = (first.ledger.keys.add(name, "write") for name in ("portal", "lead"))
        made = backup(first.ledger, file, progress=no_progress)
        neighbours = [_nearest(first.nearest(live, query, 10)) for query in queries]
        stored = first.tickets.get(t.id for t in tickets)
        hashes = set(first.tickets.hashes().values())
        vectors = {space: first.vectors.get(space, hashes) for space in (SPACE, OTHER_SPACE)}
        said = _feedback(first.ledger)
    assert (made.tickets, made.vectors, made.feedback) == (301, 351, 1)
    with _opened(settings, tmp_path / "second", back) as second:
        lead = second.ledger.keys.add("lead", "ask")
        restored = restore(second.ledger, file, progress=no_progress)
        opening = {key.name: (key.hash, key.scope) for key in second.ledger.keys.all()}
        assert opening == {"portal": (hash_of_key(portal), "write"), "lead": (hash_of_key(lead), "ask")}
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
    """It lacks tables only that nothing was in yet; what tickets can be filtered by follows from the others."""
    file = tmp_path / "all.backup"
    with _opened(settings, tmp_path / "first", None) as first:
        fill_store(first, [make_ticket(n, tags=("eu",)) for n in range(5)])
        backup(first.ledger, file, progress=no_progress)
    with contextlib.closing(sqlite3.connect(file)) as database, database:
        database.execute('UPDATE backup SET "schema" = 3')
        for name in TABLES_SINCE:
            database.execute(f"DROP TABLE {name}")
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


def test_only_an_empty_store_is_filled(small_backup: Path, settings: Settings, tmp_path: Path) -> None:
    """A store that holds anything, be it one vector, is left as it is."""
    with contextlib.closing(Ledger(None, tmp_path / "used")) as ledger:
        store_vectors(ledger, make_tickets(1))
        with pytest.raises(PrecedentError, match="the store is not empty"):
            restore(ledger, small_backup, progress=no_progress)
        assert ledger.tickets.count() == 0


def test_of_nothing_there_is_no_backup(settings: Settings, tmp_path: Path) -> None:
    """A mistyped folder is told, and not taken for a backup that can be relied on."""
    with (
        contextlib.closing(Ledger(None, settings.data_dir)) as ledger,
        pytest.raises(PrecedentError, match="PRECEDENT_DATA_DIR"),
    ):
        backup(ledger, tmp_path / "nothing.backup", progress=no_progress)
    assert not (tmp_path / "nothing.backup").exists()


def test_no_file_is_overwritten(small_backup: Path, settings: Settings) -> None:
    """A backup names a file that does not exist, in a folder that does; nothing half is left behind."""
    before = small_backup.read_bytes()
    with contextlib.closing(Ledger(None, settings.data_dir)) as ledger:
        with pytest.raises(PrecedentError, match="exists already"):
            backup(ledger, small_backup, progress=no_progress)
        with pytest.raises(PrecedentError, match="cannot be written"):
            backup(ledger, small_backup.parent / "nowhere" / "file", progress=no_progress)
    assert small_backup.read_bytes() == before
    assert not list(small_backup.parent.glob("*.partial"))


def test_one_can_look_into_it(small_backup: Path) -> None:
    """It is a whole SQLite database with the ledger's own tables, and its owner alone can read it."""
    assert small_backup.stat().st_mode & 0o777 == 0o600
    with contextlib.closing(sqlite3.connect(small_backup)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert database.execute("SELECT count(*) FROM tickets").fetchone() == (41,)
        (record,) = database.execute("SELECT record FROM tickets WHERE id = 't-9077'").fetchone()
        assert json.loads(record)["text"] == FULL_TICKET.text
        (data,) = database.execute("SELECT vector FROM vectors ORDER BY length(vector) DESC").fetchone()
        assert np.isclose(np.linalg.norm(np.frombuffer(data, "<f4")), 1)


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("unshare") is None, reason="needs a read-only mount")
def test_a_read_only_file_system(small_backup: Path, settings: Settings, tmp_path: Path) -> None:
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


def test_an_interrupted_restore_leaves_nothing(small_backup: Path, tmp_path: Path) -> None:
    """Ended in the middle of its one transaction, a restore leaves an empty store that can be filled again."""
    with contextlib.closing(Ledger(None, tmp_path / "store")) as ledger:
        with sqlite3.connect(tmp_path / "store" / "ledger.sqlite3") as other:
            other.execute(
                "CREATE TRIGGER stop BEFORE INSERT ON generations BEGIN SELECT RAISE(ABORT, 'no'); END"
            )
        other.close()
        with pytest.raises(PrecedentError):
            restore(ledger, small_backup, progress=no_progress)
        assert ledger.copies.is_empty()
        with contextlib.closing(sqlite3.connect(tmp_path / "store" / "ledger.sqlite3")) as database, database:
            database.execute("DROP TRIGGER stop")
        assert restore(ledger, small_backup, progress=no_progress).tickets == 41


def test_the_commands(settings: Settings, tmp_path: Path, provider: Provider) -> None:
    """Backup, then restore into another folder: verified clean, without a provider request."""
    with prepared(settings) as store:
        fill_store(store, make_tickets(50))
    file = str(tmp_path / "made.backup")
    assert report_of(run_command(settings, "backup", file, "--json"))["tickets"] == 50
    empty = msgspec.structs.replace(settings, data_dir=tmp_path / "other")
    assert report_of(run_command(empty, "restore", file, "--json"))["vectors"] == 50
    assert report_of(run_command(empty, "verify", "--full", "--json"))["asked"] == 50
    assert "not empty" in run_command(empty, "restore", file, status=2).stderr
    assert provider.stats().requests["embeddings"] == 0
    assert_nothing_runs(tmp_path / "other")
