"""The files of the local index while no server runs: whether they changed, what is put aside, what is removed."""

import contextlib
import hashlib
import shutil
import sqlite3
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from indexer.chroma.server_log import LOG_BYTES, say

__all__ = ["disk_is_full", "dropped_folders", "put_back", "put_damaged_aside", "sums_of", "tidy"]


def put_damaged_aside(
    index: Path, before: dict[str, Any], orders: list[dict[str, Any]], log: int
) -> Path | None:
    """Put the index aside if it is damaged; return where it is then, ``None`` when it is not kept."""
    reasons = [str(o.get("reason")) for o in orders if "aside" in o and o["aside"] == before.get("run")]
    if before.get("files") and index.exists() and (changed := _changed(index, before["files"])):
        reasons.append(f"changed while no server ran: {', '.join(changed)}")
    if not reasons or not index.exists():
        return None
    for older in index.parent.glob("index.damaged-*"):
        shutil.rmtree(older)
    before.update(files=None, known={}, failed=0)
    size = sum(path.stat().st_size for path in index.rglob("*") if path.is_file())
    if shutil.disk_usage(index.parent).free < size:
        shutil.rmtree(index)
        say(
            log,
            f"removed the index ({reasons[0]}), for which the disk has no room; it is rebuilt from the ledger",
        )
        return None
    aside = index.parent / f"index.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
    index.rename(aside)
    say(log, f"put the index aside as {aside.name} ({reasons[0]}); it is rebuilt from the ledger")
    return aside


def put_back(index: Path, aside: Path, log: int) -> None:
    """Chroma does not start with an empty index either, so its files are not the reason."""
    shutil.rmtree(index, ignore_errors=True)
    aside.rename(index)
    say(log, f"put {aside.name} back: the server does not start with an empty index either")


def tidy(index: Path, log: int, *, compact: bool) -> None:
    """Remove what the server keeps of deleted collections: folders, and with ``compact`` freed pages too.

    Only safe while no server runs. Whatever is doubtful stays: a database that cannot be read tells nothing.
    """
    database = index / "chroma.sqlite3"
    if not database.exists():
        return
    mode = "rw" if compact else "ro"
    try:
        with contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode={mode}", uri=True)) as connection:
            dropped = dropped_folders(index, connection)
            if compact:
                # The full-text index keeps the words of deleted texts until its parts are merged.
                connection.execute(
                    "INSERT INTO embedding_fulltext_search(embedding_fulltext_search) VALUES ('optimize')"
                )
                connection.commit()
                connection.execute("VACUUM")
    except sqlite3.Error as error:
        say(log, f"{database.name} cannot be tidied ({error}): it stays as it is")
        return
    for folder in dropped:
        shutil.rmtree(folder)
        say(log, f"removed {folder.name}, which no collection has any more")


def dropped_folders(index: Path, database: sqlite3.Connection) -> list[Path]:
    """Return the folders with vectors of collections that the server's database does not know."""
    # Folders first: one that is made meanwhile is then in the database.
    folders = [folder for folder in index.iterdir() if folder.is_dir() and _is_segment(folder.name)]
    known = {row[0] for row in database.execute("SELECT id FROM segments WHERE scope = 'VECTOR'")}
    return [folder for folder in folders if folder.name not in known]


def _is_segment(name: str) -> bool:
    """Whether a folder of the index is, by its name, the vectors of a collection."""
    try:
        return str(uuid.UUID(name)) == name
    except ValueError:
        return False


def _changed(index: Path, before: dict[str, list[Any]]) -> list[str]:
    now = sums_of(index, before)
    return sorted(
        name
        for name in before.keys() | now.keys()
        if before.get(name, [None])[-1] != now.get(name, [None])[-1]
    )


def sums_of(index: Path, known: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Return size, time and checksum of each file; one whose size and time are the known ones is not read again."""
    sums: dict[str, list[Any]] = {}
    for path in sorted(index.rglob("*")):
        if path.is_file():
            name, stat = str(path.relative_to(index)), path.stat()
            now = [stat.st_size, stat.st_mtime_ns]
            before = known.get(name)
            if before is not None and before[:-1] == now:
                sums[name] = before
            else:
                with path.open("rb") as file:
                    sums[name] = [*now, hashlib.file_digest(file, hashlib.blake2b).hexdigest()]
    return sums


def disk_is_full(path: Path) -> bool:
    """Whether so little is free that Chroma cannot even open its database."""
    return shutil.disk_usage(path).free < LOG_BYTES
