"""The state of the service as it changes, for all who watch it: one timer, however many they are."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable

import msgspec

from indexer.errors import PrecedentError
from service.background import end_task
from service.status import Status

__all__ = ["StatusFeed"]

_log = logging.getLogger(__name__)
_SECONDS = 2.0
_TURN_SECONDS = 0.5
"""In which an end is noticed."""
_SILENT = 60
"""Turns without a change after which something is sent all the same: a proxy ends what is silent."""

Parts = dict[str, msgspec.Raw]
"""Encoded values of `Status` by their names."""


class StatusFeed:
    """Looks at the state while anybody watches, and tells each what has changed for them."""

    def __init__(
        self,
        look: Callable[[], Status],
        *,
        at_least: Callable[[], dict[str, object]],
        is_stopping: Callable[[], bool],
    ) -> None:
        """Make one.

        :param look: returns the state; it runs in a thread.
        :param at_least: returns what can be told of it while the ledger cannot be read.
        :param is_stopping: whether the service ends, which it does not before its answers have.
        """
        self._look, self._at_least, self._is_stopping = look, at_least, is_stopping
        self._parts: Parts = {}
        self._turn = asyncio.Event()
        self._watching = 0
        self._task: asyncio.Task[None] | None = None

    async def changes(self, may_watch: Callable[[], bool]) -> AsyncGenerator[Parts, None]:
        """Yield everything, and then what has changed; it ends with the service, or when it is closed.

        :param may_watch: asked all the time; it ends when the answer is no.
        """
        self._watching += 1
        if self._task is None:
            self._parts = {}
            self._task = asyncio.create_task(self._run())
        told: Parts = {}
        silent = 0
        try:
            while may_watch() and not self._is_stopping():
                changed = {name: part for name, part in self._parts.items() if told.get(name) != part}
                told = dict(self._parts)
                silent = 0 if changed else silent + 1
                if changed or silent == _SILENT:
                    silent = 0
                    yield changed
                await self._turn.wait()
        finally:
            self._watching -= 1
            if not self._watching:
                task, self._task = self._task, None
                await end_task(task)

    async def _run(self) -> None:
        while True:
            try:
                found = msgspec.structs.asdict(await asyncio.to_thread(self._look))
            except PrecedentError:
                found = self._at_least()  # readiness logs why
            except Exception as error:  # noqa: BLE001 (it must outlive whatever a dependency throws)
                _log.exception("the state cannot be told: %s", type(error).__name__)
                found = self._at_least()
            self._parts |= {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in found.items()}
            for _ in range(round(_SECONDS / _TURN_SECONDS)):
                turn, self._turn = self._turn, asyncio.Event()
                turn.set()
                await asyncio.sleep(_TURN_SECONDS)
