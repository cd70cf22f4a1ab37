"""Operations: ``/v1/status``, ``/health/live`` and ``/health/ready``."""

import importlib.metadata
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.status_codes import HTTP_200_OK, HTTP_503_SERVICE_UNAVAILABLE

from service.answer_keeper import KeepingStatus
from service.api.documentation import problems
from service.api.security import KEY_IN_OPENAPI, require_key
from service.breaker import Breaker, BreakerStatus
from service.decided_fields import PRIORITY
from service.forest import ServedForest, Verdict
from service.priority import Forest, ForestReport
from service.runtime import Runtime
from service.usage import SpendToday, spend_today

__all__ = ["health_router", "status_router"]


class Health(msgspec.Struct, frozen=True):
    """Whether the service runs, and what it is doing."""

    status: str
    stage: str


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
    last_fit: Annotated[
        Verdict | None, msgspec.Meta(description="how the last new forest was judged, and its report")
    ]


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """What is served, and from what."""

    ready: bool
    stage: str
    version: str
    index: IndexStatus | None
    forest: ForestStatus | None
    forests: Annotated[
        dict[str, ForestStatus],
        msgspec.Meta(description="by field: those of the other fields that `PRECEDENT_DECIDE` names"),
    ]
    chat_model: str | None
    feedback: Annotated[
        dict[str, int], msgspec.Meta(description="answers by what agents did, and with a corrected priority")
    ]
    answers: KeepingStatus
    spend: SpendToday
    deliveries: Annotated[
        dict[str, int], msgspec.Meta(description="answers that wait to be delivered, and dead ones")
    ]
    provider: Annotated[
        dict[str, BreakerStatus],
        msgspec.Meta(description="whether chat and embeddings are asked at the moment"),
    ]


@get("/live", summary="Whether the process runs")
async def live() -> Health:
    """Return 200 as long as the process answers."""
    return Health("live", "running")


@get(
    "/ready",
    summary="Whether tickets can be answered",
    responses={
        503: ResponseSpec(
            Health, generate_examples=False, description="not yet; `stage` says what is being done"
        )
    },
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
    runtime: Runtime = request.app.state.runtime
    breakers: dict[str, Breaker] = request.app.state.breakers
    snapshot = runtime.current
    index = None
    forests: dict[str, ForestStatus] = {}
    if snapshot is not None:
        space = snapshot.generation.space
        index = IndexStatus(
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
        forests = {field: _forest(served) for field, served in snapshot.served.items()}
    settings = runtime.settings
    return Status(
        ready=runtime.ready,
        stage=runtime.stage,
        version=_version(),
        index=index,
        forest=forests.pop(PRIORITY, None),
        forests=forests,
        feedback=runtime.store.feedback.counts(),
        answers=runtime.keeper.status(),
        spend=spend_today(settings, runtime.store.ledger),
        deliveries=runtime.store.ledger.deliveries.counts(),
        provider={name: breaker.status() for name, breaker in breakers.items()},
        chat_model=settings.chat_model if settings.provider_configured else None,
    )


def _forest(served: ServedForest) -> ForestStatus:
    return ForestStatus(
        state=served.forest.state,
        report=served.forest.report if isinstance(served.forest, Forest) else None,
        last_fit=served.verdict,
    )


def _version() -> str:
    try:
        return importlib.metadata.version("precedent")
    except importlib.metadata.PackageNotFoundError:
        return "source"


status_router = Router(
    "/v1", route_handlers=[status], guards=[require_key], security=KEY_IN_OPENAPI, tags=["operations"]
)
health_router = Router("/health", route_handlers=[live, ready], tags=["operations"])
