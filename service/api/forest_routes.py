"""``/v1/forest``: what the forest would have done with later tickets."""

from typing import Annotated, Any

import msgspec
import numpy as np
from litestar import Request, Router, get
from litestar.exceptions import NotFoundException
from litestar.params import QueryParameter

from indexer.ticket import SHORT_TEXT, TicketError, shorten
from service.api.documentation import problems
from service.api.requests import Cursor, Limit, no_cursor, require_known
from service.api.security import KEY_IN_OPENAPI, require_key
from service.decided_fields import PRIORITY
from service.doc import doc
from service.priority import Forest
from service.priority.forest_report import Budget
from service.runtime import Runtime
from service.scores import confusion_matrix

__all__ = ["router"]

_LISTED_BY = ("limit", "cursor", "field", "label", "said")

Field = Annotated[
    str, QueryParameter(description="which is decided: the priority, or one of `PRECEDENT_DECIDE`")
]


class ForestRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What the forest would have done with tickets that were held out in time order."""

    later_tickets: int
    labels: Annotated[tuple[str, ...], doc("rows and columns of `confusions`")]
    confusions: Annotated[
        tuple[tuple[int, ...], ...],
        doc("how many later tickets of a label (row) were given a label (column)"),
    ]
    max_error: Annotated[float, doc("the error budget in force")]
    budgets: Annotated[
        tuple[Budget, ...], doc("what that and others would have let the forest decide, the smallest first")
    ]


class LaterTicket(msgspec.Struct, frozen=True, kw_only=True):
    """A later ticket, its label when the forest was fitted, and what was said of it; ``text`` is its beginning."""

    id: str
    label: str
    said: str
    subject: str | None
    text: Annotated[str, doc(f"up to {SHORT_TEXT:,} characters")]


class LaterTickets(msgspec.Struct, frozen=True, kw_only=True):
    """A page of later tickets, newest first; ``next_cursor`` asks for the next one, ``null`` at the end."""

    tickets: tuple[LaterTicket, ...]
    next_cursor: str | None


@get(
    "/",
    summary="What each error budget would let the forest decide",
    responses=problems(400, 404, 422),
    sync_to_thread=True,
)
def get_forest(request: Request[Any, Any, Any], *, field: Field = PRIORITY) -> ForestRecord:
    """Return what the forest that serves would have done with later tickets of the team's own history.

    Each of `budgets` is what the service does if `PRECEDENT_MAX_ERROR` (of another field `PRECEDENT_FIELD_MAX_ERROR`) is set to its
    `max_error`, and the forest decides, not a hosted model: from `threshold` on a label is automatic; `automatic` of the later tickets had been, `wrong` of these wrongly.
    """
    require_known(request, ("field",))
    forest = _forest(request, field)
    labels = len(forest.labels)
    confusions = confusion_matrix(forest.label[forest.later], forest.later_predicted, labels)
    return ForestRecord(
        later_tickets=len(forest.later),
        labels=forest.labels,
        confusions=tuple(tuple(map(int, row)) for row in confusions.tolist()),
        max_error=forest.report.abstention.max_error,
        budgets=forest.budgets,
    )


@get("/later", summary="List the later tickets that it was tested on", responses=problems(400, 404, 422))
async def list_later(
    request: Request[Any, Any, Any],
    *,
    limit: Limit = 50,
    cursor: Cursor = "",
    field: Field = PRIORITY,
    label: Annotated[str | None, QueryParameter(description="that the ticket has")] = None,
    said: Annotated[str | None, QueryParameter(description="label that was predicted")] = None,
) -> LaterTickets:
    """Return later tickets with their label and the one that was predicted for them; those deleted since are left out."""
    require_known(request, _LISTED_BY)
    forest = _forest(request, field)
    start = _place(cursor)
    which = np.ones(len(forest.later), dtype=bool)
    for given, columns in ((label, forest.label[forest.later]), (said, forest.later_predicted)):
        if given is not None:
            which &= columns == _column(forest, given)
    places = np.flatnonzero(which)[::-1]
    page = places[start : start + limit].tolist()
    ids = [forest.ids[forest.later[place]] for place in page]
    runtime: Runtime = request.app.state.runtime
    found = await runtime.pools.reads.run(runtime.store.tickets.get, ids)
    return LaterTickets(
        tickets=tuple(
            LaterTicket(
                id=ticket_id,
                label=forest.labels[forest.label[forest.later[place]]],
                said=forest.labels[forest.later_predicted[place]],
                subject=found[ticket_id].subject,
                text=shorten(found[ticket_id].text, SHORT_TEXT),
            )
            for ticket_id, place in zip(ids, page, strict=True)
            if ticket_id in found
        ),
        next_cursor=str(start + limit) if len(places) > start + limit else None,
    )


def _forest(request: Request[Any, Any, Any], field: str) -> Forest:
    runtime: Runtime = request.app.state.runtime
    served = runtime.snapshot().served
    if field not in served:
        msg = f"the field {field[:200]!r} is not decided; there are {', '.join(served)}"
        raise TicketError(msg)
    forest = served[field].forest
    if not isinstance(forest, Forest):
        msg = f"there is no forest: {forest.state}"
        raise NotFoundException(msg)
    return forest


def _column(forest: Forest, label: str) -> int:
    names = [name.casefold() for name in forest.labels]
    if label.casefold() not in names:
        msg = f"the forest knows no label {label[:200]!r}; there are {', '.join(forest.labels)}"
        raise TicketError(msg)
    return names.index(label.casefold())


def _place(cursor: str) -> int:
    if cursor and not (cursor.isdecimal() and cursor.isascii() and len(cursor) < 10):  # noqa: PLR2004 (digits)
        raise no_cursor(cursor)
    return int(cursor or 0)


router = Router(
    "/v1/forest",
    route_handlers=[get_forest, list_later],
    guards=[require_key],
    security=KEY_IN_OPENAPI,
    tags=["operations"],
)
