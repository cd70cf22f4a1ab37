"""Incremental indexing: what a source says is compared with the ledger, and only what changed is worked on."""

import contextlib
import logging
import sqlite3
import time
from asyncio import Task, create_task, to_thread
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec

from indexer.embedding import Embedder
from indexer.errors import PrecedentError, SourceError
from indexer.knowledge.knowledge import Knowledge
from indexer.ledger import Generation, Outcome, Stored
from indexer.rejections import Rejections
from indexer.sources import SourceRecord
from indexer.store import embed_tickets, index_tickets, record_tickets, require_space
from indexer.ticket import RECIPE, Ticket, TicketError, parse_ticket, record_hash, text_hash

__all__ = ["MassDeletionError", "SyncReport", "plan", "sync"]

_log = logging.getLogger(__name__)
_CHUNK = 500
_MOST_CHANGED = 2_000
_DELETE_SHARE = 0.2


class MassDeletionError(PrecedentError):
    """More tickets of a source would be deleted than a mistake should be able to."""


class SyncReport(msgspec.Struct):
    """What a sync did, or with ``dry_run`` would do; counts are of tickets unless they say otherwise."""

    read: int = 0
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    stale: int = 0
    deleted: int = 0
    rejected: int = 0
    embedding_requests: int = 0
    embedded_texts: int = 0
    seconds: float = 0.0
    dry_run: bool = False
    cost: float | None = None


class _Seen:
    """The ids and the new texts of one run, in a temporary file: memory does not grow with the source."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._db.execute(
            "CREATE TABLE seen (kind TEXT, key TEXT, place TEXT, PRIMARY KEY (kind, key)) WITHOUT ROWID"
        )
        self._db.execute("BEGIN")

    def first(self, kind: str, key: str, place: str) -> str | None:
        """Note a key, and return where it was noted before, ``None`` when this is the first time."""
        if self._db.execute("INSERT OR IGNORE INTO seen VALUES (?, ?, ?)", (kind, key, place)).rowcount:
            return None
        return str(
            self._db.execute("SELECT place FROM seen WHERE kind = ? AND key = ?", (kind, key)).fetchone()[0]
        )

    def has(self, kind: str, key: str) -> bool:
        return (
            self._db.execute("SELECT 1 FROM seen WHERE kind = ? AND key = ?", (kind, key)).fetchone()
            is not None
        )

    def close(self) -> None:
        self._db.close()


class _Run:
    """One pass over a source."""

    def __init__(
        self, knowledge: Knowledge, embedder: Embedder, rejections: Rejections, *, source: str | None
    ) -> None:
        self.ledger = knowledge.ledger
        self.knowledge = knowledge
        self.embedder = embedder
        self.rejections = rejections
        self.source = source
        self.report = SyncReport()
        self.seen = _Seen()

    def tickets(self, records: Iterable[SourceRecord]) -> Iterator[list[Ticket]]:
        """Yield the valid tickets of the source, each id once, in chunks."""
        chunk: list[Ticket] = []
        for record in records:
            self.report.read += 1
            ticket = self._valid(record)
            if ticket is None:
                continue
            chunk.append(ticket)
            if len(chunk) == _CHUNK:
                yield chunk
                chunk = []
        yield chunk

    def changed(self, records: Iterable[SourceRecord]) -> Iterator[list[tuple[Ticket, bool]]]:
        """Yield tickets that differ from the ledger, and whether their text is new to it, in chunks."""
        space = self.ledger.vectors.known_space(self.embedder.kind, self.embedder.model, RECIPE)
        for chunk in self.tickets(records):
            stored = self.ledger.tickets.stored(ticket.id for ticket in chunk)
            different = [ticket for ticket in chunk if self._differs(ticket, stored.get(ticket.id))]
            hashes = {ticket.id: text_hash(ticket.text) for ticket in different}
            new = set(hashes.values())
            if space is not None:
                new = self.ledger.vectors.missing(space, new)
            yield [
                (ticket, hashes[ticket.id] in new and self.seen.first("text", hashes[ticket.id], "") is None)
                for ticket in different
            ]

    def windows(self, records: Iterable[SourceRecord]) -> Iterator[list[Ticket]]:
        """Yield changed tickets with as many new texts as fill all requests in flight twice, and not more."""
        enough = 2 * self.embedder.batch_size * self.embedder.concurrency
        window: list[Ticket] = []
        texts = 0
        waiting: deque[tuple[Ticket, bool]] = deque()
        for chunk in self.changed(records):
            waiting.extend(chunk)
            while waiting:
                ticket, is_new = waiting.popleft()
                window.append(ticket)
                texts += is_new
                if texts == enough or len(window) == _MOST_CHANGED:
                    yield window
                    window, texts = [], 0
            if not window:
                yield []  # nothing to do, but a chance to show progress
        if window:
            yield window

    def missing(self) -> list[str]:
        """Return the stored tickets of the source that it no longer has."""
        return [
            ticket_id
            for ticket_id in self.ledger.tickets.ids(self.source)
            if not self.seen.has("id", ticket_id)
        ]

    def without_refused(self, window: list[Ticket], refused: Mapping[str, str]) -> list[Ticket]:
        """Reject the tickets whose text the provider refuses, and return the others."""
        kept = []
        for ticket in window:
            reason = refused.get(text_hash(ticket.text))
            if reason is None:
                kept.append(ticket)
            else:
                raw = msgspec.json.encode(ticket).decode()
                self.rejections.add(SourceRecord(place=f"ticket {ticket.id}", raw=raw), reason)
                self.report.rejected += 1
        return kept

    def count(self, outcomes: Iterable[Outcome]) -> None:
        """Count what became of tickets."""
        for outcome in outcomes:
            setattr(self.report, outcome, getattr(self.report, outcome) + 1)

    def _valid(self, record: SourceRecord) -> Ticket | None:
        reason = record.error
        if record.value is not None:
            try:
                ticket = parse_ticket(record.value, source=self.source)
            except TicketError as error:
                reason = str(error)
            else:
                earlier = self.seen.first("id", ticket.id, record.place)
                if earlier is None:
                    return ticket
                reason = f"id {ticket.id!r} stands twice, first at {earlier}: the first is kept"
        self.rejections.add(record, reason or "not a record")
        self.report.rejected += 1
        return None

    def _differs(self, ticket: Ticket, stored: Stored | None) -> bool:
        if stored is None:
            return True
        updated_at = ticket.updated_at.timestamp() if ticket.updated_at else None
        outcome = stored.outcome(record_hash(ticket), updated_at)
        if outcome is Outcome.UPDATED:
            return True
        self.count([outcome])
        return False


async def sync(
    knowledge: Knowledge,
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
    run = _Run(knowledge, embedder, rejections, source=source)
    writing: Task[None] | None = None
    await to_thread(require_space, knowledge.ledger, embedder)

    def index(generation: Generation, window: list[Ticket], outcomes: list[Outcome]) -> None:
        index_tickets(knowledge, generation, window)
        run.count(outcomes)

    try:
        windows = run.windows(records)
        while (window := await to_thread(next, windows, None)) is not None:
            if window:
                embedding = await embed_tickets(knowledge.ledger, embedder, window)
                run.report.embedding_requests += embedding.requests
                run.report.embedded_texts += embedding.texts
                window = run.without_refused(window, embedding.refused)
                if window and embedding.space is not None:
                    generation, outcomes = await to_thread(
                        record_tickets, knowledge.ledger, embedding.space, window
                    )
                    # While the index is told of one window, the next is read, embedded and recorded.
                    if writing is not None:
                        await writing
                    writing = create_task(to_thread(index, generation, window, outcomes))
            _tell(run.report, began, progress)
        if writing is not None:
            await writing
        if delete_missing:
            await to_thread(_delete, run, force=force)
    except BaseException:
        if writing is not None:
            with contextlib.suppress(Exception):
                await writing
        _tell(run.report, began, progress)
        raise
    finally:
        run.seen.close()
    _tell(run.report, began, progress)
    return run.report


def plan(
    knowledge: Knowledge,
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
    run = _Run(knowledge, embedder, rejections, source=source)
    require_space(knowledge.ledger, embedder)
    report = run.report
    for chunk in run.changed(records):
        stored = knowledge.ledger.tickets.stored(ticket.id for ticket, _ in chunk)
        report.updated += len(stored)
        report.added += len(chunk) - len(stored)
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
    run.seen.close()
    return report


def _delete(run: _Run, *, force: bool) -> None:
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
    stored = sum(1 for _ in run.ledger.tickets.ids(run.source))
    if len(missing) > _DELETE_SHARE * stored and not force:
        msg = (
            f"{len(missing):,} of {stored:,} tickets of source {run.source!r} are missing from it, more than "
            f"{_DELETE_SHARE:.0%}: nothing was deleted; if that is right, say --force"
        )
        raise MassDeletionError(msg)
    run.report.deleted = len(run.ledger.tickets.delete(missing))
    live = run.ledger.generations.live()
    if live is not None:
        run.knowledge.replay(live, only=missing)


def _tell(report: SyncReport, began: float, progress: Callable[[SyncReport], None]) -> None:
    report.seconds = round(time.monotonic() - began, 3)
    progress(report)
