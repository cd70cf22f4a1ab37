"""The store: the ledger and its Chroma index, kept equal."""

import contextlib
import logging
import threading
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.chroma.check import IndexCheck
from indexer.chroma.failures import (
    DamagedIndexError,
    UnreadableIndexError,
    UnstartableIndexError,
    full_disk,
    is_full_disk,
)
from indexer.chroma.index import Index
from indexer.errors import IndexBusyError, IndexUnavailableError, PrecedentError
from indexer.ledger import Candidates, Filter, Generation, Ledger, Measure, pages
from indexer.progress import Progress, no_progress
from indexer.settings import Settings

__all__ = ["Store"]

_log = logging.getLogger(__name__)
_PAGE = 250
_ATTEMPTS = 4
_SAMPLE = 200
_FEW = 5_000  # tickets with a resolution, each of which can be compared
_WIDE = 1_000  # rows looked at where they are more
_GLANCE = 20
_QUESTION_SECONDS = 5.0  # that a person waits for Chroma
_FOUND = 0.9  # of a sample; HNSW may leave single rows unreachable, which `verify` names
_ENOUGH = 2  # times that reading a run's files must fail before they count as damaged


@dataclass(frozen=True, slots=True)
class _Blame:
    """Why the files that a run of the local server used may be damaged, and whether once is enough to know."""

    run: str | None
    reason: str
    certain: bool


class Store:
    """The ledger and its Chroma index. Methods block, and may be called from any thread of any process."""

    def __init__(self, settings: Settings) -> None:
        self.ledger = Ledger(settings.database_url, settings.data_dir)
        self.tickets, self.generations = self.ledger.tickets, self.ledger.generations
        self.vectors, self.feedback = self.ledger.vectors, self.ledger.feedback
        self.index = Index(settings, self.ledger.id)
        self._lock = threading.Lock()
        self._preparing: Future[None] | None = None
        self._sound = 0  # the connection that was prepared last
        self._doubted = False  # whether `examine` found evidence of damage

    def close(self) -> None:
        """End this process's use of both."""
        self.index.close()
        self.ledger.close()

    def prepare(
        self, progress: Progress = no_progress, *, instead_of: int | None = None, whole: bool = True
    ) -> None:
        """Connect to Chroma, check the index against the ledger, and replay what it lacks.

        It is done once for all threads that ask for it meanwhile: they wait, and take its result.
        A local index is put aside and rebuilt on evidence of damage only: what was read is wrong, Chroma says
        repeatedly that it cannot read it, or crashes of it again and again. That it was killed is none.

        :param instead_of: a connection on which a call failed; nothing is done if a later one was prepared since.
        :param whole: compare every row of an index that was not left in order. Else samples do, so that it answers
            soon however large it is, and the rest is for `examine`.
        :raises IndexUnavailableError: there is no server, or a server of your own holds a damaged index.
        :raises FullDiskError: there is no room to work in.
        """
        mine: Future[None] = Future()
        with self._lock:
            if instead_of is not None and self._sound == self.index.connection > instead_of:
                return
            running = self._preparing
            if running is None:
                self._preparing = mine
        if running is not None:
            running.result()
            return
        error: BaseException | None = None
        try:
            self._prepare(progress, whole=whole)
        except BaseException as raised:
            error = raised
            raise
        finally:
            with self._lock:
                self._preparing = None
            if error is None:
                mine.set_result(None)
            elif isinstance(error, PrecedentError):
                mine.set_exception(error)
            else:
                mine.set_exception(IndexUnavailableError("bringing the index back was interrupted"))

    def examine(self, progress: Progress = no_progress) -> bool:
        """Compare every row of an index that was not left in order, while it answers and takes writes.

        :return: whether nothing is left to examine; it is not when the server was replaced meanwhile.
        :raises IndexUnavailableError: the index failed or is damaged: the next `prepare` compares it whole, if there is
            evidence, and brings it back.
        """
        endpoint, live = self.index.endpoint, self.generations.live()
        if live is not None and self.index.suspect:
            try:
                self._compare(live, progress)
            except IndexUnavailableError as error:
                self._doubted = self._blame(error) is not None
                raise
            if self.index.endpoint == endpoint:
                self.index.note_checked()
        return not self.index.suspect

    def replay(
        self,
        generation: Generation,
        progress: Progress = no_progress,
        *,
        only: Sequence[str] | None = None,
        patience: float | None = None,
    ) -> int:
        """Tell the generation's collection what it has not seen: of all tickets, or of these; return how many.

        The collection is made if it is not there; when the server is gone, another is started, a few times in a row.

        :param patience: how long to wait for others who write to the index, in seconds. With it, to bring back an
            index that fails is the caller's, whose own time is bounded too.
        :raises IndexBusyError: others write for longer.
        """
        total = len(only) if only is not None else self.generations.count_pending(generation)
        # A database takes only so many ids in one statement.
        waiting = [None] if only is None else list(pages(only))
        done = failures = 0
        made = False
        while waiting:
            connection = self.index.connection
            try:
                if not made:
                    self.index.create(generation)
                    made = True
                # Only its builder writes to a generation that is being built: writers of the live one need not wait for it.
                built = generation.status == "building"
                turn = contextlib.nullcontext() if built else self.ledger.index_lock(patience=patience)
                with turn:
                    written = self._replay_page(generation, waiting[0])
            except IndexUnavailableError as error:
                failures += 1
                if failures == _ATTEMPTS or patience is not None or isinstance(error, IndexBusyError):
                    raise
                _log.warning("writing to the index failed, connecting anew: %s", error)
                self.prepare(progress, instead_of=connection)
                made = False
                continue
            if written:
                failures = 0
                done += written
                progress("index", done, max(done, total))
            else:
                waiting.pop(0)
        return done

    def complete(self, generation: Generation, progress: Progress = no_progress) -> None:
        """Bring the collection of a generation that is not live to what the ledger has embedded for it."""
        self.replay(generation, progress)
        # It may have lost rows when a damaged index was put aside.
        if self._note_differing(generation):
            self.replay(generation, progress)

    def go_live(self, generation: Generation, *, remove_others: bool = False) -> bool:
        """Make a complete generation live, unless it has not all tickets; return whether it is live.

        The caller holds the index lock, so that what is written to the ledger meanwhile waits, and is little.

        :param remove_others: remove all other generations from the ledger in the same step.
        """
        self._replay_all(generation, no_progress)
        return self.generations.switch(generation, remove_others=remove_others)

    def drop(self, generation: Generation) -> None:
        """Delete a generation that is not live, collection first."""
        self.index.drop(generation.name)
        self.generations.remove(generation)

    def nearest(
        self,
        generation: Generation,
        vector: NDArray[np.float32],
        limit: int,
        *,
        least: int = 1,
        resolved: bool = False,
        which: Filter | None = None,
        exclude: Collection[str] = (),
        measure: Measure | None = None,
    ) -> Candidates:
        """Return the ``limit`` tickets nearest to the vector, nearest first, of all or of those that are asked for.

        Only ids are believed of Chroma, which every local user can write to: the rest is the ledger's.

        :param least: of those that are asked for: where fewer are found among the nearest of all, more are looked at.
        :param resolved: only tickets with a resolution.
        :param which: only tickets that meet it.
        :param exclude: ids of tickets that are not wanted.
        :param measure: as of `Nearest.among`.
        """
        # A filter on what many rows have costs far more than reading past those that lack it (chromadb 1.5.9, 60,000
        # rows: 235 ms against 5 ms), and so does asking for more and more until enough are found.
        narrowed = resolved or which is not None

        def among(ids: Iterable[str]) -> Candidates:
            kept = [ticket_id for ticket_id in ids if ticket_id not in exclude]
            return self.ledger.nearest.among(
                generation.space, vector, kept, limit, resolved=resolved, which=which, measure=measure
            )

        found = among(self._nearest_ids(generation, vector, limit + len(exclude)))
        if not narrowed or len(found) >= least:
            return found
        few = self.ledger.nearest.of_few(
            generation.space, vector, limit, most=_FEW, resolved=resolved, which=which, exclude=exclude
        )
        return among(self._nearest_ids(generation, vector, _WIDE)) if few is None else few

    def _nearest_ids(self, generation: Generation, vector: NDArray[np.float32], limit: int) -> list[str]:
        return self.index.ids_near(generation, vector, limit, patience=_QUESTION_SECONDS)

    def _replay_page(self, generation: Generation, only: Sequence[str] | None = None) -> int:
        entries, vectors, revision = self.generations.pending(generation, _PAGE, only=only)
        if entries:
            self.index.write(generation, entries, vectors)
            self.generations.mark_indexed(generation, [entry.id for entry in entries], revision)
        return len(entries)

    def _prepare(self, progress: Progress, *, whole: bool) -> None:
        self.ledger.check_sample()
        failures = 0
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self.index.connect()
                live = self.generations.live()
                # What is being built is its builder's to check, what is retired a rollback's.
                if live is None or self._check(live, progress, whole=whole or self._doubted):
                    self.index.note_checked()
            except IndexUnavailableError as error:
                _log.warning("the index could not be read: %s", error)
                blame = self._blame(error)
                failures += blame is not None
                if attempt == _ATTEMPTS or isinstance(error, IndexBusyError):
                    raise
                if blame is not None and (blame.certain or failures == _ENOUGH):
                    failures = 0
                    if not self.index.put_aside(blame.run, blame.reason):
                        raise
            except OSError as error:
                msg = f"the files of the index cannot be used: {error.strerror or error}"
                raise (
                    full_disk("the disk of the index") if is_full_disk(error) else IndexUnavailableError(msg)
                ) from None
            else:
                self._sound = self.index.connection
                self._doubted = False
                return

    def _blame(self, error: IndexUnavailableError) -> _Blame | None:
        """Return what an error says against the files of the index, ``None`` when it may have any other reason."""
        run = self.index.endpoint.run if self.index.endpoint else None
        match error:
            case DamagedIndexError():
                return _Blame(run, str(error), certain=True)
            case UnstartableIndexError():
                return _Blame(error.run, str(error), certain=True)
            case UnreadableIndexError():
                return _Blame(run, str(error), certain=False)
        crash = self.index.crash_of(run)
        return None if crash is None else _Blame(run, crash, certain=False)

    def _check(self, generation: Generation, progress: Progress, *, whole: bool) -> bool:
        """Check a generation as much as it needs now; return whether nothing is left to examine."""
        self.index.create(generation)
        suspect = self.index.suspect
        if suspect:
            _log.info("Chroma was not stopped in order: checking %s against the ledger", generation.name)
        with self.ledger.index_lock():
            self._replay_all(generation, progress)
            known = self.tickets.count()
            if self.index.count(generation) != known - self.generations.count_pending(generation):
                self._note_differing(generation)
                self._replay_all(generation, progress)
            size = _SAMPLE if suspect else _GLANCE
            reach = IndexCheck(self.ledger, self.index, generation).probe_sample(size)
        if len(reach.lost) > 1 and reach.share < _FOUND:
            found = reach.asked - len(reach.lost)
            msg = f"{generation.name} finds only {found} of {reach.asked} stored tickets by their own vectors"
            raise DamagedIndexError(msg)
        # Others write meanwhile: reading all of it takes long.
        if suspect and whole and self.index.suspect:
            self._compare(generation, progress)
        return whole or not suspect

    def _compare(self, generation: Generation, progress: Progress) -> None:
        found = IndexCheck(self.ledger, self.index, generation).compare(progress)
        if wrong := found.vector + found.unusable:
            msg = f"{len(wrong):,} vectors in {generation.name} are not those that were stored, such as of {wrong[0]!r}"
            raise DamagedIndexError(msg)
        if found.ids:
            self._mark_wrong(generation, found.ids)
            with self.ledger.index_lock():
                self._replay_all(generation, progress)

    def _note_differing(self, generation: Generation) -> int:
        wrong = IndexCheck(self.ledger, self.index, generation).differing()
        if wrong:
            self._mark_wrong(generation, wrong)
        return len(wrong)

    def _mark_wrong(self, generation: Generation, ids: Sequence[str]) -> None:
        said = "%s differs from the ledger in %s tickets: they are replayed"
        _log.warning(said, generation.name, f"{len(ids):,}")
        self.generations.mark_pending(generation, ids)

    def _replay_all(self, generation: Generation, progress: Progress) -> None:
        total = self.generations.count_pending(generation)
        if total:
            _log.info("replaying %s tickets from the ledger into %s", f"{total:,}", generation.name)
        done = 0
        while written := self._replay_page(generation):
            done += written
            progress("replay", done, max(done, total))
