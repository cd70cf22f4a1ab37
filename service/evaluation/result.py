"""The result of a back-test, as it stands in the JSON file: an `Evaluation`."""

import msgspec

from service.hosted_priority.calibrating import Asked
from service.scores import Bin, Interval
from service.usage import Requests

__all__ = [
    "Alerts",
    "AskedQuestion",
    "Block",
    "CoveragePoint",
    "Data",
    "Drafts",
    "Evaluation",
    "Example",
    "FirstScreen",
    "LearningPoint",
    "MethodScore",
    "Outcome",
    "Period",
    "Precedents",
    "Recall",
    "Retrieval",
    "Weights",
]


class Recall(msgspec.Struct, frozen=True, kw_only=True):
    """The recall of a method for one label."""

    label: str
    tickets: int
    recall: Interval | None
    """The share that was given it; ``None`` without such tickets."""
    missed: int | None
    """How many were given another label automatically; of the forest only."""


class MethodScore(msgspec.Struct, frozen=True, kw_only=True):
    """The scores of one method on all later tickets; ``None`` where there is nothing to measure."""

    key: str
    name: str
    macro_f1: Interval
    kappa: Interval | None = None
    """Agreement beyond chance, weighted by the square of the distance between ordered labels."""
    brier: Interval
    ece: Interval
    """Expected calibration error of the confidence in the predicted label."""
    classwise: Interval
    """Expected calibration error of all labels' probabilities, mean over the labels."""
    recalls: tuple[Recall, ...]
    ahead: Interval | None = None
    """The forest's macro-F1 less this method's, on the same resamples; ``None`` for the forest itself."""
    brier_before: Interval | None = None
    """Before calibration, as the next two; of the forest only."""
    ece_before: Interval | None = None
    classwise_before: Interval | None = None
    coverage: Interval | None = None
    """The share of tickets decided automatically; of the forest only."""
    error: Interval | None = None
    """The share of wrong labels among these."""
    error_bound: float | None = None
    """What that share is at most, with 95 % confidence (exact binomial bound)."""
    automatic: int | None = None
    """How many were decided automatically."""


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """One cut and the tickets tested behind it."""

    moment: str | None
    """The day of the cut."""
    learned: int
    tested: int
    repeated: int
    """Tickets left out because they repeat an earlier one."""
    automatic: int
    reason: str | None
    """Why the forest of this cut decided nothing by itself, in its own words; ``None`` where it could."""
    macro_f1: dict[str, float]
    """By the method's key."""


class CoveragePoint(msgspec.Struct, frozen=True, kw_only=True):
    """The share of wrong labels if only the tickets of the highest confidence were decided."""

    coverage: float
    error: float


class LearningPoint(msgspec.Struct, frozen=True, kw_only=True):
    """Macro-F1 on the newest tickets after learning from that many."""

    learned: int
    forest: Interval
    baseline: Interval


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of history and the share of each label in it."""

    start: str | None
    tickets: int
    shares: dict[str, float]


class Retrieval(msgspec.Struct, frozen=True, kw_only=True):
    """How well known duplicates are found among the tickets that were there when the later one came."""

    pairs: int
    """Pairs given."""
    asked: int
    """Of these, pairs of two tickets of the evaluation with different times of creation."""
    resolved: int
    """Of these, pairs whose earlier ticket was resolved by then."""
    recall: dict[int, Interval]
    """Share of pairs whose earlier ticket is among the first k, by k."""
    mrr: Interval | None
    """Mean of one over its rank."""


class Data(msgspec.Struct, frozen=True, kw_only=True):
    """What was evaluated."""

    source: str
    tickets: int
    labelled: int
    rejected: int
    """Records of the file that are no tickets, or have the id of an earlier one."""
    untimed: int
    """Labelled tickets without a time: they count as the oldest, in the order given."""
    embedding_model: str
    labels: dict[str, int]


class Alerts(msgspec.Struct, frozen=True, kw_only=True):
    """How often the forest said by itself whether a ticket has at least a certain priority."""

    labels: tuple[str, ...]
    """That priority and the more urgent ones."""
    tickets: int
    automatic: int
    wrong: int
    """Of the automatic ones."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How many of the later tickets the forest was right about."""

    tested: int
    right: int
    automatic: int
    wrong: int
    """Of the automatic ones."""
    commonest_label: str
    """The one that was said most often by who always says the commonest of before."""
    commonest: int
    """How many of the later tickets would have been right in that way."""


class Precedents(msgspec.Struct, frozen=True, kw_only=True):
    """How often the right precedent was shown, for later tickets of which one is known."""

    asked: int
    first: int
    among: int
    """Among the first three."""
    by: str
    """How it is known, in words."""


class Weights(msgspec.Struct, frozen=True, kw_only=True):
    """Weights of subject and date that put right precedents highest on the older half of the tickets of which one is known."""

    tickets: int
    present: tuple[float, float]
    """Those in settings."""
    best: tuple[float, float]
    gain: Interval
    """Of the mean reciprocal rank by them, on the newer half."""
    better: bool
    """Whether that is more than chance."""


class Drafts(msgspec.Struct, frozen=True, kw_only=True):
    """What replies to some of the later tickets would have been, or were by the model that is named in ``took``."""

    asked: int
    near: int
    """With a precedent above the floor; to the others nothing is written."""
    replies: int = 0
    """With a reply, each sentence of which is supported; nothing, or not enough, was left of what could be said to the others of these."""
    whole: int = 0
    """Replies of which no sentence was cut."""
    sentences: int = 0
    """In all replies, beside greetings and the like."""
    cut: int = 0
    """Sentences that were cut, since what they rest on does not support them, or no reply may have them; of those without a reply, too."""
    failed: int = 0
    """Of the near ones, those that the model did not answer."""
    took: Requests | None = None
    """What a model took for them; ``None`` without one."""


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """A later ticket with what was said of it."""

    id: str
    text: str
    """Its subject or its beginning."""
    said: str
    true: str
    automatic: bool
    precedent: str | None
    """The id of the first one that would have been shown."""
    precedent_text: str
    near: bool
    """Whether a draft could have rested on it."""


class AskedQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """A question about the bundled sample, with note and reply held against what neither may have."""

    kind: str
    text: str
    precedents: tuple[str, ...]
    """The ids of the first three."""
    wanted: tuple[str, ...]
    """Those that a person would choose from; empty where there is none."""
    label: str | None
    wanted_label: str | None
    reply: str
    """Its steps, without a model."""
    faults: tuple[str, ...]
    """What is wrong with note or reply."""


class FirstScreen(msgspec.Struct, frozen=True, kw_only=True):
    """What a lead wants to know."""

    summary: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()
    outcome: Outcome
    precedents: Precedents | None
    drafts: Drafts | None
    model_drafts: Drafts | None = None
    """By the chat model, where it was asked."""
    weights: Weights | None = None
    """``None`` where too few right precedents are known."""
    examples: tuple[Example, ...]
    questions: tuple[AskedQuestion, ...]
    """Of the bundled sample only."""


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """The whole result."""

    first: FirstScreen
    verdict: tuple[str, ...]
    """In plain words; the first says whether the forest is the best method."""
    notes: tuple[str, ...]
    """What limits the result."""
    data: Data
    max_error: float
    alerts: Alerts | None
    labels: tuple[str, ...]
    """In their order where it is known, else by name; rows and columns of `confusion`."""
    order: tuple[str, ...] | None
    order_reason: str
    methods: tuple[MethodScore, ...]
    """The forest first, then the others by macro-F1, best first."""
    blocks: tuple[Block, ...]
    confusion: tuple[tuple[int, ...], ...]
    """Of the forest: tickets of a label (row) that were given a label (column)."""
    reliability_before: tuple[Bin, ...]
    reliability_after: tuple[Bin, ...]
    coverage_curve: tuple[CoveragePoint, ...]
    learning_curve: tuple[LearningPoint, ...]
    learning_baseline: str
    drift: tuple[Period, ...]
    retrieval: Retrieval | None
    seed: int
    hosted: Asked | None = None
    """What the hosted classifier took, where it is compared."""
