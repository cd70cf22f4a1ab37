"""Backup: the ledger copied into one file, and a store filled from it.

The file is an SQLite database with the ledger's own tables, the same for both databases. Its further table
``backup`` says when it was made, how many rows there are, and the SHA-256 of all of them.
"""

import hashlib
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import sqlalchemy as sa

from indexer.durable import replace_durably
from indexer.errors import PrecedentError
from indexer.ledger import Ledger, Row, Rows, pages, rows_of
from indexer.ledger.soundness import is_sound
from indexer.ledger.tables import COPIED_SINCE, SCHEMA, TABLES_SINCE, copied, metadata, spaces
from indexer.progress import Progress
from indexer.settings import Settings

__all__ = ["BackupFileError", "CopyReport", "backup", "restore", "stored", "write_copy"]

_FORMAT = "precedent-backup-2"
_LONGEST = 2**26  # bytes of a value
_NAMED = 5
_TOLD = 1_000

_made = sa.Table(
    "backup",
    sa.MetaData(),
    sa.Column("format", sa.String, primary_key=True),
    sa.Column("schema", sa.Integer, nullable=False),
    sa.Column("made", sa.String, nullable=False),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("sha256", sa.String, nullable=False),
)


class BackupFileError(PrecedentError):
    """A file is no backup, or is damaged; nothing was restored from it."""


class CopyReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds, or what was restored."""

    file: str
    made: str
    tickets: int
    vectors: int
    feedback: int
    bytes: int
    seconds: float


@dataclass(slots=True)
class _Passing:
    """Rows on their way: counted, looked at, and summed up in one checksum."""

    progress: Progress
    what: str
    counts: dict[str, int] = field(default_factory=dict)
    unsound: list[str] = field(default_factory=list)
    dimensions: dict[int, int] = field(default_factory=dict)
    _digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def through(self, table: sa.Table, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield the rows of a table as they come."""
        count, names = 0, [column.name for column in table.columns]
        for row in rows:
            if not is_sound(table, row, self.dimensions):
                self.unsound.append(f"{table.name} {str(row[names[0]]).encode(errors='replace').decode()!r}")
                continue
            if table is spaces:
                self.dimensions[row["id"]] = row["dimension"]
            self._digest.update(msgspec.msgpack.encode((str(table.name), [row[name] for name in names])))
            count += 1
            self.counts[table.name] = count
            if count % _TOLD == 0:
                self.progress(self.what, self.total, 0)
            yield row

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def report(self, file: Path, made: str, began: float) -> CopyReport:
        return CopyReport(
            file=str(file),
            made=made,
            **{name: self.counts.get(name, 0) for name in ("tickets", "vectors", "feedback")},
            bytes=file.stat().st_size,
            seconds=round(time.monotonic() - began, 3),
        )


def backup(ledger: Ledger, file: Path, *, progress: Progress) -> CopyReport:
    """Write the ledger as it is at this moment to a file; others go on reading and writing.

    :raises PrecedentError: the file exists already or cannot be written, or the ledger holds what was never
        acknowledged: then there is no file.
    """
    if ledger.copies.is_empty():
        msg = "nothing is stored, so there is nothing to back up: is PRECEDENT_DATA_DIR or PRECEDENT_DATABASE_URL the right one?"
        raise PrecedentError(msg)
    with ledger.copies.reading() as rows:
        report, _ = write_copy(rows, file, progress=progress, whole=True)
    return report


def write_copy(rows: Rows, file: Path, *, progress: Progress, whole: bool) -> tuple[CopyReport, list[str]]:
    """Write every sound row to a backup file, which only its owner can read; it has its name when all is on disk.

    :param whole: refuse to leave anything out.
    :return: what it holds, and the table and key of each row that was left out.
    :raises PrecedentError: as of `backup`.
    """
    began = time.monotonic()
    if file.name == "-" or file.exists():
        fault = "means standard output elsewhere" if file.name == "-" else "exists already"
        msg = f"{file} {fault}: name another file, or remove it"
        raise PrecedentError(msg)
    partial = file.with_name(f"{file.name}.partial")
    passing = _Passing(progress, "backup")
    made = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        partial.unlink(missing_ok=True)
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with _database(partial, "rw") as connection:
            metadata.create_all(connection, tables=copied)
            _made.create(connection)
            for table in copied:
                for page in pages(passing.through(table, rows(table))):
                    connection.execute(table.insert(), page)
            if whole and passing.unsound:
                named = ", ".join(passing.unsound[:_NAMED])
                msg = (
                    f"{len(passing.unsound):,} rows of the ledger are not what was acknowledged ({named}), so no backup is made of it: "
                    "mend them (`precedent verify` says how), or save all others by `precedent salvage FILE`"
                )
                raise PrecedentError(msg)
            progress("backup", passing.total, passing.total)
            values = {"format": _FORMAT, "schema": SCHEMA, "made": made, "rows": passing.total}
            connection.execute(_made.insert().values(**values, sha256=passing.sha256))
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        replace_durably(partial, file)
    except (OSError, sa.exc.DBAPIError) as error:
        why = getattr(error, "strerror", None) or getattr(error, "orig", None) or error
        msg = f"{file} cannot be written: {why}"
        raise PrecedentError(msg) from None
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
    return passing.report(file, made, began), passing.unsound


def restore(ledger: Ledger, file: Path, *, progress: Progress) -> CopyReport:
    """Fill an empty ledger from a backup, in one transaction that ends when every row was found to be right.

    The index is then made by replaying it, as after any loss. Nothing is asked of a provider.

    :raises BackupFileError: the file is no backup, or damaged.
    :raises PrecedentError: the store is not empty.
    """
    began = time.monotonic()
    if not ledger.copies.is_empty():
        msg = f"{file.name} is not restored: the store is not empty; name another PRECEDENT_DATA_DIR or PRECEDENT_DATABASE_URL"
        raise PrecedentError(msg)
    passing = _Passing(progress, "restore")
    with _opened(file) as (connection, said), ledger.maintenance_lock():

        def rows(table: sa.Table) -> Iterator[Row]:
            in_order = sa.select(table).order_by(sa.text("rowid"))  # as they were written
            if _has(said.schema, table):
                yield from passing.through(table, _read(connection, file, in_order))
            if table is copied[-1]:
                _compare(passing, said, file)

        ledger.copies.fill(rows)
        progress("restore", passing.total, passing.total)
    return passing.report(file, said.made, began)


@contextmanager
def stored(settings: Settings, near: Path) -> Iterator[Ledger]:
    """Open the ledger to read it, also where nothing can be written: then a copy of its files beside ``near``."""
    if settings.database_url is not None or os.access(settings.data_dir, os.W_OK):
        with closing(Ledger(settings.database_url, settings.data_dir)) as ledger:
            yield ledger
        return
    try:
        with tempfile.TemporaryDirectory(prefix=f".{near.name}.", dir=near.parent) as folder:
            # The log holds what is not in the file yet; without a place to write, SQLite cannot read both.
            for name in ("ledger.sqlite3", "ledger.sqlite3-wal"):
                if (settings.data_dir / name).exists():
                    shutil.copyfile(settings.data_dir / name, Path(folder) / name)
            with closing(Ledger(None, Path(folder))) as ledger:
                yield ledger
    except OSError as error:
        msg = f"{settings.data_dir} can only be read, and its ledger cannot be copied to {near.parent}: {error.strerror or error}"
        raise PrecedentError(msg) from None


@contextmanager
def _database(file: Path, mode: str) -> Iterator[sa.Connection]:
    """Open an SQLite file in one transaction; it is not protected against a loss of power while it is written."""

    def connect() -> sqlite3.Connection:
        database = sqlite3.connect(f"{file.resolve().as_uri()}?mode={mode}", uri=True, isolation_level=None)
        database.text_factory = lambda data: data.decode(errors="surrogateescape")
        database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
        for pragma in ("trusted_schema=OFF", "cell_size_check=ON", "journal_mode=OFF", "synchronous=OFF"):
            database.execute(f"PRAGMA {pragma}")
        return database

    engine = sa.create_engine("sqlite://", creator=connect, poolclass=sa.StaticPool, hide_parameters=True)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            yield connection
            connection.exec_driver_sql("COMMIT")
    finally:
        engine.dispose()


@contextmanager
def _opened(file: Path) -> Iterator[tuple[sa.Connection, sa.Row[tuple[str, int, str, int, str]]]]:
    """Open a backup to read, with what it says of itself."""
    if not file.is_file():
        msg = f"there is no file {file}"
        raise BackupFileError(msg)
    with file.open("rb") as start:
        if start.read(4) == b"PK\x03\x04":
            msg = f"{file} is a backup of an earlier version (a ZIP archive), which this one does not read: restore it with that version, and back up its store with this one"
            raise BackupFileError(msg)
    try:
        with _database(file, "ro") as connection:
            found: dict[str, str] = {
                row.name: row.type
                for row in connection.execute(sa.text("SELECT name, type FROM sqlite_master"))
            }
            if found.get(_made.name) != "table":
                msg = f"{file} is no backup: it has no table {_made.name}; nothing was restored"
                raise BackupFileError(msg)
            said = connection.execute(sa.select(_made)).one()
            if said.format != _FORMAT or said.schema not in range(COPIED_SINCE, SCHEMA + 1):
                msg = (
                    f"{file} is no backup that this release reads: its format is {str(said.format)[:40]!r} with schema {str(said.schema)[:9]}, "
                    f"not {_FORMAT!r} with schema {COPIED_SINCE} to {SCHEMA}: use the release that wrote it; nothing was restored"
                )
                raise BackupFileError(msg)
            lacking = [t.name for t in copied if found.get(t.name) != "table" and _has(said.schema, t)]
            if lacking:
                msg = f"{file} is damaged: it has no table {', '.join(lacking)}; nothing was restored"
                raise BackupFileError(msg)
            yield connection, said
    except (sa.exc.SQLAlchemyError, OSError, UnicodeError) as error:
        raise _damaged(file, error) from None


def _has(schema: int, table: sa.Table) -> bool:
    """Tell whether a backup of this schema has the table."""
    return schema >= TABLES_SINCE.get(table.name, COPIED_SINCE)


def _read(connection: sa.Connection, file: Path, query: sa.Select[tuple[object, ...]]) -> Iterator[Row]:
    try:
        yield from rows_of(connection, query)
    except (sa.exc.SQLAlchemyError, UnicodeError) as error:
        raise _damaged(file, error) from None


def _damaged(file: Path, error: Exception) -> BackupFileError:
    # Not its words: they may be a ticket's.
    kind = type(getattr(error, "orig", None) or error).__name__
    return BackupFileError(f"{file} is no backup, or damaged ({kind}); nothing was restored")


def _compare(passing: _Passing, said: sa.Row[tuple[str, int, str, int, str]], file: Path) -> None:
    if passing.unsound:
        msg = f"{file} is damaged: {len(passing.unsound):,} rows are not what was stored ({', '.join(passing.unsound[:_NAMED])}); nothing was restored"
        raise BackupFileError(msg)
    if (passing.total, passing.sha256) != (said.rows, said.sha256):
        msg = f"{file} is damaged: its {passing.total:,} rows do not have its checksum; nothing was restored"
        raise BackupFileError(msg)
