"""Keeping answers and what was spent on them: written to the ledger in the background; old answers are cleared."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

import msgspec

from indexer.errors import PrecedentError
from indexer.ledger import Answer, Ledger, Spent
from indexer.prices import cost
from indexer.settings import Settings
from service.background import BackgroundWriter, end_task
from service.metrics import ANSWERS_KEPT, ANSWERS_LOST, count_spent

__all__ = ["AnswerKeeper", "KeepingStatus"]

_log = logging.getLogger(__name__)
_LAST_SECONDS = 10.0  # for sums that wait at a stop
_DAY = 86_400.0


class KeepingStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How answers are kept: how many are, how many wait to be, and how many could not be since the start."""

    kept: int
    waiting: int
    lost: int


class AnswerKeeper:
    """Keeps answers for some days, and sums of what was spent. Nobody waits for it.

    An answer that cannot be kept is counted and logged; a sum is written with the next one.
    """

    def __init__(self, settings: Settings, ledger: Ledger, *, sweep: float) -> None:
        """Make one.

        :param settings: say for how long answers are kept, and what requests cost.
        :param sweep: seconds between two looks for old ones.
        """
        self._settings = settings
        self._ledger = ledger
        self._days = settings.keep_days
        self._sweep = sweep
        self._answers = BackgroundWriter(self._write_answers, done=ANSWERS_KEPT.inc, lose=self._lose)
        self._spent: dict[tuple[str, str, str, str], Spent] = {}
        self._wake = asyncio.Event()
        self._closing = False
        self._lost = 0
        self._noting: asyncio.Task[None] | None = None
        self._clearing: asyncio.Task[None] | None = None

    def open(self, *, keep: bool) -> None:
        """Begin the work in the background.

        :param keep: ``False`` writes what was spent only, and clears nothing.
        """
        self._noting = asyncio.create_task(self._note())
        if keep:
            self._answers.open()
            self._clearing = asyncio.create_task(self._clear())
        else:
            self._days = 0

    def keep(self, answer: Callable[[], Answer]) -> None:
        """Have an answer kept soon.

        :param answer: makes it; called in the background.
        """
        if self._days:
            self._answers.give(answer)

    def spend(self, spent: Spent) -> None:
        """Have it noted that so much was asked of the provider."""
        if not spent.requests:
            return
        count_spent(spent, cost(self._settings, [spent]))
        self._add([spent])
        self._wake.set()

    async def close(self) -> None:
        """Keep what still waits, for some seconds, and end."""
        await end_task(self._clearing)
        await asyncio.gather(self._answers.close(), self._close_sums())

    def status(self) -> KeepingStatus:
        """Return how it goes; it asks the ledger."""
        return KeepingStatus(kept=self._ledger.answers.count(), waiting=self.waiting, lost=self._lost)

    @property
    def waiting(self) -> int:
        """How many answers wait to be written."""
        return self._answers.waiting

    def _write_answers(self, made: Sequence[Callable[[], Answer]]) -> None:
        self._ledger.answers.keep([make() for make in made])

    async def _note(self) -> None:
        # What comes while sums are written wakes it once more, also at a stop.
        while not self._closing or self._wake.is_set():
            await self._wake.wait()
            self._wake.clear()
            await self._write_spent()

    async def _close_sums(self) -> None:
        if self._noting is None:
            return
        self._closing = True
        self._wake.set()
        await asyncio.wait({self._noting}, timeout=_LAST_SECONDS)
        await end_task(self._noting)

    async def _write_spent(self) -> None:
        spent, self._spent = [*self._spent.values()], {}
        if not spent:
            return
        try:
            await asyncio.to_thread(self._ledger.spend.add, spent)
        except PrecedentError as error:
            self._add(spent)
            _log.warning("what was asked of the provider is noted later: %s", error)

    def _add(self, spent: Sequence[Spent]) -> None:
        for one in spent:
            before = self._spent.get(one.key)
            self._spent[one.key] = one if before is None else before.plus(one)

    async def _clear(self) -> None:
        while True:
            before = time.time() - self._days * _DAY
            try:
                gone = await asyncio.to_thread(self._ledger.answers.clear, before)
                await asyncio.to_thread(self._ledger.deliveries.clear, before)
                await asyncio.to_thread(self._ledger.classifications.clear, before)
            except PrecedentError as error:
                _log.warning("old answers could not be cleared: %s", error)
            else:
                if gone:
                    _log.info("cleared %d answers that are older than %g days", gone, self._days)
            await asyncio.sleep(self._sweep)

    def _lose(self, answers: int, why: str) -> None:
        self._lost += answers
        ANSWERS_LOST.inc(answers)
        _log.warning("%d answers are not kept: %s", answers, why)
