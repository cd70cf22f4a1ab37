"""The limits on chat requests, exact over all services on one ledger."""

import asyncio
import time

from indexer.errors import PrecedentError, ProviderError
from indexer.ledger import Allowance, Ledger
from indexer.settings import Settings
from indexer.writing import RunInThread

__all__ = ["ChatLimits"]


class ChatLimits:
    """Takes each request of the limits in settings before it is made."""

    def __init__(self, settings: Settings, ledger: Ledger, *, run: RunInThread = asyncio.to_thread) -> None:
        """Make them.

        :param run: runs what blocks.
        """
        self._ledger = ledger
        self._run = run
        limits = ("minute", 60, settings.chat_per_minute), ("day", 86_400, settings.chat_per_day)
        self._limits = [(name, seconds, limit) for name, seconds, limit in limits if limit is not None]

    async def take(self, model: str) -> None:
        """Take one request of the model.

        :raises ProviderError: of kind ``over_limit``: none is left; or ``uncounted``: the ledger does not answer.
        """
        if not self._limits:
            return
        now = time.time()
        wanted = []
        for name, seconds, limit in self._limits:
            number = int(now // seconds)
            window = f"{model} {name} {number}"
            wanted.append(Allowance(window=window, limit=limit, ends=float((number + 1) * seconds)))
        try:
            left = await self._run(self._ledger.allowances.take, wanted)
        except PrecedentError as error:
            msg = f"a request to {model} cannot be counted, so it is not made: {error}"
            raise ProviderError(msg, kind="uncounted") from None
        if not left:
            names = " or ".join(f"{limit:,} a {name}" for name, _, limit in self._limits)
            msg = f"the limit of {names} on requests to {model} is reached"
            raise ProviderError(msg, kind="over_limit")
