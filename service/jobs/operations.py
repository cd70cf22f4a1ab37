"""Operations: commands that an operator starts over HTTP. Each runs in a process of its own, at low priority."""

import asyncio
import contextlib
import logging
import os
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from indexer.actor import ACTOR
from indexer.settings import Settings
from service.jobs.child import JobProgress, Outcome, Task
from service.jobs.orders import REPORT, Order
from service.jobs.store import INTERRUPTED, Job, JobStore

__all__ = ["Operations", "RunningError"]

_log = logging.getLogger(__name__)
_ROOT = Path(__file__).parents[2]
_GRACE_SECONDS = 20.0
_CANCELLED = "what was finished is kept"
_FORGOTTEN = "tickets were forgotten while it ran, and its report may name them: start it again"
_LINE_BYTES = 2**26
_SAID = ("error: ", "refused: ")


class RunningError(Exception):
    """A job of that kind runs already."""

    def __init__(self, job: Job) -> None:
        super().__init__(job.id)
        self.job = job


class Operations:
    """Starts commands as jobs, one of a kind at a time, and ends them."""

    def __init__(self, settings: Settings, store: JobStore) -> None:
        self._settings = settings
        self._store = store
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._ends: dict[str, tuple[str, str]] = {}
        """State and detail of jobs that are being ended."""

    async def start(self, order: Order) -> Job:
        """Begin to do what is ordered.

        :raises RunningError: that is being done already.
        :raises TicketError: it cannot be done like that.
        """
        for job in self._store.all():
            if job.kind == order.kind and job.ended_at is None:
                raise RunningError(job)
        # Looked at before anybody is told that it begins.
        order.arguments(self._settings, Path())
        job = Job(
            id=uuid.uuid4().hex,
            kind=order.kind,
            state="running",
            created_at=datetime.now(UTC),
            sent_by=ACTOR.get(),
            order=msgspec.to_builtins(order) if order.is_told else None,
            service=os.getpid(),
        )
        self._store.show(job)
        with contextlib.suppress(OSError):  # a full disk: it is known until a restart
            await self._store.keep(job)
        self._tasks[job.id] = asyncio.create_task(self._run(job, order))
        return job

    async def cancel(self, job: Job) -> None:
        """End a job of this service, and wait for that."""
        await self._end(job.id, "cancelled", _CANCELLED)

    async def close(self) -> None:
        """End the jobs that run."""
        await asyncio.gather(*(self._end(job_id, "interrupted", INTERRUPTED) for job_id in [*self._tasks]))

    async def _end(self, job_id: str, state: str, detail: str) -> None:
        if task := self._tasks.get(job_id):
            if job_id not in self._ends:
                self._ends[job_id] = state, detail
                task.cancel()
            await asyncio.wait({task})

    async def _run(self, job: Job, order: Order) -> None:
        state, detail, outcome = "failed", None, None
        try:
            outcome, detail = await self._done(job, order)
            if order.is_told and outcome is not None:
                said = order.said(self._settings, msgspec.json.encode(outcome).decode())
                outcome = msgspec.json.decode(said, type=Outcome)
            if outcome is not None and (outcome.status == 0 or (order.finds and detail is None)):
                state, detail = "done", None
                await asyncio.to_thread(order.clean_up, self._settings)
            elif detail is not None:
                detail = order.said(self._settings, detail)
            else:
                detail = "its process ended without a word; the service's log may have it"
        except asyncio.CancelledError:
            state, detail = self._ends.get(job.id, ("interrupted", INTERRUPTED))
        except Exception:  # noqa: BLE001 (whatever it is, the job has ended)
            _log.exception("job %s (%s) failed", job.id, job.kind)
            detail = "an unexpected error; the service's log has it"
        if outcome is not None and self._store.is_removed(job):
            state, detail, outcome = "failed", _FORGOTTEN, None
        _log.info("job %s (%s): %s", job.id, job.kind, state if detail is None else f"{state}: {detail}")
        ended = msgspec.structs.replace(job, report=outcome.report if outcome else None)
        with contextlib.suppress(OSError):
            await self._store.end(ended, state, detail)
        del self._tasks[job.id]
        self._ends.pop(job.id, None)

    async def _done(self, job: Job, order: Order) -> tuple[Outcome | None, str | None]:
        """Run the command, and return how it ended and the last thing it complained of."""
        with tempfile.TemporaryDirectory(prefix="precedent-job-") as folder:
            task = Task(
                arguments=order.arguments(self._settings, Path(folder)),
                report=str(Path(folder) / REPORT),
                actor=job.sent_by,
                service=os.getpid(),
            )
            path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", "service.jobs.child",
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
                env=os.environ | {"PYTHONPATH": path}, limit=_LINE_BYTES,
            )  # fmt: skip
            try:
                if child.stdin is not None:
                    # Not in its arguments, which others on the machine can read.
                    child.stdin.write(msgspec.json.encode(task))
                    child.stdin.close()
                outcome, complaint = await asyncio.gather(self._follow(job, child), _complaint(child))
                await child.wait()
            except asyncio.CancelledError:
                await _stopped(child)
                raise
            return outcome, complaint

    async def _follow(self, job: Job, child: asyncio.subprocess.Process) -> Outcome | None:
        outcome = None
        async for line in _lines(child.stdout):
            with contextlib.suppress(msgspec.DecodeError):
                outcome = msgspec.json.decode(line, type=Outcome)
            with contextlib.suppress(msgspec.DecodeError):
                progress = msgspec.json.decode(line, type=JobProgress)
                self._store.show(msgspec.structs.replace(job, progress=progress))
        return outcome


async def _lines(stream: asyncio.StreamReader | None) -> AsyncIterator[bytes]:
    if stream is not None:
        async for line in stream:
            yield line


async def _complaint(child: asyncio.subprocess.Process) -> str | None:
    """Pass on to the log what the command says, and return its last complaint."""
    complaint = None
    async for line in _lines(child.stderr):
        said = line.decode(errors="replace")
        sys.stderr.write(said)
        if said.startswith(_SAID):
            complaint = said.partition(": ")[2].strip()
    return complaint


async def _stopped(child: asyncio.subprocess.Process) -> None:
    """End the process as Ctrl-C would, and if it takes too long, at once."""
    with contextlib.suppress(ProcessLookupError):
        child.terminate()
    try:
        async with asyncio.timeout(_GRACE_SECONDS):
            await child.communicate()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()
