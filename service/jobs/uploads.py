"""Exports that were sent to be brought in: each lies in a folder of its own until it is stored, deleted, or a week old."""

import asyncio
import contextlib
import re
import shutil
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from indexer.chroma.failures import full_disk, is_full_disk
from service.pools import BusyError

__all__ = ["UPLOAD_ID", "TooLargeError", "Upload", "Uploads", "export_of", "rejected_of", "remove_export"]

UPLOAD_ID = "^[0-9a-f]{32}$"

_FOLDER = "uploads"
_KEPT = timedelta(days=7)
_MOST = 8
_REJECTED = ".rejected.jsonl"
_BESIDE = (_REJECTED, ".cursor.json", ".mapping.toml")
"""How names end of what a sync writes, or reads, beside an export."""
_ODD = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_NAME = 100


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """An export that waits to be stored."""

    id: str
    name: str
    bytes: int
    created_at: datetime


class TooLargeError(Exception):
    """The export is larger than settings allow."""


@dataclass(frozen=True, slots=True)
class Uploads:
    """The exports that wait, in files: they survive a restart."""

    data_dir: Path
    most_bytes: int
    require_room: Callable[[], None]

    def all(self) -> list[Upload]:
        """Return what waits, the oldest first."""
        found = []
        for folder in (self.data_dir / _FOLDER).glob("*"):
            export = export_of(self.data_dir, folder.name)
            with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
                if export is not None:
                    found.append(_upload(export))
        return sorted(found, key=lambda upload: upload.created_at)

    def remove(self, upload_id: str) -> bool:
        """Delete an export with all that was made of it, and tell whether there was one."""
        folder = self.data_dir / _FOLDER / upload_id
        known = folder.is_dir()
        shutil.rmtree(folder, ignore_errors=True)
        return known

    def clear(self) -> None:
        """Delete what is older than a week."""
        for folder in (self.data_dir / _FOLDER).glob("*"):
            with contextlib.suppress(FileNotFoundError):
                if datetime.now(UTC) - _changed(folder) > _KEPT:
                    self.remove(folder.name)

    async def keep(self, name: str, body: AsyncIterator[bytes]) -> Upload:
        """Write an export to its file as it comes.

        :param name: of the file, as its user knows it; its ending may tell the format.
        :raises TooLargeError: it is larger than settings allow; nothing is kept.
        :raises BusyError: too many wait already.
        :raises FullDiskError: there is no room for it.
        """
        await asyncio.to_thread(self.clear)
        if len(await asyncio.to_thread(self.all)) >= _MOST:
            msg = (
                f"{_MOST} exports wait already: store one of them (GET /v1/uploads lists them), or DELETE it"
            )
            raise BusyError(msg)
        upload_id = uuid.uuid4().hex
        export = self.data_dir / _FOLDER / upload_id / _plain(name)
        coming = export.with_name(f".{export.name}")
        await asyncio.to_thread(export.parent.mkdir, parents=True)
        try:
            with await asyncio.to_thread(coming.open, "wb") as file:
                async for part in self._bounded(body):
                    await asyncio.to_thread(file.write, part)
            coming.rename(export)
        except BaseException as error:
            self.remove(upload_id)
            if isinstance(error, OSError) and is_full_disk(error):
                what = "the disk of PRECEDENT_DATA_DIR"
                raise full_disk(what) from None
            raise
        return _upload(export)

    async def _bounded(self, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        size = 0
        async for part in body:
            self.require_room()
            size += len(part)
            if size > self.most_bytes:
                raise TooLargeError
            yield part


def export_of(data_dir: Path, upload_id: str) -> Path | None:
    """Return the file of an export that waits."""
    folder = data_dir / _FOLDER / upload_id
    found = (
        path for path in folder.glob("*") if not path.name.startswith(".") and not path.name.endswith(_BESIDE)
    )
    return next(found, None)


def rejected_of(data_dir: Path, upload_id: str) -> Path | None:
    """Return the file of the records that the last sync of an export rejected."""
    return next((data_dir / _FOLDER / upload_id).glob(f"*{_REJECTED}"), None)


def remove_export(data_dir: Path, upload_id: str) -> None:
    """Delete an export that was stored; what was rejected of it stays, to be fetched."""
    folder = data_dir / _FOLDER / upload_id
    if rejected_of(data_dir, upload_id) is None:
        shutil.rmtree(folder, ignore_errors=True)
    elif (export := export_of(data_dir, upload_id)) is not None:
        export.unlink(missing_ok=True)


def _upload(export: Path) -> Upload:
    return Upload(
        id=export.parent.name,
        name=export.name,
        bytes=export.stat().st_size,
        created_at=_changed(export.parent),
    )


def _changed(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _plain(name: str) -> str:
    """Return a name that is harmless in a path, and ends as the given one does."""
    plain = _ODD.sub("-", name)[-_LONGEST_NAME:].lstrip(".-") or "export"
    for ending in _BESIDE:
        if plain.endswith(ending):
            plain = plain.removesuffix(ending) + ending.replace(".", "-", 1)
    return plain
