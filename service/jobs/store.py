"""Jobs as they stand: in memory, and each in a file, so that the next process knows them."""

import asyncio
import contextlib
import logging
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from indexer.durable import write_durably
from indexer.processes import is_service
from service.doc import doc
from service.intake import BatchResult
from service.jobs.child import JobProgress

__all__ = ["INTERRUPTED", "Job", "JobKind", "JobStore"]

_log = logging.getLogger(__name__)
_KEPT = 100  # ended jobs that can still be asked for
INTERRUPTED = "interrupted by a restart of the service; what was finished is kept: start it again"


JobKind = Literal["batch", "rebuild", "verify", "evaluate", "audit", "backup", "forget", "inspect", "sync"]


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """Long work: a batch that is stored, or a command that an operator started."""

    id: str
    kind: JobKind = "batch"
    state: Annotated[
        Literal["waiting", "running", "done", "failed", "cancelled", "interrupted"],
        doc("`interrupted`: the service ended before the job did"),
    ]
    format: Annotated[Literal["json", "lines"] | None, doc("of a batch")] = None
    created_at: datetime
    ended_at: datetime | None = None
    detail: Annotated[str | None, doc("why it is not done, or what is to be known of it")] = None
    sent_by: Annotated[str | None, doc("whose key sent it, as in the audit log")] = None
    progress: Annotated[JobProgress | None, doc("while a command runs")] = None
    result: Annotated[BatchResult | None, doc("of a batch; grows while it is stored")] = None
    report: Annotated[
        dict[str, Any] | None, doc("what a command says at its end with `--json`; not in lists")
    ] = None
    order: Annotated[
        dict[str, Any] | None,
        doc("of `inspect` and `sync`: what was ordered, to be sent again to go on with it"),
    ] = None
    service: Annotated[int | None, doc("process id of the service that runs a command")] = None


class JobStore:
    """Jobs by id, the oldest first."""

    def __init__(self, data_dir: Path) -> None:
        self.folder = data_dir / "jobs"
        self._data_dir = data_dir
        self._jobs: dict[str, Job] = {}
        self._written: set[str] = set()

    async def open(self) -> None:
        """Find what earlier processes had; commands that ended with their service are told to be interrupted."""
        for job in sorted(await asyncio.to_thread(self._found), key=lambda job: job.created_at):
            self._jobs[job.id] = job
            self._written.add(job.id)
            runs = job.service not in (None, os.getpid()) and is_service(self._data_dir, job.service or 0)
            if job.kind != "batch" and job.ended_at is None and not runs:
                with contextlib.suppress(OSError):
                    await self.end(job, "interrupted", INTERRUPTED)

    def get(self, job_id: str) -> Job | None:
        """Return a job as it stands, ``None`` when there is none, or it ended long ago."""
        self._drop_removed()
        return self._jobs.get(job_id)

    def all(self) -> list[Job]:
        """Return all jobs, the oldest first."""
        self._drop_removed()
        return list(self._jobs.values())

    def show(self, job: Job) -> None:
        """Take over how a job stands, in memory only."""
        self._jobs[job.id] = job

    async def keep(self, job: Job) -> None:
        """Take over how a job stands, in its file too.

        :raises OSError: the file cannot be written; the job stands as before.
        """
        # The receipt of a forget names what no file may name any more.
        told = msgspec.structs.replace(job, report=None) if job.kind == "forget" else job
        await asyncio.to_thread(self.folder.mkdir, parents=True, exist_ok=True)
        await asyncio.to_thread(write_durably, self.folder / f"{job.id}.json", msgspec.json.encode(told))
        self._written.add(job.id)
        self._jobs[job.id] = job

    async def end(self, job: Job, state: str, detail: str | None = None) -> None:
        """Have a job ended, and drop what ended long ago.

        :raises OSError: the file cannot be written; in memory it has ended.
        """
        ended = msgspec.structs.replace(
            job, state=state, detail=detail, progress=None, ended_at=datetime.now(UTC)
        )
        self.show(ended)
        await self.keep(ended)
        over = [old.id for old in self._jobs.values() if old.ended_at is not None]
        for job_id in over[:-_KEPT]:
            (self.folder / f"{job_id}.json").unlink(missing_ok=True)
            del self._jobs[job_id]
            self._written.discard(job_id)

    def is_removed(self, job: Job) -> bool:
        """Tell whether a forget, of whatever process, has removed the job's file because its report may name tickets."""
        return job.id in self._written and not (self.folder / f"{job.id}.json").exists()

    def _drop_removed(self) -> None:
        for job in list(self._jobs.values()):
            if job.ended_at is not None and self.is_removed(job):
                del self._jobs[job.id]
                self._written.discard(job.id)

    def _found(self) -> list[Job]:
        found = []
        for path in self.folder.glob("*.json") if self.folder.is_dir() else ():
            try:
                found.append(msgspec.json.decode(path.read_bytes(), type=Job))
            except msgspec.DecodeError as error:
                _log.warning("%s cannot be read and is left out: %s", path.name, error)
        return found
