"""What models answered about texts, on both databases."""

import time
from pathlib import Path

from indexer.backup import backup
from indexer.ledger import Ledger, hash_of_question
from indexer.ledger.classification_table import Classification
from indexer.progress import no_progress
from tests.indexer.making import make_ticket, store_vectors


def test_what_was_answered_goes_with_the_text(ledger: Ledger, tmp_path: Path) -> None:
    """It is found by what was asked, replaced when it is answered again, copied by a backup, and gone with its ticket or its age."""
    tickets = [make_ticket(1), make_ticket(2)]
    store_vectors(ledger, tickets)
    ledger.tickets.write(tickets)
    said = [
        Classification(
            key=f"key-{ticket.id}",
            input_hash=hash_of_question(ledger.secret, ticket.text_hash),
            label="high",
            shares={"high": 0.75, "low": 0.25},
        )
        for ticket in tickets
    ]
    other = Classification(key="other", input_hash="", label=None)
    ledger.classifications.keep([])
    ledger.classifications.keep([*said, Classification(key="other", input_hash="", label="low")])
    ledger.classifications.keep([other])
    assert ledger.classifications.of(["key-t-1", "other", "never asked"]) == {
        "key-t-1": said[0],
        "other": other,
    }
    backup(ledger, tmp_path / "b.backup", progress=no_progress)
    assert b"key-t-1" in (tmp_path / "b.backup").read_bytes()
    ledger.tickets.erase(["t-1"])
    assert list(ledger.classifications.of(["key-t-1", "key-t-2", "other"])) == ["key-t-2", "other"]
    assert ledger.classifications.clear(time.time() - 60) == 0
    assert ledger.classifications.clear(time.time() + 60) == 2
