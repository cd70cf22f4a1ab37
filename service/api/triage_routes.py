"""``/v1/triage``, ``/v1/classify`` and ``/v1/similar``: answers, and those that were given."""

import contextlib
from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, Router, get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.response import ServerSentEvent, ServerSentEventMessage
from litestar.status_codes import HTTP_200_OK

from indexer.ledger import Filter, Which
from indexer.parsing import parse_ticket
from indexer.ticket import MAX_TEXT_LENGTH, Ticket, TicketError
from service.api.documentation import problems, response
from service.api.requests import Cursor, Limit, in_utc, no_cursor, require_known
from service.api.security import KEY_IN_OPENAPI, require_json, require_key
from service.doc import doc
from service.kept_answer import AnswerSummary, KeptAnswer, shown, summary
from service.problems import problem_of
from service.results import Classified, Found, Triage, Triaged
from service.runtime import Runtime
from service.triage import Pipeline, Search

__all__ = ["events_of", "router"]

_MAX_BODY_BYTES = 8 * MAX_TEXT_LENGTH  # each character as an escape such as \u00e9, or as subject and body
_PROBLEMS = problems(400, 413, 415, 422)
_LISTED_BY = ("limit", "cursor", "since", "until", "ticket")

_TopK = Annotated[int, msgspec.Meta(ge=1, le=50, description="how many stored tickets to return")]
_Text = Annotated[str, doc("the whole ticket; else give subject and body")]


class TicketText(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A new ticket: its text, or its subject and body."""

    text: _Text | None = None
    subject: str | None = None
    body: str | None = None

    def ticket(self, **more: Any) -> Ticket:
        """Return it as a stored ticket would be, with more fields of a record.

        :raises TicketError: there is no text, it is too long or given twice, or another field cannot be used.
        """
        if self.text is not None and (self.subject is not None or self.body is not None):
            msg = "text is the whole ticket: give it alone, or subject and body without it"
            raise TicketError(msg)
        words = {"text": self.text, "subject": self.subject, "body": self.body}
        return parse_ticket({"id": "new", **words, **more})


class Question(TicketText, kw_only=True):
    """A new ticket, with what else is known of it."""

    created_at: Annotated[datetime | None, doc("when it was written; when not given: now")] = None
    fields: Annotated[
        dict[str, str | list[str]],
        doc("further fields of your own, such as product or component, named as in stored tickets"),
    ] = {}

    def ticket(self, **more: Any) -> Ticket:
        """Return it as a stored ticket would be.

        :raises TicketError: as of `TicketText`.
        """
        created_at = None if self.created_at is None else self.created_at.isoformat()
        return super().ticket(created_at=created_at, fields=self.fields, **more)


class _SearchRequest(Question, kw_only=True):
    """A new ticket, and which stored ones are wanted."""

    top_k: _TopK = 5
    filter: Annotated[Filter | None, doc("only stored tickets that meet it")] = None
    exclude: Annotated[
        list[str],
        msgspec.Meta(
            max_length=100, description="ids that are not wanted, such as the ticket's own where it is stored"
        ),
    ] = []
    texts: Annotated[
        Literal["short", "full"], doc("of the stored tickets: their beginnings, or all of them")
    ] = "short"

    def search(self, *, resolved: bool) -> Search:
        """Return what is wanted, as the pipeline takes it."""
        return Search(
            limit=self.top_k,
            resolved=resolved,
            which=None if self.filter is None or self.filter.is_empty else self.filter,
            exclude=frozenset(self.exclude),
            full_texts=self.texts == "full",
        )


class TriageRequest(_SearchRequest, kw_only=True):
    """A new ticket, and what the answer is to hold."""

    draft: Annotated[bool, doc("false: no reply is written, and no LLM is asked")] = True


class SimilarRequest(_SearchRequest, kw_only=True):
    """A new ticket, and which stored ones to return."""

    with_resolution: Annotated[bool, doc("only tickets that have one")] = False


@post(
    "/triage",
    status_code=HTTP_200_OK,
    summary="Answer a ticket",
    guards=[require_json],
    responses={200: response(Triage, "the whole answer, or the stream"), **_PROBLEMS},
)
async def triage(
    request: Request[Any, Any, Any], data: JSONBody[TriageRequest]
) -> Response[Triage] | ServerSentEvent:
    """Return priority, precedents and a draft reply.

    With `Accept: text/event-stream` the same comes as a stream: event `triage` (priority and neighbours), then
    `token` for each piece of the draft, then `done` with the whole answer, which is authoritative, or `error`.
    """
    pipeline: Pipeline = request.app.state.pipeline
    ticket, search = data.ticket(), data.search(resolved=True)
    if "text/event-stream" in request.headers.get("accept", ""):
        answer = pipeline.triage(ticket, search, draft=data.draft)
        # The first step is taken here, so that what fails before anything is sent has its own HTTP status.
        first = await anext(answer)
        return ServerSentEvent(events_of(first, answer))
    return Response(await pipeline.answer(ticket, search, draft=data.draft))


@post(
    "/classify",
    status_code=HTTP_200_OK,
    summary="Predict a ticket's priority",
    guards=[require_json],
    responses=_PROBLEMS,
)
async def classify(request: Request[Any, Any, Any], data: JSONBody[Question]) -> Classified:
    """Return the decisions alone: the priority, and the other fields that `PRECEDENT_DECIDE` names."""
    pipeline: Pipeline = request.app.state.pipeline
    return await pipeline.classify(data.ticket())


@post(
    "/similar",
    status_code=HTTP_200_OK,
    summary="Find similar tickets",
    guards=[require_json],
    responses=_PROBLEMS,
)
async def similar(request: Request[Any, Any, Any], data: JSONBody[SimilarRequest]) -> Found:
    """Return the nearest stored tickets."""
    pipeline: Pipeline = request.app.state.pipeline
    return await pipeline.similar(data.ticket(), data.search(resolved=data.with_resolution))


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
        raise no_cursor(cursor) from None


async def events_of(
    first: Triaged | str, answer: AsyncGenerator[Triaged | str, None]
) -> AsyncGenerator[ServerSentEventMessage, None]:
    """Yield the events of an answer that has begun; what fails from here on is the last of them.

    Closing it, as the server does when the client leaves, ends the answer too, and with it the request to the provider.
    """
    async with contextlib.aclosing(answer):
        try:
            yield _event(first)
            async for part in answer:
                yield _event(part)
        except Exception as error:  # noqa: BLE001 (the status is sent already: the stream itself must say it)
            yield ServerSentEventMessage(event="error", data=msgspec.json.encode(problem_of(error)).decode())


def _event(part: Triaged | str) -> ServerSentEventMessage:
    name = {Triaged: "triage", str: "token", Triage: "done"}[type(part)]
    data = {"text": part} if isinstance(part, str) else part
    return ServerSentEventMessage(event=name, data=msgspec.json.encode(data).decode())


router = Router(
    "/v1",
    request_max_body_size=_MAX_BODY_BYTES,
    route_handlers=[triage, classify, similar, list_answers, get_answer],
    guards=[require_key],
    security=KEY_IN_OPENAPI,
    tags=["answers"],
)
