"""Thread pools, one for each kind of blocking work, with bounds on how many requests wait and for how long."""

import asyncio
import contextlib
import contextvars
import functools
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from indexer.errors import PrecedentError

__all__ = ["Admission", "BusyError", "Pool", "Pools"]

_P = ParamSpec("_P")
_T = TypeVar("_T")

_PATIENCE = 5.0
"""Seconds that a write waits for a thread."""

_SOON = 2.0
"""Seconds that a question waits for its turn; what would wait longer is refused at once."""

_QUESTIONS = 8  # at work at once: more only take each other's time
_MOST_WAITING = 64
_ANSWERS = 256  # in flight, most of them waiting for the provider
_WRITES = 8
_WAITING_WRITES = 64
_WEIGHT = 0.1  # of the newest duration in the average


class BusyError(PrecedentError):
    """More is asked than can be answered in good time; the same may work in a few seconds."""


class Admission:
    """Lets a few requests in and has others wait, as long as their turn will come soon; the rest is refused at once.

    How many may wait follows from how long a turn takes at the moment: on a slow machine, or while the provider hangs,
    few.
    """

    def __init__(self, what: str, *, at_work: int, waiting: int) -> None:
        self._what = what
        self._at_work = at_work
        self._most = waiting
        self._turn = asyncio.Semaphore(at_work)
        self._inside = 0
        self._seconds = 0.0  # that a turn takes, on average

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Hold one of the turns.

        :raises BusyError: too many wait already, or none became free in time.
        """
        if self.full:
            raise BusyError(self.busy)
        self._inside += 1
        try:
            try:
                async with asyncio.timeout(_SOON):
                    await self._turn.acquire()
            except TimeoutError:
                raise BusyError(self.busy) from None
            began = time.monotonic()
            try:
                yield
            finally:
                self._turn.release()
                self._seconds += _WEIGHT * (time.monotonic() - began - self._seconds)
        finally:
            self._inside -= 1

    @property
    def full(self) -> bool:
        """Whether another request would be refused at once."""
        waiting = self._inside - self._at_work
        if waiting < 0:
            return False
        return waiting >= self._most or (waiting + 1) * self._seconds / self._at_work > _SOON

    @property
    def busy(self) -> str:
        """What a client is told that is refused."""
        return f"too many {self._what} at once: try again in a few seconds"


class Pool:
    """Threads for blocking work; the queue before them is bounded, in length and in time."""

    def __init__(self, what: str, *, threads: int, waiting: int) -> None:
        self._what = what
        self._limit = threads + waiting
        self._pending = 0
        self._counting = threading.Lock()
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=what)

    async def run(self, action: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Return what the action returns; log lines of its thread belong to the same request.

        :raises BusyError: too many wait already, or no thread became free in time: the action was not begun.
        """
        if self._pending >= self._limit:
            raise BusyError(self._busy)
        context = contextvars.copy_context()
        work = self._threads.submit(context.run, functools.partial(action, *args, **kwargs))
        self._count(1)
        work.add_done_callback(lambda _: self._count(-1))
        waited = asyncio.wrap_future(work)
        await asyncio.wait({waited}, timeout=_PATIENCE)
        if not waited.done() and work.cancel():
            raise BusyError(self._busy)
        return await waited

    def close(self) -> None:
        """Begin nothing more; what runs ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _count(self, more: int) -> None:
        with self._counting:
            self._pending += more

    @property
    def _busy(self) -> str:
        return f"too many {self._what} wait already: try again in a few seconds"


class Pools:
    """All of them, so that no kind of work can stop another; the event loop's own threads are the runtime's."""

    def __init__(self) -> None:
        self.answers = Admission("answers", at_work=_ANSWERS, waiting=0)
        self.asking = Admission("questions", at_work=_QUESTIONS, waiting=_MOST_WAITING)
        self.reads = Pool("questions", threads=_QUESTIONS, waiting=_MOST_WAITING)
        self.writes = Pool("writes", threads=_WRITES, waiting=_WAITING_WRITES)

    def close(self) -> None:
        """End the threads."""
        self.reads.close()
        self.writes.close()
