"""``/v1/tickets``: the portal feeds resolved tickets one by one or in bulk."""

import contextlib
import io
import itertools
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import unquote_to_bytes

import msgspec
from litestar import Request, Response, Router, delete, get, post, put
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, QueryParameter
from litestar.status_codes import HTTP_200_OK, HTTP_202_ACCEPTED

from indexer.distillation import problem_of
from indexer.ledger import Filter, Ledger, Outcome
from indexer.parsing import parse_ticket
from indexer.sources.jsonl import read_jsonl
from indexer.sources.record import SourceRecord
from indexer.ticket import MAX_TEXT_LENGTH, SHORT_TEXT, Ticket, TicketError, shorten
from service.api.documentation import problems, response
from service.api.requests import Cursor, Limit, decoded, in_utc, no_cursor, require_known
from service.api.security import (
    KEY_IN_OPENAPI,
    LINES,
    WRITE_IN_OPENAPI,
    media_type,
    require_json,
    require_json_or_lines,
    require_key,
    require_write,
)
from service.doc import doc
from service.intake import BatchResult, Intake
from service.jobs.batches import Batches
from service.jobs.store import Job
from service.runtime import Runtime

__all__ = ["router"]

_MAX_BATCH_BYTES = 64 * 2**20
_MAX_LINE_BYTES = 16 * MAX_TEXT_LENGTH  # text and resolution, each character as an escape such as \u00e9
_LISTED_BY = (
    "limit", "cursor", "tag", "field", "source", "priority", "created_after", "created_before",
)  # fmt: skip
_AFTER = "after:"  # begins a cursor; the id of the last ticket of the page before follows
_SOON_BYTES = 4 * 2**20
_SOON_RECORDS = 1_000
"""What is stored while the client waits; what is more becomes a job."""


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a ticket: ``added``, ``updated``, ``unchanged``, or ``stale`` (a later version is stored)."""

    id: str
    outcome: Outcome


class Deleted(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket that is gone."""

    id: str
    deleted: bool


class StoredTicket(Ticket, frozen=True, kw_only=True):
    """A ticket as stored, with the problem that `sync --distil` made of its conversation."""

    problem: Annotated[str | None, doc("what did not work for the customer")] = None
    problem_from: Annotated[str | None, doc("where the problem came from")] = None


class TicketSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A stored ticket in a list; ``text`` is its beginning."""

    id: str
    subject: str | None
    text: Annotated[str, doc(f"up to {SHORT_TEXT:,} characters")]
    priority: str | None
    has_resolution: bool
    status: str | None
    outcome: str | None
    url: str | None
    source: str | None
    tags: tuple[str, ...]
    fields: dict[str, str | tuple[str, ...]]
    created_at: datetime | None
    resolved_at: datetime | None
    updated_at: datetime | None


class TicketList(msgspec.Struct, frozen=True, kw_only=True):
    """A page of tickets in order of their ids; ``next_cursor`` asks for the next one, ``null`` at the end."""

    tickets: tuple[TicketSummary, ...]
    next_cursor: str | None


@get("/", summary="List stored tickets", security=KEY_IN_OPENAPI, responses=problems(400, 422))
async def list_tickets(
    request: Request[Any, Any, Any],
    *,
    limit: Limit = 50,
    cursor: Cursor = "",
    tag: Annotated[list[str] | None, QueryParameter(description="a tag that it has; repeatable")] = None,
    field: Annotated[
        list[str] | None,
        QueryParameter(description="`name:value` of a field; repeatable, any value of one name will do"),
    ] = None,
    source: str | None = None,
    priority: str | None = None,
    created_after: datetime | None = None,
    created_before: datetime | None = None,
) -> TicketList:
    """Return the stored tickets that meet every condition given, all of them without one."""
    require_known(request, _LISTED_BY)
    if not cursor.startswith(_AFTER) and cursor:
        raise no_cursor(cursor)
    runtime = _runtime(request)
    which = Filter(
        fields=_named_values(field or []),
        tags=tuple(tag or ()),
        source=source,
        priority=priority,
        created_after=in_utc(created_after),
        created_before=in_utc(created_before),
    )
    after = cursor.removeprefix(_AFTER)
    found = await runtime.pools.reads.run(runtime.store.tickets.page, which, after=after, limit=limit + 1)
    return TicketList(
        tickets=tuple(map(_summary, found[:limit])),
        next_cursor=_AFTER + found[limit - 1].id if len(found) > limit else None,
    )


@put(
    "/{ticket_id:path}",
    summary="Store a resolved ticket",
    request_max_body_size=_MAX_LINE_BYTES,
    guards=[require_write, require_json],
    security=WRITE_IN_OPENAPI,
    responses=problems(400, 403, 413, 415, 422),
)
async def put_ticket(request: Request[Any, Any, Any], ticket_id: FromPath[str]) -> Written:
    """Store the ticket under the id of the path; the next query sees it when this answers 200.

    Body: `text` (or `subject` and `body`), and optionally `priority`, `resolution`, `created_at`, `resolved_at`,
    `updated_at`, `tags`, `source`. Of two versions the one with the later `updated_at` stays, without it the last.
    """
    ticket_id = _exact(request, ticket_id)
    record = decoded(await request.body())
    if isinstance(record, dict) and str(record.get("id", ticket_id)) != ticket_id:
        msg = f"the body's id {str(record['id'])[:200]!r} is not the path's {ticket_id!r}"
        raise TicketError(msg)
    ticket = parse_ticket({**record, "id": ticket_id} if isinstance(record, dict) else record)
    if ticket.id != ticket_id:
        msg = f"the path's id {ticket_id[:200]!r} begins or ends with a blank: leave it out"
        raise TicketError(msg)
    if ticket.is_open and not _runtime(request).settings.keep_open:
        msg = f"its status {ticket.status!r} says that it is not resolved: store it when it is, or have PRECEDENT_OPEN_TICKETS=keep keep it"
        raise TicketError(msg)
    with contextlib.closing(Intake(_runtime(request))) as intake:
        await intake.put(ticket)
    taken = intake.taken
    if taken.rejections:
        raise TicketError(taken.rejections[0].reason)
    outcome = next(o for o in Outcome if getattr(taken, o))
    await _runtime(request).wait_for_first_tickets()
    return Written(id=ticket.id, outcome=outcome)


@post(
    "/batch",
    status_code=HTTP_200_OK,
    summary="Store many resolved tickets",
    request_max_body_size=_MAX_BATCH_BYTES,
    guards=[require_write, require_json_or_lines],
    security=WRITE_IN_OPENAPI,
    responses={
        202: response(Job, "taken on; `Location` tells how far it is"),
        **problems(400, 403, 413, 415, 422),
    },
)
async def post_batch(request: Request[Any, Any, Any]) -> Response[BatchResult]:
    """Store tickets: a JSON array, or with `Content-Type: application/x-ndjson` one ticket a line.

    What is not a ticket is counted in `rejected`, and the first 1,000 are listed in `rejections` with number and reason;
    the rest is stored. A batch of more than 1,000 records or 4 MiB is taken on with 202, stored in the background, and
    `GET /v1/jobs/{id}` tells how far it is.
    """
    runtime, lines = _runtime(request), media_type(request) in LINES
    parts = request.stream()
    body = bytearray()
    async for part in parts:
        body += part
        if len(body) > _SOON_BYTES:
            return await _begin(request, _joined(bytes(body), parts), lines=lines)
    records = await runtime.pools.writes.run(_read, bytes(body), lines=lines)
    if len(records) > _SOON_RECORDS:
        return await _begin(request, _joined(bytes(body), parts), lines=lines)
    with contextlib.closing(Intake(runtime)) as intake:
        await intake.take_read(records)
    if intake.taken.added:
        await runtime.wait_for_first_tickets()
    return Response(intake.taken)


@get(
    "/{ticket_id:path}",
    summary="Read a stored ticket",
    security=KEY_IN_OPENAPI,
    responses=problems(400, 404),
)
async def get_ticket(request: Request[Any, Any, Any], ticket_id: FromPath[str]) -> StoredTicket:
    """Return the ticket as stored; `resolution_from` says where its resolution came from, if not from a field of its own."""
    ticket_id = _exact(request, ticket_id)
    runtime = _runtime(request)
    found = await runtime.pools.reads.run(_stored, runtime.store.ledger, ticket_id)
    if found is None:
        msg = f"no ticket {ticket_id!r} is stored"
        raise NotFoundException(msg)
    return found


@delete(
    "/{ticket_id:path}",
    status_code=HTTP_200_OK,
    summary="Delete a stored ticket",
    guards=[require_write],
    security=WRITE_IN_OPENAPI,
    responses=problems(400, 403),
)
async def delete_ticket(request: Request[Any, Any, Any], ticket_id: FromPath[str]) -> Deleted:
    """Delete the ticket; no query returns it when this answers. `precedent forget` also erases its bytes."""
    ticket_id = _exact(request, ticket_id)
    runtime = _runtime(request)
    gone = await runtime.pools.writes.run(runtime.store.tickets.delete, [ticket_id])
    await runtime.update_index([ticket_id])
    return Deleted(id=ticket_id, deleted=bool(gone))


async def _begin(
    request: Request[Any, Any, Any], body: AsyncIterator[bytes], *, lines: bool
) -> Response[Any]:
    batches: Batches = request.app.state.batches
    job = await batches.begin(body, "lines" if lines else "json")
    return Response(job, status_code=HTTP_202_ACCEPTED, headers={"Location": f"/v1/jobs/{job.id}"})


async def _joined(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for part in rest:
        yield part


def _read(body: bytes, *, lines: bool) -> list[SourceRecord]:
    """Return a batch's records; of more than are stored at once, no more than shows that.

    :raises ClientException: it is not JSON.
    :raises TicketError: it is JSON, but no batch.
    """
    if lines:
        return list(itertools.islice(read_jsonl(io.BytesIO(body)), _SOON_RECORDS + 1))
    found = decoded(body)
    tickets = found.get("tickets") if isinstance(found, dict) else found
    if not isinstance(tickets, list):
        msg = "a batch is a JSON array of tickets, or an object with one under `tickets`, or NDJSON"
        raise TicketError(msg)
    return [
        SourceRecord(place=f"record {number}", value=record, raw="")
        for number, record in enumerate(tickets[: _SOON_RECORDS + 1], 1)
    ]


def _stored(ledger: Ledger, ticket_id: str) -> StoredTicket | None:
    ticket = ledger.tickets.get([ticket_id]).get(ticket_id)
    if ticket is None:
        return None
    problem, origin = problem_of(ledger, ticket) or (None, None)
    return StoredTicket(**msgspec.structs.asdict(ticket), problem=problem, problem_from=origin)


def _summary(ticket: Ticket) -> TicketSummary:
    same: dict[str, Any] = {name: getattr(ticket, name, None) for name in TicketSummary.__struct_fields__}
    own = {"text": shorten(ticket.text, SHORT_TEXT), "has_resolution": ticket.resolution is not None}
    return TicketSummary(**same | own)


def _named_values(given: list[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for text in given:
        name, colon, value = text.partition(":")
        if not colon or not name.strip():
            msg = f"field={text[:200]!r} is not name:value, such as product:api"
            raise TicketError(msg)
        found[name] = (*found.get(name, ()), value.strip())
    return found


def _runtime(request: Request[Any, Any, Any]) -> Runtime:
    runtime: Runtime = request.app.state.runtime
    return runtime


def _exact(request: Request[Any, Any, Any], routed: str) -> str:
    """Return the id as it was sent: the router drops slashes at its ends, and an id may have them."""
    raw: bytes = request.scope["raw_path"].partition(b"/v1/tickets/")[2]
    try:
        return unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        msg = f"the id in the path is not UTF-8: {routed.removeprefix('/')[:200]!r}"
        raise TicketError(msg) from None


router = Router(
    "/v1/tickets",
    route_handlers=[list_tickets, post_batch, put_ticket, get_ticket, delete_ticket],
    guards=[require_key],
    tags=["tickets"],
)
