"""Incremental indexing: the records of a source are compared with the ledger, and only what changed is written."""

import contextlib
import time
from asyncio import Task, create_task, to_thread
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import msgspec

from indexer.admission import LeftOutError, stored_ticket
from indexer.changes import Change, ChangeDetector, Counts
from indexer.distillation import Distilled, with_distillates
from indexer.embedding import Embedder, expected_requests
from indexer.errors import PrecedentError, SourceError
from indexer.ledger import pages
from indexer.rejections import Rejections
from indexer.sources import SourceRecord
from indexer.store import Store
from indexer.ticket import Ticket, TicketError
from indexer.writing import Written, embed_texts, require_space, write_tickets

__all__ = ["MassDeletionError", "Run", "SyncReport", "count_unembedded", "plan", "sync"]

_CHUNK = 500  # tickets compared with the ledger at once
_MOST_CHANGED = 2_000  # tickets of one window
_MOST_CHARACTERS = 8_000_000  # of one window: memory is bounded however long the texts are
_DELETE_SHARE = 0.2


class MassDeletionError(PrecedentError):
    """More tickets of a source would be deleted than is plausible."""


class SyncReport(Counts, kw_only=True):
    """What a sync did, or with ``dry_run`` would do."""

    deleted: int = 0
    dates_lost: int = 0
    """Dates that could not be read, of tickets that are stored without them."""
    flagged: int = 0
    """Tickets written that no draft will rest on, because a text of theirs seems to be meant for a language model."""
    distilled: Distilled | None = None
    """What was asked of the chat model before, or would be."""
    seconds: float = 0.0
    dry_run: bool = False
    cost: float | None = None


@dataclass
class Run:
    """One pass over the records of a source: what they are stored with, and what came of it.

    :param source: the name that tickets are stored under; deletion is limited to it.
    :param keep_open: store tickets that are not resolved, too; they are never precedents.
    :param progress: called with the report so far, after each step.
    :param report: may be that of earlier passes which this one continues; it is counted further.
    """

    store: Store
    embedder: Embedder
    rejections: Rejections
    source: str | None = None
    keep_open: bool = False
    progress: Callable[[SyncReport], None] = lambda _report: None
    report: SyncReport = field(default_factory=SyncReport)

    def __post_init__(self) -> None:
        self.ledger = self.store.ledger
        self._began = time.monotonic() - self.report.seconds

    @cached_property
    def detector(self) -> ChangeDetector:
        """What compares the records of this pass."""
        return ChangeDetector(self.ledger, self.report)

    def note_time(self) -> None:
        """Note the time in the report."""
        self.report.seconds = round(time.monotonic() - self._began, 3)

    def show_progress(self) -> None:
        """Pass the report so far on."""
        self.note_time()
        self.progress(self.report)

    def windows(self, records: Iterable[SourceRecord]) -> Iterator[list[Change]]:
        """Yield what is to be written, in windows with as many new texts as fill all requests in flight twice."""
        enough = 2 * self.embedder.batch_size * self.embedder.concurrency
        window: list[Change] = []
        texts = size = 0
        for chunk in self.changes(records):
            for change, new in chunk:
                window.append(change)
                texts += new
                size += _size(change.ticket)
                if texts >= enough or len(window) == _MOST_CHANGED or size >= _MOST_CHARACTERS:
                    yield window
                    window, texts, size = [], 0, 0
            if not window:
                yield []  # nothing to do, but a chance to show progress
        if window:
            yield window

    def changes(self, records: Iterable[SourceRecord]) -> Iterator[list[tuple[Change, int]]]:
        """Yield what is to be written, in chunks, each with how many of its texts are new to the ledger and to this run."""
        space = self.ledger.vectors.known_space(self.embedder.kind, self.embedder.model)
        for read in self._chunks(records):
            chunk = with_distillates(self.ledger, read)
            changes = self.detector.changes(chunk)
            new = {text for change in changes for text in change.ticket.embeddings}
            if space is not None:
                new = self.ledger.vectors.missing(space, new)
            yield [
                (
                    change,
                    sum(text in new and self.detector.is_first(text) for text in change.ticket.embeddings),
                )
                for change in changes
            ]

    def missing(self) -> list[str]:
        """Return the ids of stored tickets that the source no longer has."""
        return [i for i in self.ledger.tickets.ids(self.source) if not self.detector.has_seen(i)]

    async def write(self, tickets: Sequence[Ticket]) -> Written:
        """Embed tickets and record them in the ledger."""

        async def embedder() -> Embedder:
            return self.embedder

        return await write_tickets(self.ledger, embedder, tickets)

    async def record(self, window: list[Change]) -> Written:
        """Embed a window and record it in the ledger; tickets whose text the provider refuses are rejected."""
        written = await self.write([change.ticket for change in window])
        self.report.embedding_requests += written.requests
        self.report.embedded_texts += written.texts
        for change in window:
            reason = written.refused.get(change.ticket.text_hash)
            if reason is not None:
                raw = msgspec.json.encode(change.ticket).decode()
                self.rejections.add(SourceRecord(place=f"ticket {change.ticket.id}", raw=raw), reason)
                self.detector.count_refused(change)
        return written

    def index(self, window: list[Change], written: Written) -> None:
        """Write to the index what the ledger has recorded of a window, and count it."""
        if written.generation is not None:
            self.store.replay(written.generation, only=[ticket.id for ticket in written.tickets])
        kept = [change for change in window if change.ticket.text_hash not in written.refused]
        self.detector.count_written(kept, written.outcomes)
        self.report.flagged += self.ledger.flagged.count({change.ticket.id for change in kept})

    def _chunks(self, records: Iterable[SourceRecord]) -> Iterator[list[Ticket]]:
        chunk: list[Ticket] = []
        size = 0
        for record in records:
            self.report.read += 1
            self.report.dates_lost += record.dates_lost
            try:
                ticket = stored_ticket(record, source=self.source, keep_open=self.keep_open)
            except LeftOutError:
                self.report.left_out += 1
                continue
            except TicketError as error:
                self.rejections.add(record, str(error))
                self.report.rejected += 1
                continue
            chunk.append(ticket)
            size += _size(ticket)
            if len(chunk) == _CHUNK or size >= _MOST_CHARACTERS:
                yield chunk
                chunk, size = [], 0
        yield chunk


async def sync(
    run: Run, records: Iterable[SourceRecord], *, delete_missing: bool = False, force: bool = False
) -> SyncReport:
    """Store the records of a source that are new or changed: in the ledger, then in the live generation of the index.

    Tickets are written in windows. An interrupted run loses only the texts of requests in flight; the next run
    continues behind what is stored.

    :param delete_missing: delete what the source no longer has; the run must name it.
    :param force: delete even more than a fifth of the source's tickets.
    :raises ProviderError: texts could not be embedded; what came before them is stored.
    :raises SpaceMismatchError: the live generation is in another space than the embedder's.
    """
    indexing: Task[None] | None = None
    await to_thread(require_space, run.ledger, run.embedder)
    await _index_pending(run)

    try:
        windows = run.windows(records)
        while (window := await to_thread(next, windows, None)) is not None:
            if window:
                written = await run.record(window)
                # While one window is written to the index, the next is read, embedded and recorded.
                if indexing is not None:
                    await indexing
                indexing = create_task(to_thread(run.index, window, written))
            run.show_progress()
        if indexing is not None:
            await indexing
        if delete_missing:
            await to_thread(_delete_missing, run, force=force)
    finally:
        if indexing is not None:
            with contextlib.suppress(Exception):
                await indexing
        run.detector.close()
        run.show_progress()
    return run.report


def plan(
    run: Run,
    records: Iterable[SourceRecord],
    *,
    delete_missing: bool = False,
    price_per_request: float | None = None,
) -> SyncReport:
    """Report what `sync` would do, without a provider request and without a write; the run's own report stays as it is."""
    run = replace(run, report=SyncReport())
    require_space(run.ledger, run.embedder)
    report = run.report
    report.embedded_texts = count_unembedded(run.store, run.embedder)
    for chunk in run.changes(records):
        run.detector.count_written([change for change, _ in chunk], [change.outcome for change, _ in chunk])
        report.embedded_texts += sum(new for _, new in chunk)
    if delete_missing:
        report.deleted = len(run.missing())
    report.embedding_requests = expected_requests(run.embedder, report.embedded_texts)
    if price_per_request is not None:
        report.cost = round(report.embedding_requests * price_per_request, 6)
    report.dry_run = True
    run.detector.close()
    run.note_time()
    return report


def count_unembedded(store: Store, embedder: Embedder) -> int:
    """Return how many texts of stored tickets the next sync embeds, because this release shortens long texts otherwise."""
    ledger = store.ledger
    live = ledger.generations.live()
    if live is None:
        return 0
    space = ledger.vectors.known_space(embedder.kind, embedder.model)
    hashes = {
        text
        for page in pages(ledger.generations.pending_ids(live))
        for ticket in ledger.tickets.get(page).values()
        for text in ticket.embeddings
    }
    return len(hashes if space is None else ledger.vectors.missing(space, hashes))


async def _index_pending(run: Run) -> None:
    """Embed the stored tickets that the live generation lacks, and write them to it."""
    ledger = run.ledger
    live = await to_thread(ledger.generations.live)
    if live is None:
        return
    for page in pages(sorted(await to_thread(ledger.generations.pending_ids, live))):
        tickets = await to_thread(ledger.tickets.get, page)
        texts = {text: words for ticket in tickets.values() for text, words in ticket.embeddings.items()}
        embedding = await embed_texts(ledger, run.embedder, texts)
        run.report.embedding_requests += embedding.requests
        run.report.embedded_texts += embedding.texts
        await to_thread(run.store.replay, live, only=page)


def _delete_missing(run: Run, *, force: bool) -> None:
    if run.source is None:
        msg = "deleting what is missing needs the name of the source (--source), so that nothing else is touched"
        raise SourceError(msg)
    if run.report.rejected and not force:
        msg = (
            f"{run.report.rejected:,} records could not be read, and stored tickets may be among them: nothing was deleted; "
            "correct the records, or use --force"
        )
        raise MassDeletionError(msg)
    missing = run.missing()
    stored = run.ledger.tickets.count(run.source)
    if len(missing) > _DELETE_SHARE * stored and not force:
        msg = (
            f"{len(missing):,} of {stored:,} tickets of source {run.source!r} are missing from it, more than "
            f"{_DELETE_SHARE:.0%}: nothing was deleted; if that is right, use --force"
        )
        raise MassDeletionError(msg)
    run.report.deleted = len(run.ledger.tickets.delete(missing))
    live = run.ledger.generations.live()
    if live is not None:
        run.store.replay(live, only=missing)


def _size(ticket: Ticket) -> int:
    return len(ticket.text) + len(ticket.resolution or "")
