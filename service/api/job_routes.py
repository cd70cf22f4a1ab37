"""``/v1/jobs``: how far long work is."""

from typing import Any

from litestar import Request, Router, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from service.api.documentation import problems
from service.api.security import WRITE_IN_OPENAPI, require_key, require_write
from service.jobs import Job, Jobs

__all__ = ["router"]


@get("/{job_id:str}", summary="How far a large batch is", responses=problems(400, 403, 404))
async def get_job(request: Request[Any, Any, Any], job_id: FromPath[str]) -> Job:
    """Return the job; the last hundred that ended are kept."""
    jobs: Jobs = request.app.state.jobs
    job = jobs.get(job_id)
    if job is None:
        msg = f"there is no job {job_id[:100]!r}; of those that ended the last hundred are kept"
        raise NotFoundException(msg)
    return job


router = Router(
    "/v1/jobs",
    route_handlers=[get_job],
    guards=[require_key, require_write],
    security=WRITE_IN_OPENAPI,
    tags=["tickets"],
)
