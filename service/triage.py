"""The pipeline, from a new ticket to the answer: embed, classify, retrieve, draft."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncGenerator, Iterator, Mapping
from dataclasses import dataclass

import msgspec

from indexer.actor import ACTOR
from indexer.chroma.failures import SlowIndexError
from indexer.embedding import EmbeddedBatch, Embedder
from indexer.errors import IndexUnavailableError, ProviderError
from indexer.ledger import Answer, Filter, Spent, hash_of_question, spent_now
from indexer.redaction import secrets_in
from indexer.ticket import Ticket
from service.decided_fields import PRIORITY
from service.decider import Decider
from service.deliveries import Outbox
from service.drafting.chat import ChatCall
from service.drafting.drafter import Drafter, DraftResult
from service.drafting.note import agent_note
from service.drafting.precedents import select_precedents
from service.drafting.questions import missing
from service.hosted_priority.classifier import HostedClassifier
from service.kept_answer import Asked, body_of, new_answer
from service.metrics import DRAFTS
from service.neighbours import neighbour_of, suspicions
from service.problems import NotReadyError
from service.ranking import CANDIDATES, QueryVectors, Ranked
from service.results import (
    Classified,
    Found,
    Neighbour,
    Note,
    PriorityDecision,
    Timings,
    Triage,
    Triaged,
    no_reply,
)
from service.runtime import Runtime
from service.snapshot import Snapshot
from service.usage import since, usage_of

__all__ = ["Pipeline", "Search"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Which stored tickets are wanted with an answer."""

    limit: int
    resolved: bool
    """Only tickets with a resolution."""
    which: Filter | None = None
    exclude: frozenset[str] = frozenset()
    full_texts: bool = False
    """Whole texts in the answer, instead of their beginnings."""


_NEAREST = Search(limit=5, resolved=True)  # what classifying compares with: as many as a triage by default


class Pipeline:
    """Answers tickets with what the runtime serves."""

    def __init__(
        self,
        runtime: Runtime,
        drafter: Drafter,
        outbox: Outbox,
        classifier: HostedClassifier | None = None,
    ) -> None:
        self._runtime = runtime
        self._drafter = drafter
        self._outbox = outbox
        self._pools = runtime.pools
        self._decider = Decider(runtime, classifier)

    async def triage(
        self, ticket: Ticket, search: Search, *, draft: bool
    ) -> AsyncGenerator[Triaged | str, None]:
        """Yield what is known at once, then pieces of the draft as they are written, then the whole answer.

        :raises ProviderError: the text could not be embedded.
        :raises NotReadyError: there is no index at the moment.
        :raises BusyError: too many others are being answered.
        """
        async with (
            self._pools.answers.turn(),
            contextlib.aclosing(self._triage(ticket, search, draft=draft)) as parts,
        ):
            async for part in parts:
                yield part

    async def answer(self, ticket: Ticket, search: Search, *, draft: bool) -> Triage:
        """Return the whole answer alone; errors as of `triage`."""
        async with contextlib.aclosing(self.triage(ticket, search, draft=draft)) as parts:
            (whole,) = [part async for part in parts if isinstance(part, Triage)]
        return whole

    async def _triage(
        self, ticket: Ticket, search: Search, *, draft: bool
    ) -> AsyncGenerator[Triaged | str, None]:
        # A turn is held while this machine works, not while the provider writes.
        async with self._pools.asking.turn():
            snapshot, clock = self._runtime.snapshot(), Timings()
            query, embedded = await self._embed(snapshot, ticket, clock)
            decided = self._decider.decide(snapshot, ticket, query, clock)
            neighbours = await self._retrieve(snapshot, query, search, clock)
            likeness = await self._decider.likeness(snapshot, query, clock, neighbours, search.exclude)
        decided, asked = await self._decider.by_classifier(ticket, decided, clock)
        decisions, doubt = self._decider.told(snapshot, ticket.text, decided, likeness, neighbours)
        priority = decisions.pop(PRIORITY)
        # In a thread: a long or hostile ticket takes tens of milliseconds to be looked through.
        note, questions, warnings = await self._pools.reads.run(
            self._told, ticket.text, priority, decisions, neighbours, doubt
        )
        shown = _shown(neighbours, search)
        first = Triaged(
            id=new_answer(self._runtime.store.ledger.secret),
            priority=priority,
            decisions=decisions,
            neighbours=shown,
            note=note,
            questions=questions,
            warnings=warnings,
            index=snapshot.index,
        )
        began = time.perf_counter()
        result = DraftResult(draft=no_reply())
        calls: list[ChatCall] = []

        def answer() -> Triage:
            clock.draft = since(began)
            return Triage(
                **msgspec.structs.asdict(first),
                reply=result.draft,
                timings_ms=clock.rounded(),
                usage=usage_of(self._runtime.settings, embedded, [*asked, *calls]),
            )

        with self._outbox.following(first, draft=draft) as following:
            try:
                yield first
                if draft:
                    async with contextlib.aclosing(
                        self._drafter.draft(ticket.text, neighbours, calls)
                    ) as pieces:
                        async for piece in pieces:
                            if isinstance(piece, str):
                                following.grow(piece)
                                yield piece
                            else:
                                result = piece
                    DRAFTS.labels(result.draft.source, "yes" if result.draft.degraded else "no").inc()
            except (GeneratorExit, asyncio.CancelledError):
                left = msgspec.structs.replace(
                    result.draft, degraded="who asked left before there was a reply"
                )
                result = DraftResult(draft=left)
                raise
            finally:
                self._keep(ticket, search, whole := answer(), snapshot, result, draft=draft)
            following.finish(whole, ticket, search.exclude)
        yield whole

    def _told(
        self,
        text: str,
        priority: PriorityDecision,
        decisions: Mapping[str, PriorityDecision],
        neighbours: tuple[Neighbour, ...],
        doubt: str | None,
    ) -> tuple[Note, tuple[str, ...], tuple[str, ...]]:
        """Return what an agent is told beside the reply: a note, what to ask the customer, and warnings."""
        near = select_precedents(neighbours)
        return (
            agent_note(text, priority, neighbours, decisions, doubt),
            () if near else missing(text, self._drafter.style.language),
            (*secrets_in(text), *suspicions(text, neighbours)),
        )

    def _keep(
        self,
        ticket: Ticket,
        search: Search,
        answer: Triage,
        snapshot: Snapshot,
        result: DraftResult,
        *,
        draft: bool,
    ) -> None:
        settings, secret = self._runtime.settings, self._runtime.store.ledger.secret
        # To the microsecond, as it is told: who asks for answers since then gets this one.
        who, at = ACTOR.get(), round(time.time(), 6)
        asked = Asked(
            top_k=search.limit,
            draft=draft,
            fields=ticket.fields,
            created_at=ticket.created_at,
            filter=search.which,
            exclude=tuple(sorted(search.exclude)),
        )

        def made() -> Answer:
            body = body_of(
                ticket,
                asked,
                answer,
                snapshot,
                result,
                prompt_version=self._drafter.version,
                keep_text=settings.keep_text,
            )
            return Answer(
                id=answer.id,
                at=at,
                who=who,
                input_hash=hash_of_question(secret, ticket.text_hash),
                reply_key=result.reply_key,
                body=msgspec.to_builtins(body),
            )

        self._runtime.keeper.keep(made)

    async def classify(self, ticket: Ticket) -> Classified:
        """Return the decisions alone."""
        async with self._pools.asking.turn():
            snapshot, clock = self._runtime.snapshot(), Timings()
            query, embedded = await self._embed(snapshot, ticket, clock)
            decided = self._decider.decide(snapshot, ticket, query, clock)
            neighbours: tuple[Neighbour, ...] = ()
            likeness: float | None = None
            # Without the index the forests decide all the same, and a person looks.
            with contextlib.suppress(IndexUnavailableError, NotReadyError):
                neighbours = await self._retrieve(snapshot, query, _NEAREST, clock)
                likeness = await self._decider.likeness(snapshot, query, clock, neighbours)
        decided, asked = await self._decider.by_classifier(ticket, decided, clock)
        decisions, _ = self._decider.told(snapshot, ticket.text, decided, likeness, neighbours)
        return Classified(
            priority=decisions.pop(PRIORITY),
            decisions=decisions,
            index=snapshot.index,
            timings_ms=clock.rounded(),
            usage=usage_of(self._runtime.settings, embedded, asked),
        )

    async def similar(self, ticket: Ticket, search: Search) -> Found:
        """Return the nearest of the stored tickets that are wanted."""
        async with self._pools.asking.turn():
            snapshot, clock = self._runtime.snapshot(), Timings()
            query, embedded = await self._embed(snapshot, ticket, clock)
            neighbours = await self._retrieve(snapshot, query, search, clock)
        return Found(
            neighbours=_shown(neighbours, search),
            floor=snapshot.ranking.floor,
            index=snapshot.index,
            timings_ms=clock.rounded(),
            usage=usage_of(self._runtime.settings, embedded),
        )

    async def _embed(self, snapshot: Snapshot, ticket: Ticket, clock: Timings) -> tuple[QueryVectors, Spent]:
        began = time.perf_counter()
        ledger = self._runtime.store.ledger
        found = await self._pools.reads.run(ledger.vectors.get, snapshot.generation.space, ticket.embeddings)
        requests = tokens = 0
        lacking = {text: words for text, words in ticket.embeddings.items() if text not in found}
        if lacking:
            with self._runtime.readiness.embedding():
                batches = await self._ask(snapshot.embedder, list(lacking.values()))
            hashes = list(lacking)
            for batch in batches:
                named = (hashes[position] for position in batch.positions)
                found |= dict(zip(named, batch.vectors, strict=True))
                requests += batch.requests
                # The embedded model reads tokens too, but nobody bills them.
                tokens += batch.tokens if batch.requests else 0
        spent = spent_now("embeddings", snapshot.embedder.model, requests=requests, prompt_tokens=tokens)
        self._runtime.keeper.spend(spent)
        vector = found[ticket.text_hash]
        subject = found[ticket.subject_hash] if ticket.subject_hash else vector
        clock.embed = since(began)
        created = ticket.created_at.timestamp() if ticket.created_at else time.time()
        return QueryVectors(vector, subject, created), spent

    async def _ask(self, embedder: Embedder, texts: list[str]) -> list[EmbeddedBatch]:
        seconds = self._runtime.settings.provider_timeout
        try:
            # The time that one answer may take is here that of all: repetitions, and the limits on requests.
            async with asyncio.timeout(seconds):
                return [batch async for batch in embedder.embed(texts)]
        except TimeoutError:
            msg = f"{embedder.model} did not embed the ticket within {seconds:g} s: try again later"
            failure = ProviderError(msg, kind="timeout")
            if embedder.kind == "hosted":
                # To the embedder it is a caller that left.
                self._runtime.embedding_breaker.note(failure)
            raise failure from None

    async def _retrieve(
        self, snapshot: Snapshot, query: QueryVectors, search: Search, clock: Timings
    ) -> tuple[Neighbour, ...]:
        began = time.perf_counter()
        try:
            found = await self._pools.reads.run(self._ranked, snapshot, query, search)
        except SlowIndexError:
            # Who asked has waited long enough: the next one is told at once, until it answers again.
            self._runtime.upkeep.start_repair()
            raise
        except IndexUnavailableError:
            await self._runtime.upkeep.repaired()
            found = await self._pools.reads.run(self._ranked, snapshot, query, search)
        clock.retrieve = since(began)
        return found

    def _ranked(self, snapshot: Snapshot, query: QueryVectors, search: Search) -> tuple[Neighbour, ...]:
        store, ranking = self._runtime.store, snapshot.ranking
        candidates = store.nearest(
            snapshot.generation,
            query.text,
            CANDIDATES,
            least=search.limit,
            resolved=search.resolved,
            which=search.which,
            exclude=search.exclude,
            measure=ranking.whitening.lengths,
        )
        places: dict[str, Ranked] = {}

        def in_order() -> Iterator[str]:
            for place in ranking.rank(query, candidates):
                places[place.id] = place
                yield place.id

        sound = store.tickets.sound(in_order(), at_once=search.limit)
        best = itertools.islice(sound, search.limit)
        return tuple(neighbour_of(ticket, places[ticket.id], ranking.floor, flag) for ticket, flag in best)


def _shown(neighbours: tuple[Neighbour, ...], search: Search) -> tuple[Neighbour, ...]:
    return neighbours if search.full_texts else tuple(one.shortened() for one in neighbours)
