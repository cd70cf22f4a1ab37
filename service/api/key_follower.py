"""The keyring, kept up to date with the ledger: keys that were made or revoked, and calls that were counted."""

import asyncio
import contextlib
import logging
import time

from indexer.errors import PrecedentError
from indexer.ledger import Ledger
from service.api.keyring import Keyring
from service.background import end_task

__all__ = ["KeyFollower"]

_log = logging.getLogger(__name__)
_POLL_SECONDS = 0.5
_COUNT_SECONDS = 5.0


class KeyFollower:
    """Looks at the ledger twice a second, so that a revoked key opens nothing within a second.

    While the ledger cannot be read, the keys that were found last go on opening.
    """

    def __init__(self, ledger: Ledger, keyring: Keyring) -> None:
        self._ledger = ledger
        self._keyring = keyring
        self._opening: list[str] = []
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Take the keys that there are, and follow them from now on.

        :raises PrecedentError: the ledger cannot be read.
        """
        await self._look()
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Keep what was counted, and end."""
        await end_task(self._task)
        with contextlib.suppress(PrecedentError):
            await self._keep_counts()

    async def _run(self) -> None:
        reason, counted_at = "", time.monotonic()
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            try:
                await self._look()
                if time.monotonic() - counted_at >= _COUNT_SECONDS:
                    await self._keep_counts()
                    counted_at = time.monotonic()
                reason = ""
            except PrecedentError as error:
                if str(error) != reason:  # each reason is logged once, however long it lasts
                    reason = str(error)
                    _log.warning("API keys cannot be followed: %s", error)
            except Exception as error:  # noqa: BLE001 (it must outlive whatever a dependency throws)
                _log.exception("following API keys failed: %s", type(error).__name__)

    async def _look(self) -> None:
        found = await asyncio.to_thread(self._ledger.keys.all)
        self._keyring.take(found)
        opening = [key.name for key in found if key.revoked_at is None]
        if opening != self._opening:
            self._opening = opening
            _log.info("API keys of the ledger that open: %s", ", ".join(opening) or "none")

    async def _keep_counts(self) -> None:
        calls = self._keyring.counted()
        if not calls:
            return
        try:
            await asyncio.to_thread(self._ledger.keys.count, calls)
        except PrecedentError:
            self._keyring.count_again(calls)
            raise
