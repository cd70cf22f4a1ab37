"""``/v1/feedback``: what agents did with answers."""

import dataclasses
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Router, get, post
from litestar.params import JSONBody
from litestar.status_codes import HTTP_200_OK

from indexer.ledger import FeedbackEntry
from indexer.parsing import parse_ticket
from indexer.ticket import MAX_ID_LENGTH, TicketError
from service.api.documentation import problems
from service.api.security import KEY_IN_OPENAPI, require_json, require_key
from service.api.triage_routes import TicketText
from service.doc import doc
from service.feedback import FeedbackResult, take_feedback
from service.runtime import Runtime

__all__ = ["router"]


_WEEKS = 26
_WITHOUT_NUL = r"^[^\x00]*$"


class FeedbackRequest(TicketText, kw_only=True):
    """What became of an answer. The text is only needed to learn what is right of a ticket that is not stored."""

    action: Annotated[Literal["accepted", "edited", "rejected"], doc("what the agent did with the draft")]
    triage_id: Annotated[
        Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None, doc("`id` of the answer")
    ] = None
    ticket_id: Annotated[str | None, doc("the portal's id of the ticket")] = None
    priority: Annotated[str | None, doc("the right priority, if the agent says so")] = None
    decisions: Annotated[
        Mapping[str, str],
        doc('the right values of other fields that are decided, likewise: `{"component": "CLI"}`'),
    ] = {}
    reply: Annotated[str | None, doc("what was sent: the reply as it was edited, where it was")] = None
    reason: Annotated[
        Annotated[str, msgspec.Meta(max_length=2_000, pattern=_WITHOUT_NUL)] | None,
        doc("why it was edited or rejected"),
    ] = None
    precedent: Annotated[
        Annotated[
            str, msgspec.Meta(min_length=1, max_length=MAX_ID_LENGTH, pattern=r"^[^\x00-\x1f\x7f-\xa0]*$")
        ]
        | None,
        doc("id of a stored ticket that would have been the right precedent"),
    ] = None

    def entry(self) -> tuple[FeedbackEntry, str | None]:
        """Return what is kept, cleaned as a ticket is, and the ticket's text.

        :raises TicketError: a field cannot be used, or needs another one.
        """
        text = None if self.text is self.subject is self.body is None else self.ticket().text
        ticket = parse_ticket(
            {
                "id": self.ticket_id if self.ticket_id is not None else "none",
                "text": text or "none",
                "priority": self.priority,
                "resolution": self.reply,
                "fields": self.decisions,
            }
        )
        named = ticket.id if self.ticket_id is not None else None
        right = {name: value for name, value in ticket.fields.items() if isinstance(value, str)}
        for needs, given, wanted in (
            (
                "feedback",
                self.triage_id or named or (text and (ticket.priority or right)),
                "triage_id, ticket_id, or a text with its priority",
            ),
            ("priority", ticket.priority is None or named or text, "ticket_id, or the ticket's text"),
            ("decisions", not right or named or text, "ticket_id, or the ticket's text"),
        ):
            if not given:
                msg = f"{needs} needs {wanted}"
                raise TicketError(msg)
        entry = FeedbackEntry(
            action=self.action,
            triage_id=self.triage_id,
            ticket_id=named,
            priority=ticket.priority,
            reply=ticket.resolution,
            reason=(self.reason or "").strip() or None,
            precedent=self.precedent,
            decisions=right,
        )
        return entry, text


@post(
    "/",
    status_code=HTTP_200_OK,
    guards=[require_json],
    summary="Tell what became of an answer",
    responses=problems(400, 413, 415, 422),
)
async def feedback(request: Request[Any, Any, Any], data: JSONBody[FeedbackRequest]) -> FeedbackResult:
    """Keep what the agent did with an answer; of several for one answer the last one counts.

    A `priority` becomes the label of the stored ticket that `ticket_id` names, and so do `decisions` on other fields; of a
    ticket that is not stored, the text is stored with it, without a resolution. Either way it teaches the forest at its
    next refit. Whatever writes
    that ticket later (a sync, the portal) goes before it, by `updated_at` where both have one. `GET /v1/triage/{id}`
    shows the last word on an answer beside it; `reply` and `reason` go with the answer, or with the ticket.
    """
    entry, text = data.entry()
    return await take_feedback(request.app.state.runtime, entry, text)


class WeekOfFeedback(msgspec.Struct, frozen=True, kw_only=True):
    """What became of answers in one week; of several words on one answer the last one counts, when it was said."""

    week: Annotated[date, doc("its Monday, in UTC")]
    answers: Annotated[int, doc("that were given in it and are still kept")]
    accepted: int
    edited: int
    rejected: int
    corrected: Annotated[int, doc("of these three, those with a priority")]
    other_precedent: Annotated[
        int, doc("of these three, those that name another ticket as the right precedent")
    ]


class FeedbackByWeek(msgspec.Struct, frozen=True, kw_only=True):
    """The last half year by weeks, oldest first."""

    weeks: tuple[WeekOfFeedback, ...]


@get("/", summary="Count by week what became of answers", responses=problems())
async def feedback_by_week(request: Request[Any, Any, Any]) -> FeedbackByWeek:
    """Return how many answers were given in each of the last 26 weeks, and what agents did with them."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    monday = today - timedelta(days=today.weekday())
    starts = [monday - timedelta(weeks=ago) for ago in reversed(range(_WEEKS))]
    runtime: Runtime = request.app.state.runtime
    counts = runtime.store.feedback.by_week
    found = await runtime.pools.reads.run(counts, [start.timestamp() for start in starts])
    return FeedbackByWeek(
        weeks=tuple(
            WeekOfFeedback(week=start.date(), **dataclasses.asdict(week))
            for start, week in zip(starts, found, strict=True)
        )
    )


router = Router(
    "/v1/feedback",
    route_handlers=[feedback, feedback_by_week],
    guards=[require_key],
    security=KEY_IN_OPENAPI,
    tags=["answers"],
)
