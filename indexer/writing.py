"""The one writer of tickets: embeds their texts and records them in the ledger; writing to the index is next."""

import contextlib
from asyncio import to_thread
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import ParamSpec, Protocol, TypeVar

from indexer.embedding import Embedder
from indexer.errors import RefusedTextsError, SpaceMismatchError
from indexer.ledger import Generation, Ledger, Outcome, Space, check_space, spent_now
from indexer.ticket import RECIPE, Ticket

__all__ = [
    "Embedding",
    "Recorder",
    "RunInThread",
    "Written",
    "embed_texts",
    "record_tickets",
    "require_space",
    "write_tickets",
]

_ATTEMPTS = 3

_P = ParamSpec("_P")
_T = TypeVar("_T")


class RunInThread(Protocol):
    """Runs a blocking function in a thread, as `asyncio.to_thread` does."""

    def __call__(self, action: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Awaitable[_T]:
        """Return what the function returns."""


@dataclass(frozen=True, slots=True)
class Embedding:
    """What was embedded. ``space`` is ``None`` only if nothing was ever embedded with the model."""

    space: Space | None
    requests: int
    texts: int
    refused: dict[str, str]
    """Hash of each text that the provider refuses although it accepts others, with its message."""
    tokens: int
    """That the provider reads; 0 on this machine."""


@dataclass(frozen=True, slots=True)
class Written:
    """What became of tickets: each is either recorded, with an outcome, or its text is refused by the provider."""

    tickets: list[Ticket]
    """Recorded in the ledger, but not yet written to the index."""
    outcomes: list[Outcome]
    """Of ``tickets``, in their order."""
    refused: dict[str, str]
    """As in `Embedding`."""
    generation: Generation | None
    """The live generation, to which they must be written; ``None`` if nothing was recorded."""
    requests: int
    tokens: int
    texts: int


Recorder = Callable[[Ledger, Space, Sequence[Ticket]], tuple[Generation, list[Outcome]]]
"""Records tickets whose vectors are stored, as `record_tickets` does."""


def require_space(ledger: Ledger, embedder: Embedder) -> None:
    """Refuse an embedder of another vector space than the live generation's, before it is used.

    :raises SpaceMismatchError: with both names and what to do.
    """
    live = ledger.generations.live()
    if live is not None:
        check_space(live, Space(embedder.kind, embedder.model, live.space.dimension, RECIPE))


def record_tickets(
    ledger: Ledger, space: Space, tickets: Sequence[Ticket]
) -> tuple[Generation, list[Outcome]]:
    """Record tickets whose vectors are stored; return the generation to write them to, and what became of each.

    :raises SpaceMismatchError: another space went live since they were embedded; nothing is recorded.
    """
    generation = ledger.generations.ensure_live(space)
    outcomes = ledger.tickets.write(tickets, space=space)
    # Another generation may have gone live since: it has all that was recorded before, and gets the rest.
    return ledger.generations.live() or generation, outcomes


async def write_tickets(
    ledger: Ledger,
    embedder: Callable[[], Awaitable[Embedder]],
    tickets: Sequence[Ticket],
    *,
    record: Recorder = record_tickets,
    run: RunInThread = to_thread,
) -> Written:
    """Embed tickets and record them in the ledger.

    Both are repeated if another generation goes live, or a vector is erased, in between.

    :param embedder: returns the embedder of the live generation.
    :param run: runs what blocks.
    :raises ProviderError: some could not be embedded; the vectors that came are stored, no ticket is recorded.
    :raises SpaceMismatchError: the embedder's space is not the live one.
    """
    requests = tokens = texts = 0
    embedded = {text: words for ticket in tickets for text, words in ticket.embeddings.items()}
    for attempt in range(1, _ATTEMPTS + 1):
        embedding = await embed_texts(ledger, await embedder(), embedded, run=run)
        requests += embedding.requests
        tokens += embedding.tokens
        texts += embedding.texts
        kept = [ticket for ticket in tickets if ticket.text_hash not in embedding.refused]
        generation: Generation | None = None
        outcomes: list[Outcome] = []
        if kept and embedding.space is not None:
            try:
                generation, outcomes = await run(record, ledger, embedding.space, kept)
            except SpaceMismatchError:
                if attempt == _ATTEMPTS:
                    raise
                continue
        break
    return Written(kept, outcomes, embedding.refused, generation, requests, tokens, texts)


async def embed_texts(
    ledger: Ledger, embedder: Embedder, texts: dict[str, str], *, run: RunInThread = to_thread
) -> Embedding:
    """Embed the texts whose vectors the ledger lacks, and note what that took of the provider.

    Vectors are stored batch by batch as they arrive.

    :param texts: by their hashes.
    :raises ProviderError: some could not be embedded; the vectors that came are stored.
    """
    space = await run(ledger.vectors.known_space, embedder.kind, embedder.model)
    requests = tokens = embedded = 0
    refused: dict[str, str] = {}
    try:
        while True:
            known = space
            missing = set(texts) if known is None else await run(ledger.vectors.missing, known, texts)
            hashes = [text for text in texts if text in missing and text not in refused]
            try:
                # Closed at once when storing fails: else requests in flight, which cost money, go on.
                async with contextlib.aclosing(embedder.embed([texts[text] for text in hashes])) as batches:
                    async for batch in batches:
                        space = await run(_space_of, ledger, embedder, batch.vectors.shape[1])
                        named = [hashes[i] for i in batch.positions]
                        await run(ledger.vectors.store, space, named, batch.vectors)
                        requests += batch.requests
                        # The embedded model reads tokens too, but nobody bills them.
                        tokens += batch.tokens if batch.requests else 0
                        embedded += len(batch.positions)
            except RefusedTextsError as error:
                refused |= {hashes[position]: str(error) for position in error.positions}
            # Before a generation is live, a model may turn out to have another dimension than it had in a run that
            # failed: what was embedded then is embedded again.
            if known is None or space == known:
                return Embedding(space, requests, embedded, refused, tokens)
    finally:
        if requests:
            spent = spent_now("embeddings", embedder.model, requests=requests, prompt_tokens=tokens)
            await run(ledger.spend.add, [spent])


def _space_of(ledger: Ledger, embedder: Embedder, dimension: int) -> Space:
    """Return the space of new vectors.

    :raises SpaceMismatchError: the live generation has vectors of the same model and another dimension.
    """
    arrived = Space(embedder.kind, embedder.model, dimension, RECIPE)
    live = ledger.generations.live()
    if live is not None and live.space.model == arrived.model:
        check_space(live, arrived)
    return arrived
