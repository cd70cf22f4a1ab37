"""Readiness: whether ledger, index, disk and embedder work. Each failure is logged once, and its end."""

import asyncio
import contextlib
import functools
import logging
import shutil
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from indexer.chroma.failures import SlowIndexError
from indexer.errors import FullDiskError, IndexUnavailableError, PrecedentError, ProviderError
from indexer.store import Store
from service.problems import FULL_DISK

__all__ = ["Readiness"]

_log = logging.getLogger(__name__)
_TURN_SECONDS = 5.0
_SLOW_SECONDS = 30.0  # a writer may wait that long for others
_ROOM_BYTES = 100_000_000
_FAILURES = 3  # of the embedder, one after another
_TRIAL_SECONDS = 30.0  # after which questions are let come again, to see whether it works


class Readiness:
    """What does not work at the moment, in words that anyone may read: reasons are in the log only."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._troubles: dict[str, str] = {}
        self._failures = 0
        self._failed_at = 0.0

    @property
    def troubles(self) -> list[str]:
        """One sentence for each part that does not work."""
        resting = time.monotonic() - self._failed_at < _TRIAL_SECONDS
        return [words for part, words in self._troubles.items() if part != "embedder" or resting]

    @property
    def has_room(self) -> bool:
        """Whether tickets can be written: what is left below the bound is for the index and for logs."""
        return "disk" not in self._troubles

    async def watch(self, store: Store, start_repair: Callable[[], object]) -> None:
        """Look at each part every few seconds, for ever.

        :param start_repair: begins to bring the index back, when it cannot be reached.
        """
        await asyncio.gather(
            _always(self._look_at_disk),
            _always(functools.partial(self._look_at_ledger, store)),
            _always(functools.partial(self._look_at_index, store, start_repair)),
        )

    def require_room(self) -> None:
        """Refuse to write where that would fill the disk.

        :raises FullDiskError: there is no room.
        """
        self._measure()
        if not self.has_room:
            raise FullDiskError(self._troubles["disk"])

    @contextlib.contextmanager
    def embedding(self) -> Iterator[None]:
        """Count whether what is embedded inside the block fails."""
        try:
            yield
        except ProviderError as error:
            self._failed_at = time.monotonic()
            self._failures += 1
            if self._failures == _FAILURES:
                self._begin("embedder", "texts cannot be embedded", str(error))
            raise
        self._failures = 0
        self._end("embedder")

    async def _look_at_disk(self) -> None:
        self._measure()

    def _measure(self) -> None:
        free = shutil.disk_usage(self._data_dir).free
        if free < _ROOM_BYTES:
            why = f"{free:,} bytes are free at {self._data_dir}, {_ROOM_BYTES:,} are needed"
            self._begin("disk", FULL_DISK, why)
        else:
            self._end("disk")

    async def _look_at_ledger(self, store: Store) -> None:
        if store.ledger.is_local and not self.has_room:
            return  # its disk is looked at anyway, and is told of once
        work = asyncio.create_task(asyncio.to_thread(store.ledger.require_writable))
        done, _ = await asyncio.wait({work}, timeout=_SLOW_SECONDS)
        if not done:
            self._begin("ledger", "the ledger does not answer in time", f"not within {_SLOW_SECONDS:g} s")
        try:
            await work
        except FullDiskError as error:
            self._begin("ledger", "the disk of the ledger is full", str(error))
        except PrecedentError as error:
            self._begin("ledger", "the ledger cannot be written", str(error))
        else:
            self._end("ledger")

    async def _look_at_index(self, store: Store, start_repair: Callable[[], object]) -> None:
        if not store.index.connection:
            return
        try:
            await asyncio.to_thread(store.index.heartbeat)
        except SlowIndexError as error:
            self._begin("index", "the index does not answer in time", str(error))
        except IndexUnavailableError:
            self._end("index")
            start_repair()  # which says so
        else:
            self._end("index")

    def _begin(self, part: str, words: str, why: str) -> None:
        if part not in self._troubles:
            _log.error("not ready: %s (%s)", words, why)
            self._troubles[part] = words

    def _end(self, part: str) -> None:
        words = self._troubles.pop(part, None)
        if words is not None:
            _log.info("over: %s", words.partition(":")[0])


async def _always(look: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await look()
        except Exception as error:  # noqa: BLE001 (whatever a part throws, the others are looked at)
            _log.warning("a part could not be looked at: %s", type(error).__name__)
        await asyncio.sleep(_TURN_SECONDS)
