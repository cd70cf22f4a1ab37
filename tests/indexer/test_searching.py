"""Searches over bytes find what stands there, wherever it begins, and nothing else."""

import numpy as np
import pytest

from indexer.searching import PieceSearch, VectorSearch

_RANDOM = np.random.default_rng(4711)


def _pieces_in(pieces: list[bytes], block: bytes) -> set[int]:
    found: set[int] = set()
    PieceSearch(pieces).find(block, found)
    return found


def _vectors_in(vectors: list[np.ndarray], block: bytes, tolerance: float = 2e-6) -> set[int]:
    found: set[int] = set()
    VectorSearch(vectors, tolerance).find(block, found)
    return found


def _unit(dimension: int) -> np.ndarray:
    vector = _RANDOM.standard_normal(dimension)
    return (vector / np.linalg.norm(vector)).astype("<f4")


def test_pieces_are_found_wherever_they_begin() -> None:
    """At any offset, at the very beginning and end, one within another, of one byte or with zeros; as `in` finds them."""
    pieces = [_RANDOM.bytes(n) for n in range(8, 48)]
    pieces += [
        b"a" * 12,
        b"\0" * 8,
        b"customer-4711-ticket-98765",
        b"customer-4711-ticket-98766",
        pieces[20][3:17],
    ]
    for planted in (*pieces, b"customer-4711-ticket-9876", b"a" * 11):
        for before in range(9):
            for after in (0, 1, 2, 3, 50):
                block = _RANDOM.bytes(before) + planted + _RANDOM.bytes(after)
                assert _pieces_in(pieces, block) == {n for n, piece in enumerate(pieces) if piece in block}


def test_a_mass_of_pieces_in_a_mass_of_bytes() -> None:
    """Twenty thousand pieces, every hundredth of which is there, in a few megabytes with runs of zeros."""
    pieces = [_RANDOM.bytes(24) for _ in range(20_000)]
    there = set(range(0, 20_000, 100))
    block = bytes(100_001).join(pieces[n] for n in sorted(there)[:20]) + _RANDOM.bytes(1_000_003)
    block += b"".join(pieces[n] + _RANDOM.bytes(n % 7) for n in sorted(there)[20:])
    assert _pieces_in(pieces, block) == there


@pytest.mark.parametrize("block", [b"", b"1234567", b"12345678"])
def test_blocks_shorter_than_anything(block: bytes) -> None:
    """Nothing is found in them, or what just fits."""
    assert _pieces_in([b"12345678", b"123456789"], block) == ({0} if len(block) == 8 else set())
    assert _vectors_in([_unit(64)], block) == set()


@pytest.mark.parametrize("dimension", [2, 3, 64, 384, 1024])
def test_vectors_are_found_rounded_in_another_way(dimension: int) -> None:
    """Each value a few units in the last place off, at any offset; one that is a thousandth off is another vector."""
    vectors = [_unit(dimension) for _ in range(50)]
    for number, vector in enumerate(vectors[:10]):
        off = vector.copy()
        for _ in range(3):
            off = np.nextafter(off, np.float32(np.inf) * _RANDOM.choice([-1, 1], dimension)).astype("<f4")
        for before in range(5):
            block = _RANDOM.bytes(before) + off.tobytes() + _RANDOM.bytes(before)
            assert number in _vectors_in(vectors, block)
        other = vector.copy()
        other[dimension // 2] += 1e-3
        assert number not in _vectors_in(vectors, other.tobytes())
        assert number in _vectors_in(vectors, other.tobytes(), 1.1e-3)


def test_vectors_of_few_values() -> None:
    """Sparse ones, with equal values and zeros, beside what is no number, infinite, or huge."""
    sparse = np.zeros(64, "<f4")
    sparse[[3, 40]] = np.sqrt(0.5)
    first = np.zeros(64, "<f4")
    first[0] = 1
    last = np.zeros(64, "<f4")
    last[63] = -1
    odd = np.array([np.nan, np.inf, -np.inf, 3e38, -3e38, 0, 1e-40], "<f4").tobytes()
    for number, vector in enumerate([sparse, first, last]):
        assert _vectors_in([sparse, first, last], odd + vector.tobytes() + odd) == {number}
    assert _vectors_in([sparse, first, last], odd * 100) == set()
