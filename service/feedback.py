"""Feedback of agents: it is stored, and a corrected priority or another field becomes the ticket's."""

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import msgspec

from indexer.ledger import FeedbackEntry, Generation, Ledger, Outcome, Space, UnknownTicketError
from indexer.ticket import Ticket, TicketError, text_hash
from service.decided_fields import decided_fields
from service.doc import doc
from service.intake import write
from service.kept_answer import is_answer
from service.metrics import FEEDBACK
from service.runtime import Runtime

__all__ = ["FeedbackResult", "take_feedback"]

_SOURCE = "feedback"
_SHOWN = 20


class FeedbackResult(msgspec.Struct, frozen=True, kw_only=True):
    """What was learned: the ticket that has what is right now, and what became of it; both null where nothing was corrected."""

    ticket_id: str | None
    outcome: Outcome | None
    review: Annotated[bool, doc("what is right is a new label: it is kept, and no ticket has it yet")] = False


async def take_feedback(runtime: Runtime, entry: FeedbackEntry, text: str | None) -> FeedbackResult:
    """Keep what an agent did, and give a corrected priority, or another field, to the ticket that it is of.

    A stored ticket gets it as its label, without embedding. One that is not stored is embedded, if need be, and
    stored with its text and label but no resolution: it teaches the forest, and can never be a precedent. The
    forest follows at its next refit, as after any write.

    :param text: of the ticket; needed with what is corrected when the ticket is not stored.
    :raises TicketError: neither the answer nor the ticket is known, a label is new or without a ticket to give it to, or a
        field is none that is decided.
    :raises ProviderError: the text could not be embedded; nothing is kept.
    :raises NotReadyError: the index is not open, or failed and does not come back in time.
    """
    ledger = runtime.store.ledger
    feedback = ledger.feedback
    if entry.corrects and entry.ticket_id is None and text is not None:
        entry = dataclasses.replace(entry, ticket_id=f"{_SOURCE}-{text_hash(text)[:16]}")
    await runtime.pools.writes.run(_require_known, ledger, entry)
    if entry.ticket_id is None and (entry.reply or entry.reason) and not runtime.settings.keep_days:
        msg = "reply and reason need ticket_id: PRECEDENT_KEEP_DAYS=0 keeps no answer that they could be forgotten with"
        raise TicketError(msg)
    if await runtime.pools.writes.run(_has_new_label, runtime, entry):
        await runtime.pools.writes.run(feedback.take, entry, learn=False)
        FEEDBACK.labels(entry.action).inc()
        return FeedbackResult(ticket_id=entry.ticket_id, outcome=None, review=True)
    try:
        outcome = await runtime.pools.writes.run(feedback.take, entry)
    except UnknownTicketError as error:
        if text is None:
            msg = f"{error}: send its text too, so that what is right can be learned"
            raise TicketError(msg) from None
        outcome = await _store(runtime, entry, text)
    FEEDBACK.labels(entry.action).inc()
    if outcome in (Outcome.ADDED, Outcome.UPDATED):
        await runtime.update_index([entry.ticket_id or ""])
        await runtime.wait_for_first_tickets()
    return FeedbackResult(ticket_id=entry.ticket_id if outcome else None, outcome=outcome)


def _require_known(ledger: Ledger, entry: FeedbackEntry) -> None:
    if entry.triage_id is not None:
        if not is_answer(ledger.secret, entry.triage_id):
            msg = f"triage_id {entry.triage_id!r} is of no answer that was given here: send the answer's `id`"
            raise TicketError(msg)
    elif not ledger.tickets.stored([entry.ticket_id or ""]):
        msg = f"no ticket {entry.ticket_id!r} is stored: send the triage_id of an answer, or a stored ticket's ticket_id"
        raise TicketError(msg)
    if entry.precedent is not None and not ledger.tickets.stored([entry.precedent]):
        msg = f"precedent {entry.precedent!r} is no stored ticket: name one that would have been right"
        raise TicketError(msg)


def _has_new_label(runtime: Runtime, entry: FeedbackEntry) -> bool:
    """Tell whether no stored ticket has the priority, or the value of another field, in any case.

    :raises TicketError: it is so, and settings refuse it, or the field is none that is decided.
    """
    decided = decided_fields(runtime.settings)[1:]
    for field in entry.decisions:
        if field not in decided:
            there = f"there: {', '.join(decided)}" if decided else "there are none"
            msg = f"{field!r} is no further field that PRECEDENT_DECIDE names ({there}); the priority is given as priority"
            raise TicketError(msg)
    given = [(None, entry.priority), *entry.decisions.items()]
    return any(_is_new(runtime, field, label) for field, label in given if label is not None)


def _is_new(runtime: Runtime, field: str | None, label: str) -> bool:
    known = runtime.store.tickets.labels(field)
    if label.casefold() in {name.casefold() for name in known}:
        return False
    if runtime.settings.new_labels == "refuse":
        shown = ", ".join(known[:_SHOWN]) or "none"
        msg = (
            f"{field or 'priority'} {label!r} is that of no stored ticket (there: {shown}): store a ticket that has it first, "
            "or have PRECEDENT_NEW_LABELS=review keep such feedback"
        )
        raise TicketError(msg)
    return True


async def _store(runtime: Runtime, entry: FeedbackEntry, text: str) -> Outcome:
    ticket = Ticket(
        id=entry.ticket_id or "",
        text=text,
        priority=entry.priority,
        fields=dict(entry.decisions),
        created_at=datetime.now(UTC),
        source=_SOURCE,
    )

    def record(ledger: Ledger, space: Space, tickets: Sequence[Ticket]) -> tuple[Generation, list[Outcome]]:
        generation = ledger.generations.ensure_live(space)
        outcome = ledger.feedback.take(entry, ticket=tickets[0], space=space)
        return generation, [outcome] if outcome else []

    written = await write(runtime, [ticket], record)
    if not written.outcomes:
        raise TicketError(next(iter(written.refused.values()), "its text could not be embedded"))
    return written.outcomes[0]
