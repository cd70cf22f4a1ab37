"""The encoding of a file, and its text as UTF-8."""

import codecs
import gzip
import re
import tempfile
import zlib
from contextlib import ExitStack, suppress
from functools import partial
from io import BufferedIOBase
from typing import cast

import charset_normalizer

__all__ = ["DAMAGED", "as_utf_8", "rereadable", "table_as_utf_8", "utf_16_of"]

DAMAGED = (gzip.BadGzipFile, zlib.error, EOFError)
"""What reading raises where gzip data is damaged or cut off."""

_BLOCK = 2**20
_SAMPLE = 2**16  # bytes of lines with letters beyond ASCII: enough to tell encodings apart
# Shares of zero bytes: Western text in UTF-16 has many of them at every other place, and few between.
_MANY, _FEW = 0.4, 0.05
_WIDE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_HIGH = re.compile(rb"[\x80-\xff]+")
_CANDIDATES = ["cp1252", "cp1250", "cp1251", "cp932"]
_NEARLY = 0.05  # of two encodings that leave a text about as plausible, the more usual one is it


def utf_16_of(head: bytes) -> str | None:
    """Return the name of the UTF-16 that a file begins in, ``None`` where it is none."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    half = max(1, len(head) // 2)
    even, odd = head[::2].count(0) / half, head[1::2].count(0) / half
    if max(even, odd) > _MANY and min(even, odd) < _FEW:
        return "utf-16-be" if even > odd else "utf-16-le"
    return None


def _table_encoding(stream: BufferedIOBase) -> str:
    """Return the encoding of the rest of a stream, which can seek and is where it was afterwards.

    It is UTF-8 as long as most of its letters beyond ASCII are: single rows that are not are the reader's to refuse.
    """
    start = stream.tell()
    wide = other = 0
    sample = b""
    # Damage is the reader's to report; a line may be of any length.
    with suppress(*DAMAGED):
        while line := stream.readline(_BLOCK):
            if line.isascii():
                continue
            rest, found = _WIDE.subn(b" ", line)
            wide += found
            other += len(_HIGH.findall(rest))
            if len(sample) < _SAMPLE:
                sample += line[:_SAMPLE]
    stream.seek(start)
    if other <= wide:
        return "utf-8"
    matches = list(charset_normalizer.from_bytes(sample, cp_isolation=_CANDIDATES))
    best = min((match.chaos for match in matches), default=0.0)
    near = [match for match in matches if match.chaos <= best + _NEARLY]
    usual = {name for match in near for name in match.could_be_from_charset}
    return next((name for name in _CANDIDATES if name in usual), "cp1252")


def rereadable(stream: BufferedIOBase, stack: ExitStack) -> BufferedIOBase:
    """Return a stream that can seek: the one given, or a copy on disk."""
    return stream if stream.seekable() else as_utf_8(stream, None, stack)


def table_as_utf_8(stream: BufferedIOBase, stack: ExitStack) -> tuple[BufferedIOBase, str]:
    """Return the rest of a table in UTF-8, which can seek, and the encoding that it was in."""
    stream = rereadable(stream, stack)
    encoding = _table_encoding(stream)
    return stream if encoding == "utf-8" else as_utf_8(stream, encoding, stack), encoding


def as_utf_8(stream: BufferedIOBase, encoding: str | None, stack: ExitStack) -> BufferedIOBase:
    """Return a copy of a stream on disk, in UTF-8, which it is in already if no encoding is given."""
    copy = cast("BufferedIOBase", stack.enter_context(tempfile.TemporaryFile()))  # noqa: SIM115 (the stack closes it)
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace") if encoding else None
    for block in iter(partial(stream.read1, _BLOCK), b""):
        copy.write(decoder.decode(block).encode() if decoder else block)
    copy.seek(0)
    return copy
