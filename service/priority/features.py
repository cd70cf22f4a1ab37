"""What a forest reads of a ticket: its vector, its words, and values of its fields."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from indexer.embedding import Matrix
from indexer.ticket import Ticket
from service.arrays import IntArray
from service.priority.words import Words, count_words, words_in

__all__ = ["Features", "features_of", "tokens_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """Tickets as a forest reads them, one row each.

    :param vectors: float32, shape (rows, dimension).
    :param words: ``None``: only the vectors are known.
    :param values: values of the fields that a forest may read, such as ``type=bug``; empty: none are known of any.
    """

    vectors: Matrix
    words: Words | None = None
    values: tuple[tuple[str, ...], ...] = ()

    def __len__(self) -> int:
        return len(self.vectors)

    def take(self, rows: IntArray) -> Self:
        """Return the given rows, in the given order."""
        return type(self)(
            self.vectors[rows],
            None if self.words is None else self.words.take(rows),
            tuple(self.values[row] for row in rows) if self.values else (),
        )


def features_of(tickets: Iterable[Ticket | None], vectors: Matrix, fields: Sequence[str]) -> Features:
    """Read tickets that have these vectors, one row each; of ``None`` only the vector is known.

    :param vectors: float32, shape (rows, dimension).
    :param fields: names of the fields that are read.
    """
    values: list[tuple[str, ...]] = []

    def words() -> Iterator[list[str]]:
        for ticket in tickets:
            values.append(() if ticket is None else _values(ticket, fields))
            yield [] if ticket is None else tokens_of(ticket, values[-1])

    counted = count_words(words())
    return Features(vectors, counted, tuple(values))


def tokens_of(ticket: Ticket, values: Sequence[str]) -> list[str]:
    """Return the words of the text that is embedded, and the values of fields, which are like no word."""
    return [*words_in(ticket.embedded), *values]


def _values(ticket: Ticket, fields: Sequence[str]) -> tuple[str, ...]:
    found = []
    for name in fields:
        value = ticket.fields.get(name, ())
        found += [f"{name}={one.casefold()}" for one in ((value,) if isinstance(value, str) else value)]
    return tuple(found)
