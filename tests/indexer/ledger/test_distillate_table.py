"""What was distilled of tickets, on both databases."""

from pathlib import Path

from indexer.backup import backup
from indexer.ledger import Ledger
from indexer.ledger.distillate_table import Distillate
from indexer.progress import no_progress
from tests.indexer.making import make_ticket, store_vectors


def test_what_was_distilled_goes_with_its_ticket(ledger: Ledger, tmp_path: Path) -> None:
    """Deleted or erased; a change of the ticket leaves it; a backup has it."""
    tickets = [make_ticket(1), make_ticket(2)]
    store_vectors(ledger, tickets)
    ledger.tickets.write(tickets)
    made = [
        Distillate(ticket_id=i, prompt="p", thread_hash="h", model="m", problem="It stops.", resolution=None)
        for i in ("t-1", "t-2", "never stored")
    ]
    ledger.distillates.keep(made)
    ledger.tickets.write([make_ticket(1, priority="low")])
    assert ledger.distillates.of(["t-1"], "p") == {("t-1", "h"): made[0]}
    assert ledger.distillates.of(["t-1"], "other") == {}
    backup(ledger, tmp_path / "b.backup", progress=no_progress)
    assert b"It stops." in (tmp_path / "b.backup").read_bytes()
    assert list(ledger.distillates.words_of_others({"t-1"})) == ["It stops.", "It stops."]
    assert list(ledger.distillates.words_of_others({"t-1", "t-2", "never stored"})) == []
    ledger.tickets.delete(["t-1"])
    ledger.tickets.erase(["t-2", "never stored"])
    assert ledger.distillates.words(["t-1", "t-2", "never stored"]) == {}
