"""The tickets that are evaluated, as arrays in order of time."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from indexer.embedding import Matrix
from indexer.errors import PrecedentError
from indexer.ticket import Ticket, moments, text_hash
from service.arrays import FloatArray, IntArray
from service.priority.fitting import MAX_ROWS
from service.priority.spelling import one_spelling

__all__ = ["MAX_TICKETS", "Cases", "EvaluationError", "make_cases", "newest"]

MAX_TICKETS = MAX_ROWS
"""The newest tickets that are evaluated: a forest is never fitted on more."""

_SPARE = MAX_TICKETS // 8  # held besides, so that they are seldom put in order


class EvaluationError(PrecedentError):
    """The tickets say nothing about the quality of a forest, or nothing could be read."""


@dataclass(frozen=True, slots=True, eq=False)
class Cases:
    """Tickets in order of creation, one row each; those without a time come first, in the order given.

    :param labels: their priorities in one spelling each, as the served forest learns them; the tickets keep their own.
    :param created: seconds since the epoch, NaN where unknown, shape (rows,).
    :param known: when the ticket was resolved, where that is known, else when it was created; same shape. Nothing
        may be learned from a ticket before.
    :param vectors: float32, shape (rows, dimension).
    :param groups: equal numbers mark one problem: tickets of one text, and known duplicates; shape (rows,).
    """

    tickets: tuple[Ticket, ...]
    labels: tuple[str | None, ...]
    created: FloatArray
    known: FloatArray
    vectors: Matrix
    groups: IntArray

    @property
    def ids(self) -> tuple[str, ...]:
        """The tickets' ids."""
        return tuple(ticket.id for ticket in self.tickets)

    def __len__(self) -> int:
        return len(self.tickets)

    def take(self, rows: Sequence[int] | IntArray) -> "Cases":
        """Return the given rows, in the given order."""
        return Cases(
            tickets=tuple(self.tickets[row] for row in rows),
            labels=tuple(self.labels[row] for row in rows),
            created=self.created[rows],
            known=self.known[rows],
            vectors=self.vectors[rows],
            groups=self.groups[rows],
        )

    def columns(self, names: Sequence[str]) -> IntArray:
        """Return the place of each ticket's priority in ``names``, shape (rows,); all tickets have one."""
        column = {name: number for number, name in enumerate(names)}
        return np.array([column[name] for name in self.labels if name is not None], np.int64)

    def labelled(self) -> "Cases":
        """Return the tickets that have a priority."""
        return self.take(
            np.array([row for row, label in enumerate(self.labels) if label is not None], np.int64)
        )


def newest(tickets: Iterable[Ticket]) -> tuple[Ticket, ...]:
    """Return the newest `MAX_TICKETS` tickets, oldest first.

    Of two with one id the one with the later ``updated_at`` counts; where either has none, the one that comes last.
    Little more than these are held, however many there are.
    """
    held: dict[str, tuple[float, int, Ticket]] = {}
    for number, ticket in enumerate(tickets):
        before = held.get(ticket.id)
        if before is None or not _is_older(ticket, before[2]):
            # Of equal age the later counts as newer, and no two tickets are ever compared.
            held[ticket.id] = (_age(ticket), number, ticket)
        if len(held) > MAX_TICKETS + _SPARE:
            held = {entry[2].id: entry for entry in sorted(held.values())[-MAX_TICKETS:]}
    return tuple(ticket for _, _, ticket in sorted(held.values())[-MAX_TICKETS:])


def _is_older(ticket: Ticket, other: Ticket) -> bool:
    if ticket.updated_at is None or other.updated_at is None:
        return False
    return ticket.updated_at < other.updated_at


def make_cases(
    tickets: Sequence[Ticket], vectors: Mapping[str, Matrix], duplicates: Iterable[tuple[str, str]] = ()
) -> Cases:
    """Put tickets in order and find which of them are one problem.

    :param vectors: of shape (dimension,), by the hash of the ticket's text; every ticket's is there.
    :param duplicates: pairs of ids.
    """
    ordered = sorted(tickets, key=_age)
    hashes = [text_hash(ticket.text) for ticket in ordered]
    return Cases(
        tickets=tuple(ordered),
        labels=one_spelling([ticket.priority for ticket in ordered]),
        created=np.array([moments(ticket)[0] for ticket in ordered]),
        known=np.array([moments(ticket)[1] for ticket in ordered]),
        vectors=np.stack([vectors[text] for text in hashes]).astype(np.float32),
        groups=_groups([ticket.id for ticket in ordered], hashes, duplicates),
    )


def _age(ticket: Ticket) -> float:
    created, _ = moments(ticket)
    return -np.inf if np.isnan(created) else created


def _groups(ids: Sequence[str], hashes: Sequence[str], duplicates: Iterable[tuple[str, str]]) -> IntArray:
    from scipy.sparse import coo_array  # type: ignore[import-untyped]  # scipy ships no types
    from scipy.sparse.csgraph import connected_components  # type: ignore[import-untyped]  # likewise

    number = {ticket_id: row for row, ticket_id in enumerate(ids)}
    first = {text: row for row, text in reversed(list(enumerate(hashes)))}
    links = [(row, first[text]) for row, text in enumerate(hashes)]
    links += [(number[one], number[other]) for one, other in duplicates if one in number and other in number]
    here, there = np.array(links, np.int64).T
    graph = coo_array((np.ones(len(links)), (here, there)), shape=(len(ids), len(ids)))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)
