"""Rebuild: a new generation made from the ledger beside the live one, the switch to it, and the way back."""

import asyncio
import time
from asyncio import to_thread
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from indexer.embedding import Embedder, expected_requests
from indexer.errors import IndexUnavailableError, PrecedentError
from indexer.gate import Gate, examine
from indexer.ledger import Generation, Space
from indexer.progress import Progress
from indexer.settings import Settings
from indexer.store import Store
from indexer.writing import embed_texts

__all__ = [
    "Estimate",
    "GateRefusedError",
    "RebuildReport",
    "drop_retired",
    "estimate",
    "previous_generation",
    "rebuild",
    "rollback",
]

_GRACE_SECONDS = 600.0  # a service finds a switch within seconds, but may fit its forest for minutes
_ATTEMPTS = 4
_ROUNDS = 50
_NAMED = 5
_SMALLEST_PAGE = 500
_REQUEST_SECONDS = 0.5
_LOCAL_TEXTS_PER_SECOND = 20.0
_ROWS_PER_SECOND = 400.0


class GateRefusedError(PrecedentError):
    """The new generation did not pass the gate; the live one stays."""

    def __init__(self, message: str, gate: Gate) -> None:
        super().__init__(message)
        self.gate = gate


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """What a rebuild takes; ``minutes`` rests on assumed rates, not on a measurement."""

    tickets: int
    texts: int
    embedding_requests: int
    cost: float | None
    minutes: float


class RebuildReport(msgspec.Struct, kw_only=True):
    """What a rebuild or a rollback did."""

    generation: str
    embedding_model: str
    previous: str | None
    tickets: int = 0
    embedding_requests: int = 0
    embedded_texts: int = 0
    gate: Gate | None = None
    dropped: tuple[str, ...] = ()
    seconds: float = 0.0


class _StoppedError(Exception):
    """Ends a thread whose result nobody waits for any more."""


@dataclass(slots=True)
class _Work:
    store: Store
    embedder: Embedder
    report: Progress
    requests: int = 0
    texts: int = 0
    stopped: bool = False

    def progress(self, what: str, done: int, total: int) -> None:
        """Pass progress on, and end a thread that is only making progress for nobody."""
        if self.stopped:
            raise _StoppedError
        self.report(what, done, total)

    async def embed(self) -> Space | None:
        """Have every ticket's text and subject embedded that the space lacks, and return the space."""
        vectors, embedder = self.store.vectors, self.embedder
        space = await to_thread(vectors.known_space, embedder.kind, embedder.model)
        done = total = 0
        size = max(_SMALLEST_PAGE, 4 * embedder.batch_size * embedder.concurrency)
        for subjects_only in (False, True):
            after = ""
            while page := await to_thread(
                vectors.lacking, space, subjects_only=subjects_only, after=after, limit=size
            ):
                # Counted only when there is something: it compares all tickets, and each try of the switch comes here.
                total = total or await to_thread(vectors.count_lacking, space)
                embedding = await embed_texts(self.store.ledger, embedder, page)
                self.requests += embedding.requests
                self.texts += embedding.texts
                # A ticket without the vector of its subject is found and answered all the same.
                if embedding.refused and not subjects_only:
                    await to_thread(self._refuse, embedding.refused)
                done, after = done + len(page), max(page)
                space = await to_thread(vectors.known_space, embedder.kind, embedder.model)
                self.progress("embed", done, max(done, total))
        return space

    def _refuse(self, refused: Mapping[str, str]) -> None:
        hashes = self.store.tickets.hashes()
        ids = [ticket_id for ticket_id, text in hashes.items() if text in refused]
        msg = (
            f"{self.embedder.model} refuses the texts of {len(ids):,} tickets ({', '.join(map(repr, ids[:_NAMED]))}): "
            f"{next(iter(refused.values()))}. Without them the index would not be whole: delete or shorten them first"
        )
        raise PrecedentError(msg)


def estimate(store: Store, embedder: Embedder, settings: Settings) -> Estimate:
    """Return what `rebuild` would take with this embedder; nothing is asked of a provider."""
    ledger = store.ledger
    tickets = ledger.tickets.count()
    texts = ledger.vectors.count_lacking(ledger.vectors.known_space(embedder.kind, embedder.model))
    hosted = embedder.kind == "hosted"
    requests = expected_requests(embedder, texts)
    seconds = (
        requests * _REQUEST_SECONDS / embedder.concurrency if hosted else texts / _LOCAL_TEXTS_PER_SECOND
    )
    if settings.requests_per_minute is not None:
        seconds = max(seconds, 60 * requests / settings.requests_per_minute)
    price = settings.price_per_request
    return Estimate(
        tickets=tickets,
        texts=texts,
        embedding_requests=requests,
        cost=None if price is None else round(requests * price, 6),
        minutes=round((seconds + tickets / _ROWS_PER_SECOND) / 60, 1),
    )


async def rebuild(
    store: Store, embedder: Embedder, *, force: bool = False, progress: Progress
) -> RebuildReport:
    """Build a generation in the embedder's space, examine it, and make it live in one step.

    Vectors that the ledger has are not asked for again. The live generation answers and takes writes all the
    while; only at the very end writers wait for what came last to be embedded. Interrupted anywhere, the next
    call goes on. A generation that the gate refuses is dropped; its vectors stay in the ledger, so that another
    try asks for nothing twice.

    :param force: switch even if the gate refuses.
    :raises GateRefusedError: with what was found.
    :raises ProviderError: texts could not be embedded; what came is stored.
    :raises IndexUnavailableError: there is no index to write to.
    """
    began = time.monotonic()
    ledger, work = store.ledger, _Work(store, embedder, progress)
    with ledger.maintenance_lock():
        old = await to_thread(ledger.generations.live)
        space = await work.embed()
        if old is None or space is None:
            msg = "nothing is stored: run `precedent sync FILE` first"
            raise PrecedentError(msg)
        new = await to_thread(_unfinished, store, space)
        if new is None:
            new = await to_thread(ledger.generations.begin, space)
        gate = await _bring_live(work, new, old, force=force)
        dropped = await to_thread(drop_retired, store, before=time.time() - _GRACE_SECONDS)
    return await to_thread(_report, work, new, gate, dropped, began)


async def rollback(
    store: Store, embedder: Embedder, *, force: bool = False, progress: Progress
) -> RebuildReport:
    """Make the previous generation live again, after it got all that it has missed.

    :param embedder: of the previous generation's space.
    :raises GateRefusedError: it does not hold what the ledger has; it stays as it is.
    """
    began = time.monotonic()
    ledger, work = store.ledger, _Work(store, embedder, progress)
    with ledger.maintenance_lock():
        previous = await to_thread(previous_generation, store)
        gate = await _bring_live(work, previous, None, force=force)
    return await to_thread(_report, work, previous, gate, (), began)


def previous_generation(store: Store) -> Generation:
    """Return the generation that a rollback goes back to.

    :raises PrecedentError: there is none.
    """
    previous = store.generations.previous()
    if previous is None:
        msg = "there is no previous generation to go back to"
        raise PrecedentError(msg)
    return previous


def drop_retired(store: Store, *, before: float) -> tuple[str, ...]:
    """Drop retired generations other than the previous one, and collections that lost their generation.

    :param before: when a generation must have retired to be dropped, in seconds since the epoch.
    :return: the names of what was dropped. The local server removes their files when it starts next.
    """
    generations = store.generations
    previous = generations.previous()
    dropped = [generation for generation in generations.retired(before=before) if generation != previous]
    for generation in dropped:
        store.drop(generation)
    unknown_collections = store.index.unknown_collections(generations.all())
    for name in unknown_collections:
        store.index.drop(name)
    return (*(generation.name for generation in dropped), *unknown_collections)


def _unfinished(store: Store, space: Space) -> Generation | None:
    """Return the generation that an interrupted rebuild left in this space, and drop those in others."""
    found = None
    for generation in store.generations.all():
        if generation.status == "building":
            if generation.space == space and found is None:
                found = generation
            else:
                store.drop(generation)
    return found


async def _bring_live(work: _Work, new: Generation, old: Generation | None, *, force: bool) -> Gate:
    store, gate = work.store, None
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            await work.embed()
            await to_thread(store.complete, new, work.progress)
            if gate is None:
                gate = await _pass_gate(work, new, old, force=force)
            if await _switch(work, new):
                return gate
        except asyncio.CancelledError:
            work.stopped = True
            raise
        except IndexUnavailableError:
            if attempt == _ATTEMPTS:
                raise
            await to_thread(store.prepare, work.progress)
    msg = (
        f"tickets are written faster than {new.name} can get them: run the same command when less is written"
    )
    raise PrecedentError(msg)


async def _pass_gate(work: _Work, new: Generation, old: Generation | None, *, force: bool) -> Gate:
    store = work.store
    gate = await to_thread(examine, store, new, old, work.progress)
    if gate.reasons and not force:
        kept = "stays as it was"
        if new.status == "building":
            await to_thread(store.drop, new)
            kept = "is dropped, its vectors stay in the ledger"
        msg = f"{new.name} does not go live: {'; '.join(gate.reasons)}. It {kept}; --force switches all the same"
        raise GateRefusedError(msg, gate)
    return gate


async def _switch(work: _Work, new: Generation) -> bool:
    # What came while it was examined: nobody who writes waits for this.
    await work.embed()
    await to_thread(work.store.replay, new, work.progress)
    # Who writes tickets waits for the lock after the ledger has them, so each round finds fewer new ones.
    with work.store.ledger.index_lock():
        for _ in range(_ROUNDS):
            await work.embed()
            if await to_thread(work.store.go_live, new):
                return True
    return False


def _report(
    work: _Work, new: Generation, gate: Gate, dropped: tuple[str, ...], began: float
) -> RebuildReport:
    ledger = work.store.ledger
    previous = ledger.generations.previous()
    return RebuildReport(
        generation=new.name,
        embedding_model=new.space.model,
        previous=previous.name if previous else None,
        tickets=ledger.tickets.count(),
        embedding_requests=work.requests,
        embedded_texts=work.texts,
        gate=gate,
        dropped=dropped,
        seconds=round(time.monotonic() - began, 3),
    )
