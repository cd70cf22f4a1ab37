"""What a forest reads of a ticket: its vector, its words, and values of its fields."""

import math
import re
import zlib
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from indexer.embedding import Matrix
from indexer.ticket import Ticket
from service.arrays import IntArray

__all__ = ["BUCKETS", "Features", "bucket_of", "features_of", "tokens_of"]

BUCKETS = 1 << 15
"""Words are counted by a hash of this many values, so that a forest keeps no list of what customers wrote."""

_WORD = re.compile(r"\w{2,40}")


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """Tickets as a forest reads them, one row each.

    :param vectors: float32, shape (rows, dimension).
    :param words: 1 + ln(count) of each hashed word, a ``csr_array`` of the shape (rows, `BUCKETS`); ``None``: only the
        vectors are known.
    :param values: values of the fields that a forest may read, such as ``type=bug``; empty: none are known of any.
    """

    vectors: Matrix
    words: Any = None
    values: tuple[tuple[str, ...], ...] = ()

    def __len__(self) -> int:
        return len(self.vectors)

    def take(self, rows: IntArray) -> Self:
        """Return the given rows, in the given order."""
        return type(self)(
            self.vectors[rows],
            None if self.words is None else self.words[rows],
            tuple(self.values[row] for row in rows) if self.values else (),
        )


def features_of(tickets: Iterable[Ticket | None], vectors: Matrix, fields: Sequence[str]) -> Features:
    """Read tickets that have these vectors, one row each; of ``None`` only the vector is known.

    :param vectors: float32, shape (rows, dimension).
    :param fields: names of the fields that are read.
    """
    from scipy.sparse import csr_array  # type: ignore[import-untyped]  # scipy ships no types

    ends, buckets, weights = array("q", [0]), array("q"), array("f")
    values: list[tuple[str, ...]] = []
    for ticket in tickets:
        own = () if ticket is None else _values(ticket, fields)
        counts = Counter(map(bucket_of, () if ticket is None else tokens_of(ticket, own)))
        for bucket in sorted(counts):
            buckets.append(bucket)
            weights.append(1 + math.log(counts[bucket]))
        ends.append(len(buckets))
        values.append(own)
    parts = (
        np.frombuffer(weights, np.float32),
        np.frombuffer(buckets, np.int64),
        np.frombuffer(ends, np.int64),
    )
    return Features(vectors, csr_array(parts, shape=(len(values), BUCKETS)), tuple(values))


def tokens_of(ticket: Ticket, values: Sequence[str]) -> list[str]:
    """Return the words of the text that is embedded, and the values of fields, which are like no word."""
    return [*_WORD.findall(ticket.embedded.casefold()), *values]


def bucket_of(token: str) -> int:
    """Return the number that a word is counted under."""
    return zlib.crc32(token.encode()) % BUCKETS


def _values(ticket: Ticket, fields: Sequence[str]) -> tuple[str, ...]:
    found = []
    for name in fields:
        value = ticket.fields.get(name, ())
        found += [f"{name}={one.casefold()}" for one in ((value,) if isinstance(value, str) else value)]
    return tuple(found)
