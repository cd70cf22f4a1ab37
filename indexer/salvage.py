"""Salvage: the readable part of a damaged ledger saved as a backup, and a list of the rest."""

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from indexer.backup import CopyReport, write_copy
from indexer.errors import PrecedentError
from indexer.ledger import Ledger, Row
from indexer.ledger.tables import TABLES_SINCE
from indexer.progress import Progress
from indexer.settings import Settings

__all__ = ["SalvageReport", "salvage"]

_MISSES = 100_000  # row numbers in a row without a row, after which no further one is looked for
_PAGE = 200


class SalvageReport(CopyReport, frozen=True, kw_only=True):
    """What was saved; ``rows`` names each row that was lost by its table and key, or number where it has none."""

    lost: int
    rows: list[str]


def salvage(settings: Settings, file: Path, *, progress: Progress) -> SalvageReport:
    """Write a backup of all that can be read and is what was acknowledged.

    The ledger is opened for reading only. On PostgreSQL all can be read, unless its operator has other tools for it.

    :raises PrecedentError: there is no ledger, or the file exists or cannot be written.
    """
    if settings.database_url is not None:
        with (
            contextlib.closing(Ledger(settings.database_url, settings.data_dir)) as ledger,
            ledger.copies.reading() as rows,
        ):
            report, lost = write_copy(rows, file, progress=progress, whole=False)
    else:
        with _opened(settings.data_dir / "ledger.sqlite3") as database:
            torn = _Torn(database)
            report, unsound = write_copy(torn.rows, file, progress=progress, whole=False)
        lost = unsound + torn.lost
    return SalvageReport(**msgspec.structs.asdict(report), lost=len(lost), rows=lost)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    # Without a place for SQLite's shared memory the file is read as it is, without what its log holds.
    log = path.with_name(f"{path.name}-wal")
    for mode in ("mode=ro", "immutable=1"):
        database = sqlite3.connect(f"{path.resolve().as_uri()}?{mode}", uri=True)
        database.text_factory = lambda data: data.decode(errors="surrogateescape")
        try:
            database.execute("SELECT count(*) FROM sqlite_master")
        except sqlite3.Error as error:
            database.close()
            if mode == "mode=ro" and not (log.exists() and log.stat().st_size):
                continue
            msg = f"{path} cannot be read at all ({type(error).__name__}): copy it and its -wal file to a folder that you may write to, or restore a backup"
            raise PrecedentError(msg) from None
        with contextlib.closing(database):
            yield database
        return


class _Torn:
    """Tables of an SQLite file of which some pages cannot be read."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self.lost: list[str] = []

    def rows(self, table: sa.Table) -> Iterator[Row]:
        """Yield all rows that can be read, and note the keys of those that cannot."""
        keys = self._keys(table)
        seen: set[int] = set()
        try:
            names = self._names(table)
            if not names and table.name in TABLES_SINCE:
                return  # an earlier release wrote the ledger
            for number, values in self._readable(table, names):
                seen.add(number)
                # What an earlier release's table lacks has the value that a new row has.
                row = _defaults(table) | dict(zip(names, values, strict=True))
                yield {n: bool(v) if isinstance(table.c[n].type, sa.Boolean) else v for n, v in row.items()}
        except sqlite3.Error as error:
            self.lost.append(f"{table.name}: cannot be read further ({type(error).__name__})")
        self.lost += [f"{table.name} {key!r}" for number, key in keys.items() if number not in seen]

    def _readable(self, table: sa.Table, names: list[str]) -> Iterator[tuple[int, tuple[Any, ...]]]:
        columns = ", ".join(f'"{name}"' for name in names)
        query = f'SELECT rowid, {columns} FROM "{table.name}" WHERE rowid'  # noqa: S608 (our own names)
        last, misses = 0, 0
        while misses < _MISSES:
            try:
                page = self._database.execute(f"{query} > ? ORDER BY rowid LIMIT {_PAGE}", [last]).fetchall()
            except sqlite3.DatabaseError:
                # Some page of the file is damaged: its rows are asked for one by one.
                page = []
                for number in range(last + 1, last + 1 + _PAGE):
                    with contextlib.suppress(sqlite3.DatabaseError):
                        page += self._database.execute(f"{query} = ?", [number]).fetchall()
                last += _PAGE
                misses = 0 if page else misses + _PAGE
            else:
                if not page:
                    return
                last = page[-1][0]
            for number, *values in page:
                yield number, tuple(values)

    def _names(self, table: sa.Table) -> list[str]:
        there = {row[1] for row in self._database.execute(f'PRAGMA table_info("{table.name}")')}
        return [column.name for column in table.columns if column.name in there]

    def _keys(self, table: sa.Table) -> dict[int, str]:
        """Return the first key column of each row, by the row's number, from the key's own index, as far as that is sound."""
        key = (
            next(iter(table.primary_key.columns)).name if len(table.primary_key.columns) == 1 else "text_hash"
        )
        found: dict[int, str] = {}
        query = f'SELECT rowid, "{key}" FROM "{table.name}" ORDER BY "{key}"'  # noqa: S608 (our own names)
        with contextlib.suppress(sqlite3.Error):
            for number, value in self._database.execute(query):
                found[number] = str(value).encode(errors="replace").decode()
        return found


def _defaults(table: sa.Table) -> Row:
    of_type = {sa.BigInteger: 0, sa.Double: time.time(), sa.Boolean: False, sa.String: ""}
    return {
        column.name: None if column.nullable else of_type.get(type(column.type)) for column in table.columns
    }
