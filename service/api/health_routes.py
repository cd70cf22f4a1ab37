"""Operations: ``/v1/status``, ``/health/live`` and ``/health/ready``."""

import contextlib
from collections.abc import AsyncGenerator, Callable
from typing import Any

import msgspec
from litestar import Request, Response, Router, get
from litestar.response import ServerSentEvent, ServerSentEventMessage
from litestar.status_codes import HTTP_200_OK, HTTP_503_SERVICE_UNAVAILABLE

from service.api.documentation import problems, response
from service.api.keyring import Key, Keyring
from service.api.security import KEY_IN_OPENAPI, require_key
from service.runtime import Runtime
from service.status import Status, StatusFeed

__all__ = ["health_router", "status_router"]


class Health(msgspec.Struct, frozen=True):
    """Whether the service runs, and what it is doing."""

    status: str
    stage: str


@get("/live", summary="Whether the process runs")
async def live() -> Health:
    """Return 200 as long as the process answers."""
    return Health("live", "running")


@get(
    "/ready",
    summary="Whether tickets can be answered",
    responses={503: response(Health, "not yet; `stage` says what is being done")},
)
async def ready(request: Request[Any, Any, Any]) -> Response[Health]:
    """Return 200 when tickets can be answered, else 503 and what is being done."""
    runtime: Runtime = request.app.state.runtime
    if runtime.ready:
        return Response(Health("ready", runtime.stage), status_code=HTTP_200_OK)
    return Response(
        Health("not ready", runtime.stage),
        status_code=HTTP_503_SERVICE_UNAVAILABLE,
        headers={"Retry-After": "2"},
    )


@get("/status", summary="What is served, and from what", sync_to_thread=True, responses=problems())
def status(request: Request[Any, Any, Any]) -> Status:
    """Return the state of index, forest and drafting."""
    look: Callable[[], Status] = request.app.state.look
    return look()


@get(
    "/status/events",
    summary="The same as a stream",
    responses={
        200: response(
            str,
            "events `status`: first everything as of `GET /v1/status`, then every two seconds what has changed",
            "text/event-stream",
        ),
        **problems(),
    },
)
async def status_events(request: Request[Any, Any, Any]) -> ServerSentEvent:
    """Return the state as a stream of server-sent events; it ends with client, service or key."""
    feed: StatusFeed = request.app.state.status_feed
    keyring: Keyring = request.app.state.keyring
    key: Key | None = request.scope["state"].get("key")
    return ServerSentEvent(_events(feed, lambda: keyring.opens(key)))


async def _events(
    feed: StatusFeed, may_watch: Callable[[], bool]
) -> AsyncGenerator[ServerSentEventMessage, None]:
    async with contextlib.aclosing(feed.changes(may_watch)) as changes:
        async for changed in changes:
            yield ServerSentEventMessage(event="status", data=msgspec.json.encode(changed).decode())


status_router = Router(
    "/v1",
    route_handlers=[status, status_events],
    guards=[require_key],
    security=KEY_IN_OPENAPI,
    tags=["operations"],
)
health_router = Router("/health", route_handlers=[live, ready], tags=["operations"])
