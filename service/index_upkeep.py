"""The upkeep of the index: it is repaired after a failure, and gets what a writer could not write to it."""

import asyncio
import contextvars
import logging
from collections.abc import Sequence

from indexer.errors import IndexBusyError, IndexUnavailableError, PrecedentError
from indexer.ledger import Generation
from indexer.store import Store
from service.background import end_task
from service.intervals import Intervals
from service.pools import Pools
from service.problems import NotReadyError

__all__ = ["REPAIR_SECONDS", "IndexUpkeep", "has_failed"]

_log = logging.getLogger(__name__)

REPAIR_SECONDS = 10.0
"""How long a request waits for a repair; the repair goes on in the background."""
_WRITE_SECONDS = 5.0  # that a writer waits for others who write to the index


class IndexUpkeep:
    """Repairs the index and writes to it.

    ``stage`` says what a repair is doing, in words that anyone may read.
    """

    def __init__(self, store: Store, pools: Pools, intervals: Intervals) -> None:
        self.stage = "starting"
        self.prepared = False
        """Whether the index was brought into use since the start."""
        self._store = store
        self._pools = pools
        self._retry = intervals.retry
        self._repairing: asyncio.Task[None] | None = None
        self._examining: asyncio.Task[None] | None = None
        self._is_behind = False

    @property
    def is_repairing(self) -> bool:
        """Whether a repair is under way; until it is done nothing can be answered."""
        return self._repairing is not None

    def start_repair(self, stage: str = "the index failed and is being brought back") -> asyncio.Task[None]:
        """Start a repair, unless one is under way, and return its task."""
        if self._repairing is None:
            self.stage = stage
            # In a context of its own: its log lines are not those of the request that met the failure.
            self._repairing = asyncio.create_task(self._repair(), context=contextvars.Context())
        return self._repairing

    async def repaired(self) -> None:
        """Wait for a repair, which is started unless one is under way.

        :raises NotReadyError: it takes longer than 10 s; it goes on in the background.
        """
        done, _ = await asyncio.wait({self.start_repair()}, timeout=REPAIR_SECONDS)
        if not done:
            raise NotReadyError(self.stage)

    async def update(self, generation: Generation, ids: Sequence[str]) -> None:
        """Write to the index what the ledger has of these tickets; an index that failed is repaired first.

        :raises IndexBusyError: others write to it for long; it is written later.
        :raises IndexUnavailableError: it failed again; it is written later.
        :raises NotReadyError: its repair takes long; it is written later.
        """
        try:
            try:
                await self._replay(generation, ids)
            except IndexUnavailableError as error:
                if not has_failed(error):
                    raise
                await self.repaired()
                await self._replay(generation, ids)
        except PrecedentError:
            self._is_behind = True
            raise

    async def catch_up(self, generation: Generation) -> None:
        """Write to the index what `update` could not.

        :raises IndexUnavailableError: it fails still.
        """
        if not self._is_behind:
            return
        self._is_behind = False
        try:
            await self._replay(generation)
        except PrecedentError:
            self._is_behind = True
            raise

    async def close(self) -> None:
        """End what is under way."""
        await end_task(self._repairing)
        await end_task(self._examining)

    async def _replay(self, generation: Generation, ids: Sequence[str] | None = None) -> None:
        await self._pools.writes.run(self._store.replay, generation, only=ids, patience=_WRITE_SECONDS)

    async def _repair(self) -> None:
        reason = ""
        try:
            while True:
                try:
                    await asyncio.to_thread(self._store.prepare, self._show_progress, whole=False)
                    break
                except Exception as error:  # noqa: BLE001 (whatever it is, the index must come back)
                    expected = isinstance(error, PrecedentError)
                    why = str(error) if expected else f"unexpected {type(error).__name__}"
                    # Reasons name hosts and paths, which not everyone may read who asks for the stage.
                    self.stage = f"the index is unavailable; it is tried again every {self._retry:.0f} s"
                    if why != reason:  # each reason is logged once, however long it lasts
                        reason = why
                        _log.error("%s: %s", self.stage, why, exc_info=None if expected else error)
                    await asyncio.sleep(self._retry)
            if reason:
                _log.info("the index is back")
            self.prepared = True
            if self._examining is None or self._examining.done():
                self._examining = asyncio.create_task(self._examine())
        finally:
            self._repairing = None

    async def _examine(self) -> None:
        """Read all of an index that was not left in order, while it answers; start a repair if that fails."""
        while True:
            connection = self._store.index.connection
            try:
                if await asyncio.to_thread(self._store.examine):
                    return
            except PrecedentError as error:
                _log.warning("%s", error)
                if has_failed(error) and self._store.index.connection == connection:
                    self.start_repair()
                    return
            await asyncio.sleep(self._retry)

    def _show_progress(self, what: str, done: int, total: int) -> None:
        self.stage = f"{what}: {done:,} of {total:,} tickets"


def has_failed(error: PrecedentError) -> bool:
    """Tell whether the error means that the index needs a repair; one that others write to does not."""
    return isinstance(error, IndexUnavailableError) and not isinstance(error, IndexBusyError)
