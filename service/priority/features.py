"""What a forest reads of a ticket: its vector, its words, and values of its fields."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from indexer.embedding import Matrix
from indexer.ticket import Ticket
from service.arrays import IntArray
from service.priority.words import Words, count_words, words_in

__all__ = ["Features", "Reading", "features_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """Tickets as a forest reads them, one row each.

    :param vectors: float32, shape (rows, dimension).
    :param values: values of the fields that a forest may read, such as ``type=bug``.
    """

    vectors: Matrix
    words: Words
    values: tuple[tuple[str, ...], ...]

    def __len__(self) -> int:
        return len(self.vectors)

    def take(self, rows: IntArray) -> Self:
        """Return the given rows, in the given order."""
        values = tuple(self.values[row] for row in rows)
        return type(self)(self.vectors[rows], self.words.take(rows), values)


def features_of(tickets: Iterable[Ticket | None], vectors: Matrix, fields: Sequence[str]) -> Features:
    """Read tickets that have these vectors, one row each; of ``None`` only the vector is known.

    :param vectors: float32, shape (rows, dimension).
    :param fields: names of the fields that are read.
    """
    values: list[tuple[str, ...]] = []

    def words() -> Iterator[list[str]]:
        for ticket in tickets:
            values.append(() if ticket is None else _values(ticket, fields))
            yield [] if ticket is None else [*words_in(ticket.embedded), *values[-1]]

    counted = count_words(words())
    return Features(vectors, counted, tuple(values))


class Reading:
    """A new ticket: its text is read once, however many forests decide on it, each by fields of its own."""

    def __init__(self, ticket: Ticket, vector: Matrix) -> None:
        """Read it.

        :param vector: float32, shape (dimension,).
        """
        self._ticket = ticket
        self._vectors = vector[None]
        self._words = words_in(ticket.embedded)

    def by(self, fields: Sequence[str]) -> tuple[Features, list[str]]:
        """Return it as a forest reads it, one row, with its words and values of these fields, which are like no word."""
        values = _values(self._ticket, fields)
        tokens = [*self._words, *values]
        return Features(self._vectors, count_words([tokens]), (values,)), tokens


def _values(ticket: Ticket, fields: Sequence[str]) -> tuple[str, ...]:
    found = []
    for name in fields:
        value = ticket.fields.get(name, ())
        found += [f"{name}={one.casefold()}" for one in ((value,) if isinstance(value, str) else value)]
    return tuple(found)
