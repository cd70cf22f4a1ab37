"""Answers that cannot be kept are counted and logged, and keep nobody waiting."""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from indexer.ledger import Answer, Ledger, spent_now
from indexer.settings import Settings
from service.answer_keeper import AnswerKeeper

_BODY: dict[str, Any] = {
    "text": None, "asked": {"exclude": []}, "neighbours": [], "priority": {"evidence": []},
    "note": {"text": "", "citations": []}, "reply": {"text": "", "citations": []},
}  # fmt: skip


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with contextlib.closing(Ledger(None, tmp_path)) as opened:
        yield opened


def _answer(number: int) -> Answer:
    return Answer(id=str(number), at=time.time(), who=None, input_hash="", reply_key=None, body=_BODY)


def _rename(folder: Path, *names: str) -> None:
    with contextlib.closing(sqlite3.connect(folder / "ledger.sqlite3")) as database, database:
        database.execute("ALTER TABLE {} RENAME TO {}".format(*names))


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110 (what is waited for is a thread's work)
            await asyncio.sleep(0.01)


def test_what_cannot_be_written_is_lost_and_what_was_spent_is_not(
    ledger: Ledger, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A ledger that fails costs the answers of that time; sums of what was spent are written later, and all at a stop."""

    async def run() -> None:
        keeper = AnswerKeeper(Settings(), ledger, sweep=3_600)
        keeper.open(keep=True)
        for table in ("answers", "spend"):
            _rename(tmp_path, table, f"{table}_away")
        keeper.spend(spent_now("chat", "m", requests=1, prompt_tokens=5))
        keeper.keep(lambda: _answer(0))
        await _until(lambda: "1 answers are not kept" in caplog.text and "noted later" in caplog.text)
        for table in ("answers", "spend"):
            _rename(tmp_path, f"{table}_away", table)
        for number in range(1, 1_002):
            keeper.keep(lambda number=number: _answer(number))  # type: ignore[misc]
        keeper.spend(spent_now("chat", "m", requests=2, prompt_tokens=6))
        assert keeper.waiting == 1_000
        await keeper.close()
        status = keeper.status()
        assert (status.kept, status.waiting, status.lost) == (1_000, 0, 2)

    asyncio.run(run())
    assert "1000 wait already" in caplog.text
    assert [(one.requests, one.prompt_tokens) for one in ledger.spend.since("")] == [(3, 11)]


def test_what_was_spent_while_sums_are_written_is_noted_at_a_stop(ledger: Ledger, tmp_path: Path) -> None:
    """The stop comes while the ledger keeps the first sums waiting."""

    async def run() -> None:
        keeper = AnswerKeeper(Settings(), ledger, sweep=3_600)
        keeper.open(keep=False)
        with contextlib.closing(sqlite3.connect(tmp_path / "ledger.sqlite3")) as database, database:
            database.execute("BEGIN IMMEDIATE")
            keeper.spend(spent_now("chat", "m", requests=1, prompt_tokens=5))
            await asyncio.sleep(0.1)
            keeper.spend(spent_now("chat", "m", requests=1, prompt_tokens=6))
            closing = asyncio.create_task(keeper.close())
            await asyncio.wait({closing}, timeout=0.1)
        await closing

    asyncio.run(run())
    assert [one.prompt_tokens for one in ledger.spend.since("")] == [11]


def test_old_answers_are_cleared_in_the_background(ledger: Ledger) -> None:
    """At the start, and then by the interval."""
    ledger.answers.keep([_answer(1)])

    async def run() -> None:
        keeper = AnswerKeeper(Settings(keep_days=1e-9), ledger, sweep=0.05)
        keeper.open(keep=True)
        for number in (2, 3):
            await _until(lambda: not ledger.answers.count())
            ledger.answers.keep([_answer(number)])
        await _until(lambda: not ledger.answers.count())
        await keeper.close()

    asyncio.run(run())
