"""What the portal deleted before is forgotten by its id, and so is every reply that was sent for it."""

import contextlib
from pathlib import Path

import pytest

from indexer.forget import UnknownTicketsError
from indexer.ledger import FeedbackEntry, Ledger
from indexer.settings import Settings
from indexer.store import Store
from indexer.ticket import text_hash
from tests.indexer.command import report_of, run_command
from tests.indexer.forget.secret import (
    SECRET,
    WORDS,
    files_with,
    forget_tickets,
    near_vectors,
)
from tests.indexer.making import fill_store, make_ticket, vectors_for

_REPLY = "Dear Ignatius, the vault of yours opens on Thursdays only, as I said on the telephone."


def _said(store: Store, ticket_id: str, reply: str, answer: str | None = None) -> None:
    store.feedback.take(
        FeedbackEntry(action="edited", triage_id=answer, ticket_id=ticket_id, priority=None, reply=reply)
    )


def test_what_was_deleted_before_is_forgotten(large: Store, settings: Settings, data_dir: Path) -> None:
    """A ticket that the portal deleted is erased by its id: its text, vector, and what was replied, though no row has it."""
    store = large
    vector = vectors_for([SECRET])[0]
    _said(store, SECRET.id, _REPLY)
    store.tickets.delete([SECRET.id])
    live = store.generations.live()
    assert live is not None
    store.replay(live, only=[SECRET.id])
    assert files_with(data_dir, b"Featherstonehaugh")
    receipt = forget_tickets(store, settings, SECRET.id)
    assert receipt.clean
    assert (receipt.forgotten, receipt.unknown) == ([SECRET.id], [])
    found = {kind for file in receipt.before for kind in file.found}
    assert {"id", "hash", "vector"} <= found
    assert files_with(data_dir, *WORDS, b"Thursdays", text_hash(SECRET.text).encode()) == {}
    assert near_vectors(data_dir, vector) == []
    assert store.ledger.tombstones.deleted() == {}
    with pytest.raises(UnknownTicketsError):
        forget_tickets(store, settings, SECRET.id)


def test_a_deletion_takes_the_replies_at_once(store: Store) -> None:
    """What an agent sent for a ticket is not in the ledger once that is deleted; that something was said still counts."""
    _said(store, SECRET.id, _REPLY, answer="a-1")
    _said(store, "t-1", "Something else.", answer="a-2")
    store.tickets.delete([SECRET.id])
    assert store.feedback.replies([SECRET.id, "t-1"]) == {
        SECRET.id: [],
        "t-1": ["Something else."],
    }
    assert store.feedback.counts()["edited"] == 2


def test_feedback_for_what_never_was_is_forgotten(store: Store, settings: Settings, data_dir: Path) -> None:
    """An id that only feedback names is taken, and every word that was sent for it is erased."""
    _said(store, "never-stored-ticket-1", _REPLY, answer="a-1")
    _said(store, "never-stored-ticket-1", "And on Sundays, if Featherstonehaugh brings cake.", answer="a-2")
    _said(store, "t-2", f"As to another: {_REPLY}", answer="a-3")
    receipt = forget_tickets(store, settings, "never-stored-ticket-1")
    assert receipt.clean
    assert receipt.forgotten == ["never-stored-ticket-1"]
    assert {"id", "reply"} <= {kind for file in receipt.before for kind in file.found}
    assert files_with(data_dir, b"never-stored-ticket-1", b"brings cake") == {}
    assert store.feedback.replies(["t-2"])["t-2"], "what was said of another ticket stays"


def test_everything_that_was_deleted(store: Store, settings: Settings, data_dir: Path) -> None:
    """`--deleted` erases all tombstones, but no ticket that is stored again; afterwards there is none left."""
    store.tickets.delete([SECRET.id, "t-1", "t-2"])
    fill_store(store, [make_ticket(2)])
    store.close()
    receipt = report_of(run_command(settings, "forget", "--deleted", "--json"))
    assert receipt["clean"]
    assert set(receipt["forgotten"]) == {SECRET.id, "t-1"}
    assert files_with(data_dir, *WORDS) == {}
    with contextlib.closing(Ledger(None, data_dir)) as ledger:
        assert ledger.tickets.get(["t-2"]) == {"t-2": make_ticket(2)}
    assert "no deleted ticket" in run_command(settings, "forget", "--deleted", status=2).stderr
