"""What the forests decide of a new ticket, and what speaks against that: it says too little, no stored ticket is like it, or the nearest was more urgent."""

import math
import time
from collections.abc import Sequence

import msgspec

from indexer.errors import IndexUnavailableError
from indexer.grounding.words import content_words
from indexer.ticket import Ticket
from service.decided_fields import PRIORITY, rules_of
from service.drafting.chat import ChatCall
from service.drafting.precedents import select_precedents
from service.drafting.wording import plain_label
from service.hosted_priority.classifier import HostedClassifier
from service.metrics import DECISIONS
from service.priority import Reading
from service.priority.label_order import LabelOrderError, priority_order
from service.ranking import CANDIDATES, QueryVectors
from service.results import Alert, Neighbour, PriorityDecision, Timings
from service.runtime import Runtime
from service.snapshot import Snapshot
from service.usage import since

__all__ = ["Decider", "more_urgent_precedent", "too_short", "unconfirmed", "without_label"]

_EVIDENCE = 6
_VERY_NEAR = 2.0  # times the relevance that chance pairs reach
_FEWEST_WORDS = (
    5  # different ones that carry a meaning: "hello" is like another greeting, whatever is behind it
)
_READ = 2_000  # characters: enough for so many words


class Decider:
    """Decides the fields that settings name."""

    def __init__(self, runtime: Runtime, classifier: HostedClassifier | None) -> None:
        self._runtime = runtime
        self._classifier = classifier
        self._settings = runtime.settings

    def decide(
        self, snapshot: Snapshot, ticket: Ticket, query: QueryVectors, clock: Timings
    ) -> dict[str, PriorityDecision]:
        """Return what the forests decide, by field."""
        began = time.perf_counter()
        reading = Reading(ticket, query.text)
        found = {}
        for field, served in snapshot.served.items():
            features, tokens = reading.by(rules_of(self._settings, field).reads)
            found[field] = served.forest.decide(features, evidence=_EVIDENCE, tokens=tokens)
        clock.classify = since(began)
        return found

    async def likeness(
        self,
        snapshot: Snapshot,
        query: QueryVectors,
        clock: Timings,
        neighbours: Sequence[Neighbour],
        exclude: frozenset[str] = frozenset(),
    ) -> float | None:
        """Return the greatest relevance of a stored ticket; ``None`` where the index cannot be asked at the moment.

        :param neighbours: found already; where the greatest of theirs is more than chance, it is returned.
        """
        chance = snapshot.ranking.chance
        best = max((one.relevance for one in neighbours), default=-math.inf)
        if chance is None or best >= chance:
            return best
        began = time.perf_counter()
        try:
            return await self._runtime.pools.reads.run(self._best_relevance, snapshot, query, exclude)
        except IndexUnavailableError:
            self._runtime.upkeep.start_repair()
            return None
        finally:
            clock.retrieve += since(began)

    async def by_classifier(
        self, ticket: Ticket, decided: dict[str, PriorityDecision], clock: Timings
    ) -> tuple[dict[str, PriorityDecision], list[ChatCall]]:
        """Return the decisions, the priority by the hosted classifier if there is one, and what that asked."""
        calls: list[ChatCall] = []
        if self._classifier is None:
            return decided, calls
        began = time.perf_counter()
        try:
            priority = await self._classifier.decide(ticket, decided[PRIORITY], calls)
        finally:
            for call in calls:
                self._runtime.keeper.spend(call.spent)
        clock.classify += since(began)
        return decided | {PRIORITY: priority}, calls

    def told(
        self,
        snapshot: Snapshot,
        text: str,
        decided: dict[str, PriorityDecision],
        likeness: float | None,
        neighbours: Sequence[Neighbour],
    ) -> tuple[dict[str, PriorityDecision], str | None]:
        """Return the decisions, with what the text and stored tickets say against them, and count them.

        :param likeness: the greatest relevance of a stored ticket, as `likeness` returns it.
        :return: them, and what the nearest precedent says against the priority.
        """
        chance = snapshot.ranking.chance
        if likeness is None:
            decided = {field: unconfirmed(decision) for field, decision in decided.items()}
        elif chance is not None and likeness < chance:
            decided = {
                field: without_label(decision, likeness, chance) for field, decision in decided.items()
            }
        if len(content_words(text[:_READ])) < _FEWEST_WORDS:
            decided = {field: too_short(decision) for field, decision in decided.items()}
        order = self._settings.priority_order
        priority, doubt = more_urgent_precedent(decided[PRIORITY], neighbours, chance, order)
        decided = decided | {PRIORITY: priority}
        for field, decision in decided.items():
            DECISIONS.labels(decision.decision, field).inc()
        return decided, doubt

    def _best_relevance(self, snapshot: Snapshot, query: QueryVectors, exclude: frozenset[str]) -> float:
        """Return the greatest relevance of a stored ticket, infinity where none can be compared."""
        ranking = snapshot.ranking
        candidates = self._runtime.store.nearest(
            snapshot.generation,
            query.text,
            CANDIDATES,
            exclude=exclude,
            measure=ranking.whitening.lengths,
        )
        places = ranking.rank(query, candidates)
        return max((place.relevance for place in places), default=math.inf)


def without_label(decision: PriorityDecision, nearest: float, chance: float) -> PriorityDecision:
    """Return the decision on a text that is unlike every stored ticket: a forest knows nothing of such, so a person decides.

    :param nearest: the greatest relevance of a stored ticket.
    :param chance: the relevance that 99 of 100 pairs of stored tickets stay below.
    """
    if decision.label is None:
        return decision
    why = (
        f"no stored ticket is like it: the nearest has a relevance of {nearest:.2f}, which pairs of any two tickets have"
        f" (up to {chance:.2f})"
    )
    return msgspec.structs.replace(_reviewed(decision), label=None, confidence=0.0, evidence=(), why=why)


def too_short(decision: PriorityDecision) -> PriorityDecision:
    """Return the decision on a text of few words, which is never automatic."""
    reviewed = _reviewed(decision)
    said = f"it has fewer than {_FEWEST_WORDS} words that carry a meaning"
    return decision if reviewed == decision else _with(reviewed, said)


def unconfirmed(decision: PriorityDecision) -> PriorityDecision:
    """Return the decision for when nobody knows whether a stored ticket is like the text."""
    return _with(
        _reviewed(decision), "whether any stored ticket is like it cannot be looked up at the moment"
    )


def more_urgent_precedent(
    decision: PriorityDecision, neighbours: Sequence[Neighbour], chance: float | None, order: Sequence[str]
) -> tuple[PriorityDecision, str | None]:
    """Say so where the nearest precedent is very near and had a more urgent priority than the one that is decided.

    :param chance: as of `without_label`; very near is twice that. ``None``: it is not known, and nothing is said.
    :param order: the priorities from least to most urgent, as settings say; empty: as their names tell.
    :return: the decision, with the sentence in its ``why``, and the sentence.
    """
    precedents = select_precedents(neighbours)
    if chance is None or decision.label is None or not precedents:
        return decision, None
    nearest = max(precedents, key=lambda one: one.relevance)
    had = {name.casefold(): name for name in decision.probabilities}.get((nearest.priority or "").casefold())
    if had is None or nearest.relevance < _VERY_NEAR * chance:
        return decision, None
    try:
        known, _ = priority_order(list(decision.probabilities), order)
    except LabelOrderError:  # a new label: nobody has said yet where it belongs
        known = None
    if known is None or known.index(had) <= known.index(decision.label):
        return decision, None
    said = (
        f"[{nearest.id}], which is very near (relevance {nearest.relevance:.2f}), had {plain_label(had)}; that has a"
        f" probability of {decision.probabilities[had]:.0%} here"
    )
    return _with(decision, said), said


def _reviewed(decision: PriorityDecision) -> PriorityDecision:
    alert: Alert | None = decision.alert and msgspec.structs.replace(decision.alert, decision="review")
    return msgspec.structs.replace(decision, decision="review", alert=alert)


def _with(decision: PriorityDecision, said: str) -> PriorityDecision:
    return msgspec.structs.replace(decision, why="; ".join(filter(None, (decision.why, said))))
