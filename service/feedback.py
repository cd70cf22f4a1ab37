"""What an agent did with an answer: kept, and a corrected priority becomes a label."""

import dataclasses
from datetime import UTC, datetime

import msgspec

from indexer.errors import SpaceMismatchError
from indexer.ledger import FeedbackEntry, Outcome, Space, UnknownTicketError
from indexer.store import embed_tickets
from indexer.ticket import Ticket, TicketError, text_hash
from service.keeper import Keeper
from service.metrics import count_feedback

__all__ = ["Learned", "take_feedback"]

_ATTEMPTS = 3
_SOURCE = "feedback"


class Learned(msgspec.Struct, frozen=True, kw_only=True):
    """What was learned: the ticket that has the priority now, and what became of it; both null without a priority."""

    ticket_id: str | None
    outcome: Outcome | None


async def take_feedback(keeper: Keeper, entry: FeedbackEntry, text: str | None) -> Learned:
    """Keep what an agent did, and give a corrected priority to the ticket that it is of.

    A stored ticket gets it as its label, without embedding. One that is not stored is embedded, if need be, and
    stored with its text and label but no resolution: it teaches the forest, and can never be a precedent. The
    forest follows at its next refit, as after any write.

    :param text: of the ticket; needed with a priority when the ticket is not stored.
    :raises TicketError: a priority came without a ticket to give it to.
    :raises ProviderError: the text could not be embedded; nothing is kept.
    :raises NotReadyError: the index is not open, or failed and does not come back in time.
    """
    feedback = keeper.opened.ledger.feedback
    if entry.priority is not None and entry.ticket_id is None and text is not None:
        entry = dataclasses.replace(entry, ticket_id=f"{_SOURCE}-{text_hash(text)[:16]}")
    try:
        outcome = await keeper.pools.writes.run(feedback.take, entry)
    except UnknownTicketError as error:
        if text is None:
            msg = f"{error}: send its text too, so that the priority can be learned"
            raise TicketError(msg) from None
        outcome = await _store(keeper, entry, text)
    count_feedback(entry.action)
    if outcome in (Outcome.ADDED, Outcome.UPDATED):
        await _tell(keeper, entry.ticket_id or "")
    return Learned(ticket_id=entry.ticket_id if outcome else None, outcome=outcome)


async def _store(keeper: Keeper, entry: FeedbackEntry, text: str) -> Outcome | None:
    ledger, now = keeper.opened.ledger, datetime.now(UTC)
    ticket = Ticket(
        id=entry.ticket_id or "", text=text, priority=entry.priority, created_at=now, source=_SOURCE
    )
    attempt = 0
    while True:
        attempt += 1
        space = await _embedded(keeper, ticket)
        try:
            await keeper.pools.writes.run(ledger.generations.ensure_live, space)
            return await keeper.pools.writes.run(ledger.feedback.take, entry, ticket=ticket, space=space)
        except SpaceMismatchError:
            # Another generation went live in between: the text is embedded in its space too.
            if attempt == _ATTEMPTS:
                raise


async def _embedded(keeper: Keeper, ticket: Ticket) -> Space:
    embedding = await embed_tickets(
        keeper.opened.ledger, await keeper.writing_embedder(), [ticket], run=keeper.pools.writes.run
    )
    if embedding.space is None or embedding.refused:
        raise TicketError(next(iter(embedding.refused.values()), "its text could not be embedded"))
    return embedding.space


async def _tell(keeper: Keeper, ticket_id: str) -> None:
    ledger = keeper.opened.ledger
    live = await keeper.pools.writes.run(ledger.generations.live)
    if live is not None:
        await keeper.told(live, [ticket_id])
        await keeper.noticed()
