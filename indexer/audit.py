"""A generation's collection against the ledger, row by row, and whether queries find its rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from indexer.embedding import Matrix
from indexer.knowledge.index import Row
from indexer.knowledge.knowledge import Knowledge, Notify
from indexer.ledger import Generation
from indexer.ticket import Ticket, text_hash

__all__ = ["Differences", "Reach", "compare", "probe"]

_PAGE = 500
_QUERIES = 100  # in one request
_NEAR = 10
_FAR = 200
_TOLERANCE = 1e-5  # of a component; Chroma keeps float32 as it got it


@dataclass(frozen=True, slots=True)
class Differences:
    """Ids of tickets whose row is not what the ledger says; what is merely pending is none of these."""

    rows: int
    missing: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    """Rows of tickets that the ledger does not have."""
    changed: tuple[str, ...] = ()
    """Text, priority, resolution or hash differ."""
    vector: tuple[str, ...] = ()
    """Not the vector that the ledger has."""
    unusable: tuple[str, ...] = ()
    """A vector of another dimension, or with a value that is not finite."""

    @property
    def ids(self) -> tuple[str, ...]:
        """All of them, each once."""
        return tuple(
            dict.fromkeys((*self.missing, *self.foreign, *self.changed, *self.vector, *self.unusable))
        )


@dataclass(frozen=True, slots=True)
class Reach:
    """What came of querying with rows' own vectors."""

    asked: int
    lost: tuple[str, ...]
    """Ids of rows that their own vector does not find."""

    @property
    def share(self) -> float:
        """Of the rows asked for, how many were found; 1 when none was asked for."""
        return 1.0 - len(self.lost) / self.asked if self.asked else 1.0


def compare(knowledge: Knowledge, generation: Generation, notify: Notify) -> Differences:
    """Compare every row of the generation's collection, vectors included, with the ledger; both may be written to.

    :raises IndexUnavailableError: the collection cannot be read.
    """
    total = knowledge.ledger.tickets.count()
    seen: set[str] = set()
    suspects: set[str] = set()
    for rows, vectors in knowledge.index.rows(generation):
        seen.update(row.id for row in rows)
        suspects.update(ticket_id for ticket_id, _ in _faults(knowledge, generation, rows, vectors))
        notify("verify", len(seen), max(total, len(seen)))
    suspects.update(ticket_id for ticket_id in knowledge.ledger.tickets.ids() if ticket_id not in seen)
    found: dict[str, list[str]] = {}
    for page in _pages(sorted(suspects)):
        # Looked at again while nobody writes to the index: what is still wrong, and not pending, is wrong.
        with knowledge.ledger.index_lock():
            for ticket_id, fault in _faults_of(knowledge, generation, page):
                found.setdefault(fault, []).append(ticket_id)
    return Differences(len(seen), **{fault: tuple(ids) for fault, ids in found.items()})


def probe(knowledge: Knowledge, generation: Generation, size: int | None, notify: Notify) -> Reach:
    """Query with the stored vector of every ticket, or of ``size`` of them spread evenly, and tell which are not found.

    :raises IndexUnavailableError: the collection cannot be queried.
    """
    waiting = knowledge.ledger.generations.pending_ids(generation)
    texts = {i: text for i, text in knowledge.ledger.tickets.hashes().items() if i not in waiting}
    chosen = sorted(texts)
    if size is not None and len(chosen) > size:
        chosen = [chosen[position] for position in np.linspace(0, len(chosen) - 1, size).astype(int)]
    lost: list[str] = []
    asked = 0
    for page in _pages(chosen, _QUERIES):
        stored = _usable(knowledge, generation, {texts[i] for i in page})
        ids = [i for i in page if texts[i] in stored]
        lost += _lost(knowledge, generation, ids, [stored[texts[i]] for i in ids], _NEAR)
        asked += len(ids)
        notify("probe", asked, len(chosen))
    # A deleted ticket may still have been in the list.
    there = knowledge.ledger.tickets.stored(lost)
    return Reach(asked, tuple(i for i in lost if i in there))


def _lost(
    knowledge: Knowledge, generation: Generation, ids: Sequence[str], vectors: Sequence[Matrix], near: int
) -> list[str]:
    if not ids:
        return []
    found = knowledge.index.nearest_ids(generation, np.stack(list(vectors)), near)
    lost = [
        position
        for position, (ticket_id, hits) in enumerate(zip(ids, found, strict=True))
        if all(hit != ticket_id for hit, _ in hits)
    ]
    if lost and near < _FAR:
        # Many tickets may have one vector: further away is still found.
        return _lost(knowledge, generation, [ids[i] for i in lost], [vectors[i] for i in lost], _FAR)
    return [ids[position] for position in lost]


def _faults_of(knowledge: Knowledge, generation: Generation, ids: Sequence[str]) -> Iterator[tuple[str, str]]:
    known = knowledge.ledger.tickets.stored(ids)
    seen: set[str] = set()
    found: list[tuple[str, str]] = []
    for rows, vectors in knowledge.index.rows(generation, ids):
        seen.update(row.id for row in rows)
        found += _faults(knowledge, generation, rows, vectors)
    found += [(ticket_id, "missing") for ticket_id in ids if ticket_id in known and ticket_id not in seen]
    # Asked last: the ledger may have been written to since, and while the index stands still nothing stops pending.
    pending = knowledge.ledger.generations.pending_ids(generation)
    yield from (fault for fault in found if fault[0] not in pending)


def _faults(
    knowledge: Knowledge, generation: Generation, rows: Sequence[Row], vectors: Matrix
) -> Iterator[tuple[str, str]]:
    ledger = knowledge.ledger
    tickets = ledger.tickets.get(row.id for row in rows)
    hashes = {ticket.id: text_hash(ticket.text) for ticket in tickets.values()}
    stored = _usable(knowledge, generation, set(hashes.values()))
    for row, vector in zip(rows, vectors, strict=True):
        ticket = tickets.get(row.id)
        if ticket is None:
            yield row.id, "foreign"
        elif _of(ticket, hashes[row.id]) != row:
            yield row.id, "changed"
        elif vector.shape != (generation.space.dimension,) or not np.isfinite(vector).all():
            yield row.id, "unusable"
        else:
            right = stored.get(hashes[row.id])
            if right is not None and not np.allclose(vector, right, atol=_TOLERANCE):
                yield row.id, "vector"


def _usable(knowledge: Knowledge, generation: Generation, hashes: set[str]) -> dict[str, Matrix]:
    """Return vectors of the ledger, without those that are damaged there."""
    return {
        text: vector
        for text, vector in knowledge.ledger.vectors.get(generation.space, hashes).items()
        if vector.shape == (generation.space.dimension,) and np.isfinite(vector).all()
    }


def _of(ticket: Ticket, text: str) -> Row:
    return Row(ticket.id, ticket.text, ticket.priority, ticket.resolution, text)


def _pages(ids: Sequence[str], size: int = _PAGE) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), size):
        yield ids[start : start + size]
