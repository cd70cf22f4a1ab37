"""The Litestar application."""

import asyncio
import contextlib
import functools
import gc
from collections.abc import AsyncIterator, Iterator

from litestar import Litestar
from litestar.config.cors import CORSConfig
from litestar.datastructures import State
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme, Server
from litestar.plugins.prometheus import PrometheusConfig
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types

from indexer.errors import PrecedentError, SettingsError
from indexer.processes import registered_service
from indexer.settings import Settings
from indexer.settings_check import LOOPBACK
from service.answering import open_answering
from service.api import (
    feedback_routes,
    forest_routes,
    health_routes,
    job_routes,
    map_routes,
    pages,
    ticket_routes,
    triage_routes,
    upload_routes,
)
from service.api.documentation import Document
from service.api.door import Door
from service.api.keyring import KeyFollower, Keyring
from service.api.requests import JSONRequest
from service.api.security import RATE_HEADERS, tell_rate
from service.intervals import Intervals
from service.jobs.batches import Batches
from service.jobs.operations import Operations
from service.jobs.store import JobStore
from service.jobs.uploads import Uploads
from service.metrics import watch
from service.pools import Pools
from service.problems import handlers
from service.status import StatusFeed, status_of
from service.ticket_map.maps import TicketMaps

__all__ = ["create_app"]

_MAX_BODY_BYTES = 1_000_000
_GARBAGE = 50_000  # new objects, before they are looked through
_KEYS = (
    "An API key, where the service has any. Its scope is `ask` (questions, reading tickets, feedback), `write` (also storing "
    "and deleting tickets) or `admin` (everything); each operation names the narrowest that will do."
)


def create_app(settings: Settings, intervals: Intervals | None = None) -> Litestar:
    """Return the service; opening the index and fitting the forest go on in the background after its start.

    :param intervals: of the background work; tests give shorter ones.
    """
    intervals = intervals or Intervals()
    pools, keyring = Pools(), Keyring(settings)

    @contextlib.asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            stack.enter_context(_refusal_kept(app))
            # Questions are answered side by side; a product of matrices that waits for OpenBLAS's own threads was seen to
            # wait for ever.
            stack.enter_context(threadpool_limits(limits=1, user_api="blas"))
            stack.enter_context(registered_service(settings.data_dir))
            opened = await stack.enter_async_context(open_answering(settings, pools, intervals, keep=True))
            runtime = opened.runtime
            keys = KeyFollower(runtime.store.ledger, keyring)
            stack.push_async_callback(keys.close)
            await keys.open()
            if not keyring.is_usable:
                raise SettingsError(_nobody_may_ask(settings))
            runtime.begin()
            uploads = Uploads(
                settings.data_dir, settings.max_upload_mb * 10**6, runtime.readiness.require_room
            )
            await asyncio.to_thread(uploads.clear)
            jobs = JobStore(settings.data_dir)
            await jobs.open()
            batches, operations = Batches(jobs, runtime), Operations(settings, jobs)
            stack.push_async_callback(batches.close)
            stack.push_async_callback(operations.close)
            await batches.open()
            maps = TicketMaps(settings, runtime.store.ledger)
            stack.push_async_callback(maps.close)
            watch(
                lambda: runtime.ready,
                lambda: runtime.current.tickets if runtime.current else 0,
                lambda: runtime.keeper.waiting,
                opened.breakers,
                lambda: opened.outbox.counts,
            )
            look = functools.partial(status_of, runtime, opened.breakers)
            app.state.update({
                "runtime": runtime, "pipeline": opened.pipeline, "jobs": jobs, "batches": batches, "operations": operations, "uploads": uploads,
                "maps": maps,
                "look": look,
                "status_feed": StatusFeed(look, at_least=lambda: {"ready": runtime.ready, "stage": runtime.stage}, is_stopping=app.state.is_stopping),
            })  # fmt: skip
            # What is there by now stays, and a question makes thousands of objects that go by themselves: it would wait while
            # they are looked through for garbage as often as Python does.
            gc.freeze()
            gc.set_threshold(_GARBAGE)
            yield

    app = Litestar(
        route_handlers=[
            triage_routes.router,
            ticket_routes.router,
            job_routes.router,
            upload_routes.router,
            map_routes.router,
            feedback_routes.router,
            forest_routes.router,
            health_routes.status_router,
            health_routes.health_router,
            pages.router,
        ],
        lifespan=[lifespan],
        cors_config=CORSConfig(
            allow_origins=[*settings.cors_origins],
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=["Authorization", "Content-Type"],
            expose_headers=["Retry-After", *RATE_HEADERS],
        )
        if settings.cors_origins
        else None,
        logging_config=None,
        exception_handlers=handlers,
        before_send=[tell_rate],
        middleware=[PrometheusConfig(app_name="precedent", prefix="precedent", group_path=True).middleware],
        openapi_config=OpenAPIConfig(
            title="Precedent",
            version="1",
            description="Answers a new support ticket from the team's own resolved ones.",
            path="/docs",
            components=Components(
                security_schemes={"key": SecurityScheme(type="http", scheme="bearer", description=_KEYS)}
            ),
            use_handler_docstrings=True,
            operation_id_creator=lambda handler, _method, _path: handler.handler_name,
            render_plugins=[pages.SwaggerPage(), Document()],
            # Seen from the document, so that it holds behind a proxy that serves under a prefix too.
            servers=[Server(url="..")],
        ),
        request_class=JSONRequest,
        request_max_body_size=_MAX_BODY_BYTES,
        state=State({"settings": settings, "pools": pools, "keyring": keyring, "is_stopping": lambda: False}),
    )
    app.asgi_handler = Door(app.asgi_handler, settings)
    return app


def _nobody_may_ask(settings: Settings) -> str:
    if settings.host in LOOPBACK:
        return "all API keys are revoked, so nobody could ask: make one with `precedent keys add NAME --scope admin`"
    return (
        f"PRECEDENT_HOST={settings.host} is reachable from other machines: make a key with `precedent keys add NAME "
        "--scope admin`, set PRECEDENT_API_KEYS, or serve on 127.0.0.1"
    )


@contextlib.contextmanager
def _refusal_kept(app: Litestar) -> Iterator[None]:
    """Keep the error that stops the start for the caller of the server; the server itself only prints a traceback."""
    try:
        yield
    except PrecedentError as error:
        app.state["refusal"] = error
        raise
