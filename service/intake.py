"""Tickets that the portal writes, by the same way in as a sync's."""

from collections.abc import Iterator, Sequence

import msgspec

from indexer.errors import SpaceMismatchError
from indexer.ledger import Outcome
from indexer.store import embed_tickets, record_tickets
from indexer.ticket import Ticket, TicketError, parse_ticket, text_hash
from service.keeper import Keeper
from service.metrics import count_requests, count_ticket

__all__ = ["Intake", "Rejected"]

_CHUNK = 500
_ATTEMPTS = 3


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """A record that is not a ticket: its number in the request, from 1, and why."""

    record: int
    reason: str


class Intake(msgspec.Struct, kw_only=True):
    """What became of the tickets of a request; counts add up to ``read``."""

    read: int = 0
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    stale: int = 0
    rejected: int = 0
    embedding_requests: int = 0
    embedded_texts: int = 0
    rejections: list[Rejected] = []

    async def take(self, keeper: Keeper, records: Sequence[object]) -> None:
        """Store the records that are tickets; queries see them when this returns.

        Without ``updated_at`` the one that arrives last wins. Sending the same again changes nothing.

        :raises ProviderError: texts could not be embedded; earlier chunks are stored.
        :raises IndexUnavailableError: the ledger has the tickets, the index will be told of them later.
        """
        for chunk in _chunks(records):
            tickets = {number: ticket for number, ticket in map(self._parsed, chunk) if ticket}
            for outcome in await self._store(keeper, tickets) if tickets else ():
                setattr(self, outcome, getattr(self, outcome) + 1)
                count_ticket(outcome)

    def reject(self, reason: str) -> None:
        """Count a record that cannot even be decoded."""
        self.read += 1
        self._reject(self.read, reason)

    def _reject(self, number: int, reason: str) -> None:
        self.rejected += 1
        count_ticket("rejected")
        self.rejections.append(Rejected(record=number, reason=reason))

    def _parsed(self, record: object) -> tuple[int, Ticket | None]:
        self.read += 1
        try:
            return self.read, parse_ticket(record)
        except TicketError as error:
            self._reject(self.read, str(error))
            return self.read, None

    async def _store(self, keeper: Keeper, tickets: dict[int, Ticket]) -> list[Outcome]:
        knowledge = keeper.opened
        attempt = 0
        while True:
            attempt += 1
            embedding = await embed_tickets(
                knowledge.ledger,
                await keeper.writing_embedder(),
                list(tickets.values()),
                run=keeper.pools.writes.run,
            )
            self.embedding_requests += embedding.requests
            self.embedded_texts += embedding.texts
            count_requests("embeddings", embedding.requests, 0)
            for number, ticket in list(tickets.items()):
                reason = embedding.refused.get(text_hash(ticket.text))
                if reason is not None:
                    self._reject(number, reason)
                    del tickets[number]
            if not tickets or embedding.space is None:
                return []
            try:
                generation, outcomes = await keeper.pools.writes.run(
                    record_tickets, knowledge.ledger, embedding.space, list(tickets.values())
                )
            except SpaceMismatchError:
                # Another generation went live in between: the texts are embedded in its space too.
                if attempt == _ATTEMPTS:
                    raise
            else:
                await keeper.told(generation, [ticket.id for ticket in tickets.values()])
                return outcomes


def _chunks(records: Sequence[object]) -> Iterator[Sequence[object]]:
    for start in range(0, len(records), _CHUNK):
        yield records[start : start + _CHUNK]
