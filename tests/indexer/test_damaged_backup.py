"""What is no whole backup is refused, damage of a ledger is not backed up, and what is sound of it is salvaged."""

import contextlib
import random
import shutil
import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from indexer.backup import BackupFileError, backup, restore
from indexer.errors import PrecedentError
from indexer.ledger import Ledger
from indexer.ledger.tables import TABLES_SINCE
from indexer.progress import no_progress
from indexer.settings import Settings
from tests.indexer.command import report_of, run_command
from tests.indexer.making import FULL_TICKET, make_ticket, make_tickets

pytestmark = pytest.mark.slow


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
def test_what_is_no_whole_backup_is_refused_by_name(small_backup: Path, tmp_path: Path, damage: str) -> None:
    """Damaged, cut, foreign and newer files are refused with their name and without a text, and nothing is written."""
    _DAMAGE[damage](small_backup)
    with contextlib.closing(Ledger(None, tmp_path / "empty")) as ledger:
        with pytest.raises(BackupFileError, match=r"small\.backup") as refused:
            restore(ledger, small_backup, progress=no_progress)
        assert "Case" not in str(refused.value)
        assert ledger.copies.is_empty()
        assert ledger.revision() == 0


def test_any_flipped_byte_is_refused_or_harmless(small_backup: Path, tmp_path: Path) -> None:
    """A byte changed anywhere is found out, or it stands where it changes nothing that is restored."""
    whole = small_backup.read_bytes()
    generator = random.Random(20261122)
    with contextlib.closing(Ledger(None, tmp_path / "right")) as right:
        restore(right, small_backup, progress=no_progress)
        expected = list(right.tickets.records())
    refused = made = 0
    ledger = Ledger(None, tmp_path / "flip-0")
    for _ in range(150):
        place = generator.randrange(len(whole))
        small_backup.write_bytes(
            whole[:place] + bytes([whole[place] ^ (1 << generator.randrange(8))]) + whole[place + 1 :]
        )
        try:
            restore(ledger, small_backup, progress=no_progress)
        except BackupFileError:
            refused += 1
            assert ledger.copies.is_empty()  # and so the next one is restored into it
        else:
            assert list(ledger.tickets.records()) == expected
            ledger.close()
            shutil.rmtree(tmp_path / f"flip-{made}")
            made += 1
            ledger = Ledger(None, tmp_path / f"flip-{made}")
    ledger.close()
    assert refused > 10  # much of a small SQLite file is room, and keys that are not read


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
    small_backup: Path, settings: Settings, tmp_path: Path, ticket_id: str, caplog: pytest.LogCaptureFixture
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


def test_salvage(
    small_backup: Path, settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
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
        assert saved.tickets.get(["t-7", "t-9077"]) == {"t-7": make_ticket(7), "t-9077": FULL_TICKET}


def test_salvage_of_a_sound_ledger(
    small_backup: Path, database_url: str | None, settings: Settings, tmp_path: Path
) -> None:
    """It is the same as a backup, on either database, and says that nothing is lost, nor of an earlier release's ledger."""
    chosen = msgspec.structs.replace(settings, database_url=database_url)
    if database_url is not None:
        with contextlib.closing(Ledger(database_url, tmp_path / "other")) as ledger:
            restore(ledger, small_backup, progress=no_progress)
    else:
        with contextlib.closing(sqlite3.connect(settings.data_dir / "ledger.sqlite3")) as database, database:
            for name in TABLES_SINCE:
                database.execute(f"DROP TABLE {name}")
    report = report_of(run_command(chosen, "salvage", str(tmp_path / "saved.backup"), "--json"))
    assert (report["lost"], report["tickets"], report["vectors"], report["feedback"]) == (0, 41, 51, 1)
