"""``clear`` removes what nothing needs any more, and nothing else."""

import contextlib
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from indexer.ledger import Answer, Ledger
from indexer.settings import Settings
from indexer.ticket import text_hash
from indexer.writing import record_tickets
from tests.indexer.command import report_of, run_command
from tests.indexer.making import SPACE, make_ticket, make_tickets, store_vectors

_NOTHING = {"vectors": 0, "tombstones": 0, "answers": 0, "deliveries": 0, "classifications": 0}


@pytest.fixture
def ledger_dir(settings: Settings) -> Path:
    """A ledger with six tickets; one was changed, two were deleted, and one of those is back."""
    tickets = make_tickets(6)
    changed = make_ticket(2, text="Other words than before, by quite a bit.")
    with contextlib.closing(Ledger(None, settings.data_dir)) as ledger:
        store_vectors(ledger, [*tickets, changed])
        record_tickets(ledger, SPACE, tickets)
        record_tickets(ledger, SPACE, [changed])
        ledger.tickets.delete(["t-4", "t-5"])
        record_tickets(ledger, SPACE, [make_ticket(5)])
    return settings.data_dir


def _age(data_dir: Path, days: float) -> None:
    with contextlib.closing(sqlite3.connect(data_dir / "ledger.sqlite3")) as database, database:
        database.execute("UPDATE vectors SET stored_at = stored_at - ?", (days * 86_400,))
        database.execute("UPDATE tombstones SET deleted_at = deleted_at - ?", (days * 86_400,))


def test_what_is_young_stays(ledger_dir: Path, settings: Settings) -> None:
    """As many days as the setting says, or those that are given."""
    assert report_of(run_command(settings, "clear", "--json")) == _NOTHING
    _age(ledger_dir, 20)
    assert report_of(run_command(settings, "clear", "--json")) == _NOTHING
    assert report_of(run_command(settings, "clear", "--json", "--days", "21")) == _NOTHING
    assert report_of(run_command(settings, "clear", "--json", KEEP_UNUSED_DAYS="10"))["vectors"] == 2


def test_what_is_old_goes(ledger_dir: Path, settings: Settings) -> None:
    """The vectors of an earlier text and of a deleted ticket, and the note of one that is back: `forget` needs the other."""
    _age(ledger_dir, 20)
    done = run_command(settings, "clear", "--days", "10", "--json")
    assert report_of(done) == _NOTHING | {"vectors": 2, "tombstones": 1}
    assert "2 vectors" in done.stderr
    with contextlib.closing(Ledger(None, ledger_dir)) as ledger:
        assert ledger.tickets.count() == 5
        assert ledger.vectors.tickets_lacking(SPACE) == []
        assert list(ledger.tombstones.deleted()) == ["t-4"]
        assert not ledger.vectors.get(SPACE, [text_hash(make_ticket(2).text)])
        ledger.tombstones.note_rewritten(2e10)
    assert report_of(run_command(settings, "clear", "--days", "10", "--json")) == _NOTHING | {"tombstones": 1}
    assert report_of(run_command(settings, "clear", "--days", "0", "--json")) == _NOTHING


def test_old_answers_go(ledger_dir: Path, settings: Settings) -> None:
    """As settings say, whatever ``--days`` is given for the rest."""
    body: dict[str, Any] = {
        "text": None, "asked": {"exclude": []}, "neighbours": [], "priority": {"evidence": []},
        "note": {"text": "", "citations": []}, "reply": {"text": "", "citations": []},
    }  # fmt: skip
    day = 86_400
    with contextlib.closing(Ledger(None, ledger_dir)) as ledger:
        ledger.answers.keep([
            Answer(id=str(age), at=time.time() - age * day, who=None, input_hash="", reply_key=None, body=body)
            for age in (89, 91)
        ])  # fmt: skip
    assert report_of(run_command(settings, "clear", "--days", "1000", "--json"))["answers"] == 1
    assert report_of(run_command(settings, "clear", "--json", KEEP_DAYS="0"))["answers"] == 1


def test_days_that_are_none(settings: Settings) -> None:
    """Less than no day is refused, and nothing is removed."""
    assert "--days" in run_command(settings, "clear", "--days", "-1", status=2).stderr
