"""The tickets that are evaluated, as arrays in order of time, and the moments at which the clock is turned back."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from indexer.embedding import Matrix
from indexer.errors import PrecedentError
from indexer.ticket import Ticket, moments
from service.arrays import IntArray
from service.priority import features_of
from service.priority.fitting import MIN_TICKETS
from service.priority.spelling import one_spelling
from service.priority.timeline import existing, repeats
from service.priority.training_set import TrainingSet

__all__ = ["MAX_TICKETS", "Cases", "Cut", "EvaluationError", "make_cases", "newest", "roll", "tested_tickets"]

MAX_TICKETS = 20_000
"""The newest tickets that are evaluated: a back-test fits eight forests, and their rivals."""

_SPARE = MAX_TICKETS // 8  # held besides, so that they are seldom put in order
_MIN_LABELLED = 30  # labelled tickets below which a back-test says nothing
_FIRST = 0.4  # of history, before the first cut: later tickets are the most part, and yet there is something to learn from
_MIN_BLOCK = 10


class EvaluationError(PrecedentError):
    """The tickets say nothing about the quality of a forest, or nothing could be read."""


@dataclass(frozen=True, slots=True, eq=False)
class Cases(TrainingSet):
    """A training set with its tickets, oldest first; those without a time come first, in the order given.

    The labels are in one spelling each, as the served forest learns them; the tickets keep their own. A ticket without a
    time of resolution counts as known since it was created. Tickets of one text, and known duplicates, are one group.
    """

    tickets: tuple[Ticket, ...]
    subjects: Matrix
    """The vectors of their subjects, shape (rows, dimension); where there is none, of the text."""

    def take(self, rows: Sequence[int] | IntArray) -> "Cases":
        """Return the given rows, in the given order."""
        taken = TrainingSet.take(self, np.asarray(rows, np.int64))
        return replace(taken, tickets=tuple(self.tickets[row] for row in rows), subjects=self.subjects[rows])


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
    tickets: Sequence[Ticket],
    vectors: Mapping[str, Matrix],
    duplicates: Iterable[tuple[str, str]] = (),
    *,
    fields: Sequence[str] = (),
) -> Cases:
    """Put tickets in order and find which of them are one problem.

    :param vectors: of shape (dimension,), by the hash of a text; that of every ticket's is there, its subject's may be.
    :param duplicates: pairs of ids.
    :param fields: names of the fields that the forest reads beside the text.
    """
    ordered = sorted(tickets, key=_age)
    hashes = [ticket.text_hash for ticket in ordered]
    times = [moments(ticket) for ticket in ordered]
    return Cases(
        ids=tuple(ticket.id for ticket in ordered),
        tickets=tuple(ordered),
        subjects=np.stack(
            [
                vectors.get(ticket.subject_hash or ticket.text_hash, vectors[ticket.text_hash])
                for ticket in ordered
            ]
        ).astype(np.float32),
        labels=one_spelling([ticket.priority for ticket in ordered]),
        times=np.array([created for created, _ in times]),
        known=np.array([known for _, known in times]),
        features=features_of(
            ordered, np.stack([vectors[text] for text in hashes]).astype(np.float32), fields
        ),
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


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """One moment of the past.

    :param moment: seconds since the epoch, NaN where unknown.
    :param learned: rows of the tickets that existed then, with their priority.
    :param tested: rows of the tickets that came after it and before the next cut, without repeats of earlier ones.
    :param repeated: how many repeats were left out.
    """

    moment: float
    learned: IntArray
    tested: IntArray
    repeated: int


def roll(cases: Cases, folds: int, *, start: int | None = None) -> tuple[Cut, ...]:
    """Cut the last six tenths of history, or what begins at a row, into that many blocks, fewer where they would be tiny.

    A ticket that was created before a cut but resolved after it is learned from only after its resolution.

    :param cases: labelled tickets.
    :raises EvaluationError: there is too little to learn from or to test on.
    """
    rows = len(cases)
    names = set(cases.labels)
    if rows < _MIN_LABELLED:
        msg = f"{rows:,} tickets have a priority: at least {_MIN_LABELLED} are needed for a back-test"
        raise EvaluationError(msg)
    if len(names) == 1:
        msg = f"all {rows:,} tickets have the priority {names.pop()!r}: there is nothing to predict"
        raise EvaluationError(msg)
    start = round(rows * _FIRST) if start is None else start
    blocks = max(1, min(folds, (rows - start) // _MIN_BLOCK))
    bounds = [round(start + (rows - start) * part / blocks) for part in range(blocks + 1)]
    repeated = repeats(cases.vectors, cases.groups)
    cuts = []
    for begin, end in pairwise(bounds):
        moment = float(cases.times[begin])
        learned = existing(cases.times, cases.known, begin)
        tested = begin + np.flatnonzero(~repeated[begin:end])
        if len(tested) and len(learned) >= MIN_TICKETS and len({cases.labels[row] for row in learned}) > 1:
            cuts.append(Cut(moment, learned, tested, int(repeated[begin:end].sum())))
    if not cuts:
        msg = (
            "no later ticket is left to test on: "
            f"{repeated.sum():,} of {rows:,} tickets repeat an earlier one, or at no moment of the past had "
            "tickets of two priorities been resolved"
        )
        raise EvaluationError(msg)
    return tuple(cuts)


def tested_tickets(cases: Cases, cuts: Sequence[Cut]) -> list[tuple[str, float]]:
    """Return the ids of the tickets that are tested on, in order, each with the moment to which the clock is turned back for it."""
    return [(cases.ids[row], cut.moment) for cut in cuts for row in cut.tested.tolist()]
