"""What agents did with answers, on both databases."""

from datetime import UTC, datetime

import pytest

from indexer.errors import SpaceMismatchError
from indexer.ledger import FeedbackEntry, Ledger, Outcome, UnknownTicketError
from tests.indexer.making import SPACE, make_ticket, make_tickets, store_vectors


def entry(**fields: str) -> FeedbackEntry:
    """Return an entry with these fields and no others."""
    values = {"action": "edited", "triage_id": None, "ticket_id": None, "priority": None, "reply": None}
    return FeedbackEntry(**{**values, **fields})  # type: ignore[arg-type] # the callers' fields are an entry's


def test_the_last_word_on_an_answer_counts(ledger: Ledger) -> None:
    """Entries are told apart by their answer, or by their ticket where no answer is named."""
    assert ledger.feedback.counts() == {"corrected": 0}
    for action in ("accepted", "rejected", "rejected"):
        assert ledger.feedback.take(entry(triage_id="1", action=action)) is None
    ledger.feedback.take(entry(ticket_id="1", action="accepted", reply="Sent."))
    assert ledger.feedback.counts() == {"accepted": 1, "rejected": 1, "corrected": 0}


def test_a_correction_is_one_transaction(ledger: Ledger) -> None:
    """Label and entry are both there, the index must be told, and a refit is due; or nothing of it."""
    ticket = make_ticket(1, priority="low")
    store_vectors(ledger, [ticket])
    live = ledger.generations.ensure_live(SPACE)
    ledger.tickets.write([ticket])
    ledger.generations.mark_indexed(live, [ticket.id], ledger.revision())
    revision = ledger.revision()
    correction = entry(ticket_id="t-1", priority="high")
    assert ledger.feedback.take(correction) == Outcome.UPDATED
    assert ledger.tickets.get(["t-1"]) == {"t-1": make_ticket(1, priority="high")}
    assert ledger.generations.pending_ids(live).keys() == {"t-1"}
    assert ledger.tickets.changed_labels(revision) == 1
    assert ledger.feedback.take(correction) == Outcome.UNCHANGED
    with pytest.raises(UnknownTicketError, match="t-2"):
        ledger.feedback.take(entry(ticket_id="t-2", priority="high"))
    assert ledger.feedback.counts() == {"edited": 1, "corrected": 1}


def test_a_correction_is_an_update_of_now(ledger: Ledger) -> None:
    """Only where the ticket says when it was updated; older copies of it are stale then."""
    ticket = make_ticket(1, priority="low", updated_at=datetime(2026, 1, 1, tzinfo=UTC))
    store_vectors(ledger, [ticket])
    ledger.tickets.write([ticket])
    ledger.feedback.take(entry(ticket_id="t-1", priority="high"))
    assert ledger.tickets.write([ticket]) == [Outcome.STALE]


def test_a_ticket_that_is_there_by_then_is_not_replaced(ledger: Ledger) -> None:
    """The portal may store it, resolved, while its text is embedded for the feedback: it keeps its resolution."""
    resolved = make_ticket(1, priority="low")
    bare = make_ticket(1, priority="high", resolution=None)
    store_vectors(ledger, [resolved])
    ledger.generations.ensure_live(SPACE)
    assert ledger.tickets.write([resolved]) == [Outcome.ADDED]
    correction = entry(ticket_id="t-1", priority="high")
    assert ledger.feedback.take(correction, ticket=bare, space=SPACE) == Outcome.UPDATED
    assert ledger.tickets.get(["t-1"])["t-1"].resolution == resolved.resolution


def test_a_new_ticket_needs_its_vector(ledger: Ledger) -> None:
    """As with any write, a ticket without one is not stored, and then nothing is kept."""
    store_vectors(ledger, [make_ticket(2)])
    ledger.generations.ensure_live(SPACE)
    ticket = make_ticket(1, resolution=None)
    correction = entry(ticket_id="t-1", priority="high")
    with pytest.raises(SpaceMismatchError):
        ledger.feedback.take(correction, ticket=ticket, space=SPACE)
    assert ledger.feedback.counts() == {"corrected": 0}
    store_vectors(ledger, [ticket])
    assert ledger.feedback.take(correction, ticket=ticket, space=SPACE) == Outcome.ADDED


def test_erasing_a_ticket_erases_what_was_said_of_it(ledger: Ledger) -> None:
    """Feedback on others stays."""
    for number in ("1", "2"):
        ledger.feedback.take(entry(ticket_id=f"t-{number}", triage_id=number, reply="Sent."))
    ledger.tickets.erase(["t-1"])
    assert ledger.feedback.counts() == {"edited": 1, "corrected": 0}


def test_right_precedents_that_agents_named(ledger: Ledger) -> None:
    """Of tickets that are stored, both; the last word counts."""
    ledger.tickets.write(make_tickets(3))
    for answer, ticket_id, precedent in (
        ("a", "t-0", "t-1"), ("a", "t-0", "t-2"), ("b", "t-1", "gone"), ("c", "new", "t-1"), ("d", "t-2", None),
    ):  # fmt: skip
        named = {} if precedent is None else {"precedent": precedent}
        ledger.feedback.take(entry(triage_id=answer, ticket_id=ticket_id, **named))
    assert ledger.feedback.chosen() == [("t-0", "t-2")]
