"""Work in the background of the service: tasks, and things that are written while nobody waits."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from indexer.errors import PrecedentError

__all__ = ["BackgroundWriter", "end_task"]

_T = TypeVar("_T")
_MOST_WAITING = 1_000
_TOGETHER = 100
_LAST_SECONDS = 10.0  # for what waits at a stop


async def end_task(task: asyncio.Task[Any] | None) -> None:
    """Cancel the task, if there is one, and wait for its end."""
    if task is not None:
        task.cancel()
        await asyncio.wait({task})


class BackgroundWriter(Generic[_T]):
    """Writes what it is given soon, in the order given, some of it together; what cannot be written is told."""

    def __init__(
        self,
        write: Callable[[Sequence[_T]], None],
        *,
        done: Callable[[int], None],
        lose: Callable[[int, str], None],
    ) -> None:
        """Make one.

        :param write: writes up to 100 things at once; it runs in a thread.
        :param done: told how many were written.
        :param lose: told how many could not be, and why.
        """
        self._write, self._done, self._lose = write, done, lose
        self._queue: asyncio.Queue[_T | None] = asyncio.Queue(_MOST_WAITING + 1)
        self._task: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begin the work in the background."""
        self._task = asyncio.create_task(self._run())

    def give(self, thing: _T) -> None:
        """Have it written."""
        if self.waiting >= _MOST_WAITING:
            self._lose(1, f"{_MOST_WAITING} wait already")
        else:
            self._queue.put_nowait(thing)

    async def close(self) -> None:
        """Write what still waits, for some seconds, and end."""
        if self._task is None:
            return
        self._queue.put_nowait(None)
        await asyncio.wait({self._task}, timeout=_LAST_SECONDS)
        if not self._task.done():
            self._lose(self.waiting, f"the ledger did not take them within {_LAST_SECONDS:g} s at the stop")
            await end_task(self._task)

    @property
    def waiting(self) -> int:
        """How many things wait to be written."""
        return self._queue.qsize()

    async def _run(self) -> None:
        stopping = False
        while not stopping:
            found = [await self._queue.get()]
            while len(found) < _TOGETHER and not self._queue.empty():
                found.append(self._queue.get_nowait())
            stopping = None in found
            things = [thing for thing in found if thing is not None]
            if not things:
                continue
            try:
                await asyncio.to_thread(self._write, things)
            except PrecedentError as error:
                self._lose(len(things), str(error))
            except Exception as error:  # noqa: BLE001 (whatever it is, the next ones are written)
                self._lose(len(things), f"unexpected {type(error).__name__}")
            else:
                self._done(len(things))
