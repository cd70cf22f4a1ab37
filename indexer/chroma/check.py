"""The check of an index: its rows and vectors against the ledger's, and whether queries find them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from indexer.chroma.index import Index, Row
from indexer.embedding import Matrix
from indexer.ledger import Generation, Ledger, pages
from indexer.progress import Progress, no_progress

__all__ = ["Differences", "IndexCheck", "ProbeResult"]

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


class IndexCheck:
    """The check of a generation's collection. Its methods raise `IndexUnavailableError` where that cannot be read or queried."""

    def __init__(self, ledger: Ledger, index: Index, generation: Generation) -> None:
        self._ledger, self._index, self._generation = ledger, index, generation

    def differing(self) -> list[str]:
        """Return the ids of tickets whose row is missing, foreign, or of another text; the caller keeps writers out."""
        expected, found = self._ledger.tickets.hashes(), self._index.hashes(self._generation)
        wrong = [ticket_id for ticket_id, text in expected.items() if found.get(ticket_id) != text]
        return wrong + [ticket_id for ticket_id in found if ticket_id not in expected]

    def compare(self, progress: Progress) -> Differences:
        """Compare every row of the collection, vectors included, with the ledger; both may be written to."""
        total, seen = self._ledger.tickets.count(), 0
        suspects: list[str] = []
        # By the ledger's ids: a page far into a collection costs Chroma all rows before it.
        for page in pages(self._ledger.tickets.ids()):
            there: set[str] = set()
            for rows, vectors in self._index.rows(self._generation, page):
                there.update(row.id for row in rows)
                suspects += [ticket_id for ticket_id, _ in self._faults(rows, vectors)]
            suspects += [ticket_id for ticket_id in page if ticket_id not in there]
            seen += len(there)
            progress("verify", seen, max(total, seen))
        if (rows_there := self._index.count(self._generation)) != seen:
            for page in pages(self._index.ids(self._generation)):
                known = self._ledger.tickets.stored(page)
                suspects += [ticket_id for ticket_id in page if ticket_id not in known]
        found: dict[str, list[str]] = {}
        for page in pages(sorted(set(suspects))):
            # Looked at again while nobody writes to the index: what is still wrong, and not pending, is wrong.
            with self._ledger.index_lock():
                for ticket_id, fault in self._lasting_faults(page):
                    found.setdefault(fault, []).append(ticket_id)
        return Differences(rows_there, **{fault: tuple(ids) for fault, ids in found.items()})

    def probe(self, size: int | None, progress: Progress) -> ProbeResult:
        """Query with the stored vector of every ticket, or of ``size`` of them spread evenly, and tell which are not found."""
        waiting = self._ledger.generations.pending_ids(self._generation)
        texts = {i: text for i, text in self._ledger.tickets.hashes().items() if i not in waiting}
        chosen = sorted(texts)
        if size is not None and len(chosen) > size:
            chosen = [chosen[position] for position in np.linspace(0, len(chosen) - 1, size).astype(int)]
        reach = self._probed({i: texts[i] for i in chosen}, progress)
        if not reach.lost:
            return reach
        # Looked for again while nobody writes to the index: some were just being written.
        with self._ledger.index_lock():
            waiting = self._ledger.generations.pending_ids(self._generation)
            again = {i: texts[i] for i in reach.lost if i not in waiting}
            return ProbeResult(reach.asked, self._probed(again, no_progress).lost)

    def probe_sample(self, size: int) -> ProbeResult:
        """Do what `probe` does for tickets that cost nothing to choose: it reads the graph, which a damaged one betrays."""
        sample = self._ledger.generations.sample_indexed(self._generation, size)
        return self._probed(sample, no_progress, twins=True)

    def _probed(self, texts: dict[str, str], progress: Progress, *, twins: bool = False) -> ProbeResult:
        """Query for tickets; with ``twins``, one is found where as many others as were asked for have its very vector."""
        lost: list[str] = []
        asked = 0
        for page in pages(texts, _QUERIES):
            stored = self._usable({texts[i] for i in page})
            ids = [i for i in page if texts[i] in stored]
            lost += self._lost(ids, [stored[texts[i]] for i in ids], _NEAR, twins=twins)
            asked += len(ids)
            progress("probe", asked, len(texts))
        # A ticket may have been deleted or changed since the list was made.
        there = self._ledger.tickets.stored(lost)
        return ProbeResult(asked, tuple(i for i in lost if i in there and there[i].text_hash == texts[i]))

    def _lost(self, ids: Sequence[str], vectors: Sequence[Matrix], near: int, *, twins: bool) -> list[str]:
        if not ids:
            return []
        found = self._index.nearest_ids(self._generation, np.stack(list(vectors)), near)
        lost = [
            position
            for position, (ticket_id, hits) in enumerate(zip(ids, found, strict=True))
            if all(hit != ticket_id for hit, _ in hits)
            and not (twins and near == _FAR == len(hits) and hits[-1][1] > _SAME)
        ]
        if lost and near < _FAR:
            # Many tickets may have one vector: further away is still found.
            return self._lost([ids[i] for i in lost], [vectors[i] for i in lost], _FAR, twins=twins)
        return [ids[position] for position in lost]

    def _lasting_faults(self, ids: Sequence[str]) -> list[tuple[str, str]]:
        known = self._ledger.tickets.stored(ids)
        seen: set[str] = set()
        found: list[tuple[str, str]] = []
        for rows, vectors in self._index.rows(self._generation, ids):
            seen.update(row.id for row in rows)
            found += self._faults(rows, vectors)
        found += [(ticket_id, "missing") for ticket_id in ids if ticket_id in known and ticket_id not in seen]
        # Asked last: the ledger may have been written to since, and while the index stands still nothing stops pending.
        pending = self._ledger.generations.pending_ids(self._generation)
        return [fault for fault in found if fault[0] not in pending]

    def _faults(self, rows: Sequence[Row], vectors: Matrix) -> Iterator[tuple[str, str]]:
        tickets = self._ledger.tickets.get((row.id for row in rows), readable=True)
        # What cannot be read in the ledger is damage there, of which the row says nothing.
        unreadable = self._ledger.tickets.stored(row.id for row in rows if row.id not in tickets)
        stored = self._usable({ticket.text_hash for ticket in tickets.values()})
        for row, vector in zip(rows, vectors, strict=True):
            ticket = tickets.get(row.id)
            if ticket is None:
                if row.id not in unreadable:
                    yield row.id, "foreign"
            elif Row(ticket.id, ticket.text, ticket.priority, ticket.resolution, ticket.text_hash) != row:
                yield row.id, "changed"
            elif not self._is_usable(vector):
                yield row.id, "unusable"
            else:
                right = stored.get(ticket.text_hash)
                if right is not None and not np.allclose(vector, right, atol=_TOLERANCE):
                    yield row.id, "vector"

    def _usable(self, hashes: set[str]) -> dict[str, Matrix]:
        """Return vectors of the ledger, without those that are damaged there."""
        found = self._ledger.vectors.get(self._generation.space, hashes)
        return {text: vector for text, vector in found.items() if self._is_usable(vector)}

    def _is_usable(self, vector: Matrix) -> bool:
        return vector.shape == (self._generation.space.dimension,) and bool(np.isfinite(vector).all())
