"""What is served at the moment, as one snapshot, and the background work that keeps it current."""

import asyncio
import contextlib
import contextvars
import logging
from collections.abc import Sequence
from dataclasses import replace

from indexer.embedding import Embedder
from indexer.embedding.choose import open_embedder
from indexer.errors import IndexBusyError, IndexUnavailableError, PrecedentError
from indexer.ledger import Generation
from indexer.rate_limiter import RateLimiter
from indexer.settings import Settings
from indexer.store import Store
from indexer.writing import require_space
from service.floor import measure_floor
from service.forest.fitting_process import latest_forest
from service.forest.schedule import Refits
from service.pools import Pools
from service.priority import NoForest
from service.problems import NotReadyError
from service.readiness import Readiness
from service.snapshot import Snapshot

__all__ = ["PATIENCE", "Runtime", "Snapshot"]

PATIENCE = 2.0
"""Seconds that a question waits for a provider that asks for time; with more it is told so."""

_log = logging.getLogger(__name__)
_POLL_SECONDS = 1.0
_RETRY_SECONDS = 5.0
_HEAL_SECONDS = 10.0
_WRITE_SECONDS = 5.0  # that a writer waits for others who write to the index


class Runtime:
    """Opens what is needed, and follows the ledger: another live generation, other tickets."""

    def __init__(self, settings: Settings, limiter: RateLimiter, pools: Pools) -> None:
        self.settings = settings
        self.pools = pools
        self._limiter = limiter
        self.stage = "starting"
        self.readiness = Readiness(settings.data_dir)
        self.store: Store | None = None
        self._serving: Snapshot | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._healing: asyncio.Task[None] | None = None
        self._examining: asyncio.Task[None] | None = None
        self._refits = Refits(settings)
        self._fitting: asyncio.Task[None] | None = None
        self._prepared = self._empty = self._behind = False
        self._filled = asyncio.Event()
        self._embedders: dict[tuple[str, str], Embedder] = {}

    async def open(self) -> None:
        """Open the ledger, refuse settings that do not fit it, and begin the rest in the background.

        :raises PrecedentError: settings and what is stored do not fit together.
        """
        self.store = await asyncio.to_thread(Store, self.settings)
        embedder = await asyncio.to_thread(
            open_embedder,
            self.settings,
            self.store.ledger,
            retries=1,
            patience=PATIENCE,
            limiter=self._limiter,
        )
        self._embedders[embedder.kind, embedder.model] = embedder
        await asyncio.to_thread(require_space, self.store.ledger, embedder)
        _log.info(
            "embedding with %s (%s: %s)", embedder.model, embedder.kind, self.settings.chosen_embedder[1]
        )
        self._tasks.append(asyncio.create_task(self._keep()))
        self._tasks.append(asyncio.create_task(self.readiness.watch(self.store, self.doubt)))

    async def close(self) -> None:
        """Stop the background work and give everything back."""
        for task in [*self._tasks, self._healing, self._examining, self._fitting]:
            await _cancelled(task)
        for embedder in self._embedders.values():
            await embedder.close()
        if self.store is not None:
            await asyncio.to_thread(self.store.close)

    @property
    def opened(self) -> Store:
        """What the team knows.

        :raises NotReadyError: it is not open yet.
        """
        if self.store is None:
            raise NotReadyError(self.stage)
        return self.store

    def serving(self) -> Snapshot:
        """Return the snapshot to answer with.

        :raises NotReadyError: there is none yet, or its index is being looked after.
        """
        if self._serving is None or self._healing is not None:
            raise NotReadyError(self.stage)
        return self._serving

    async def writing_embedder(self) -> Embedder:
        """Return the embedder of the live generation, or the one of settings before the first ticket.

        :raises NotReadyError: the index is not open yet.
        """
        if not self._prepared:
            raise NotReadyError(self.stage)
        live = await self.pools.writes.run(self.opened.ledger.generations.live)
        return await self._embedder(live) if live else next(iter(self._embedders.values()))

    async def wait_until_served(self) -> None:
        """Wait until the first tickets of an empty store, just written, are served."""
        if not self._empty:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_HEAL_SECONDS):
                await self._filled.wait()

    @property
    def current(self) -> Snapshot | None:
        """The last snapshot, whether or not it can answer at the moment."""
        return self._serving

    @property
    def ready(self) -> bool:
        """Whether tickets can be taken, and answered if any are stored."""
        served = self._healing is None and (self._serving is not None or self._empty)
        return served and not self.readiness.troubles

    @property
    def doing(self) -> str:
        """What is being done, or what does not work, in words that anyone may read."""
        return "; ".join(self.readiness.troubles) or self.stage

    async def heal(self) -> None:
        """Bring the index back after it failed, once for all who wait; give up waiting after a while.

        :raises NotReadyError: it takes longer; it goes on in the background.
        """
        done, _ = await asyncio.wait({self.doubt()}, timeout=_HEAL_SECONDS)
        if not done:
            raise NotReadyError(self.stage)

    def doubt(self, stage: str = "the index failed and is being brought back") -> asyncio.Task[None]:
        """Begin to bring the index back, unless that is under way; nothing is answered until it is done."""
        if self._healing is None:
            self.stage = stage
            # In a context of its own: its log lines are not of the request that wait_until_served it.
            self._healing = asyncio.create_task(self._heal(), context=contextvars.Context())
        return self._healing

    async def told(self, generation: Generation, ids: Sequence[str]) -> None:
        """Tell the index what became of tickets in the ledger; bring it back first if it failed.

        :param generation: the live one.
        :raises IndexBusyError: others write to it for long; it is told later.
        :raises IndexUnavailableError: it does not come back in time, or fails again; it is told later.
        :raises NotReadyError: the same.
        """
        try:
            try:
                await self._tell(generation, ids)
            except IndexBusyError:
                raise
            except IndexUnavailableError:
                await self.heal()
                await self._tell(generation, ids)
            now = self._serving
            if now is not None and now.generation.name != generation.name and not await self._is_gone():
                # Until the switch is done, answers come from what was live before.
                await self._tell(now.generation, ids)
        except PrecedentError:
            self._behind = True
            raise

    async def _tell(self, generation: Generation, ids: Sequence[str] | None = None) -> None:
        await self.pools.writes.run(self.opened.replay, generation, only=ids, patience=_WRITE_SECONDS)

    async def _catch_up(self, live: Generation) -> None:
        """Tell the index what a writer could not tell it in its time."""
        self._behind = False
        try:
            await self._tell(live)
        except PrecedentError:
            self._behind = True
            raise

    async def _heal(self) -> None:
        said = ""
        try:
            while True:
                try:
                    await asyncio.to_thread(self.opened.prepare, self._progress, whole=False)
                except Exception as error:  # noqa: BLE001 (whatever it is, the index must come back)
                    expected = isinstance(error, PrecedentError)
                    why = str(error) if expected else f"unexpected {type(error).__name__}"
                    # Reasons name hosts and paths, which not everyone may read who asks for the stage.
                    self.stage = f"the index is unavailable; it is tried again every {_RETRY_SECONDS:.0f} s"
                    if why != said:  # once, however long it lasts
                        said = why
                        _log.error(
                            "%s: %s",
                            self.stage,
                            why,
                            exc_info=None if expected else error,
                        )
                    await asyncio.sleep(_RETRY_SECONDS)
                else:
                    if said:
                        _log.info("the index is back")
                    self.stage = "ready"
                    self._prepared = True
                    if self._examining is None or self._examining.done():
                        self._examining = asyncio.create_task(self._examine())
                    return
        finally:
            self._healing = None

    async def _examine(self) -> None:
        """Read all of an index that was not left in order, while it answers; bring it back if that fails."""
        while True:
            connection = self.opened.index.connection
            try:
                if await asyncio.to_thread(self.opened.examine):
                    return
            except PrecedentError as error:
                _log.warning("%s", error)
                failed = isinstance(error, IndexUnavailableError) and not isinstance(error, IndexBusyError)
                if failed and self.opened.index.connection == connection:
                    self.doubt()
                    return
            await asyncio.sleep(_RETRY_SECONDS)

    async def _keep(self) -> None:
        await asyncio.wait({self.doubt("starting")})
        said = ""
        while True:
            try:
                await self._follow()
                said = ""
            except PrecedentError as error:
                if str(error) != said:  # once, however long it lasts
                    said = str(error)
                    _log.warning("%s", error)
                if isinstance(error, IndexUnavailableError) and not isinstance(error, IndexBusyError):
                    await asyncio.wait({self.doubt()})
                else:
                    await asyncio.sleep(_RETRY_SECONDS)
            except Exception as error:  # noqa: BLE001 (the runtime must outlive whatever a dependency throws at it)
                _log.exception("following the ledger failed: %s", type(error).__name__)
                await asyncio.sleep(_RETRY_SECONDS)
            await asyncio.sleep(_POLL_SECONDS)

    async def _follow(self) -> None:
        ledger = self.opened.ledger
        live = await asyncio.to_thread(ledger.generations.live)
        if live is None:
            self._empty = True
            self.stage = "no ticket is stored yet: run `make index FILE=…`, or PUT /v1/tickets/{id}"
            return
        if self._behind:
            await self._catch_up(live)
        revision = await asyncio.to_thread(ledger.revision)
        now = self._serving
        if now is None or now.generation.name != live.name:
            await self._switch(live)
            self._empty = False
            self._filled.set()
        elif now.seen != revision:
            tickets = await asyncio.to_thread(ledger.tickets.count)
            self._serving = now = replace(self._serving or now, tickets=tickets, seen=revision)
        idle = self._fitting is None or self._fitting.done()
        if (
            idle
            and self.readiness.has_room
            and now is not None
            and now.generation.name == live.name
            and await asyncio.to_thread(self._refits.due, ledger, now, revision)
        ):
            self._fitting = asyncio.create_task(self._fit(now, revision))

    async def _switch(self, live: Generation) -> None:
        """Serve another generation, with its own embedder, forest and floor, from one moment on."""
        # What is being fitted would be of other vectors, or might know a ticket that was forgotten.
        await _cancelled(self._fitting)
        ledger = self.opened.ledger
        embedder = await self._embedder(live)
        revision = await asyncio.to_thread(ledger.revision)
        tickets = await asyncio.to_thread(ledger.tickets.count)
        floor = await asyncio.to_thread(measure_floor, self.settings, ledger, live)
        stored = await asyncio.to_thread(latest_forest, self.settings, ledger, live)
        now = self._serving
        same = now is not None and now.generation.space == live.space and not await self._is_gone()
        if stored is not None:
            # It may be older than the tickets: it serves until another is fitted.
            forest, path, learned = stored
            serving = Snapshot(live, embedder, tickets, revision, floor, forest, path, learned, None)
        elif now is not None and same:
            # The vectors are the same, to the bit: the forest serves on until another is fitted.
            serving = replace(now, generation=live, tickets=tickets, seen=revision, floor=floor)
        else:
            without = NoForest("the first forest is being fitted")
            serving = Snapshot(live, embedder, tickets, revision, floor, without, None, None, None)
        self._serving = serving
        self.stage = "ready"
        _log.info(
            "serving %s: %s tickets, %s; %s", live.name, f"{tickets:,}", live.space, serving.forest.state
        )

    async def _is_gone(self) -> bool:
        if self._serving is None:
            return False
        kept = await asyncio.to_thread(self.opened.ledger.generations.all)
        return all(generation.name != self._serving.generation.name for generation in kept)

    async def _fit(self, now: Snapshot, revision: int) -> None:
        try:
            floor = await asyncio.to_thread(measure_floor, self.settings, self.opened.ledger, now.generation)
            fitted = await self._refits.fitted(now, revision)
            if self._serving is not None:
                # Only what a fit is about: tickets may have come meanwhile.
                self._serving = replace(
                    self._serving,
                    floor=floor,
                    forest=fitted.forest,
                    forest_path=fitted.forest_path,
                    forest_revision=fitted.forest_revision,
                    verdict=fitted.verdict,
                )
        except PrecedentError as error:
            _log.warning("no new forest: %s", error)

    async def _embedder(self, generation: Generation) -> Embedder:
        key = (generation.space.kind, generation.space.model)
        if key not in self._embedders:
            self._embedders[key] = await asyncio.to_thread(
                open_embedder,
                self.settings,
                self.opened.ledger,
                kind=generation.space.kind,
                model=generation.space.model,
                retries=1,
                patience=PATIENCE,
                limiter=self._limiter,
            )
        return self._embedders[key]

    def _progress(self, what: str, done: int, total: int) -> None:
        self.stage = f"{what}: {done:,} of {total:,} tickets"


async def _cancelled(task: asyncio.Task[None] | None) -> None:
    """Cancel a task, if there is one, and wait for its end."""
    if task is not None:
        task.cancel()
        await asyncio.wait({task})
