"""The frozen records that travel between the stages: Neighbour, PriorityDecision, Draft, Triage."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from indexer.ticket import SHORT_TEXT, shorten
from service.doc import doc

__all__ = [
    "Alert",
    "Classified",
    "Draft",
    "Evidence",
    "Found",
    "IndexInfo",
    "Neighbour",
    "Note",
    "PriorityDecision",
    "ReplySentence",
    "Timings",
    "Triage",
    "Triaged",
    "Usage",
    "no_reply",
]


class Neighbour(msgspec.Struct, frozen=True, kw_only=True):
    """A stored ticket like the new one; ``similarity`` is the cosine of the two texts, in [-1, 1]."""

    id: str
    text: Annotated[str, doc("its beginning, unless the question asks for full texts")]
    priority: str | None
    resolution: Annotated[str | None, doc("cut like the text")]
    similarity: float
    relevance: Annotated[
        float, doc("what text and subject say together, after what all tickets share is taken out")
    ]
    score: Annotated[float, doc("the order: the relevance, less what the time between the two takes")]
    why: Annotated[str, doc("why it stands where it does, in words")]
    revision: Annotated[str, doc("names this version of the ticket: when it is changed it has another")] = ""
    above_floor: Annotated[bool, doc("its relevance reaches the floor: a draft may rest on it")]
    flagged: Annotated[
        str | None, doc("why no draft rests on it: a text of it seems to be meant for a language model")
    ] = None
    subject: str | None = None
    url: str | None = None
    status: str | None = None
    outcome: str | None = None
    source: str | None = None
    tags: tuple[str, ...] = ()
    fields: dict[str, str | tuple[str, ...]] = {}
    created_at: datetime | None = None
    resolved_at: datetime | None = None

    def shortened(self) -> "Neighbour":
        """Return it with the beginnings of its texts."""
        text, resolution = self.text, self.resolution
        return msgspec.structs.replace(
            self, text=shorten(text, SHORT_TEXT), resolution=resolution and shorten(resolution, SHORT_TEXT)
        )


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """A stored ticket that carried a decision; ``weight`` is its share of the forest's vote, in [0, 1]."""

    id: str
    priority: Annotated[str, doc("its label: of another field, that field's value")]
    weight: float


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a new ticket has at least the priority that ``PRECEDENT_ALERT`` names."""

    at_least: str
    raised: Annotated[bool, doc("whether that is more likely than not")]
    probability: Annotated[float, doc("that the ticket has it or a more urgent one")]
    decision: Annotated[Literal["automatic", "review"], doc("act on `raised`, or have a person look")]


class PriorityDecision(msgspec.Struct, frozen=True, kw_only=True):
    """What a forest, or a hosted classifier, says of a new ticket: its priority, or another field.

    Without a usable forest, and for a text that is unlike every stored ticket, ``label`` is ``None``.
    """

    label: Annotated[
        str | None, doc("null: a person must decide, `why` says why where a forest has something to say")
    ]
    confidence: Annotated[float, doc("calibrated probability of the label")]
    probabilities: dict[str, float]
    decision: Annotated[Literal["automatic", "review"], doc("act on it, or have a person look")]
    evidence: tuple[Evidence, ...] = ()
    why: Annotated[str | None, doc("what the ticket's words and its meaning point to, in words")] = None
    alert: Annotated[
        Alert | None, doc("where `PRECEDENT_ALERT` names a priority and their order is known")
    ] = None
    source: Annotated[str, doc("who decided: `forest`, or `hosted:` and a model")] = "forest"
    degraded: Annotated[
        str | None, doc("why the hosted classifier did not decide, or why its decision goes to review")
    ] = None


_Decisions = Annotated[
    dict[str, PriorityDecision],
    doc("by field, as `priority`: the other fields that `PRECEDENT_DECIDE` names"),
]


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent should know of a ticket before answering it; written without a model."""

    text: Annotated[str, doc("issue, priority and what resolved the most relevant ticket")]
    citations: Annotated[tuple[str, ...], doc("ids of the neighbours that the text names")]


class ReplySentence(msgspec.Struct, frozen=True, kw_only=True):
    """A sentence of a reply, and what it rests on."""

    text: str
    citations: Annotated[
        tuple[str, ...], doc("the tickets whose resolutions support it; none: the new ticket does")
    ]
    support: Annotated[float, doc("share of its content words that stand in what it rests on, in [0, 1]")]


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A proposed reply to the customer. Every citation is the id of a retrieved neighbour."""

    text: str
    citations: tuple[str, ...]
    source: Annotated[Literal["llm", "extractive", "none"], doc("who wrote the text")]
    grounded: Annotated[
        bool,
        doc(
            "every sentence has been checked against the resolutions that it cites, or against the ticket, in one language,"
            " and at least one cites a resolution"
        ),
    ]
    degraded: Annotated[str | None, doc("why this is not the draft that was asked for")] = None
    sentences: tuple[ReplySentence, ...] = ()
    language: Annotated[
        str | None,
        doc("of the reply, as its code of ISO 639-1: the ticket's, where it is known and can be checked"),
    ] = None
    kept_from: Annotated[
        str | None, doc("`id` of the answer that the reply was written for, if it is given again")
    ] = None


def no_reply(degraded: str | None = None, language: str | None = None) -> Draft:
    """Return the draft where there is none."""
    return Draft(text="", citations=(), source="none", grounded=False, degraded=degraded, language=language)


class IndexInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Which index answered; ``forest`` names the forest, or says why there is none."""

    generation: str
    tickets: int
    embedding_model: str
    forest: str


class Timings(msgspec.Struct, kw_only=True):
    """Milliseconds spent in each stage."""

    embed: float = 0.0
    classify: float = 0.0
    retrieve: float = 0.0
    draft: float = 0.0

    def rounded(self) -> "Timings":
        """Return them as an answer has them, while they are still added to."""
        return Timings(**{stage: round(spent, 3) for stage, spent in msgspec.structs.asdict(self).items()})


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked of the provider for one answer."""

    embedding_requests: int = 0
    chat_requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    estimated: Annotated[
        bool, doc("the provider told no tokens of some request: they are estimated from its length")
    ] = False
    cost: Annotated[float | None, doc("by the prices in settings; null where one is not known")] = None


class Triaged(msgspec.Struct, frozen=True, kw_only=True):
    """What is known before the draft is written: the first event of a stream."""

    id: str
    priority: PriorityDecision
    decisions: _Decisions = {}
    neighbours: tuple[Neighbour, ...]
    note: Note
    questions: Annotated[
        tuple[str, ...], doc("what to ask the customer where no precedent is near enough, at most two")
    ] = ()
    warnings: Annotated[tuple[str, ...], doc("what an agent must know of the ticket's text")] = ()
    index: IndexInfo


class Triage(Triaged, frozen=True, kw_only=True):
    """The whole answer."""

    reply: Draft
    timings_ms: Timings
    usage: Usage


class Classified(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of ``/v1/classify``."""

    priority: PriorityDecision
    decisions: _Decisions = {}
    index: IndexInfo
    timings_ms: Timings
    usage: Usage


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of ``/v1/similar``; a draft may rest on what is above the floor."""

    neighbours: tuple[Neighbour, ...]
    floor: float
    index: IndexInfo
    timings_ms: Timings
    usage: Usage
