"""``/v1/uploads``: exports of any format and size, sent to be looked at and stored by jobs."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router, delete, get, post
from litestar.exceptions import HTTPException, NotFoundException
from litestar.params import FromPath, QueryParameter
from litestar.response import File
from litestar.status_codes import HTTP_200_OK, HTTP_409_CONFLICT, HTTP_413_REQUEST_ENTITY_TOO_LARGE

from indexer.settings import Settings
from service.api.documentation import problems, response
from service.api.security import ADMIN_IN_OPENAPI, require_admin, require_bytes, require_key
from service.jobs.store import JobStore
from service.jobs.uploads import TooLargeError, Upload, Uploads, rejected_of

__all__ = ["router"]


class UploadList(msgspec.Struct, frozen=True, kw_only=True):
    """Exports that wait to be stored, the oldest first."""

    uploads: tuple[Upload, ...]


class Removed(msgspec.Struct, frozen=True, kw_only=True):
    """An export that is gone."""

    id: str
    deleted: bool


@post(
    "/",
    status_code=HTTP_200_OK,
    summary="Send an export",
    request_max_body_size=None,
    guards=[require_bytes],
    responses=problems(400, 413, 415, 422),
)
async def post_upload(
    request: Request[Any, Any, Any],
    name: Annotated[
        str, QueryParameter(min_length=1, max_length=200, description="of the file: `export.csv`")
    ],
) -> Upload:
    """Keep a file of at most `PRECEDENT_MAX_UPLOAD_MB`, so that jobs of kind `inspect` and `sync` can read it.

    It is deleted when a `sync` of it is done, by `DELETE`, by the next `forget`, or after a week.
    """
    uploads: Uploads = request.app.state.uploads
    try:
        return await uploads.keep(name, request.stream())
    except TooLargeError:
        settings: Settings = request.app.state.settings
        detail = f"the file is larger than the {settings.max_upload_mb:,} MB of PRECEDENT_MAX_UPLOAD_MB: `precedent sync FILE` reads any size"
        raise HTTPException(detail, status_code=HTTP_413_REQUEST_ENTITY_TOO_LARGE) from None


@get("/", summary="List exports that wait", sync_to_thread=True, responses=problems())
def list_uploads(request: Request[Any, Any, Any]) -> UploadList:
    """Return the exports that were sent and are not stored yet."""
    uploads: Uploads = request.app.state.uploads
    return UploadList(uploads=tuple(uploads.all()))


@delete(
    "/{upload_id:str}",
    status_code=HTTP_200_OK,
    summary="Delete an export that was sent",
    responses=problems(400, 409),
)
async def delete_upload(request: Request[Any, Any, Any], upload_id: FromPath[str]) -> Removed:
    """Delete the file and what was rejected of it; what is stored of it stays."""
    jobs: JobStore = request.app.state.jobs
    uploads: Uploads = request.app.state.uploads
    for job in jobs.all():
        if job.ended_at is None and job.order is not None and job.order["upload"] == upload_id:
            detail = f"the job /v1/jobs/{job.id} reads it: wait for its end, or cancel it"
            raise HTTPException(detail, status_code=HTTP_409_CONFLICT)
    return Removed(id=upload_id, deleted=upload_id.isalnum() and uploads.remove(upload_id))


@get(
    "/{upload_id:str}/rejected",
    summary="Read what was rejected of an export",
    media_type="application/x-ndjson",
    sync_to_thread=True,
    responses={
        200: response(str, "a line for each record: `{place, reason, record}`", "application/x-ndjson"),
        **problems(400, 404),
    },
)
def get_rejected(request: Request[Any, Any, Any], upload_id: FromPath[str]) -> Response[Any]:
    """Return the records that the last `sync` of the export rejected, as they stood, each with its place and the reason."""
    settings: Settings = request.app.state.settings
    path = rejected_of(settings.data_dir, upload_id) if upload_id.isalnum() else None
    if path is None:
        msg = f"nothing that was rejected of an export {upload_id[:100]!r} is kept"
        raise NotFoundException(msg)
    return File(path, filename=path.name, media_type="application/x-ndjson")


router = Router(
    "/v1/uploads",
    route_handlers=[post_upload, list_uploads, delete_upload, get_rejected],
    guards=[require_key, require_admin],
    security=ADMIN_IN_OPENAPI,
    tags=["tickets"],
)
