"""Opening a source: decompression, the byte order mark, and what cannot be read at all."""

import codecs
import gzip
import io
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path
from typing import cast

from indexer.errors import SourceError
from indexer.sources.encoding import DAMAGED, as_utf_8, utf_16_of

__all__ = ["DAMAGED", "STDIN", "Opened", "open_source", "require_gzip"]

STDIN = "-"
"""The path that means standard input."""

_HEAD_BYTES = 2**16
_GZIP = b"\x1f\x8b"
_FOREIGN = {
    b"PK\x03\x04": "a ZIP archive or an Excel workbook: unpack it, or save it as CSV (UTF-8)",
    b"BZh": "compressed with bzip2: unpack it, or compress it with gzip",
    b"\xfd7zXZ": "compressed with xz: unpack it, or compress it with gzip",
    b"\x28\xb5\x2f\xfd": "compressed with zstd: unpack it, or compress it with gzip",
    b"%PDF": "a PDF document: export the tickets as CSV or JSON",
}
_CONTROLS = bytes(range(32)).translate(None, b"\t\n\f\r")
_TEXT = 0.98  # of a text's bytes, at least, are no control characters


@dataclass(frozen=True, slots=True)
class Opened:
    """A stream of UTF-8 at its first character, and what comes there."""

    stream: BufferedIOBase
    head: bytes
    """Up to 64 KiB of what the stream yields next, at least one byte that is not white space."""
    encoding: str
    """What the file is encoded in, as Python names it: UTF-8 or a kind of UTF-16."""


def require_gzip(name: str, opened: Opened) -> None:
    """Refuse what is named as gzip and is none, or is damaged near its beginning; it is read for that."""
    try:
        opened.stream.read(_HEAD_BYTES + 1)
        is_none = name.endswith(".gz") and not isinstance(opened.stream, gzip.GzipFile)
    except DAMAGED:
        is_none = True
    if is_none:
        msg = f"{name} is no gzip data, as its name says, or damaged: make or fetch it again"
        raise SourceError(msg)


@contextmanager
def open_source(path: str) -> Iterator[Opened]:
    """Open a file, or standard input for ``-``, decompressed when it is gzip.

    :raises SourceError: it is missing, unreadable, empty or binary.
    """
    name = "standard input" if path == STDIN else path
    with ExitStack() as stack:
        try:
            opened = _open(path, stack)
            _check(name, opened)
        except DAMAGED:
            msg = f"{name} is damaged gzip data from the start: make or fetch it again"
            raise SourceError(msg) from None
        except OSError as error:
            msg = f"{name} cannot be read: {error.strerror or error}"
            raise SourceError(msg) from None
        yield opened


def _open(path: str, stack: ExitStack) -> Opened:
    # Standard input is the caller's to close.
    given = sys.stdin.buffer if path == STDIN else stack.enter_context(Path(path).open("rb"))  # noqa: SIM115 (the stack closes it)
    file = cast("BufferedIOBase", given)
    rewinds = file.seekable()
    stream, magic = _looked_at(file, len(_GZIP), rewinds=rewinds)
    if magic == _GZIP:
        stream = cast("BufferedIOBase", stack.enter_context(gzip.GzipFile(fileobj=stream)))
    stream, head = _looked_at(stream, _HEAD_BYTES, rewinds=rewinds)
    wide = utf_16_of(head)
    if wide is not None:
        stream, head = _looked_at(as_utf_8(stream, wide, stack), _HEAD_BYTES, rewinds=True)
    if head.startswith(codecs.BOM_UTF8):
        stream.read(len(codecs.BOM_UTF8))
        head = head[len(codecs.BOM_UTF8) :]
    return Opened(stream, head, wide or "utf-8")


def _looked_at(stream: BufferedIOBase, size: int, *, rewinds: bool) -> tuple[BufferedIOBase, bytes]:
    """Return a stream that begins where this one stood, and its first bytes."""
    head = _first_bytes(stream, size)
    if rewinds:
        stream.seek(-len(head), io.SEEK_CUR)
        return stream, head
    return io.BufferedReader(_Replayed(head, stream)), head


def _first_bytes(stream: BufferedIOBase, size: int) -> bytes:
    head = b""
    try:
        while len(head) < size and (data := stream.read1(size - len(head))):
            head += data
    except DAMAGED:
        # What stands before the damage can be read, and the reader will meet the damage itself.
        if not head:
            raise
    return head


def _check(name: str, opened: Opened) -> None:
    head = opened.head
    for magic, what in _FOREIGN.items():
        if head.startswith(magic):
            msg = f"{name} is {what}"
            raise SourceError(msg)
    if b"\0" in head:
        require_gzip(name, opened)
        text = head.replace(b"\0", b"")
        is_text = len(text.translate(None, _CONTROLS)) >= _TEXT * len(text)
        remedy = "it has NUL bytes, which no text has (tr -d '\\000' removes them)"
        msg = f"{name} is a binary file: {remedy if is_text else 'export the tickets as CSV or JSON'}"
        raise SourceError(msg)
    if not head.strip():
        msg = f"{name} holds no tickets: it is empty"
        raise SourceError(msg)


class _Replayed(io.RawIOBase):
    """A stream that cannot seek, from the start again: first the bytes already read, then the rest."""

    def __init__(self, head: bytes, stream: BufferedIOBase) -> None:
        super().__init__()
        self._head = head
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed: any writable buffer
        data = self._head[: len(buffer)] or self._stream.read1(len(buffer))
        self._head = self._head[len(data) :] if self._head else b""
        buffer[: len(data)] = data
        return len(data)
