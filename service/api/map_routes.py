"""``/v1/map``: the stored tickets as points on a plane, and where questions fall that none of them was near to."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router, get
from litestar.exceptions import NotFoundException
from litestar.status_codes import HTTP_200_OK, HTTP_202_ACCEPTED

from indexer.ledger import Answer
from service.api.documentation import problems, response
from service.api.security import KEY_IN_OPENAPI, require_key
from service.doc import doc
from service.runtime import Runtime
from service.ticket_map.files import TicketMap
from service.ticket_map.gaps import LOOKED_AT, Gap, place_gaps
from service.ticket_map.maps import MapProgress, NoMapError, ServedMap, TicketMaps

__all__ = ["router"]

_MOST_GAPS = 200
_MAKING = response(MapProgress, "it is being made, in the background: ask again after `Retry-After` seconds")


class Gaps(msgspec.Struct, frozen=True, kw_only=True):
    """Questions that had no precedent, newest first."""

    questions: tuple[Gap, ...]
    looked_at: Annotated[int, doc("newest kept answers that were looked through, at most")]


@get(
    "/",
    summary="The stored tickets as points on a plane",
    responses={200: response(TicketMap, "the map"), 202: _MAKING, **problems(404)},
)
async def get_map(request: Request[Any, Any, Any]) -> Response[Any]:
    """Return up to 5,000 stored tickets, by chance, as points; near points are alike. Fewer than 30 tickets have no map.

    It is made when it is first asked for, once for each generation, and again when a fifth of the tickets have come or gone.
    """
    found = await _found(request)
    if isinstance(found, MapProgress):
        return _making(found)
    packed = "gzip" in request.headers.get("accept-encoding", "")
    return Response(
        found.packed if packed else found.plain,
        status_code=HTTP_200_OK,
        media_type="application/json",
        headers={"Vary": "Accept-Encoding"} | ({"Content-Encoding": "gzip"} if packed else {}),
    )


@get(
    "/gaps",
    summary="Where questions fall that no stored ticket is near to",
    responses={200: response(Gaps, "the questions"), 202: _MAKING, **problems(404)},
)
async def get_gaps(request: Request[Any, Any, Any]) -> Response[Any]:
    """Return kept questions without a precedent above the floor, up to 200, placed by the tickets that were nearest to them.

    Where they gather, an answer should be written down next.
    """
    found = await _found(request)
    if isinstance(found, MapProgress):
        return _making(found)
    runtime: Runtime = request.app.state.runtime
    ledger, space = runtime.store.ledger, runtime.snapshot().generation.space

    def placed() -> tuple[Gap, ...]:
        answers: list[Answer] = ledger.answers.without_precedent(among=LOOKED_AT, limit=_MOST_GAPS)
        return place_gaps(found.kept, answers, ledger, space)

    return Response(Gaps(questions=await runtime.pools.reads.run(placed), looked_at=LOOKED_AT))


async def _found(request: Request[Any, Any, Any]) -> ServedMap | MapProgress:
    runtime: Runtime = request.app.state.runtime
    maps: TicketMaps = request.app.state.maps
    snapshot = runtime.snapshot()
    try:
        return await maps.get(snapshot.generation, snapshot.tickets)
    except NoMapError as error:
        raise NotFoundException(str(error)) from None


def _making(progress: MapProgress) -> Response[MapProgress]:
    return Response(progress, status_code=HTTP_202_ACCEPTED, headers={"Retry-After": "2"})


router = Router(
    "/v1/map",
    route_handlers=[get_map, get_gaps],
    guards=[require_key],
    security=KEY_IN_OPENAPI,
    tags=["operations"],
)
