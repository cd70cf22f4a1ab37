"""Connections to the ledger's tables, on SQLite and PostgreSQL alike."""

import contextlib
import shutil
import threading
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from filelock import FileLock, Timeout
from sqlalchemy.dialects import postgresql, sqlite

from indexer.errors import FullDiskError, PrecedentError, SettingsError
from indexer.ledger.migrations import make_tables
from indexer.ledger.rows import Space
from indexer.ledger.tables import SCHEMA, follow, metadata, spaces, state
from indexer.ledger.waiting import Wait, holder_of
from indexer.privacy import private_folder

__all__ = ["PAGE", "Database", "Part", "next_revision", "pages", "rows_with", "space_number"]

_T = TypeVar("_T")

PAGE = 500
"""Rows in one statement: far below what either database takes."""

_BUSY_SECONDS = 60
_PATIENCE = 1_800.0
_FULL_DISK = ("disk is full", "no space left")
_ROOM_BYTES = 1_000_000
_INDEX_LOCK = 7_166_342_001  # any constant; names our advisory lock on PostgreSQL
_WRITE_LOCK = _INDEX_LOCK + 1
_MAINTENANCE_LOCK = _INDEX_LOCK + 2


class Database:
    """Transactions on the ledger's tables. Every commit is durable when it returns."""

    def __init__(self, url: str | None, data_dir: Path) -> None:
        self._data_dir = data_dir
        self.url = ledger_url(url, data_dir)
        # A query may hold a password too.
        self.where = self.url.set(query={}).render_as_string(hide_password=True)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        waiting = {"connect_args": {"timeout": _BUSY_SECONDS}}
        options: dict[str, Any] = waiting if self.is_sqlite else {"pool_pre_ping": True}
        # The connection used last has the most in its cache; parameters are tickets.
        options |= {"pool_use_lifo": True, "hide_parameters": True}
        try:
            self._engine = sa.create_engine(self.url, **options)
            # Who waits for a lock takes no connection away from who has it.
            self._locks = sa.create_engine(self.url, poolclass=sa.NullPool, hide_parameters=True)
        except ModuleNotFoundError as error:
            msg = f"PRECEDENT_DATABASE_URL needs package {error.name}: pip install 'precedent[postgres]'"
            raise SettingsError(msg) from None
        self.dialect = self._engine.dialect
        self._driver_error: type[Exception] = self.dialect.loaded_dbapi.Error
        self._index_turn = threading.Lock()
        self.insert = sqlite.insert if self.is_sqlite else postgresql.insert
        if self.is_sqlite:
            sa.event.listen(self._engine, "connect", _prepare_sqlite)
            sa.event.listen(self._engine, "begin", _begin_sqlite)
        try:
            private_folder(data_dir)
            self._create()
        except OSError as error:
            msg = f"PRECEDENT_DATA_DIR={data_dir} cannot be used: {error.strerror or error}"
            raise SettingsError(msg) from None
        except PrecedentError:
            self.close()
            raise

    @contextlib.contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Open a transaction that sees one state of the ledger throughout.

        :raises PrecedentError: the database failed; so does every other method here.
        """
        with self._translated(), self._engine.connect() as connection:
            if not self.is_sqlite:
                connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection

    @contextlib.contextmanager
    def driver(self) -> Iterator[Any]:
        """Open a cursor of the driver's own, for one statement that reads."""
        with self._translated(), contextlib.closing(self._engine.raw_connection()) as connection:
            yield connection.cursor()

    @contextlib.contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Open a transaction to write in; it waits for other writers at its beginning."""
        with (
            self._translated(),
            self._engine.connect().execution_options(precedent_write=True) as connection,
            connection.begin(),
        ):
            if not self.is_sqlite:
                # One writer at a time, as on SQLite: rows that two lock in different order would be a deadlock.
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_WRITE_LOCK)))
            yield connection

    @contextlib.contextmanager
    def index_lock(self, *, patience: float | None = None) -> Iterator[None]:
        """Hold the right to write to Chroma, one holder over all processes; it ends with the holder.

        :param patience: seconds to wait for it; when not given, half an hour, with a word in the log.
        :raises IndexBusyError: others have it for longer.
        """
        with contextlib.ExitStack() as held:
            wait = Wait(_PATIENCE if patience is None else patience, self._index_holder)
            # One thread of this process waits for other processes, and so holds one connection at most.
            wait.until(lambda: self._index_turn.acquire(timeout=wait.step))
            held.callback(self._index_turn.release)
            if self.is_sqlite:
                lock = FileLock(self._data_dir / "index.lock")
                wait.until(lambda: _acquired(lock, wait.step))
                held.callback(lock.release)
            else:
                connection = held.enter_context(self._alone(self._locks))
                wait.until(
                    lambda: (
                        connection.execute(sa.select(sa.func.pg_try_advisory_lock(_INDEX_LOCK))).scalar()
                        or wait.pause()
                    )
                )
                held.callback(lambda: connection.execute(sa.select(sa.func.pg_advisory_unlock(_INDEX_LOCK))))
            yield

    def _index_holder(self) -> str | None:
        """Return who has the lock of the index, as far as that can be told."""
        if self.is_sqlite:
            return holder_of(self._data_dir / "index.lock")
        query = sa.text(
            "SELECT 'the process at ' || coalesce(host(client_addr), 'the server') FROM pg_locks "
            "JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory' AND granted "
            "AND (classid::bigint << 32) + objid::bigint = :number"
        )
        with self._alone(self._locks) as connection:
            found: str | None = connection.execute(query, {"number": _INDEX_LOCK}).scalar()
        return found

    @contextlib.contextmanager
    def maintenance_lock(self) -> Iterator[None]:
        """Hold the right to make and remove generations, one holder over all processes; it ends with the holder.

        :raises PrecedentError: another process has it.
        """
        msg = "another rebuild, forget or restore is running on this ledger: wait for it to end"
        if self.is_sqlite:
            try:
                with FileLock(self._data_dir / "maintenance.lock", timeout=0):
                    yield
            except Timeout:
                raise PrecedentError(msg) from None
            return
        with self._alone(self._locks) as connection:
            if not connection.execute(sa.select(sa.func.pg_try_advisory_lock(_MAINTENANCE_LOCK))).scalar():
                raise PrecedentError(msg)
            try:
                yield
            finally:
                connection.execute(sa.select(sa.func.pg_advisory_unlock(_MAINTENANCE_LOCK)))

    def integrity(self) -> list[str]:
        """Return what the database itself finds wrong with its file; PostgreSQL is left to its own tools."""
        if not self.is_sqlite:
            return []
        try:
            with self.read() as connection:
                found = list(connection.exec_driver_sql("PRAGMA integrity_check(20)").scalars())
        except PrecedentError as error:
            return [str(error)]
        return [line for line in found if line != "ok"]

    def compact(self) -> None:
        """Rewrite the tables, so that nothing deleted remains in their files; on SQLite its log is emptied too.

        :raises PrecedentError: a reader held on to the log for a minute.
        """
        tables = [table.name for table in metadata.sorted_tables]
        with self._alone() as connection:
            for statement in ["VACUUM"] if self.is_sqlite else [f"VACUUM FULL {name}" for name in tables]:
                connection.exec_driver_sql(statement)
            deadline = time.monotonic() + _BUSY_SECONDS
            while self.is_sqlite and connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0]:
                if time.monotonic() > deadline:
                    msg = "the ledger's write-ahead log could not be emptied: a process reads the ledger all the time"
                    raise PrecedentError(msg)
                time.sleep(0.1)

    def upsert(self, connection: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
        """Insert rows, or give rows of the same key these values."""
        statement = self.insert(table)
        given = {c.name: statement.excluded[c.name] for c in table.columns if not c.primary_key}
        statement = statement.on_conflict_do_update(
            index_elements=list(table.primary_key.columns), set_=given | follow(table, statement.excluded)
        )
        connection.execute(statement, rows)

    def close(self) -> None:
        """Give connections back."""
        self._engine.dispose()

    @contextlib.contextmanager
    def _alone(self, engine: sa.Engine | None = None) -> Iterator[sa.Connection]:
        """Open a connection on which every statement is a transaction of its own."""
        with self._translated(), (engine or self._engine).connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sa.exc.DBAPIError, sa.exc.TimeoutError, self._driver_error) as error:
            said = _first_line(error)
            if self._is_full_disk(said.lower()):
                msg = f"the disk of the ledger at {self.where} is full ({said}): nothing is damaged; free some space"
                raise FullDiskError(msg) from None
            msg = f"the ledger at {self.where} cannot be used: {said}"
            raise PrecedentError(msg) from None

    def _is_full_disk(self, said: str) -> bool:
        if any(words in said for words in _FULL_DISK):
            return True
        # SQLite's word where it cannot make its log larger.
        free = shutil.disk_usage(self._data_dir).free if self.is_sqlite else _ROOM_BYTES
        return "disk i/o error" in said and free < _ROOM_BYTES

    def _create(self) -> None:
        # SQLite's switch to WAL does not wait for other processes that open the file for the first time too.
        with (
            FileLock(self._data_dir / "ledger.lock") if self.is_sqlite else contextlib.nullcontext(),
            self.write() as connection,
        ):
            found = make_tables(connection)
            self.is_new = found is None
            if found is not None and not 1 <= found <= SCHEMA:
                msg = f"the ledger at {self.where} has schema {found}, this release reads {SCHEMA}: use the release that wrote it"
                raise PrecedentError(msg)


def next_revision(connection: sa.Connection) -> int:
    """Count a change of tickets."""
    statement = state.update().values(revision=state.c.revision + 1).returning(state.c.revision)
    return int(connection.execute(statement).scalar_one())


def space_number(connection: sa.Connection, space: Space) -> int | None:
    """Return the key of a space, ``None`` when nothing was ever stored in it."""
    query = sa.select(spaces.c.id).where(
        spaces.c.kind == space.kind,
        spaces.c.model == space.model,
        spaces.c.recipe == space.recipe,
        spaces.c.dimension == space.dimension,
    )
    number: int | None = connection.execute(query).scalar_one_or_none()
    return number


def pages(rows: Iterable[_T], size: int = PAGE) -> Iterator[list[_T]]:
    """Yield rows or ids in lists of at most so many."""
    left = iter(rows)
    while page := list(islice(left, size)):
        yield page


def rows_with(
    connection: sa.Connection, query: sa.Select[Any], column: sa.ColumnElement[str], ids: Iterable[str]
) -> Iterator[sa.Row[Any]]:
    """Yield the rows of a query whose column is one of these ids, page by page."""
    for page in pages(ids):
        yield from connection.execute(query.where(column.in_(page)))


class Part:
    """A part of the ledger: some of its tables."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def _count(self, query: sa.Select[Any]) -> int:
        return int(self._rows(query)[0][0])

    def _rows(
        self, query: sa.Select[Any], column: sa.ColumnElement[str] | None = None, ids: Iterable[str] = ()
    ) -> list[sa.Row[Any]]:
        """Return the rows of a query: all, or those whose column is one of these ids."""
        with self._db.read() as connection:
            return list(
                connection.execute(query) if column is None else rows_with(connection, query, column, ids)
            )

    def _streamed(self, query: sa.Select[Any]) -> Iterator[sa.Row[Any]]:
        """Yield the rows of a query, few of them in memory; a reading transaction is open until the end."""
        with self._db.read() as connection:
            yield from connection.execute(query.execution_options(yield_per=PAGE))


def _acquired(lock: FileLock, seconds: float) -> bool:
    try:
        lock.acquire(timeout=seconds)
    except Timeout:
        return False
    return True


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver must not begin transactions by itself
    # Bytes that are no text come as such a string that cannot be encoded, instead of an error that quotes them.
    connection.text_factory = lambda data: data.decode(errors="surrogateescape")
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    if connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT":
        return
    if connection.get_execution_options().get("precedent_write", False):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        # Nothing can go wrong with it, and this way it takes a tenth of the time: each question begins one or two.
        connection.connection.cursor().execute("BEGIN")


def ledger_url(url: str | None, data_dir: Path) -> sa.URL:
    """Return where the ledger is: at the address that settings give, else in a file of the data directory.

    :raises SettingsError: the address cannot be read.
    """
    parsed: sa.URL | None = None
    with contextlib.suppress(sa.exc.ArgumentError, ValueError):
        parsed = sa.make_url(url or f"sqlite:///{(data_dir / 'ledger.sqlite3').resolve()}")
    if parsed is None or "@" in (parsed.host or ""):
        # Without its value: what cannot be parsed may hold a password anywhere.
        msg = (
            "PRECEDENT_DATABASE_URL cannot be read: it must be postgresql://user:password@host:port/database, "
            "where signs such as @ in the password are percent-encoded (%40)"
        )
        raise SettingsError(msg)
    return parsed.set(drivername="postgresql+psycopg") if parsed.drivername == "postgresql" else parsed


def _first_line(error: Exception) -> str:
    original = getattr(error, "orig", None) or error
    line = (str(original).strip().splitlines() or [type(original).__name__])[0]
    # SQLite and drivers quote a value that cannot be decoded: it is a ticket.
    return line.partition(" with text ")[0]
