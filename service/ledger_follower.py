"""The snapshot that serves, kept up to date with the ledger: its live generation, its tickets, its labels."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace

from indexer.errors import PrecedentError
from indexer.ledger import Generation, Ledger
from indexer.settings import Settings
from service.background import end_task
from service.decided_fields import decided_fields
from service.embedders import Embedders
from service.forest import Forests, ServedForest
from service.index_upkeep import IndexUpkeep, has_failed
from service.intervals import Intervals
from service.priority import NoForest
from service.ranking import learn_ranking
from service.readiness import Readiness
from service.snapshot import Snapshot

__all__ = ["LedgerFollower"]

_log = logging.getLogger(__name__)


class LedgerFollower:
    """Looks at the ledger every second, and replaces the snapshot when something has changed.

    ``stage`` says what is served, in words that anyone may read.
    """

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        *,
        embedders: Embedders,
        upkeep: IndexUpkeep,
        readiness: Readiness,
        intervals: Intervals,
    ) -> None:
        self.snapshot: Snapshot | None = None
        self.stage = "starting"
        self.is_empty = False
        """Whether no ticket was ever stored."""
        self.filled = asyncio.Event()
        """Set when the first snapshot serves."""
        self._settings = settings
        self._ledger = ledger
        self._embedders = embedders
        self._upkeep = upkeep
        self._readiness = readiness
        self._intervals = intervals
        self._forests = {
            field: Forests(settings, ledger, intervals, field) for field in decided_fields(settings)
        }
        self._fitting: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Bring the index into use, then follow the ledger until cancelled."""
        await asyncio.wait({self._upkeep.start_repair("starting")})
        reason = ""
        while True:
            try:
                await self._follow()
                reason = ""
            except PrecedentError as error:
                if str(error) != reason:  # each reason is logged once, however long it lasts
                    reason = str(error)
                    _log.warning("%s", error)
                if has_failed(error):
                    await asyncio.wait({self._upkeep.start_repair()})
                else:
                    await asyncio.sleep(self._intervals.retry)
            except Exception as error:  # noqa: BLE001 (it must outlive whatever a dependency throws)
                _log.exception("following the ledger failed: %s", type(error).__name__)
                await asyncio.sleep(self._intervals.retry)
            await asyncio.sleep(self._intervals.poll)

    async def close(self) -> None:
        """End the fit that is under way."""
        await end_task(self._fitting)

    async def superseded(self, live: Generation) -> Generation | None:
        """Return the generation that serves until the switch to the live one is done, if it is another and kept."""
        if self.snapshot is None or self.snapshot.generation.name == live.name:
            return None
        kept = await asyncio.to_thread(self._ledger.generations.all)
        served = self.snapshot.generation
        return served if any(generation.name == served.name for generation in kept) else None

    async def _follow(self) -> None:
        live = await asyncio.to_thread(self._ledger.generations.live)
        if live is None:
            self.is_empty = True
            self.stage = "no ticket is stored yet: run `make index FILE=…`, or PUT /v1/tickets/{id}"
            return
        await self._upkeep.catch_up(live)
        revision = await asyncio.to_thread(self._ledger.revision)
        if self.snapshot is None or self.snapshot.generation.name != live.name:
            self.snapshot = await self._switch(live)
            self.stage = "ready"
            self.is_empty = False
            self.filled.set()
        elif self.snapshot.revision != revision:
            tickets = await asyncio.to_thread(self._ledger.tickets.count)
            # Replaced only now: a fit may have ended meanwhile.
            self.snapshot = replace(self.snapshot, tickets=tickets, revision=revision)
        await self._fit_if_due(self.snapshot, revision)
        measure = self.snapshot.ranking.whitening.lengths
        await asyncio.to_thread(self._ledger.nearest.fill, live.space, measure)

    async def _switch(self, live: Generation) -> Snapshot:
        """Return the snapshot of another generation, with its own embedder, forest and ranking."""
        # What is being fitted would be of other vectors, or might know a ticket that was forgotten.
        await end_task(self._fitting)
        # It may be another ledger's: a restore begins with a generation of its own.
        self._ledger.nearest.clear()
        embedder = await self._embedders.of(live)
        revision = await asyncio.to_thread(self._ledger.revision)
        tickets = await asyncio.to_thread(self._ledger.tickets.count)
        ranking = await asyncio.to_thread(learn_ranking, self._settings, self._ledger, live)
        none = ServedForest(forest=NoForest("the first forest is being fitted"))
        served = dict.fromkeys(self._forests, none)
        before = self.snapshot
        if before and before.generation.space == live.space and await self.superseded(live):
            # The vectors are the same, to the bit: the forests serve on until others are fitted.
            served |= before.served
        for field, forests in self._forests.items():
            # A stored forest may be older than the tickets: it serves until another is fitted.
            stored = await asyncio.to_thread(forests.latest, live)
            served[field] = stored or served[field]
        snapshot = Snapshot(
            generation=live,
            embedder=embedder,
            tickets=tickets,
            revision=revision,
            ranking=ranking,
            served=served,
        )
        _log.info(
            "serving %s: %s tickets, %s; %s",
            live.name,
            f"{tickets:,}",
            live.space,
            snapshot.forest.state,
        )
        return snapshot

    async def _fit_if_due(self, snapshot: Snapshot, revision: int) -> None:
        idle = self._fitting is None or self._fitting.done()
        if not (idle and self._readiness.has_room):
            return
        due = [
            field
            for field, forests in self._forests.items()
            if await asyncio.to_thread(forests.is_due, snapshot.served[field], revision)
        ]
        if due:
            self._fitting = asyncio.create_task(self._fit(snapshot, revision, due))

    async def _fit(self, snapshot: Snapshot, revision: int, due: Sequence[str]) -> None:
        try:
            ranking = await asyncio.to_thread(
                learn_ranking, self._settings, self._ledger, snapshot.generation
            )
            for field in due:
                fitted = await self._forests[field].fit(snapshot.generation, snapshot.served[field], revision)
                # Only what a fit is about: tickets may have come meanwhile.
                now = self.snapshot or snapshot
                self.snapshot = replace(now, ranking=ranking, served={**now.served, field: fitted})
        except PrecedentError as error:
            _log.warning("no new forest: %s", error)
