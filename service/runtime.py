"""The running service: its store, the snapshot to answer with, and the background work that keeps both in order."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence

from indexer.embedding import Embedder
from indexer.rate_limiter import RateLimiter
from indexer.settings import Settings
from indexer.store import Store
from indexer.writing import require_space
from service.answer_keeper import AnswerKeeper
from service.background import end_task
from service.embedders import Embedders
from service.index_upkeep import REPAIR_SECONDS, IndexUpkeep
from service.intervals import Intervals
from service.ledger_follower import LedgerFollower
from service.pools import Pools
from service.problems import NotReadyError
from service.readiness import Readiness
from service.snapshot import Snapshot

__all__ = ["Runtime", "open_runtime"]

_log = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def open_runtime(
    settings: Settings, limiter: RateLimiter, pools: Pools, intervals: Intervals, *, keep: bool
) -> AsyncIterator["Runtime"]:
    """Open the ledger while the block runs; the background work is begun by `Runtime.begin`, and opens the index.

    :param keep: whether answers are kept, and old ones cleared.
    :raises PrecedentError: settings and what is stored do not fit together.
    """
    store = await asyncio.to_thread(Store, settings)
    embedders = Embedders(settings, store.ledger, limiter)
    runtime = Runtime(settings, store, embedders, pools, intervals)
    try:
        embedder = await embedders.configured()
        await asyncio.to_thread(require_space, store.ledger, embedder)
        _log.info("embedding with %s (%s: %s)", embedder.model, embedder.kind, settings.chosen_embedder[1])
        runtime.keeper.open(keep=keep)
        yield runtime
    finally:
        for task in runtime.tasks:
            await end_task(task)
        await runtime.keeper.close()
        await runtime.upkeep.close()
        await runtime.follower.close()
        await embedders.close()
        await asyncio.to_thread(store.close)


class Runtime:
    """What requests are answered with."""

    def __init__(
        self, settings: Settings, store: Store, embedders: Embedders, pools: Pools, intervals: Intervals
    ) -> None:
        self.settings = settings
        self.store = store
        self.pools = pools
        self.readiness = Readiness(settings.data_dir)
        self.keeper = AnswerKeeper(settings, store.ledger, sweep=intervals.sweep)
        self.upkeep = IndexUpkeep(store, pools, intervals)
        self.follower = LedgerFollower(
            settings,
            store.ledger,
            embedders=embedders,
            upkeep=self.upkeep,
            readiness=self.readiness,
            intervals=intervals,
        )
        self.embedding_breaker = embedders.breaker
        self.tasks: list[asyncio.Task[None]] = []
        self._embedders = embedders

    def begin(self) -> None:
        """Begin the background work; nothing refuses the start any more, so that it is not broken off."""
        works = self.follower.run(), self.readiness.watch(self.store, self.upkeep.start_repair)
        self.tasks += map(asyncio.create_task, works)

    def snapshot(self) -> Snapshot:
        """Return the snapshot to answer with.

        :raises NotReadyError: there is none yet, or the index is being repaired.
        """
        if self.current is None or self.upkeep.is_repairing:
            raise NotReadyError(self._stage)
        return self.current

    @property
    def current(self) -> Snapshot | None:
        """The last snapshot, whether or not it can answer at the moment."""
        return self.follower.snapshot

    @property
    def ready(self) -> bool:
        """Whether tickets can be taken, and answered if any are stored."""
        served = self.current is not None or self.follower.is_empty
        return served and not self.upkeep.is_repairing and not self.readiness.troubles

    @property
    def stage(self) -> str:
        """What is being done, or what does not work, in words that anyone may read."""
        return "; ".join(self.readiness.troubles) or self._stage

    async def writing_embedder(self) -> Embedder:
        """Return the embedder of the live generation, or the one of settings before the first ticket.

        :raises NotReadyError: the index is not open yet.
        """
        if not self.upkeep.prepared:
            raise NotReadyError(self._stage)
        live = await self.pools.writes.run(self.store.generations.live)
        return await self._embedders.of(live) if live else await self._embedders.configured()

    async def update_index(self, ids: Sequence[str]) -> None:
        """Write to the index what the ledger has of these tickets, or that they are gone; without an index nothing.

        :raises IndexBusyError: others write to it for long; it is written later.
        :raises IndexUnavailableError: it failed and does not come back; it is written later.
        :raises NotReadyError: the same, as far as is known yet.
        """
        live = await self.pools.writes.run(self.store.generations.live)
        if live is None:
            return
        await self.upkeep.update(live, ids)
        if superseded := await self.follower.superseded(live):
            # Until the switch is done, answers come from what was live before.
            await self.upkeep.update(superseded, ids)

    async def wait_for_first_tickets(self) -> None:
        """Wait until the first tickets of an empty store, just written, are served."""
        if self.follower.is_empty:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REPAIR_SECONDS):
                    await self.follower.filled.wait()

    @property
    def _stage(self) -> str:
        return self.upkeep.stage if self.upkeep.is_repairing else self.follower.stage
