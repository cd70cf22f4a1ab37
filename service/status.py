"""The state of the service: what is served, and from what, and how that changes for all who watch it."""

import asyncio
import contextlib
import importlib.metadata
import logging
import os
import shutil
from collections.abc import AsyncGenerator, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec

from indexer.chroma.server import process_of_server
from indexer.errors import PrecedentError
from indexer.settings import Settings
from service.answer_keeper import KeepingStatus
from service.background import end_task
from service.breaker import Breaker, BreakerStatus
from service.decided_fields import PRIORITY
from service.doc import doc
from service.forest import ServedForest, Verdict
from service.priority import Forest, ForestReport
from service.priority.label_order import LabelOrderError, priority_order
from service.runtime import Runtime
from service.snapshot import Snapshot
from service.usage import SpendToday, spend_today

__all__ = ["Status", "StatusFeed", "status_of"]

_log = logging.getLogger(__name__)
_MB = 1_000_000
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_SECONDS = 2.0
_TURN_SECONDS = 0.5
"""In which an end is noticed."""
_SILENT = 60
"""Turns without a change after which something is sent all the same: a proxy ends what is silent."""

Parts = dict[str, msgspec.Raw]
"""Encoded values of `Status` by their names."""


class IndexStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The live generation."""

    generation: str
    tickets: int
    pending: int
    embedding_model: str
    embedder: str
    dimension: int
    similarity_floor: float
    subject_weight: float
    date_weight: float


class ForestStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The forest that decides at the moment; ``state`` says so in words."""

    state: str
    report: ForestReport | None
    labels: Annotated[
        tuple[str, ...],
        doc("from least to most urgent; where that is not known, and of other fields, the commonest first"),
    ]
    fitted_at: datetime | None
    last_fit: Annotated[Verdict | None, doc("how the last new forest was judged, and its report")]


class GenerationStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A generation; a ``retired`` one can be returned to."""

    name: str
    model: str
    status: str


class MachineStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Disk and memory, in MB; ``None`` where they cannot be told, such as memory of an index elsewhere."""

    disk_free: Annotated[int, doc("of the disk of the data directory")]
    disk_total: int
    service_memory: int | None
    index_memory: int | None


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """What is served, and from what."""

    ready: bool
    stage: str
    version: str
    index: IndexStatus | None
    forest: ForestStatus | None
    forests: Annotated[
        dict[str, ForestStatus], doc("by field: those of the other fields that `PRECEDENT_DECIDE` names")
    ]
    chat_model: str | None
    feedback: Annotated[dict[str, int], doc("answers by what agents did, and with a corrected priority")]
    answers: KeepingStatus
    spend: SpendToday
    deliveries: Annotated[dict[str, int], doc("answers that wait to be delivered, and dead ones")]
    provider: Annotated[dict[str, BreakerStatus], doc("whether chat and embeddings are asked at the moment")]
    generations: tuple[GenerationStatus, ...]
    machine: MachineStatus
    backups: Annotated[bool, doc("whether there is a folder for them")]


def status_of(runtime: Runtime, breakers: Mapping[str, Breaker]) -> Status:
    """Return the state; this reads the ledger.

    :raises PrecedentError: the ledger cannot be read.
    """
    settings, store, snapshot = runtime.settings, runtime.store, runtime.current
    forests = (
        {}
        if snapshot is None
        else {field: _forest(one, field, settings) for field, one in snapshot.served.items()}
    )
    return Status(
        ready=runtime.ready,
        stage=runtime.stage,
        version=_version(),
        index=None if snapshot is None else _index(runtime, snapshot),
        forest=forests.pop(PRIORITY, None),
        forests=forests,
        feedback=store.feedback.counts(),
        answers=runtime.keeper.status(),
        spend=spend_today(settings, store.ledger),
        deliveries=store.ledger.deliveries.counts(),
        provider={name: breaker.status() for name, breaker in breakers.items()},
        chat_model=settings.chat_model if settings.provider_configured else None,
        generations=tuple(
            GenerationStatus(name=one.name, model=one.space.model, status=one.status)
            for one in store.ledger.generations.all()
        ),
        machine=_machine(settings),
        backups=settings.backup_dir is not None,
    )


def _index(runtime: Runtime, snapshot: Snapshot) -> IndexStatus:
    space = snapshot.generation.space
    return IndexStatus(
        generation=snapshot.generation.name,
        tickets=runtime.store.tickets.count(),
        pending=runtime.store.generations.count_pending(snapshot.generation),
        embedding_model=space.model,
        embedder=space.kind,
        dimension=space.dimension,
        similarity_floor=snapshot.ranking.floor,
        subject_weight=snapshot.ranking.subject_weight,
        date_weight=snapshot.ranking.date_weight,
    )


def _forest(served: ServedForest, field: str, settings: Settings) -> ForestStatus:
    report = served.forest.report if isinstance(served.forest, Forest) else None
    labels = () if report is None else tuple(sorted(report.labels, key=lambda name: -report.labels[name]))
    if field == PRIORITY:
        with contextlib.suppress(LabelOrderError):  # a new label: nobody has said yet where it belongs
            labels = priority_order(labels, settings.priority_order)[0] or labels
    return ForestStatus(
        state=served.forest.state,
        report=report,
        labels=labels,
        fitted_at=_fitted_at(served),
        last_fit=served.verdict,
    )


def _fitted_at(served: ServedForest) -> datetime | None:
    try:
        return datetime.fromtimestamp(round(served.path.stat().st_mtime), UTC) if served.path else None
    except OSError:
        return None


def _machine(settings: Settings) -> MachineStatus:
    disk = shutil.disk_usage(settings.data_dir)
    local = settings.chroma_url is None
    index = process_of_server(settings.data_dir) if local else None
    return MachineStatus(
        disk_free=disk.free // _MB,
        disk_total=disk.total // _MB,
        service_memory=_memory(os.getpid()),
        index_memory=None if index is None else _memory(index),
    )


def _memory(process: int) -> int | None:
    """Return the memory of a process that is not on disk, where `/proc` tells."""
    try:
        pages = Path(f"/proc/{process}/statm").read_text().split()[1]
    except OSError:
        return None
    return int(pages) * _PAGE_BYTES // _MB


def _version() -> str:
    try:
        return importlib.metadata.version("precedent")
    except importlib.metadata.PackageNotFoundError:
        return "source"


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
