"""Incremental indexing: what a source says is compared with the ledger, and only what changed is worked on."""

import contextlib
import time
from asyncio import Task, create_task, to_thread
from collections.abc import Callable, Iterable, Iterator

import msgspec

from indexer.embedding import Embedder
from indexer.errors import PrecedentError, SourceError
from indexer.incoming import Change, Incoming
from indexer.ledger import pages
from indexer.rejections import Rejections
from indexer.sources import SourceRecord
from indexer.store import Store
from indexer.ticket import RECIPE, Ticket, TicketError, parse_ticket
from indexer.writing import Written, embed_texts, require_space, write_tickets

__all__ = ["MassDeletionError", "SyncReport", "plan", "sync", "unembedded"]

_CHUNK = 500
_MOST_CHANGED = 2_000
_MOST_CHARACTERS = 8_000_000  # of one window: memory has a bound however long the texts are
_DELETE_SHARE = 0.2


class MassDeletionError(PrecedentError):
    """More tickets of a source would be deleted than a mistake should be able to."""


class SyncReport(msgspec.Struct):
    """What a sync did, or with ``dry_run`` would do.

    Each record that was read is counted once more: in one of ``added`` to ``rejected``.
    """

    read: int = 0
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    stale: int = 0
    repeated: int = 0
    rejected: int = 0
    deleted: int = 0
    embedding_requests: int = 0
    embedded_texts: int = 0
    seconds: float = 0.0
    dry_run: bool = False
    cost: float | None = None


class _Run:
    """One pass over a source."""

    def __init__(
        self, store: Store, embedder: Embedder, rejections: Rejections, *, source: str | None
    ) -> None:
        self.ledger = store.ledger
        self.embedder = embedder
        self.rejections = rejections
        self.source = source
        self.report = SyncReport()
        self.incoming = Incoming(self.ledger, self._count)

    def windows(self, records: Iterable[SourceRecord]) -> Iterator[list[Change]]:
        """Yield what is to be written, with as many new texts as fill all requests in flight twice, and not more."""
        enough = 2 * self.embedder.batch_size * self.embedder.concurrency
        window: list[Change] = []
        texts = size = 0
        for chunk in self.changed(records):
            for change, is_new in chunk:
                window.append(change)
                texts += is_new
                size += _size(change.ticket)
                if texts == enough or len(window) == _MOST_CHANGED or size >= _MOST_CHARACTERS:
                    yield window
                    window, texts, size = [], 0, 0
            if not window:
                yield []  # nothing to do, but a chance to show progress
        if window:
            yield window

    def changed(self, records: Iterable[SourceRecord]) -> Iterator[list[tuple[Change, bool]]]:
        """Yield what is to be written, and whether its text is new to the ledger and to this run, in chunks."""
        space = self.ledger.vectors.known_space(self.embedder.kind, self.embedder.model, RECIPE)
        for chunk in self._chunks(records):
            changes = self.incoming.changed(chunk)
            new = {change.ticket.text_hash for change in changes}
            if space is not None:
                new = self.ledger.vectors.missing(space, new)
            yield [
                (change, text in new and self.incoming.first_text(text))
                for change in changes
                for text in [change.ticket.text_hash]
            ]

    def missing(self) -> list[str]:
        """Return the stored tickets of the source that it no longer has."""
        return [i for i in self.ledger.tickets.ids(self.source) if not self.incoming.has(i)]

    async def acknowledge(self, window: list[Change]) -> Written:
        """Have the ledger take what is to be written, and reject the tickets whose text the provider refuses."""
        written = await write_tickets(self.ledger, self._embedder, [change.ticket for change in window])
        self.report.embedding_requests += written.requests
        self.report.embedded_texts += written.texts
        for change in window:
            reason = written.refused.get(change.ticket.text_hash)
            if reason is not None:
                raw = msgspec.json.encode(change.ticket).decode()
                self.rejections.add(SourceRecord(place=f"ticket {change.ticket.id}", raw=raw), reason)
                self.incoming.refused(change)
        return written

    def tell(self, store: Store, window: list[Change], written: Written) -> None:
        """Tell the index what the ledger took, and count it."""
        if written.generation is not None:
            store.replay(written.generation, only=[ticket.id for ticket in written.tickets])
        kept = [change for change in window if change.ticket.text_hash not in written.refused]
        self.incoming.written(kept, written.outcomes)

    async def _embedder(self) -> Embedder:
        return self.embedder

    def _chunks(self, records: Iterable[SourceRecord]) -> Iterator[list[Ticket]]:
        chunk: list[Ticket] = []
        size = 0
        for record in records:
            self.report.read += 1
            ticket = self._parsed(record)
            if ticket is None:
                continue
            chunk.append(ticket)
            size += _size(ticket)
            if len(chunk) == _CHUNK or size >= _MOST_CHARACTERS:
                yield chunk
                chunk, size = [], 0
        yield chunk

    def _parsed(self, record: SourceRecord) -> Ticket | None:
        reason = record.error
        if record.value is not None:
            try:
                return parse_ticket(record.value, source=self.source)
            except TicketError as error:
                reason = str(error)
        self.rejections.add(record, reason or "not a record")
        self.report.rejected += 1
        return None

    def _count(self, name: str, change: int) -> None:
        setattr(self.report, name, getattr(self.report, name) + change)


async def sync(
    store: Store,
    embedder: Embedder,
    records: Iterable[SourceRecord],
    rejections: Rejections,
    *,
    source: str | None = None,
    delete_missing: bool = False,
    force: bool = False,
    progress: Callable[[SyncReport], None] = lambda _report: None,
) -> SyncReport:
    """Bring the ledger and the live generation to what the source says.

    Each window of tickets is acknowledged as a whole: interrupted anywhere, the next run goes on there, and only
    the texts of requests in flight are embedded again.

    :param source: the name that tickets are stored under; deletion is limited to it.
    :param delete_missing: delete what the source no longer has; needs ``source``.
    :param force: delete even more than a fifth of the source's tickets.
    :param progress: told the report so far, after each step.
    :raises ProviderError: texts could not be embedded; what came before them is stored.
    :raises SpaceMismatchError: the live generation is in another space than the embedder's.
    """
    began = time.monotonic()
    run = _Run(store, embedder, rejections, source=source)
    writing: Task[None] | None = None
    await to_thread(require_space, store.ledger, embedder)
    await _catch_up(run, store)

    try:
        windows = run.windows(records)
        while (window := await to_thread(next, windows, None)) is not None:
            if window:
                written = await run.acknowledge(window)
                # While the index is told of one window, the next is read, embedded and recorded.
                if writing is not None:
                    await writing
                writing = create_task(to_thread(run.tell, store, window, written))
            _tell(run.report, began, progress)
        if writing is not None:
            await writing
        if delete_missing:
            await to_thread(_delete, run, store, force=force)
    except BaseException:
        if writing is not None:
            with contextlib.suppress(Exception):
                await writing
        _tell(run.report, began, progress)
        raise
    finally:
        run.incoming.close()
    _tell(run.report, began, progress)
    return run.report


def plan(
    store: Store,
    embedder: Embedder,
    records: Iterable[SourceRecord],
    rejections: Rejections,
    *,
    source: str | None = None,
    delete_missing: bool = False,
    price_per_request: float | None = None,
) -> SyncReport:
    """Report what `sync` would do, without a provider request and without a write."""
    began = time.monotonic()
    run = _Run(store, embedder, rejections, source=source)
    require_space(store.ledger, embedder)
    report = run.report
    report.embedded_texts = unembedded(store, embedder)
    for chunk in run.changed(records):
        run.incoming.written([change for change, _ in chunk], [change.outcome for change, _ in chunk])
        report.embedded_texts += sum(is_new for _, is_new in chunk)
    if delete_missing:
        report.deleted = len(run.missing())
    report.embedding_requests = (
        -(-report.embedded_texts // embedder.batch_size) if embedder.kind == "hosted" else 0
    )
    if price_per_request is not None:
        report.cost = round(report.embedding_requests * price_per_request, 6)
    report.dry_run = True
    report.seconds = round(time.monotonic() - began, 3)
    run.incoming.close()
    return report


def unembedded(store: Store, embedder: Embedder) -> int:
    """Return how many texts of stored tickets the next sync embeds, since a release reads long ones otherwise."""
    ledger = store.ledger
    live = ledger.generations.live()
    if live is None:
        return 0
    space = ledger.vectors.known_space(embedder.kind, embedder.model, RECIPE)
    stored = ledger.tickets.stored(ledger.generations.pending_ids(live))
    hashes = {ticket.text_hash for ticket in stored.values()}
    return len(hashes if space is None else ledger.vectors.missing(space, hashes))


async def _catch_up(run: _Run, store: Store) -> None:
    """Embed stored tickets that the index cannot be told of without, and tell it."""
    ledger = store.ledger
    live = await to_thread(ledger.generations.live)
    waiting = sorted(await to_thread(ledger.generations.pending_ids, live)) if live else []
    for page in pages(waiting):
        tickets = await to_thread(ledger.tickets.get, page)
        texts = {ticket.text_hash: ticket.embedded for ticket in tickets.values()}
        embedding = await embed_texts(ledger, run.embedder, texts)
        run.report.embedding_requests += embedding.requests
        run.report.embedded_texts += embedding.texts
        if live is not None:
            await to_thread(store.replay, live, only=page)


def _delete(run: _Run, store: Store, *, force: bool) -> None:
    if run.source is None:
        msg = "deleting what is missing needs the name of the source (--source), so that nothing else is touched"
        raise SourceError(msg)
    if run.report.rejected and not force:
        msg = (
            f"{run.report.rejected:,} records could not be read, and stored tickets may be among them: nothing was deleted; "
            "mend the records, or say --force"
        )
        raise MassDeletionError(msg)
    missing = run.missing()
    stored = run.ledger.tickets.count(run.source)
    if len(missing) > _DELETE_SHARE * stored and not force:
        msg = (
            f"{len(missing):,} of {stored:,} tickets of source {run.source!r} are missing from it, more than "
            f"{_DELETE_SHARE:.0%}: nothing was deleted; if that is right, say --force"
        )
        raise MassDeletionError(msg)
    run.report.deleted = len(run.ledger.tickets.delete(missing))
    live = run.ledger.generations.live()
    if live is not None:
        store.replay(live, only=missing)


def _size(ticket: Ticket) -> int:
    return len(ticket.text) + len(ticket.resolution or "")


def _tell(report: SyncReport, began: float, progress: Callable[[SyncReport], None]) -> None:
    report.seconds = round(time.monotonic() - began, 3)
    progress(report)
