"""What the forests decide of a new ticket, and what is left of that where no stored ticket is like it."""

import math
import time
from collections.abc import Sequence

from indexer.errors import IndexUnavailableError
from indexer.ticket import Ticket
from service.decided_fields import PRIORITY, rules_of
from service.doubts import more_urgent_precedent, unconfirmed, without_label
from service.drafting.chat import ChatCall
from service.hosted_priority.classifier import HostedClassifier
from service.metrics import DECISIONS
from service.priority import Reading
from service.ranking import CANDIDATES, QueryVectors
from service.results import Neighbour, PriorityDecision
from service.runtime import Runtime
from service.snapshot import Snapshot
from service.usage import Clock, since

__all__ = ["Decider"]

_EVIDENCE = 6


class Decider:
    """Decides the fields that settings name."""

    def __init__(self, runtime: Runtime, classifier: HostedClassifier | None) -> None:
        self._runtime = runtime
        self._classifier = classifier
        self._settings = runtime.settings

    def decide(
        self, snapshot: Snapshot, ticket: Ticket, query: QueryVectors, clock: Clock
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
        clock: Clock,
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
        self, ticket: Ticket, decided: dict[str, PriorityDecision], clock: Clock
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
        decided: dict[str, PriorityDecision],
        likeness: float | None,
        neighbours: Sequence[Neighbour],
    ) -> tuple[dict[str, PriorityDecision], str | None]:
        """Return the decisions, with what stored tickets say against them, and count them.

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
        order = self._settings.priority_order
        priority, doubt = more_urgent_precedent(decided[PRIORITY], neighbours, chance, order)
        decided = decided | {PRIORITY: priority}
        for field, decision in decided.items():
            DECISIONS.labels(decision.decision, field).inc()
        return decided, doubt

    def _best_relevance(self, snapshot: Snapshot, query: QueryVectors, exclude: frozenset[str]) -> float:
        """Return the greatest relevance of a stored ticket, infinity where none can be compared."""
        candidates = self._runtime.store.nearest(snapshot.generation, query.text, CANDIDATES, exclude=exclude)
        places = snapshot.ranking.rank(query, candidates)
        return max((place.relevance for place in places), default=math.inf)
