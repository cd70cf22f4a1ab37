"""Words of tickets as counts under hashes, one row a ticket."""

import math
import re
import zlib
from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from service.arrays import FloatArray, IntArray, entries_of

__all__ = ["BUCKETS", "Words", "bucket_of", "count_words", "words_in"]

BUCKETS = 1 << 15
"""Words are counted by a hash of this many values, so that a forest keeps no list of what customers wrote."""

_WORD = re.compile(r"\w{2,40}")
_AT_ONCE = 1 << 20  # products held at once, so that many rows need no more memory than few


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """Rows of different lengths. In plain NumPy, since importing SciPy would hold the service's first question up.

    :param start: int64, shape (rows + 1,): row ``i`` has the entries ``start[i] … start[i + 1] - 1``.
    :param bucket: int64, shape (entries,): the hash of a word, each once a row.
    :param weight: float32, shape (entries,).
    """

    start: IntArray
    bucket: IntArray
    weight: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.start) - 1

    def take(self, rows: IntArray) -> Self:
        """Return the given rows, in the given order."""
        entry, size = entries_of(self.start, rows)
        start = np.concatenate([[0], np.cumsum(size)])
        return replace(self, start=start, bucket=self.bucket[entry], weight=self.weight[entry])

    def weighed(self, rarity: NDArray[np.float32]) -> Self:
        """Return the rows with each word weighing by how rare it is, at length 1.

        :param rarity: shape (`BUCKETS`,).
        """
        weight = self.weight * rarity[self.bucket]
        row = np.repeat(np.arange(len(self)), np.diff(self.start))
        length = np.sqrt(np.bincount(row, weight**2, minlength=len(self)))
        return replace(self, weight=(weight / length[row]).astype(np.float32))

    def dot(self, columns: NDArray[np.float32]) -> FloatArray:
        """Return the product with a dense matrix, shape (rows, columns).

        :param columns: shape (columns, `BUCKETS`).
        """
        found = np.zeros((len(self), len(columns)))
        filled = np.flatnonzero(np.diff(self.start))
        step = max(1, _AT_ONCE // (len(columns) * max(1, int(np.diff(self.start).max(initial=1)))))
        for first in range(0, len(filled), step):
            rows = filled[first : first + step]
            entry, size = entries_of(self.start, rows)
            products = columns[:, self.bucket[entry]].T.astype(np.float64) * self.weight[entry, None]
            found[rows] = np.add.reduceat(products, np.cumsum(size) - size)
        return found

    def sparse(self) -> Any:
        """Return them as a ``csr_array`` in double precision, shape (rows, `BUCKETS`)."""
        from scipy.sparse import csr_array  # type: ignore[import-untyped]  # scipy ships no types

        parts = (self.weight.astype(np.float64), self.bucket, self.start)
        return csr_array(parts, shape=(len(self), BUCKETS))


def count_words(rows: Iterable[Iterable[str]]) -> Words:
    """Count words by their hashes: 1 + ln(count).

    :param rows: the words of each ticket.
    """
    start, bucket, weight = array("q", [0]), array("q"), array("f")
    for words in rows:
        counts = Counter(map(bucket_of, words))
        bucket.extend(sorted(counts))
        weight.extend(1 + math.log(counts[number]) for number in sorted(counts))
        start.append(len(bucket))
    return Words(np.array(start, np.int64), np.array(bucket, np.int64), np.array(weight, np.float32))


def words_in(text: str) -> list[str]:
    """Return the words of a text, in lower case."""
    return _WORD.findall(text.casefold())


def bucket_of(word: str) -> int:
    """Return the number that a word is counted under."""
    return zlib.crc32(word.encode()) % BUCKETS
