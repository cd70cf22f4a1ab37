"""``/v1/jobs``: long work, started, followed and cancelled."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router, delete, get, post
from litestar.exceptions import HTTPException, NotFoundException
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_200_OK, HTTP_202_ACCEPTED, HTTP_409_CONFLICT

from service.api.documentation import problems
from service.api.security import (
    ADMIN_IN_OPENAPI,
    WRITE_IN_OPENAPI,
    may,
    require_admin,
    require_json,
    require_key,
    require_write,
)
from service.doc import doc
from service.jobs.batches import Batches
from service.jobs.operations import Operations, RunningError
from service.jobs.orders import AnyOrder
from service.jobs.store import Job, JobStore

__all__ = ["router"]


class JobList(msgspec.Struct, frozen=True, kw_only=True):
    """Jobs, the newest first, without their reports."""

    jobs: tuple[Job, ...]
    may_start: Annotated[bool, doc("whether this key may start jobs of operators")]


@post(
    "/",
    status_code=HTTP_202_ACCEPTED,
    summary="Start an operator's job",
    guards=[require_admin, require_json],
    security=ADMIN_IN_OPENAPI,
    responses=problems(400, 403, 409, 413, 415, 422),
)
async def start_job(request: Request[Any, Any, Any], data: JSONBody[AnyOrder]) -> Response[Job]:
    """Begin to rebuild, verify, evaluate, audit, backup, forget, inspect or sync, in a process of its own; `Location` tells how far it is.

    Of each kind one is done at a time: while one is, the answer is 409, and `Location` is that one's.
    """
    operations: Operations = request.app.state.operations
    try:
        job = await operations.start(data)
    except RunningError as error:
        there = f"/v1/jobs/{error.job.id}"
        detail = f"a job of kind {error.job.kind} runs already: {there}; wait for its end, or cancel it with DELETE {there}"
        raise HTTPException(detail, status_code=HTTP_409_CONFLICT, headers={"Location": there}) from None
    return Response(job, headers={"Location": f"/v1/jobs/{job.id}"})


@get("/", summary="List jobs", guards=[require_write], security=WRITE_IN_OPENAPI, responses=problems(403))
async def list_jobs(request: Request[Any, Any, Any]) -> JobList:
    """Return the jobs that wait or run, and the last hundred that ended; with a key of scope `write` the batches only."""
    jobs: JobStore = request.app.state.jobs
    seen = [job for job in reversed(jobs.all()) if _may_see(request, job)]
    return JobList(
        jobs=tuple(msgspec.structs.replace(job, report=None) for job in seen),
        may_start=may(request, "admin"),
    )


@get(
    "/{job_id:str}",
    summary="How far a job is",
    guards=[require_write],
    security=WRITE_IN_OPENAPI,
    responses=problems(400, 403, 404),
)
async def get_job(request: Request[Any, Any, Any], job_id: FromPath[str]) -> Job:
    """Return the job; the last hundred that ended are kept. Jobs of operators need a key of scope `admin`."""
    return _job(request, job_id)


@delete(
    "/{job_id:str}",
    status_code=HTTP_200_OK,
    summary="Cancel a job",
    guards=[require_write],
    security=WRITE_IN_OPENAPI,
    responses=problems(400, 403, 404),
)
async def cancel_job(request: Request[Any, Any, Any], job_id: FromPath[str]) -> Job:
    """End the job, if it has not ended yet, and return it; what it has finished is kept.

    A batch ends before its next 500 records. Jobs of operators need a key of scope `admin`.
    """
    job = _job(request, job_id)
    if job.ended_at is None:
        batches: Batches = request.app.state.batches
        operations: Operations = request.app.state.operations
        if job.kind == "batch":
            batches.cancel(job)
        else:
            await operations.cancel(job)
    return _job(request, job_id)


def _job(request: Request[Any, Any, Any], job_id: str) -> Job:
    jobs: JobStore = request.app.state.jobs
    job = jobs.get(job_id)
    if job is None or not _may_see(request, job):
        msg = f"there is no job {job_id[:100]!r} that this key may see; of those that ended the last hundred are kept"
        raise NotFoundException(msg)
    return job


def _may_see(request: Request[Any, Any, Any], job: Job) -> bool:
    return job.kind == "batch" or may(request, "admin")


router = Router(
    "/v1/jobs",
    route_handlers=[start_job, list_jobs, get_job, cancel_job],
    guards=[require_key],
    tags=["jobs"],
)
