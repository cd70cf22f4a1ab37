"""Keeps the map that is served: has it made in the background when somebody asks for it, and again when it is out of date."""

import asyncio
import gzip
import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from indexer.errors import PrecedentError
from indexer.ledger import Generation, Ledger
from indexer.settings import Settings
from service.background import end_task
from service.child_process import ChildError, ChildOrder, run_child
from service.doc import doc
from service.problems import NotReadyError
from service.ticket_map.files import KeptMap, find, load

__all__ = [
    "LEAST_POINTS",
    "MOST_POINTS",
    "MapProgress",
    "NoMapError",
    "ServedMap",
    "TicketMaps",
]

MOST_POINTS = 5_000
"""Of larger stores a sample is shown."""
LEAST_POINTS = 30
"""With fewer tickets a map shows nothing that a list does not."""

_log = logging.getLogger(__name__)
_OUTDATED = 0.2  # of the tickets; when so many have come or gone, another map is made
_PAUSE = 60.0  # seconds after a failure
_START_SECONDS, _POINT_SECONDS = 4.0, 0.01  # what a map takes on one quiet core


class NoMapError(PrecedentError):
    """There are too few tickets for a map."""


class MapProgress(msgspec.Struct, frozen=True, kw_only=True):
    """The map is being made."""

    state: Literal["making"] = "making"
    seconds: Annotated[float, doc("since it was begun")]
    expected_seconds: Annotated[float, doc("that it takes on a quiet machine")]


@dataclass(frozen=True, slots=True, eq=False)
class ServedMap:
    """A map with its file, and its JSON as it is sent, plain and packed by gzip."""

    kept: KeptMap
    path: Path
    plain: bytes
    packed: bytes


class TicketMaps:
    """Finds the map of a generation, or has it made."""

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self._settings = settings
        self._ledger = ledger
        self._making: asyncio.Task[None] | None = None
        self._begun = 0.0
        self._served: ServedMap | None = None
        self._failure: tuple[float, str] | None = None
        self._too_few: tuple[str, int] | None = None

    async def close(self) -> None:
        """End what is being made."""
        await end_task(self._making)

    async def get(self, generation: Generation, tickets: int) -> ServedMap | MapProgress:
        """Return the generation's map, or how far it is; another one is begun where it is needed.

        :param tickets: how many are stored.
        :raises NoMapError: there are too few tickets.
        :raises NotReadyError: it could not be made; it is tried again later.
        """
        if tickets < LEAST_POINTS or self._too_few == (generation.name, tickets):
            msg = f"a map needs at least {LEAST_POINTS} resolved tickets: there are too few yet"
            raise NoMapError(msg)
        served = await asyncio.to_thread(self._find, generation)
        idle = self._making is None or self._making.done()
        failed = self._failure is not None and time.monotonic() - self._failure[0] < _PAUSE
        made_of = served.kept.map.tickets if served else 0
        if idle and not failed and (served is None or abs(tickets - made_of) > _OUTDATED * made_of):
            self._begun = time.monotonic()
            self._making = asyncio.create_task(self._make(generation, tickets))
        if served is not None:
            return served
        if failed and self._failure is not None:
            msg = f"the map could not be made, and is tried again in a minute: {self._failure[1]}"
            raise NotReadyError(msg)
        expected = _START_SECONDS + _POINT_SECONDS * min(tickets, MOST_POINTS)
        return MapProgress(
            seconds=round(time.monotonic() - self._begun, 1), expected_seconds=round(expected, 1)
        )

    def _find(self, generation: Generation) -> ServedMap | None:
        path = find(self._settings.data_dir, self._ledger, generation)
        if self._served is None or self._served.path != path:
            self._served = None
            if path is not None and (kept := load(path)) is not None:
                plain = msgspec.json.encode(kept.map)
                self._served = ServedMap(kept, path, plain, gzip.compress(plain, 6))
        return self._served

    async def _make(self, generation: Generation, tickets: int) -> None:
        order = ChildOrder(settings=self._settings, generation=generation.name)
        try:
            points = int(await run_child("service.ticket_map.child", order))
        except (ChildError, OSError, ValueError) as error:
            self._failure = time.monotonic(), str(error)
            _log.warning("no map of the tickets: %s", error)
            return
        self._failure = None
        if points < LEAST_POINTS:
            self._too_few = generation.name, tickets
        _log.info("map: %d points in %.1f s", points, time.monotonic() - self._begun)
