"""A kept answer: its id, what is stored of it, and what ``GET /v1/triage/{id}`` shows.

An id is signed, so that feedback on an invented one is refused.
"""

import hashlib
import hmac
import uuid
from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec

from indexer.ledger import Answer, Filter
from indexer.ticket import SHORT_TEXT, Ticket, shorten
from service.decided_fields import PRIORITY
from service.doc import doc
from service.drafting.drafter import DraftResult
from service.results import Draft, Note, PriorityDecision, Timings, Triage, Usage
from service.snapshot import Snapshot

__all__ = [
    "AnswerBody",
    "AnswerSummary",
    "Asked",
    "KeptAnswer",
    "body_of",
    "is_answer",
    "new_answer",
    "shown",
    "summary",
]

_ID = 32
_PROOF = 16
_AS_ANSWERED = (
    "priority", "decisions", "note", "reply", "questions", "warnings", "usage", "timings_ms",
)  # fmt: skip


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked beside the text."""

    top_k: int
    draft: bool
    fields: dict[str, str | tuple[str, ...]]
    created_at: datetime | None
    filter: Filter | None
    exclude: tuple[str, ...]


class Models(msgspec.Struct, frozen=True, kw_only=True):
    """The models of an answer; ``chat`` is ``None`` where none wrote the reply."""

    embedding: str
    chat: str | None


class Retrieved(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket that was retrieved, in the version that it then had."""

    id: str
    revision: Annotated[str, doc("as of the answer's neighbour")]
    similarity: float
    relevance: float
    score: float
    above_floor: bool


class AnswerBody(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored of an answer; `indexer.ledger.answer_body` knows where it names tickets.

    A field that is added needs a default, here and in the records below it: bodies of before lack it.
    """

    text: Annotated[str | None, doc("of the question, with `PRECEDENT_KEEP_TEXT`")]
    asked: Asked
    models: Models
    prompt_version: Annotated[
        str, doc("names what the chat model was told, and what else the team said of replies")
    ]
    generation: str
    forest: Annotated[str | None, doc("names the forest that decided the priority")]
    neighbours: tuple[Retrieved, ...]
    priority: PriorityDecision
    decisions: dict[str, PriorityDecision] = {}
    note: Note
    reply: Draft
    cuts: Annotated[dict[str, int], doc("sentences of the model that were left out, by why")]
    questions: tuple[str, ...]
    warnings: tuple[str, ...]
    usage: Usage
    timings_ms: Timings
    forgotten: Annotated[
        bool, doc("tickets that are gone were in it: ids and texts that rested on them are too")
    ] = False


class Feedback(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent did with an answer, by the last word on it."""

    at: datetime
    action: Literal["accepted", "edited", "rejected"]
    ticket_id: str | None
    priority: str | None
    reply: Annotated[str | None, doc("what was sent")]
    reason: str | None
    precedent: str | None
    decisions: Annotated[dict[str, str], doc("the right values of other fields")]


class KeptAnswer(AnswerBody, frozen=True, kw_only=True):
    """An answer that was given."""

    id: str
    at: datetime
    who: Annotated[str | None, doc("asked: a key, as in the audit log")]
    input_hash: Annotated[str, doc("the same for the same question on this ledger")]
    feedback: Feedback | None


class AnswerSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A kept answer in a list."""

    id: str
    at: datetime
    who: str | None
    input_hash: str
    label: str | None
    decision: Literal["automatic", "review"]
    source: Annotated[Literal["llm", "extractive", "none"], doc("who wrote the reply")]
    degraded: str | None
    precedents: Annotated[tuple[str, ...], doc("ids, the nearest first")]
    text: Annotated[str | None, doc("the beginning of the question, where it is kept, else of the note")]
    action: Annotated[str | None, doc("what an agent did with it")]


def new_answer(secret: str) -> str:
    """Return an id that no other answer has; nothing need be kept for `is_answer` to know it.

    :param secret: of the ledger: replicas share it, and it outlives a restart.
    """
    number = uuid.uuid4().hex
    return number + _proof(secret, number)


def is_answer(secret: str, answer: str) -> bool:
    """Tell whether the id was given by a service on this ledger."""
    return hmac.compare_digest(answer[_ID:].encode(), _proof(secret, answer[:_ID]).encode())


def _proof(secret: str, number: str) -> str:
    return hmac.new(secret.encode(), f"answer {number}".encode(), hashlib.sha256).hexdigest()[:_PROOF]


def body_of(
    ticket: Ticket,
    asked: Asked,
    answer: Triage,
    snapshot: Snapshot,
    result: DraftResult,
    *,
    prompt_version: str,
    keep_text: bool,
) -> AnswerBody:
    """Return what is to be stored of an answer."""
    return AnswerBody(
        text=ticket.text if keep_text else None,
        asked=asked,
        models=Models(embedding=answer.index.embedding_model, chat=result.model),
        prompt_version=prompt_version,
        generation=answer.index.generation,
        forest=path.stem if (path := snapshot.served[PRIORITY].path) else None,
        neighbours=msgspec.convert(answer.neighbours, tuple[Retrieved, ...], from_attributes=True),
        cuts=result.cuts,
        **{name: getattr(answer, name) for name in _AS_ANSWERED},
    )


def shown(kept: Answer) -> KeptAnswer:
    """Return a kept answer as a client gets it."""
    told = kept.told
    feedback = told and {
        name: _moment(told.at) if name == "at" else getattr(told, name) for name in Feedback.__struct_fields__
    }
    more = {"id": kept.id, "at": _moment(kept.at), "who": kept.who, "input_hash": kept.input_hash}
    return msgspec.convert({**kept.body, **more, "feedback": feedback}, KeptAnswer)


def summary(kept: Answer) -> AnswerSummary:
    """Return a kept answer as one of a list."""
    body = msgspec.convert(kept.body, AnswerBody)
    return AnswerSummary(
        id=kept.id,
        at=_moment(kept.at),
        who=kept.who,
        input_hash=kept.input_hash,
        label=body.priority.label,
        decision=body.priority.decision,
        source=body.reply.source,
        degraded=body.reply.degraded,
        precedents=tuple(one.id for one in body.neighbours),
        text=shorten(body.text or body.note.text, SHORT_TEXT) or None,
        action=kept.told.action if kept.told else None,
    )


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
