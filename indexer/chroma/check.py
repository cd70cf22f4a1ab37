"""The check of an index: its rows and vectors against the ledger's, and whether queries find them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from indexer.chroma.index import Index, Row
from indexer.embedding import Matrix
from indexer.ledger import Generation, Ledger, pages
from indexer.progress import Progress, no_progress
from indexer.ticket import Ticket

__all__ = ["Differences", "ProbeResult", "compare", "differing", "probe", "probe_sample"]

_QUERIES = 100  # in one request
_NEAR = 10
_FAR = 200
_TOLERANCE = 1e-5  # of a component; Chroma keeps float32 as it got it
_SAME = 1 - 1e-5  # cosine of a vector with itself, in float32


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
class ProbeResult:
    """What came of querying with rows' own vectors."""

    asked: int
    lost: tuple[str, ...]
    """Ids of rows that their own vector does not find."""

    @property
    def share(self) -> float:
        """Of the rows asked for, how many were found; 1 when none was asked for."""
        return 1.0 - len(self.lost) / self.asked if self.asked else 1.0


def differing(ledger: Ledger, index: Index, generation: Generation) -> list[str]:
    """Return the ids of tickets whose row is missing, foreign, or of another text; the caller keeps writers out.

    :raises IndexUnavailableError: the collection cannot be read.
    """
    expected, found = ledger.tickets.hashes(), index.hashes(generation)
    wrong = [ticket_id for ticket_id, text in expected.items() if found.get(ticket_id) != text]
    return wrong + [ticket_id for ticket_id in found if ticket_id not in expected]


def compare(ledger: Ledger, index: Index, generation: Generation, progress: Progress) -> Differences:
    """Compare every row of the generation's collection, vectors included, with the ledger; both may be written to.

    :raises IndexUnavailableError: the collection cannot be read.
    """
    total, seen = ledger.tickets.count(), 0
    suspects: list[str] = []
    # By the ledger's ids: a page far into a collection costs Chroma all rows before it.
    for page in pages(ledger.tickets.ids()):
        there: set[str] = set()
        for rows, vectors in index.rows(generation, page):
            there.update(row.id for row in rows)
            suspects += [ticket_id for ticket_id, _ in _faults(ledger, generation, rows, vectors)]
        suspects += [ticket_id for ticket_id in page if ticket_id not in there]
        seen += len(there)
        progress("verify", seen, max(total, seen))
    if (rows_there := index.count(generation)) != seen:
        for page in pages(index.ids(generation)):
            known = ledger.tickets.stored(page)
            suspects += [ticket_id for ticket_id in page if ticket_id not in known]
    found: dict[str, list[str]] = {}
    for page in pages(sorted(set(suspects))):
        # Looked at again while nobody writes to the index: what is still wrong, and not pending, is wrong.
        with ledger.index_lock():
            for ticket_id, fault in _faults_of(ledger, index, generation, page):
                found.setdefault(fault, []).append(ticket_id)
    return Differences(rows_there, **{fault: tuple(ids) for fault, ids in found.items()})


def probe(
    ledger: Ledger, index: Index, generation: Generation, size: int | None, progress: Progress
) -> ProbeResult:
    """Query with the stored vector of every ticket, or of ``size`` of them spread evenly, and tell which are not found.

    :raises IndexUnavailableError: the collection cannot be queried.
    """
    waiting = ledger.generations.pending_ids(generation)
    texts = {i: text for i, text in ledger.tickets.hashes().items() if i not in waiting}
    chosen = sorted(texts)
    if size is not None and len(chosen) > size:
        chosen = [chosen[position] for position in np.linspace(0, len(chosen) - 1, size).astype(int)]
    reach = _probed(ledger, index, generation, {i: texts[i] for i in chosen}, progress)
    if not reach.lost:
        return reach
    # Looked for again while nobody writes to the index: some were just being written.
    with ledger.index_lock():
        waiting = ledger.generations.pending_ids(generation)
        again = {i: texts[i] for i in reach.lost if i not in waiting}
        return ProbeResult(reach.asked, _probed(ledger, index, generation, again, no_progress).lost)


def probe_sample(ledger: Ledger, index: Index, generation: Generation, size: int) -> ProbeResult:
    """Do what `probe` does for tickets that cost nothing to choose: it reads the graph, which a damaged one betrays."""
    return _probed(
        ledger,
        index,
        generation,
        ledger.generations.sample_indexed(generation, size),
        no_progress,
        twins=True,
    )


def _probed(
    ledger: Ledger,
    index: Index,
    generation: Generation,
    texts: dict[str, str],
    progress: Progress,
    *,
    twins: bool = False,
) -> ProbeResult:
    """Query for tickets; with ``twins``, one is found where as many others as were asked for have its very vector."""
    lost: list[str] = []
    asked = 0
    chosen = list(texts)
    for start in range(0, len(chosen), _QUERIES):
        page = chosen[start : start + _QUERIES]
        stored = _usable(ledger, generation, {texts[i] for i in page})
        ids = [i for i in page if texts[i] in stored]
        lost += _lost(index, generation, ids, [stored[texts[i]] for i in ids], _NEAR, twins=twins)
        asked += len(ids)
        progress("probe", asked, len(chosen))
    # A ticket may have been deleted or changed since the list was made.
    there = ledger.tickets.stored(lost)
    return ProbeResult(asked, tuple(i for i in lost if i in there and there[i].text_hash == texts[i]))


def _lost(
    index: Index,
    generation: Generation,
    ids: Sequence[str],
    vectors: Sequence[Matrix],
    near: int,
    *,
    twins: bool,
) -> list[str]:
    if not ids:
        return []
    found = index.nearest_ids(generation, np.stack(list(vectors)), near)
    lost = [
        position
        for position, (ticket_id, hits) in enumerate(zip(ids, found, strict=True))
        if all(hit != ticket_id for hit, _ in hits)
        and not (twins and near == _FAR == len(hits) and hits[-1][1] > _SAME)
    ]
    if lost and near < _FAR:
        # Many tickets may have one vector: further away is still found.
        return _lost(index, generation, [ids[i] for i in lost], [vectors[i] for i in lost], _FAR, twins=twins)
    return [ids[position] for position in lost]


def _faults_of(
    ledger: Ledger, index: Index, generation: Generation, ids: Sequence[str]
) -> Iterator[tuple[str, str]]:
    known = ledger.tickets.stored(ids)
    seen: set[str] = set()
    found: list[tuple[str, str]] = []
    for rows, vectors in index.rows(generation, ids):
        seen.update(row.id for row in rows)
        found += _faults(ledger, generation, rows, vectors)
    found += [(ticket_id, "missing") for ticket_id in ids if ticket_id in known and ticket_id not in seen]
    # Asked last: the ledger may have been written to since, and while the index stands still nothing stops pending.
    pending = ledger.generations.pending_ids(generation)
    yield from (fault for fault in found if fault[0] not in pending)


def _faults(
    ledger: Ledger, generation: Generation, rows: Sequence[Row], vectors: Matrix
) -> Iterator[tuple[str, str]]:
    tickets = ledger.tickets.get((row.id for row in rows), readable=True)
    # What cannot be read in the ledger is damage there, of which the row says nothing.
    unreadable = ledger.tickets.stored(row.id for row in rows if row.id not in tickets)
    hashes = {ticket.id: ticket.text_hash for ticket in tickets.values()}
    stored = _usable(ledger, generation, set(hashes.values()))
    for row, vector in zip(rows, vectors, strict=True):
        ticket = tickets.get(row.id)
        if ticket is None:
            if row.id not in unreadable:
                yield row.id, "foreign"
        elif _of(ticket, hashes[row.id]) != row:
            yield row.id, "changed"
        elif vector.shape != (generation.space.dimension,) or not np.isfinite(vector).all():
            yield row.id, "unusable"
        else:
            right = stored.get(hashes[row.id])
            if right is not None and not np.allclose(vector, right, atol=_TOLERANCE):
                yield row.id, "vector"


def _usable(ledger: Ledger, generation: Generation, hashes: set[str]) -> dict[str, Matrix]:
    """Return vectors of the ledger, without those that are damaged there."""
    return {
        text: vector
        for text, vector in ledger.vectors.get(generation.space, hashes).items()
        if vector.shape == (generation.space.dimension,) and np.isfinite(vector).all()
    }


def _of(ticket: Ticket, text: str) -> Row:
    return Row(ticket.id, ticket.text, ticket.priority, ticket.resolution, text)
