"""Jobs: large batches that are stored in the background. They are kept in files and survive a restart."""

import asyncio
import contextlib
import itertools
import logging
import os
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Literal

import msgspec

from indexer.actor import ACTOR
from indexer.chroma.failures import full_disk, is_full_disk
from indexer.durable import write_durably
from indexer.errors import FullDiskError, PrecedentError
from indexer.sources.json_document import read_json
from indexer.sources.jsonl import read_jsonl
from indexer.sources.record import SourceRecord
from service.intake import CHUNK, BatchResult, Intake
from service.pools import BusyError
from service.runtime import Runtime

__all__ = ["Job", "Jobs"]

_log = logging.getLogger(__name__)
_MOST_WAITING = 16
_KEPT = 100  # ended jobs that can still be asked for
_RETRY_SECONDS = 5.0
_RETRIES = 60
_PAUSE_SECONDS = 0.01  # between chunks: questions go first


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A batch that is stored in the background; ``result`` grows while it is."""

    id: str
    state: Literal["waiting", "running", "done", "failed"]
    format: Literal["json", "lines"]
    created_at: datetime
    ended_at: datetime | None = None
    detail: str | None = None
    sent_by: str | None = None
    """Whose key sent it, as in the audit log."""
    result: BatchResult


class Jobs:
    """Takes batches on and stores them one after another; a restart goes on where the last one stopped."""

    def __init__(self, folder: Path, runtime: Runtime) -> None:
        self._folder = folder
        self._runtime = runtime
        self._jobs: dict[str, Job] = {}
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Find what an earlier process took on, and go on with it."""
        for job in sorted(await asyncio.to_thread(self._found), key=lambda job: job.created_at):
            self._jobs[job.id] = job
        self._task = asyncio.create_task(self._work())

    async def close(self) -> None:
        """Stop between two chunks; the next process goes on from there."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def get(self, job_id: str) -> Job | None:
        """Return a job as it stands, ``None`` when there is none, or it ended long ago."""
        return self._jobs.get(job_id)

    async def begin(self, body: AsyncIterator[bytes], form: Literal["json", "lines"]) -> Job:
        """Keep the body, and store its tickets in the background.

        :raises BusyError: too many wait already.
        :raises FullDiskError: there is no room for it.
        """
        self._runtime.readiness.require_room()
        if sum(job.ended_at is None for job in self._jobs.values()) >= _MOST_WAITING:
            msg = f"{_MOST_WAITING} batches wait already: ask for one of them with GET /v1/jobs/{{id}}, and try again"
            raise BusyError(msg)
        job = Job(
            id=uuid.uuid4().hex,
            state="waiting",
            format=form,
            created_at=datetime.now(UTC),
            sent_by=ACTOR.get(),
            result=BatchResult(),
        )
        await asyncio.to_thread(self._folder.mkdir, parents=True, exist_ok=True)
        path = self._body(job.id)
        try:
            with await asyncio.to_thread(path.open, "wb") as file:
                async for part in body:
                    await asyncio.to_thread(file.write, part)
                await asyncio.to_thread(_flush, file)
            await self._keep(job)
        except BaseException as error:
            path.unlink(missing_ok=True)
            if isinstance(error, OSError) and is_full_disk(error):
                what = "the disk of PRECEDENT_DATA_DIR"
                raise full_disk(what) from None
            raise
        self._wake.set()
        return job

    async def _work(self) -> None:
        while True:
            self._wake.clear()
            for job in list(self._jobs.values()):
                if job.ended_at is None:
                    await self._run(job)
            self._drop_old()
            await self._wake.wait()

    async def _run(self, job: Job) -> None:
        ACTOR.set(job.sent_by)
        try:
            job = await self._stored(job)
            job = msgspec.structs.replace(job, state="done")
        except PrecedentError as error:
            _log.error("batch %s is given up after %s records: %s", job.id, f"{job.result.read:,}", error)
            detail = "storing failed again and again: what `result` counts is stored; the log has the reason"
            job = msgspec.structs.replace(self._jobs[job.id], state="failed", detail=detail)
        except Exception:  # noqa: BLE001 (a job that fails must not stop the others)
            _log.exception("batch %s failed", job.id)
            detail = "an unexpected error; the service's log has it"
            job = msgspec.structs.replace(self._jobs[job.id], state="failed", detail=detail)
        with contextlib.suppress(OSError):
            await self._keep(msgspec.structs.replace(job, ended_at=datetime.now(UTC)))
            self._body(job.id).unlink(missing_ok=True)

    async def _stored(self, job: Job) -> Job:
        with await asyncio.to_thread(self._body(job.id).open, "rb") as file:
            read = read_json if job.format == "json" else read_jsonl
            records = itertools.islice(read(file), job.result.read, None)
            while chunk := await asyncio.to_thread(_next, records):
                job = msgspec.structs.replace(job, state="running", result=await self._taken(job, chunk))
                # On a full disk a restart stores a chunk once more, which changes nothing.
                with contextlib.suppress(OSError):
                    await self._keep(job)
                await asyncio.sleep(_PAUSE_SECONDS)
        if job.result.added:
            await self._runtime.wait_for_first_tickets()
        return job

    async def _taken(self, job: Job, chunk: list[SourceRecord]) -> BatchResult:
        """Store a chunk; what fails for a while is tried again, since nobody waits for it."""
        for attempt in itertools.count(1):
            # Of its own: a chunk that fails half way is counted once, when it is whole.
            try:
                with contextlib.closing(Intake(self._runtime)) as intake:
                    await intake.take_read(chunk)
            except PrecedentError as error:
                # A full disk is waited for as long as it takes: it is the operator's to see to.
                if attempt >= _RETRIES and not isinstance(error, FullDiskError):
                    raise
                if attempt == 1:
                    _log.warning("batch %s waits: %s", job.id, error)
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                return job.result.plus(intake.taken)
        raise AssertionError

    async def _keep(self, job: Job) -> None:
        await asyncio.to_thread(write_durably, self._folder / f"{job.id}.json", msgspec.json.encode(job))
        self._jobs[job.id] = job

    def _found(self) -> list[Job]:
        found = []
        for path in self._folder.glob("*.json") if self._folder.is_dir() else ():
            try:
                found.append(msgspec.json.decode(path.read_bytes(), type=Job))
            except msgspec.DecodeError as error:
                _log.warning("%s cannot be read and is left out: %s", path.name, error)
        waiting = {job.id for job in found if job.ended_at is None}
        for path in self._folder.glob("*.body"):
            if path.stem not in waiting:
                path.unlink()  # nobody was told that it was taken on, or its job has ended
        return found

    def _drop_old(self) -> None:
        ended = [job.id for job in self._jobs.values() if job.ended_at is not None]
        for job_id in ended[:-_KEPT]:
            (self._folder / f"{job_id}.json").unlink(missing_ok=True)
            del self._jobs[job_id]

    def _body(self, job_id: str) -> Path:
        return self._folder / f"{job_id}.body"


def _next(records: Iterator[SourceRecord]) -> list[SourceRecord]:
    return list(itertools.islice(records, CHUNK))


def _flush(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())
