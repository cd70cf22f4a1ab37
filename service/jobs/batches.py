"""Large batches that are stored in the background. Their bodies are kept in files, and they survive a restart."""

import asyncio
import contextlib
import itertools
import logging
import os
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Literal

import msgspec

from indexer.actor import ACTOR
from indexer.chroma.failures import full_disk, is_full_disk
from indexer.errors import FullDiskError, PrecedentError
from indexer.sources.json_document import read_json
from indexer.sources.jsonl import read_jsonl
from indexer.sources.record import SourceRecord
from service.background import end_task
from service.intake import CHUNK, BatchResult, Intake
from service.jobs.store import Job, JobStore
from service.pools import BusyError
from service.runtime import Runtime

__all__ = ["Batches"]

_log = logging.getLogger(__name__)
_MOST_WAITING = 16
_RETRY_SECONDS = 5.0
_RETRIES = 60
_PAUSE_SECONDS = 0.01  # between chunks: questions go first


class _CancelledError(Exception):
    """The batch is not wanted any more."""


class Batches:
    """Takes batches on and stores them one after another; a restart goes on where the last one stopped."""

    def __init__(self, store: JobStore, runtime: Runtime) -> None:
        self._store = store
        self._runtime = runtime
        self._cancelled: set[str] = set()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Find what an earlier process took on, and go on with it."""
        await asyncio.to_thread(self._drop_bodies)
        self._task = asyncio.create_task(self._work())

    async def close(self) -> None:
        """Stop between two chunks; the next process goes on from there."""
        await end_task(self._task)

    def cancel(self, job: Job) -> None:
        """Have a batch end before its next chunk; what is stored stays."""
        self._cancelled.add(job.id)

    async def begin(self, body: AsyncIterator[bytes], form: Literal["json", "lines"]) -> Job:
        """Keep the body, and store its tickets in the background.

        :raises BusyError: too many wait already.
        :raises FullDiskError: there is no room for it.
        """
        self._runtime.readiness.require_room()
        if len(self._waiting()) >= _MOST_WAITING:
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
        await asyncio.to_thread(self._store.folder.mkdir, parents=True, exist_ok=True)
        path = self._body(job.id)
        try:
            with await asyncio.to_thread(path.open, "wb") as file:
                async for part in body:
                    await asyncio.to_thread(file.write, part)
                await asyncio.to_thread(_flush, file)
            await self._store.keep(job)
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
            for job in self._waiting():
                await self._run(job)
            await self._wake.wait()

    def _waiting(self) -> list[Job]:
        return [job for job in self._store.all() if job.kind == "batch" and job.ended_at is None]

    async def _run(self, job: Job) -> None:
        ACTOR.set(job.sent_by)
        detail = None
        try:
            job = await self._stored(job)
            state = "done"
        except _CancelledError:
            job, state = self._store.get(job.id) or job, "cancelled"
            detail = "cancelled: what `result` counts is stored"
        except PrecedentError as error:
            job, state = self._store.get(job.id) or job, "failed"
            _log.error("batch %s is given up after %s records: %s", job.id, f"{_result(job).read:,}", error)
            detail = "storing failed again and again: what `result` counts is stored; the log has the reason"
        except Exception:  # noqa: BLE001 (a job that fails must not stop the others)
            job, state = self._store.get(job.id) or job, "failed"
            _log.exception("batch %s failed", job.id)
            detail = "an unexpected error; the service's log has it"
        self._cancelled.discard(job.id)
        with contextlib.suppress(OSError):
            await self._store.end(job, state, detail)
            self._body(job.id).unlink(missing_ok=True)

    async def _stored(self, job: Job) -> Job:
        with await asyncio.to_thread(self._body(job.id).open, "rb") as file:
            read = read_json if job.format == "json" else read_jsonl
            records = itertools.islice(read(file), _result(job).read, None)
            while chunk := await asyncio.to_thread(lambda: list(itertools.islice(records, CHUNK))):
                job = msgspec.structs.replace(job, state="running", result=await self._taken(job, chunk))
                # On a full disk a restart stores a chunk once more, which changes nothing.
                with contextlib.suppress(OSError):
                    await self._store.keep(job)
                await asyncio.sleep(_PAUSE_SECONDS)
        if _result(job).added:
            await self._runtime.wait_for_first_tickets()
        return job

    async def _taken(self, job: Job, chunk: list[SourceRecord]) -> BatchResult:
        """Store a chunk; what fails for a while is tried again, since nobody waits for it."""
        for attempt in itertools.count(1):
            if job.id in self._cancelled:
                raise _CancelledError
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
                return _result(job).plus(intake.taken)
        raise AssertionError

    def _drop_bodies(self) -> None:
        waiting = {job.id for job in self._waiting()}
        for path in self._store.folder.glob("*.body"):
            if path.stem not in waiting:
                path.unlink()  # nobody was told that it was taken on, or its job has ended

    def _body(self, job_id: str) -> Path:
        return self._store.folder / f"{job_id}.body"


def _result(job: Job) -> BatchResult:
    return job.result or BatchResult()


def _flush(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())
