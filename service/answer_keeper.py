"""Keeping answers: written to the ledger in the background, and cleared when they are old."""

import asyncio
import logging
import time
from collections.abc import Callable

import msgspec

from indexer.errors import PrecedentError
from indexer.ledger import Answer, Ledger
from service.background import end_task
from service.metrics import count_kept, count_lost

__all__ = ["AnswerKeeper", "KeepingStatus"]

_log = logging.getLogger(__name__)
_MOST_WAITING = 1_000
_TOGETHER = 100  # in one transaction
_LAST_SECONDS = 10.0  # for what waits at a stop
_DAY = 86_400.0


class KeepingStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How answers are kept: how many are, how many wait to be, and how many could not be since the start."""

    kept: int
    waiting: int
    lost: int


class AnswerKeeper:
    """Keeps answers for some days. An answer that cannot be kept is counted and logged; nobody waits for it."""

    def __init__(self, ledger: Ledger, *, days: float, sweep: float) -> None:
        """Make one.

        :param days: for which answers are kept; 0 keeps none.
        :param sweep: seconds between two looks for old ones.
        """
        self._ledger = ledger
        self._days = days
        self._sweep = sweep
        self._queue: asyncio.Queue[Callable[[], Answer] | None] = asyncio.Queue(_MOST_WAITING + 1)
        self._lost = 0
        self._tasks: list[asyncio.Task[None]] = []

    def open(self) -> None:
        """Begin the work in the background."""
        self._tasks = [asyncio.create_task(self._write()), asyncio.create_task(self._clear())]

    def keep(self, answer: Callable[[], Answer]) -> None:
        """Have an answer kept soon.

        :param answer: makes it; called in the background.
        """
        if not self._days:
            return
        if self._queue.qsize() >= _MOST_WAITING:
            self._lose(1, f"{_MOST_WAITING} wait already")
            return
        self._queue.put_nowait(answer)

    async def close(self) -> None:
        """Keep what still waits, for some seconds, and end."""
        if not self._tasks:
            return
        writing, clearing = self._tasks
        await end_task(clearing)
        self._queue.put_nowait(None)
        await asyncio.wait({writing}, timeout=_LAST_SECONDS)
        if not writing.done():
            self._lose(self.waiting, f"the ledger did not take them within {_LAST_SECONDS:g} s at the stop")
            await end_task(writing)

    def status(self) -> KeepingStatus:
        """Return how it goes; it asks the ledger."""
        return KeepingStatus(kept=self._ledger.answers.count(), waiting=self.waiting, lost=self._lost)

    @property
    def waiting(self) -> int:
        """How many answers wait to be written."""
        return self._queue.qsize()

    async def _write(self) -> None:
        stopping = False
        while not stopping:
            found = [await self._queue.get()]
            while len(found) < _TOGETHER and not self._queue.empty():
                found.append(self._queue.get_nowait())
            stopping = None in found
            made = [answer for answer in found if answer is not None]
            try:
                await asyncio.to_thread(self._keep, made)
            except PrecedentError as error:
                self._lose(len(made), str(error))
            except Exception as error:  # noqa: BLE001 (whatever it is, the next ones are kept)
                self._lose(len(made), f"unexpected {type(error).__name__}")
            else:
                count_kept(len(made))

    def _keep(self, made: list[Callable[[], Answer]]) -> None:
        if made:
            self._ledger.answers.keep([make() for make in made])

    async def _clear(self) -> None:
        while True:
            try:
                gone = await asyncio.to_thread(self._ledger.answers.clear, time.time() - self._days * _DAY)
            except PrecedentError as error:
                _log.warning("old answers could not be cleared: %s", error)
            else:
                if gone:
                    _log.info("cleared %d answers that are older than %g days", gone, self._days)
            await asyncio.sleep(self._sweep)

    def _lose(self, answers: int, why: str) -> None:
        self._lost += answers
        count_lost(answers)
        _log.warning("%d answers are not kept: %s", answers, why)
