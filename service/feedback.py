"""What an agent did with an answer: kept, and a corrected priority becomes a label."""

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from indexer.ledger import FeedbackEntry, Generation, Ledger, Outcome, Space, UnknownTicketError
from indexer.ticket import Ticket, TicketError, text_hash
from service.intake import tell, write
from service.keeper import Keeper
from service.metrics import count_feedback

__all__ = ["Learned", "take_feedback"]

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
        await tell(keeper, [entry.ticket_id or ""])
        await keeper.noticed()
    return Learned(ticket_id=entry.ticket_id if outcome else None, outcome=outcome)


async def _store(keeper: Keeper, entry: FeedbackEntry, text: str) -> Outcome:
    ticket = Ticket(
        id=entry.ticket_id or "",
        text=text,
        priority=entry.priority,
        created_at=datetime.now(UTC),
        source=_SOURCE,
    )

    def record(ledger: Ledger, space: Space, tickets: Sequence[Ticket]) -> tuple[Generation, list[Outcome]]:
        generation = ledger.generations.ensure_live(space)
        outcome = ledger.feedback.take(entry, ticket=tickets[0], space=space)
        return generation, [outcome] if outcome else []

    written = await write(keeper, [ticket], record)
    if not written.outcomes:
        raise TicketError(next(iter(written.refused.values()), "its text could not be embedded"))
    return written.outcomes[0]
