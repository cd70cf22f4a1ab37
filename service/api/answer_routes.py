"""``GET /v1/triage``: the answers that were given."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, QueryParameter

from indexer.ledger import Which
from indexer.ticket import TicketError
from service.api.documentation import problems
from service.api.lists import Cursor, Limit, in_utc, require_known
from service.kept_answer import AnswerSummary, KeptAnswer, shown, summary
from service.runtime import Runtime

__all__ = ["get_answer", "list_answers"]

_LISTED_BY = ("limit", "cursor", "since", "until", "ticket")


class AnswerList(msgspec.Struct, frozen=True, kw_only=True):
    """A page of kept answers, newest first; ``next_cursor`` asks for the next one, ``null`` at the end."""

    answers: tuple[AnswerSummary, ...]
    next_cursor: str | None


@get("/triage", summary="List kept answers", responses=problems(400, 422))
async def list_answers(
    request: Request[Any, Any, Any],
    *,
    limit: Limit = 50,
    cursor: Cursor = "",
    since: datetime | None = None,
    until: datetime | None = None,
    ticket: Annotated[str | None, QueryParameter(description="id of a ticket that the answer names")] = None,
) -> AnswerList:
    """Return the answers that were given, newest first, as long as `PRECEDENT_KEEP_DAYS` keeps them."""
    require_known(request, _LISTED_BY)
    runtime: Runtime = request.app.state.runtime
    which = Which(
        since=_seconds(since),
        until=_seconds(until),
        ticket_id=ticket,
        before=_place(cursor) if cursor else None,
    )
    found = await runtime.pools.reads.run(runtime.store.ledger.answers.page, which, limit=limit + 1)
    page = found[:limit]
    return AnswerList(
        answers=tuple(map(summary, page)),
        next_cursor=f"{page[-1].at!r}_{page[-1].id}" if len(found) > limit else None,
    )


@get("/triage/{answer_id:str}", summary="Read a kept answer", responses=problems(400, 404))
async def get_answer(request: Request[Any, Any, Any], answer_id: FromPath[str]) -> KeptAnswer:
    """Return the answer as it was given, by its `id`, and what an agent did with it.

    What it says of tickets that are deleted since is left out: `forgotten` is true then.
    """
    runtime: Runtime = request.app.state.runtime
    found = await runtime.pools.reads.run(runtime.store.ledger.answers.get, answer_id)
    if found is None:
        msg = f"no answer {answer_id[:200]!r} is kept"
        raise NotFoundException(msg)
    return shown(found)


def _seconds(moment: datetime | None) -> float | None:
    found = in_utc(moment)
    return found.timestamp() if found else None


def _place(cursor: str) -> tuple[float, str]:
    at, _, answer_id = cursor.partition("_")
    try:
        return float(at), answer_id
    except ValueError:
        msg = f"cursor {cursor[:200]!r} is none: send the next_cursor of a page"
        raise TicketError(msg) from None
