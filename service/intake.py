"""Tickets that a portal sends, stored by the same writer as a sync's."""

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from itertools import islice

import msgspec

from indexer.changes import Change, ChangeDetector, Counts
from indexer.distillation import with_distillates
from indexer.ledger import spent_now
from indexer.parsing import parse_ticket
from indexer.prices import cost
from indexer.sources.record import SourceRecord
from indexer.ticket import Ticket, TicketError
from indexer.writing import Recorder, Written, record_tickets, write_tickets
from service.metrics import TICKETS_WRITTEN, count_spent
from service.runtime import Runtime

__all__ = ["CHUNK", "BatchResult", "Intake", "Rejected", "write"]

CHUNK = 500
"""Records that are stored together."""
_LISTED = 1_000
_OUTCOMES = ("added", "updated", "unchanged", "stale", "repeated", "rejected", "left_out")


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """A record that is not a ticket: its number in the request (of an array its place, else its line), from 1, and why."""

    record: int
    reason: str


class BatchResult(Counts, kw_only=True):
    """What became of the records of a request; of the rejections no more than 1,000 are listed."""

    rejections: list[Rejected] = msgspec.field(default_factory=list)

    def plus(self, other: "BatchResult") -> "BatchResult":
        """Return both together."""
        counts = {name: getattr(self, name) + getattr(other, name) for name in Counts.__struct_fields__}
        return BatchResult(**counts, rejections=[*self.rejections, *other.rejections][:_LISTED])


class Intake:
    """The tickets of one request; to be closed at its end."""

    def __init__(self, runtime: Runtime) -> None:
        self.taken = BatchResult()
        self._runtime = runtime
        self._detector = ChangeDetector(runtime.store.ledger, self.taken)

    async def take(self, records: Iterable[tuple[int, object]]) -> None:
        """Store the records that are tickets; queries see them when this returns.

        Of two of one id the one with the later ``updated_at`` counts; where either has none, the one that comes last.

        :param records: each with its number.
        :raises ProviderError: texts could not be embedded; earlier chunks are stored.
        :raises IndexUnavailableError: the ledger has the tickets, the index will be told of them later.
        """
        waiting = iter(records)
        while chunk := list(islice(waiting, CHUNK)):
            await asyncio.sleep(0)  # others are answered in between, however many records are none
            await self._store({number: ticket for number, ticket in map(self._parsed, chunk) if ticket})

    async def take_read(self, records: Sequence[SourceRecord]) -> None:
        """Store the records of a reader; the broken ones are counted as rejected, under the number of their place."""
        sound: list[tuple[int, object]] = []
        for record in records:
            number = int(record.place.rpartition(" ")[2])
            if record.error is None:
                sound.append((number, record.value))
            else:
                self.reject(number, record.error)
        await self.take(sound)

    async def put(self, ticket: Ticket) -> None:
        """Store one ticket, as `take` does."""
        self.taken.read += 1
        await self._store({1: ticket})

    def reject(self, number: int, reason: str) -> None:
        """Count a record that cannot even be decoded."""
        self.taken.read += 1
        self.taken.rejected += 1
        self._list(number, reason)

    def close(self) -> None:
        """Give back what was needed, and have the metrics count the request."""
        self._detector.close()
        self.taken.rejections.sort(key=lambda rejected: rejected.record)
        for outcome in _OUTCOMES:
            TICKETS_WRITTEN.labels(outcome).inc(getattr(self.taken, outcome))

    def _parsed(self, numbered: tuple[int, object]) -> tuple[int, Ticket | None]:
        number, record = numbered
        try:
            ticket = parse_ticket(record)
        except TicketError as error:
            self.reject(number, str(error))
            return number, None
        self.taken.read += 1
        if ticket.is_open and not self._runtime.settings.keep_open:
            self.taken.left_out += 1
            return number, None
        return number, ticket

    async def _store(self, tickets: dict[int, Ticket]) -> None:
        if not tickets:
            return
        runtime = self._runtime
        known = await runtime.pools.writes.run(with_distillates, runtime.store.ledger, list(tickets.values()))
        tickets = dict(zip(tickets, known, strict=True))
        changes = await runtime.pools.writes.run(self._detector.changes, list(tickets.values()))
        written = await write(runtime, [change.ticket for change in changes])
        self.taken.embedding_requests += written.requests
        self.taken.embedded_texts += written.texts
        kept = self._without_refused(changes, tickets, written.refused)
        # Of those that are as they were, too: the index may not have been told of them yet.
        await runtime.update_index([ticket.id for ticket in tickets.values()])
        self._detector.count_written(kept, written.outcomes)

    def _without_refused(
        self, changes: list[Change], tickets: dict[int, Ticket], refused: dict[str, str]
    ) -> list[Change]:
        kept = []
        for change in changes:
            reason = refused.get(change.ticket.text_hash)
            if reason is None:
                kept.append(change)
                continue
            self._detector.count_refused(change)
            number = next(n for n, ticket in tickets.items() if ticket is change.ticket)
            self._list(number, reason)
        return kept

    def _list(self, number: int, reason: str) -> None:
        if len(self.taken.rejections) < _LISTED:
            self.taken.rejections.append(Rejected(record=number, reason=reason))


async def write(runtime: Runtime, tickets: list[Ticket], record: Recorder = record_tickets) -> Written:
    """Embed tickets and have the ledger acknowledge them; the index must be told next.

    :raises ProviderError: texts could not be embedded; nothing is stored.
    :raises FullDiskError: there is no room for more; nothing is stored.
    """
    runtime.readiness.require_room()
    with runtime.readiness.embedding() if tickets else contextlib.nullcontext():
        written = await write_tickets(
            runtime.store.ledger,
            runtime.writing_embedder,
            tickets,
            record=record,
            run=runtime.pools.writes.run,
        )
    model = written.generation.space.model if written.generation else runtime.settings.embedding_model
    # The ledger has it already, from who embedded.
    spent = spent_now("embeddings", model, requests=written.requests, prompt_tokens=written.tokens)
    count_spent(spent, cost(runtime.settings, [spent]))
    return written
