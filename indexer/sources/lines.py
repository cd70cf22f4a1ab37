"""Lines of bounded length."""

from collections.abc import Iterator
from io import BufferedIOBase
from typing import NamedTuple

from indexer.sources.record import MAX_RECORD_BYTES

__all__ = ["TOO_LONG", "Line", "read_lines"]

TOO_LONG = f"the line is longer than {MAX_RECORD_BYTES // 2**20} MiB, which no ticket is"


class Line(NamedTuple):
    """A line with its end; of a line that is too long, ``data`` is only the beginning."""

    number: int
    data: bytes
    too_long: bool


def read_lines(stream: BufferedIOBase) -> Iterator[Line]:
    """Yield the lines of a stream, numbered from 1, holding no more than `MAX_RECORD_BYTES` of one."""
    number = 0
    while data := stream.readline(MAX_RECORD_BYTES):
        number += 1
        too_long = len(data) == MAX_RECORD_BYTES and not data.endswith(b"\n")
        if too_long:
            rest = data
            while rest and not rest.endswith(b"\n"):
                rest = stream.readline(MAX_RECORD_BYTES)
        yield Line(number, data, too_long)
