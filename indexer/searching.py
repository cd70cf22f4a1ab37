"""Searches for many pieces of bytes, and for many vectors, in one pass over what is read.

Both look at every place of a block through a table that says whether anything may begin there, and compare only the
few places that are left: the cost grows with the bytes that are read, hardly with how much is looked for.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.embedding import Matrix

__all__ = ["PieceSearch", "VectorSearch"]

_ANCHOR = 8  # bytes of a piece that are looked up; no piece is shorter
_TABLE_BITS = 22
_MIX, _MIX_OTHER = np.uint32(2_654_435_761), np.uint32(2_246_822_519)  # odd, of well-spread bits
_HALF = np.uint64(0xFFFFFFFF)
_CHECKED = 8  # components compared before all of a vector are


class PieceSearch:
    """Finds which of the pieces, each of at least 8 bytes, stand in blocks of bytes."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = pieces
        places = [_anchor(piece) for piece in pieces]
        anchors = [
            int.from_bytes(piece[at : at + _ANCHOR], "little")
            for piece, at in zip(pieces, places, strict=True)
        ]
        self._at: dict[int, list[tuple[int, int]]] = {}
        for number, (anchor, place) in enumerate(zip(anchors, places, strict=True)):
            self._at.setdefault(anchor, []).append((number, place))
        self._anchors = np.array(sorted(self._at), np.uint64)
        self._table = _table((self._anchors & _HALF).astype(np.uint32))
        self.overlap = max(map(len, pieces), default=0)
        """Bytes that two blocks must share, so that nothing is missed between them."""

    def find(self, block: bytes, found: set[int]) -> None:
        """Add the numbers of the pieces that stand in the block."""
        if not self._pieces:
            return
        for offset in range(min(4, max(0, len(block) - _ANCHOR + 1))):
            halves = np.frombuffer(block, "<u4", count=(len(block) - offset) // 4, offset=offset)
            hits = np.flatnonzero(self._table[_slots(halves[:-1])])
            keys = halves[hits].astype(np.uint64) | halves[hits + 1].astype(np.uint64) << np.uint64(32)
            there = _among(keys, self._anchors)
            for hit, key in zip(hits[there].tolist(), keys[there].tolist(), strict=True):
                for number, at in self._at[key]:
                    start = 4 * hit + offset - at
                    if number not in found and start >= 0 and block.startswith(self._pieces[number], start):
                        found.add(number)


class VectorSearch:
    """Finds which of the vectors stand in blocks of bytes as float32, little-endian, each value to within a tolerance.

    What is looked up is a pair of neighbouring components, rounded: each vector's most telling pair.
    """

    def __init__(self, vectors: Sequence[Matrix], tolerance: float) -> None:
        self._vectors, self._tolerance = vectors, tolerance
        self._step = 4 * tolerance
        self._places = [_telling(vector) for vector in vectors]
        self._at: dict[int, list[int]] = {}
        for number, (vector, place) in enumerate(zip(vectors, self._places, strict=True)):
            for key in self._near(vector[place : place + 2]):
                self._at.setdefault(key, []).append(number)
        self._pairs = np.array(sorted(self._at), np.int64)
        self._table = _table(
            _mixed((self._pairs >> 32).astype(np.int32), (self._pairs & 0xFFFFFFFF).astype(np.int32))
        )
        self.overlap = max((4 * len(vector) for vector in vectors), default=0)
        """Bytes that two blocks must share, so that nothing is missed between them."""

    def find(self, block: bytes, found: set[int], *, offsets: int = 4) -> None:
        """Add the numbers of the vectors that stand in the block.

        :param offsets: 1 if vectors begin at multiples of 4 bytes only.
        """
        if not self._vectors:
            return
        for offset in range(min(offsets, max(0, len(block) - 3))):
            values = np.frombuffer(block, "<f4", count=(len(block) - offset) // 4, offset=offset)
            with np.errstate(all="ignore"):
                rounded = self._rounded(values)
                hits = np.flatnonzero(self._table[_slots(_mixed(rounded[:-1], rounded[1:]))])
                keys = _paired(rounded[hits], rounded[hits + 1])
                there = _among(keys, self._pairs)
                for place, key in zip(hits[there].tolist(), keys[there].tolist(), strict=True):
                    found.update(n for n in self._at[key] if n not in found and self._is_at(values, place, n))

    def _is_at(self, values: Matrix, place: int, number: int) -> bool:
        vector = self._vectors[number]
        start = place - self._places[number]
        if start < 0 or start + len(vector) > len(values):
            return False
        there = values[start : start + len(vector)]
        step = max(1, len(vector) // _CHECKED)
        few: Matrix = np.abs(there[::step] - vector[::step])
        return bool((few <= self._tolerance).all()) and bool(
            (np.abs(there - vector) <= self._tolerance).all()
        )

    def _rounded(self, values: Matrix) -> NDArray[np.int32]:
        # What is no number, or far from a component of a unit vector, becomes some value that nothing is looked for at.
        steps: NDArray[np.int32] = np.floor(values * np.float32(1 / self._step)).astype(np.int32)
        return steps

    def _near(self, pair: Matrix) -> Iterator[int]:
        """Yield the keys of all that the pair may be rounded to within the tolerance, and a little more."""
        reach = 1.5 * self._tolerance
        first, second = (
            np.unique(self._rounded(np.array([value - reach, value, value + reach], np.float32)))
            for value in pair.astype(np.float64)
        )
        for one in first:
            yield from _paired(np.repeat(one, len(second)), second).tolist()


def _telling(vector: Matrix) -> int:
    """Return the place of the pair of neighbours that are both farthest from zero, which most pairs in files are near."""
    size: Matrix = np.abs(vector)
    return int(np.argmax(np.minimum(size[:-1], size[1:]) * 1e6 + size[:-1] + size[1:]))


def _anchor(piece: bytes) -> int:
    """Return the place of the last 8 bytes that are as unlike each other as any in the piece."""
    starts = range(len(piece) - _ANCHOR, -1, -1)
    return max(starts, key=lambda start: len(set(piece[start : start + _ANCHOR])))


def _table(keys: NDArray[np.uint32]) -> NDArray[np.bool_]:
    table = np.zeros(1 << _TABLE_BITS, np.bool_)
    table[_slots(keys)] = True
    return table


def _slots(keys: NDArray[np.uint32]) -> NDArray[np.uint32]:
    slots: NDArray[np.uint32] = (keys * _MIX) >> np.uint32(32 - _TABLE_BITS)
    return slots


def _mixed(first: NDArray[np.int32], second: NDArray[np.int32]) -> NDArray[np.uint32]:
    mixed: NDArray[np.uint32] = first.view(np.uint32) * _MIX_OTHER + second.view(np.uint32)
    return mixed


def _paired(first: NDArray[np.int32], second: NDArray[np.int32]) -> NDArray[np.int64]:
    return first.astype(np.int64) << 32 | second.view(np.uint32).astype(np.int64)


def _among(keys: NDArray[Any], known: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell which keys are among those that are known, which are in order and at least one."""
    at = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    among: NDArray[np.bool_] = known[at] == keys
    return among
