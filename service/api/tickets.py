"""``/v1/tickets``: the portal feeds resolved tickets one by one or in bulk."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec
from litestar import Request, Router, delete, get, post, put
from litestar.exceptions import ClientException, NotFoundException
from litestar.params import FromPath
from litestar.status_codes import HTTP_200_OK

from indexer.ledger import Outcome
from indexer.ticket import MAX_TEXT_LENGTH, Ticket, TicketError, parse_ticket
from service.api.body import decoded
from service.api.documentation import BatchOperation, TicketOperation, problems
from service.api.security import (
    KEY_IN_OPENAPI,
    LINES,
    media_type,
    require_json,
    require_json_or_lines,
    require_key,
)
from service.intake import Intake, Taken
from service.keeper import Keeper

__all__ = ["router"]

_MAX_BATCH_BYTES = 64 * 2**20
_MAX_LINE_BYTES = 16 * MAX_TEXT_LENGTH  # text and resolution, each character as an escape such as \u00e9
_FLUSH = 500


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a ticket: ``added``, ``updated``, ``unchanged``, or ``stale`` (a later version is stored)."""

    id: str
    outcome: Outcome


class Deleted(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket that is gone."""

    id: str
    deleted: bool


@put(
    "/{ticket_id:path}",
    summary="Store a resolved ticket",
    request_max_body_size=_MAX_LINE_BYTES,
    guards=[require_json],
    responses=problems(400, 413, 415, 422),
    operation_class=TicketOperation,
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
    with contextlib.closing(Intake(_keeper(request))) as intake:
        await intake.put(ticket)
    taken = intake.taken
    if taken.rejections:
        raise TicketError(taken.rejections[0].reason)
    outcome = next(o for o in Outcome if getattr(taken, o))
    await _keeper(request).noticed()
    return Written(id=ticket.id, outcome=outcome)


@post(
    "/batch",
    status_code=HTTP_200_OK,
    summary="Store many resolved tickets",
    request_max_body_size=_MAX_BATCH_BYTES,
    guards=[require_json_or_lines],
    responses=problems(400, 413, 415, 422),
    operation_class=BatchOperation,
)
async def post_batch(request: Request[Any, Any, Any]) -> Taken:
    """Store tickets: a JSON array, or with `Content-Type: application/x-ndjson` one ticket a line, read as a stream.

    What is not a ticket is counted in `rejected`, and the first 1,000 are listed in `rejections` with number and reason;
    the rest is stored.
    """
    keeper = _keeper(request)
    with contextlib.closing(Intake(keeper)) as intake:
        if media_type(request) in LINES:
            await _take_lines(intake, request)
        else:
            found = await keeper.pools.writes.run(decoded, await request.body())
            tickets = found.get("tickets") if isinstance(found, dict) else found
            if not isinstance(tickets, list):
                msg = "a batch is a JSON array of tickets, or an object with one under `tickets`, or NDJSON"
                raise TicketError(msg)
            await intake.take(enumerate(tickets, 1))
    if intake.taken.added:
        await keeper.noticed()
    return intake.taken


@get("/{ticket_id:path}", summary="Read a stored ticket", responses=problems(400, 404))
async def get_ticket(request: Request[Any, Any, Any], ticket_id: FromPath[str]) -> Ticket:
    """Return the ticket as stored."""
    ticket_id = _exact(request, ticket_id)
    keeper = _keeper(request)
    found = await keeper.pools.reads.run(keeper.opened.ledger.tickets.get, [ticket_id])
    if ticket_id not in found:
        msg = f"no ticket {ticket_id!r} is stored"
        raise NotFoundException(msg)
    return found[ticket_id]


@delete(
    "/{ticket_id:path}", status_code=HTTP_200_OK, summary="Delete a stored ticket", responses=problems(400)
)
async def delete_ticket(request: Request[Any, Any, Any], ticket_id: FromPath[str]) -> Deleted:
    """Delete the ticket; no query returns it when this answers. `python -m indexer forget` also erases its bytes."""
    ticket_id = _exact(request, ticket_id)
    keeper = _keeper(request)
    ledger = keeper.opened.ledger
    gone = await keeper.pools.writes.run(ledger.tickets.delete, [ticket_id])
    live = await keeper.pools.writes.run(ledger.generations.live)
    if live is not None:
        await keeper.told(live, [ticket_id])
    return Deleted(id=ticket_id, deleted=bool(gone))


async def _take_lines(intake: Intake, request: Request[Any, Any, Any]) -> None:
    records: list[tuple[int, object]] = []
    async for number, line in _lines(request):
        try:
            records.append((number, decoded(line)))
        except ClientException as error:
            intake.reject(number, error.detail)
        if len(records) == _FLUSH:
            await intake.take(records)
            records = []
    await intake.take(records)


def _keeper(request: Request[Any, Any, Any]) -> Keeper:
    keeper: Keeper = request.app.state.keeper
    return keeper


def _exact(request: Request[Any, Any, Any], routed: str) -> str:
    """Return the id as it was sent: the router drops slashes at its ends, and an id may have them."""
    raw: bytes = request.scope["raw_path"].partition(b"/v1/tickets/")[2]
    try:
        return unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        msg = f"the id in the path is not UTF-8: {routed.removeprefix('/')[:200]!r}"
        raise TicketError(msg) from None


async def _lines(request: Request[Any, Any, Any]) -> AsyncIterator[tuple[int, bytes]]:
    """Yield the lines that are not blank, each with its number."""
    rest, number = b"", 0
    async for chunk in request.stream():
        *lines, rest = (rest + chunk).split(b"\n")
        for number, line in enumerate(lines, number + 1):  # noqa: B020 (it counts on)
            if line.strip():
                yield number, line
        if len(rest) > _MAX_LINE_BYTES:
            msg = f"a line is longer than {_MAX_LINE_BYTES:,} bytes"
            raise ClientException(msg)
    if rest.strip():
        yield number + 1, rest


router = Router(
    "/v1/tickets",
    route_handlers=[post_batch, put_ticket, get_ticket, delete_ticket],
    guards=[require_key],
    security=KEY_IN_OPENAPI,
    tags=["tickets"],
)
