"""Ledger and index as one: what the ledger has and the index lacks is replayed, a damaged index is rebuilt."""

import contextlib
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.errors import IndexUnavailableError
from indexer.knowledge.failures import DamagedIndexError, SlowIndexError
from indexer.knowledge.index import Index
from indexer.ledger import Generation, Hit, Ledger, pages
from indexer.settings import Settings

__all__ = ["Knowledge", "Notify"]

Notify = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is."""

_log = logging.getLogger(__name__)
_PAGE = 250
_ATTEMPTS = 4
_SAMPLE = 200
_OVERFETCH = 4
_FEW = 5_000  # tickets with a resolution, each of which can be compared
_WIDE = 1_000  # rows looked at where they are more
_GLANCE = 20
_TOLERANCE = 1e-5  # of a component; Chroma keeps float32 as it got it
_SAME = 1 - 1e-5  # cosine of a vector with itself, in float32
_FOUND = 0.9  # of a sample; HNSW may leave single rows unreachable, which `verify` names


def _quiet(_what: str, _done: int, _total: int) -> None:
    """Tell nobody."""


class Knowledge:
    """What the team knows. Methods block, and may be called from any thread of any process."""

    def __init__(self, settings: Settings) -> None:
        self.ledger = Ledger(settings.database_url, settings.data_dir)
        self.index = Index(settings, self.ledger.id)
        self._checked: Path = settings.data_dir / "chroma.checked"

    def close(self) -> None:
        """End this process's use of both."""
        self.index.close()
        self.ledger.close()

    def prepare(self, notify: Notify = _quiet) -> None:
        """Connect to Chroma, check the index against the ledger, and replay what it lacks.

        A local index that cannot be read, or whose server dies of being read, is put aside and rebuilt.

        :raises IndexUnavailableError: there is no server, or a server of your own holds a damaged index.
        """
        deaths = 0
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self.index.connect()
                live = self.ledger.generations.live()
                if (
                    live is not None
                ):  # what is being built is its builder's to check, and what is retired a rollback's
                    self._check(live, notify)
            except IndexUnavailableError as error:
                if attempt == _ATTEMPTS:
                    raise
                deaths += not isinstance(error, DamagedIndexError | SlowIndexError)
                _log.warning("the index could not be read: %s", error)
                if (isinstance(error, DamagedIndexError) or deaths > 1) and not self.index.put_aside(
                    str(error)
                ):
                    raise
            else:
                self._note_checked()
                return

    def replay(
        self, generation: Generation, notify: Notify = _quiet, *, only: Sequence[str] | None = None
    ) -> int:
        """Tell the generation's collection what it has not seen: of all tickets, or of these; return how many.

        The collection is made if it is not there; when the server is gone, another is started, a few times in a row.
        """
        total = len(only) if only is not None else self.ledger.generations.count_pending(generation)
        # A database takes only so many ids in one statement.
        waiting = [None] if only is None else list(pages(only))
        done = failures = 0
        made = False
        while waiting:
            try:
                if not made:
                    self.index.create(generation)
                    made = True
                with self._turn(generation):
                    told = self._replay_page(generation, waiting[0])
            except IndexUnavailableError as error:
                failures += 1
                if failures == _ATTEMPTS:
                    raise
                _log.warning("writing to the index failed, connecting anew: %s", error)
                self.prepare(notify)
                made = False
                continue
            if told:
                failures = 0
                done += told
                notify("index", done, max(done, total))
            else:
                waiting.pop(0)
        return done

    def complete(self, generation: Generation, notify: Notify = _quiet) -> None:
        """Bring the collection of a generation that is not live to what the ledger has embedded for it."""
        self.replay(generation, notify)
        # It may have lost rows when a damaged index was put aside.
        if self._compare_rows(generation):
            self.replay(generation, notify)

    def go_live(self, generation: Generation, *, alone: bool = False) -> bool:
        """Make a complete generation live, unless it has not all tickets; return whether it is live.

        The caller holds the index lock, so that what is written to the ledger meanwhile waits, and is little.

        :param alone: remove all other generations from the ledger in the same step.
        """
        self._replay_all(generation, _quiet)
        return self.ledger.generations.switch(generation, alone=alone)

    def drop(self, generation: Generation) -> None:
        """Delete a generation that is not live, collection first."""
        self.index.drop(generation.name)
        self.ledger.generations.remove(generation)

    def nearest(
        self, generation: Generation, vector: NDArray[np.float32], limit: int, *, resolved: bool = False
    ) -> list[Hit]:
        """Return the tickets nearest to the vector, nearest first, of all or of those with a resolution.

        Only ids are believed of Chroma, which every local user can write to: the rest is the ledger's.
        """
        # A filter on what many rows have costs far more than reading past those that lack it (chromadb 1.5.9, 60,000
        # rows: 235 ms against 5 ms), and so does asking for more and more until enough have a resolution.
        ids = self._nearest_ids(generation, vector, limit * _OVERFETCH if resolved else limit)
        hits = self.ledger.nearest.among(generation.space, vector, ids, limit, resolved=resolved)
        if not resolved or len(hits) == limit:
            return hits
        few = self.ledger.nearest.of_resolved(generation.space, vector, limit, most=_FEW)
        if few is not None:
            return few
        ids = self._nearest_ids(generation, vector, _WIDE)
        return self.ledger.nearest.among(generation.space, vector, ids, limit, resolved=True)

    def _nearest_ids(self, generation: Generation, vector: NDArray[np.float32], limit: int) -> list[str]:
        (found,) = self.index.nearest_ids(generation, vector[np.newaxis], limit)
        return [ticket_id for ticket_id, _ in found]

    def _turn(self, generation: Generation) -> contextlib.AbstractContextManager[None]:
        # Only its builder writes to a generation that is being built: writers of the live one need not wait for it.
        return contextlib.nullcontext() if generation.status == "building" else self.ledger.index_lock()

    def _replay_page(self, generation: Generation, only: Sequence[str] | None = None) -> int:
        entries, vectors, revision = self.ledger.generations.pending(generation, _PAGE, only=only)
        if entries:
            self.index.write(generation, entries, vectors)
            self.ledger.generations.settle(generation, [entry.id for entry in entries], revision)
        return len(entries)

    def _check(self, generation: Generation, notify: Notify) -> None:
        self.index.create(generation)
        endpoint = self.index.endpoint
        with self.ledger.index_lock():
            self._replay_all(generation, notify)
            known = self.ledger.tickets.count()
            suspect = endpoint is not None and not endpoint.clean and not self._was_checked(endpoint.run)
            if suspect:
                _log.info("Chroma was not stopped in order: checking %s against the ledger", generation.name)
                self._compare_rows(generation)
                self._compare_vectors(generation, notify)
            elif self.index.count(generation) != known - self.ledger.generations.count_pending(generation):
                self._compare_rows(generation)
            self._replay_all(generation, notify)
            self._touch(generation, _SAMPLE if suspect else _GLANCE)

    def _note_checked(self) -> None:
        """Let other users know, and the supervisor: files that nobody checked are not kept as sound."""
        endpoint = self.index.endpoint
        if endpoint is not None and not self._was_checked(endpoint.run):
            with self._checked.open("a") as file:
                file.write(endpoint.run + "\n")

    def _was_checked(self, run: str) -> bool:
        return self._checked.exists() and run in self._checked.read_text().splitlines()

    def _replay_all(self, generation: Generation, notify: Notify) -> None:
        total = self.ledger.generations.count_pending(generation)
        if total:
            _log.info("replaying %s tickets from the ledger into %s", f"{total:,}", generation.name)
        done = 0
        while told := self._replay_page(generation):
            done += told
            notify("replay", done, max(done, total))

    def _compare_rows(self, generation: Generation) -> int:
        expected, found = self.ledger.tickets.hashes(), self.index.hashes(generation)
        wrong = [i for i, text in expected.items() if found.get(i) != text] + [
            i for i in found if i not in expected
        ]
        if wrong:
            _log.warning(
                "%s differs from the ledger in %s tickets: they are replayed",
                generation.name,
                f"{len(wrong):,}",
            )
            self.ledger.generations.note_pending(generation, wrong)
        return len(wrong)

    def _compare_vectors(self, generation: Generation, notify: Notify) -> None:
        # By the row's own hash: the ledger's ticket may have been changed since, and that is pending.
        texts = self.index.hashes(generation)
        done = 0
        for ids, vectors in self.index.vectors(generation):
            stored = self.ledger.vectors.get(generation.space, {texts[i] for i in ids if i in texts})
            for ticket_id, vector in zip(ids, vectors, strict=True):
                right = stored.get(texts.get(ticket_id, ""))
                if right is not None and not np.allclose(vector, right, atol=_TOLERANCE):
                    msg = f"the vector of ticket {ticket_id} in {generation.name} is not the one that was stored"
                    raise DamagedIndexError(msg)
            done += len(ids)
            notify("check", done, len(texts))

    def _touch(self, generation: Generation, size: int) -> None:
        """Query for stored vectors: it reads the graph, which a damaged one does not survive."""
        texts = self.ledger.tickets.hashes()
        sample = sorted(set(texts.values()))
        step = max(1, len(sample) // size)
        stored = self.ledger.vectors.get(generation.space, sample[::step])
        if not stored or self.ledger.generations.count_pending(generation):
            return  # a generation that is being built has not all of them yet
        found = self.index.nearest_ids(generation, np.stack(list(stored.values())))
        hits = sum(
            # Different texts may have one vector, and then any of them may come first.
            any(texts.get(ticket_id) == text or cosine > _SAME for ticket_id, cosine in near)
            for text, near in zip(stored, found, strict=True)
        )
        if hits < _FOUND * len(stored):
            msg = f"{generation.name} finds only {hits} of {len(stored)} stored tickets by their own vectors"
            raise DamagedIndexError(msg)
