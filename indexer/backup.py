"""A copy of the ledger in one portable file, and an empty store made of it.

The file is a ZIP archive, the same for both databases: ``tickets.jsonl`` has a ticket a line, ``feedback.jsonl``
the last word on an answer a line; ``vectors-1.bin`` and so on have, for each text of one vector space, the 32 bytes of its SHA-256 and then its float32 values, little-endian;
``manifest.json`` says which spaces, how much of everything, and each part's SHA-256.
"""

import hashlib
import os
import time
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import msgspec

from indexer.errors import PrecedentError
from indexer.knowledge.knowledge import Notify
from indexer.ledger import Content, FeedbackRow, Ledger, Snapshot, Space
from indexer.ticket import Ticket

__all__ = ["BackupFileError", "CopyReport", "backup", "restore"]

_FORMAT = "precedent-backup-1"
_MANIFEST = "manifest.json"
_TICKETS, _FEEDBACK = "tickets.jsonl", "feedback.jsonl"
_HASH_BYTES = 32
_READ = 2**20
_TOLD = 1_000

_ticket = msgspec.json.Decoder(Ticket)
_feedback = msgspec.json.Decoder(FeedbackRow)


class BackupFileError(PrecedentError):
    """A file is no backup, or is damaged; nothing was restored from it."""


class _Part(msgspec.Struct, frozen=True):
    name: str
    size: int
    sha256: str


class _SpacePart(msgspec.Struct, frozen=True, kw_only=True):
    space: Space
    vectors: int
    part: _Part


class _Manifest(msgspec.Struct, frozen=True, kw_only=True):
    format: str
    made: str
    ledger: str
    live: Space | None
    generation: int
    tickets: int
    ticket_part: _Part
    feedback: int
    feedback_part: _Part
    spaces: tuple[_SpacePart, ...]


class CopyReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds, or what was restored."""

    file: str
    made: str
    tickets: int
    vectors: int
    feedback: int
    bytes: int
    seconds: float


class _Writer:
    """Writes one part after the other, and knows what it wrote."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def add(self, name: str, pieces: Iterable[bytes], compression: int) -> tuple[_Part, int]:
        """Write a part piece by piece and return it, and how many pieces there were."""
        digest, size, count = hashlib.sha256(), 0, 0
        info = zipfile.ZipInfo(name, date_time=time.gmtime()[:6])
        info.compress_type = compression
        with self._archive.open(info, "w", force_zip64=True) as part:
            for piece in pieces:
                part.write(piece)
                digest.update(piece)
                size += len(piece)
                count += 1
        return _Part(name, size, digest.hexdigest()), count


def backup(ledger: Ledger, file: Path, *, notify: Notify) -> CopyReport:
    """Write the ledger as it is at this moment to a file; others go on reading and writing.

    :raises PrecedentError: the file exists already, or cannot be written.
    """
    began = time.monotonic()
    if ledger.copies.is_empty():
        msg = "nothing is stored, so there is nothing to back up: is PRECEDENT_DATA_DIR or PRECEDENT_DATABASE_URL the right one?"
        raise PrecedentError(msg)
    if file.exists():
        msg = f"{file} exists already: name another file, or remove it"
        raise PrecedentError(msg)
    partial = file.with_name(f"{file.name}.partial")
    try:
        with partial.open("wb") as output:
            with zipfile.ZipFile(output, "w") as archive, ledger.copies.snapshot() as snapshot:
                manifest = _write(archive, ledger, snapshot, notify)
            output.flush()
            os.fsync(output.fileno())
        partial.replace(file)
    except OSError as error:
        msg = f"{file} cannot be written: {error.strerror or error}"
        raise PrecedentError(msg) from None
    finally:
        partial.unlink(missing_ok=True)
    return _report(file, manifest, began)


def restore(ledger: Ledger, file: Path, *, notify: Notify) -> CopyReport:
    """Fill an empty ledger from a backup, in one transaction, after the whole file was checked.

    The index is then made by replaying it, as after any loss. Nothing is asked of a provider.

    :raises BackupFileError: the file is no backup, or damaged.
    :raises PrecedentError: the store is not empty.
    """
    began = time.monotonic()
    if not ledger.copies.is_empty():
        msg = f"{file.name} is not restored: the store is not empty; name another PRECEDENT_DATA_DIR or PRECEDENT_DATABASE_URL"
        raise PrecedentError(msg)
    with _opened(file) as archive:
        manifest = _checked(archive, file)
        parts = {of.space: of for of in manifest.spaces}
        content = Content(
            live=manifest.live,
            generation=manifest.generation,
            spaces=tuple(parts),
            tickets=lambda: _told(_lines(archive, manifest.ticket_part), manifest.tickets, notify),
            vectors=lambda space: _rows(archive, parts[space]),
            feedback=lambda: _lines(archive, manifest.feedback_part),
        )
        with ledger.maintenance_lock():
            ledger.copies.fill(content)
    return _report(file, manifest, began)


def _write(archive: zipfile.ZipFile, ledger: Ledger, snapshot: Snapshot, notify: Notify) -> _Manifest:
    writer = _Writer(archive)
    total = ledger.tickets.count()
    records = _told(snapshot.tickets(), total, notify, what="backup")
    ticket_part, tickets = writer.add(_TICKETS, _encoded(records), zipfile.ZIP_DEFLATED)
    feedback_part, feedback = writer.add(_FEEDBACK, _encoded(snapshot.feedback()), zipfile.ZIP_DEFLATED)
    spaces = []
    for number, space in enumerate(snapshot.spaces, start=1):
        rows = (bytes.fromhex(text) + data for text, data in snapshot.vectors(space))
        part, vectors = writer.add(f"vectors-{number}.bin", rows, zipfile.ZIP_STORED)
        spaces.append(_SpacePart(space=space, vectors=vectors, part=part))
    manifest = _Manifest(
        format=_FORMAT,
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        ledger=ledger.id,
        live=snapshot.live,
        generation=snapshot.generation,
        tickets=tickets,
        ticket_part=ticket_part,
        feedback=feedback,
        feedback_part=feedback_part,
        spaces=tuple(spaces),
    )
    archive.writestr(_MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=2))
    return manifest


@contextmanager
def _opened(file: Path) -> Iterator[zipfile.ZipFile]:
    """Open an archive, and tell whatever is wrong with it by its name."""
    try:
        with zipfile.ZipFile(file) as archive:
            yield archive
    except FileNotFoundError:
        msg = f"there is no file {file}"
        raise BackupFileError(msg) from None
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        RuntimeError,
        ValueError,
        OSError,
    ) as error:
        msg = f"{file} is no backup, or damaged: {str(error) or type(error).__name__}; nothing was restored"
        raise BackupFileError(msg) from None


def _checked(archive: zipfile.ZipFile, file: Path) -> _Manifest:
    """Read the whole archive once, and compare it with its manifest."""
    names = archive.namelist()
    if _MANIFEST not in names:
        msg = f"{file} is no backup: it has no {_MANIFEST}; nothing was restored"
        raise BackupFileError(msg)
    raw = archive.read(_MANIFEST)
    try:
        kind = msgspec.json.decode(raw, type=dict[str, object]).get("format")
        if kind != _FORMAT:
            msg = f"{file} is no backup that this release reads: its format is {str(kind)[:40]!r}, not {_FORMAT!r}; nothing was restored"
            raise BackupFileError(msg)
        manifest = msgspec.json.decode(raw, type=_Manifest)
    except msgspec.MsgspecError as error:
        msg = f"{file} is no backup: its {_MANIFEST} cannot be read ({error}); nothing was restored"
        raise BackupFileError(msg) from None
    parts = (manifest.ticket_part, manifest.feedback_part, *(of.part for of in manifest.spaces))
    if sorted(names) != sorted([_MANIFEST, *(part.name for part in parts)]):
        msg = f"{file} is damaged: its parts are not those that its {_MANIFEST} names; nothing was restored"
        raise BackupFileError(msg)
    for part in parts:
        digest, size = hashlib.sha256(), 0
        with archive.open(part.name) as content:
            while block := content.read(_READ):
                digest.update(block)
                size += len(block)
        if (size, digest.hexdigest()) != (part.size, part.sha256):
            msg = f"{file} is damaged: the checksum of its {part.name} is wrong; nothing was restored"
            raise BackupFileError(msg)
    _check_counts(archive, file, manifest)
    return manifest


def _check_counts(archive: zipfile.ZipFile, file: Path, manifest: _Manifest) -> None:
    wrong = [of.part.name for of in manifest.spaces if of.part.size != of.vectors * _row_bytes(of.space)]
    tickets = _keys(_lines(archive, manifest.ticket_part), lambda line: _ticket.decode(line).id)
    answers = _keys(_lines(archive, manifest.feedback_part), lambda line: _feedback.decode(line).answer)
    for part, keys, count in (
        (manifest.ticket_part, tickets, manifest.tickets),
        (manifest.feedback_part, answers, manifest.feedback),
    ):
        if keys is None or len(keys) != count or len(set(keys)) != count:
            wrong.append(part.name)
    if wrong or (manifest.live is not None and manifest.live not in [of.space for of in manifest.spaces]):
        msg = f"{file} is no whole backup: {', '.join(wrong) or _MANIFEST} does not hold what is said of it; nothing was restored"
        raise BackupFileError(msg)


def _keys(lines: Iterable[str], key: Callable[[str], str]) -> list[str] | None:
    try:
        return [key(line) for line in lines]
    except msgspec.MsgspecError:
        return None


def _lines(archive: zipfile.ZipFile, part: _Part) -> Iterator[str]:
    with archive.open(part.name) as content:
        for line in content:
            yield line.decode().rstrip("\n")


def _encoded(lines: Iterable[str]) -> Iterator[bytes]:
    return (f"{line}\n".encode() for line in lines)


def _rows(archive: zipfile.ZipFile, of: _SpacePart) -> Iterator[tuple[str, bytes]]:
    size = _row_bytes(of.space)
    with closing(archive.open(of.part.name)) as content:
        while row := _exactly(content, size):
            yield row[:_HASH_BYTES].hex(), row[_HASH_BYTES:]


def _exactly(content: IO[bytes], size: int) -> bytes:
    # A ZIP member may return less than was asked for before its end.
    row = content.read(size)
    while 0 < len(row) < size and (more := content.read(size - len(row))):
        row += more
    return row


def _row_bytes(space: Space) -> int:
    return _HASH_BYTES + 4 * space.dimension


def _told(rows: Iterable[str], total: int, notify: Notify, *, what: str = "restore") -> Iterator[str]:
    for done, row in enumerate(rows, start=1):
        yield row
        if done % _TOLD == 0:
            notify(what, done, max(done, total))


def _report(file: Path, manifest: _Manifest, began: float) -> CopyReport:
    return CopyReport(
        file=str(file),
        made=manifest.made,
        tickets=manifest.tickets,
        vectors=sum(of.vectors for of in manifest.spaces),
        feedback=manifest.feedback,
        bytes=file.stat().st_size,
        seconds=round(time.monotonic() - began, 3),
    )
