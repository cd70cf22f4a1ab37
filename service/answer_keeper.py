"""Keeping answers and what was spent on them: written to the ledger in the background; old answers are cleared."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence

import msgspec

from indexer.errors import PrecedentError
from indexer.ledger import Answer, Ledger, Spent, spent_now
from indexer.prices import cost
from indexer.settings import Settings
from service.background import end_task
from service.drafting.chat import ChatCall
from service.metrics import count_kept, count_lost, count_spent

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
        self._answers: deque[Callable[[], Answer]] = deque()
        self._spent: dict[tuple[str, str, str, str], Spent] = {}
        self._wake = asyncio.Event()
        self._closing = False
        self._lost = 0
        self._writing: asyncio.Task[None] | None = None
        self._clearing: asyncio.Task[None] | None = None

    def open(self, *, keep: bool) -> None:
        """Begin the work in the background.

        :param keep: ``False`` writes what was spent only, and clears nothing.
        """
        self._writing = asyncio.create_task(self._write())
        if keep:
            self._clearing = asyncio.create_task(self._clear())
        else:
            self._days = 0

    def keep(self, answer: Callable[[], Answer]) -> None:
        """Have an answer kept soon.

        :param answer: makes it; called in the background.
        """
        if not self._days:
            return
        if self.waiting >= _MOST_WAITING:
            self._lose(1, f"{_MOST_WAITING} wait already")
            return
        self._answers.append(answer)
        self._wake.set()

    def spend(self, spent: Spent) -> None:
        """Have it noted that so much was asked of the provider."""
        if not spent.requests:
            return
        count_spent(spent, cost(self._settings, [spent]))
        self._add([spent])
        self._wake.set()

    def spend_call(self, call: ChatCall) -> None:
        """Have a chat request of the present actor noted, in the same way."""
        self.spend(
            spent_now(
                "chat",
                call.model,
                requests=call.requests,
                prompt_tokens=call.prompt_tokens,
                completion_tokens=call.completion_tokens,
                estimated=call.estimated,
            )
        )

    async def close(self) -> None:
        """Keep what still waits, for some seconds, and end."""
        await end_task(self._clearing)
        if self._writing is None:
            return
        self._closing = True
        self._wake.set()
        await asyncio.wait({self._writing}, timeout=_LAST_SECONDS)
        if not self._writing.done():
            self._lose(self.waiting, f"the ledger did not take them within {_LAST_SECONDS:g} s at the stop")
            await end_task(self._writing)

    def status(self) -> KeepingStatus:
        """Return how it goes; it asks the ledger."""
        return KeepingStatus(kept=self._ledger.answers.count(), waiting=self.waiting, lost=self._lost)

    @property
    def waiting(self) -> int:
        """How many answers wait to be written."""
        return len(self._answers)

    async def _write(self) -> None:
        # What comes while answers are written wakes it once more, also at a stop.
        while not self._closing or self._wake.is_set():
            await self._wake.wait()
            self._wake.clear()
            await self._write_spent()
            while self._answers:
                await self._write_answers(
                    [self._answers.popleft() for _ in range(min(self.waiting, _TOGETHER))]
                )

    async def _write_answers(self, made: list[Callable[[], Answer]]) -> None:
        try:
            await asyncio.to_thread(lambda: self._ledger.answers.keep([make() for make in made]))
        except PrecedentError as error:
            self._lose(len(made), str(error))
        except Exception as error:  # noqa: BLE001 (whatever it is, the next ones are kept)
            self._lose(len(made), f"unexpected {type(error).__name__}")
        else:
            count_kept(len(made))

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
