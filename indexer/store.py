"""The one way in: tickets are embedded, acknowledged by the ledger, and told to the index."""

from asyncio import to_thread
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import ParamSpec, Protocol, TypeVar

from indexer.embedding import Embedder
from indexer.errors import RefusedTextsError
from indexer.knowledge.knowledge import Knowledge
from indexer.ledger import Generation, Ledger, Outcome, Space, check_space
from indexer.ticket import RECIPE, Ticket, embedding_text, text_hash

__all__ = [
    "Embedding",
    "Threads",
    "embed_texts",
    "embed_tickets",
    "index_tickets",
    "record_tickets",
    "require_space",
    "write_tickets",
]


_P = ParamSpec("_P")
_T = TypeVar("_T")


class Threads(Protocol):
    """Runs what blocks in a thread, as `asyncio.to_thread` does."""

    def __call__(self, action: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Awaitable[_T]:
        """Return what the action returns."""


@dataclass(frozen=True, slots=True)
class Embedding:
    """What embedding took; ``space`` is ``None`` only when nothing was ever embedded."""

    space: Space | None
    requests: int
    texts: int
    refused: dict[str, str]
    """Hashes of texts that the provider refuses though it accepts others, and what it said."""


def require_space(ledger: Ledger, embedder: Embedder) -> None:
    """Refuse an embedder of another space than the live generation's, before anything is asked of it.

    :raises SpaceMismatchError: with both names and what to do.
    """
    live = ledger.generations.live()
    if live is not None:
        check_space(live, Space(embedder.kind, embedder.model, live.space.dimension, RECIPE))


async def embed_tickets(
    ledger: Ledger, embedder: Embedder, tickets: Sequence[Ticket], *, run: Threads = to_thread
) -> Embedding:
    """Have every ticket's text embedded and its vector stored, unless the ledger has it.

    :raises ProviderError: some could not be embedded; the vectors that came are stored.
    """
    return await embed_texts(
        ledger, embedder, {text_hash(ticket.text): embedding_text(ticket.text) for ticket in tickets}, run=run
    )


async def embed_texts(
    ledger: Ledger, embedder: Embedder, texts: dict[str, str], *, run: Threads = to_thread
) -> Embedding:
    """Do the same for texts under their hashes; vectors are stored batch by batch as they arrive."""
    space = await run(ledger.vectors.known_space, embedder.kind, embedder.model, RECIPE)
    requests = embedded = 0
    refused: dict[str, str] = {}
    while True:
        known = space
        missing = set(texts) if known is None else await run(ledger.vectors.missing, known, texts)
        hashes = [text for text in texts if text in missing and text not in refused]
        try:
            async for batch in embedder.embed([texts[text] for text in hashes]):
                space = await run(_arrived, ledger, embedder, batch.vectors.shape[1])
                await run(ledger.vectors.store, space, [hashes[i] for i in batch.positions], batch.vectors)
                requests += batch.requests
                embedded += len(batch.positions)
        except RefusedTextsError as error:
            refused |= {hashes[position]: str(error) for position in error.positions}
        # Before a generation is live, a model may turn out to have another dimension than it had in a run that
        # failed: what was embedded then is embedded again.
        if known is None or space == known:
            return Embedding(space, requests, embedded, refused)


def _arrived(ledger: Ledger, embedder: Embedder, dimension: int) -> Space:
    """Return the space that vectors came in, unless the live generation is of the same model in another one."""
    arrived = Space(embedder.kind, embedder.model, dimension, RECIPE)
    live = ledger.generations.live()
    if live is not None and live.space.model == arrived.model:
        check_space(live, arrived)
    return arrived


def write_tickets(
    knowledge: Knowledge, space: Space, tickets: Sequence[Ticket]
) -> tuple[Generation, list[Outcome]]:
    """Acknowledge tickets whose vectors are stored: ledger first, then index; queries see them when this returns.

    :raises SpaceMismatchError: another space went live since they were embedded; nothing is stored.
    :raises IndexUnavailableError: the ledger has them, the index will be told of them when it answers again.
    """
    generation, outcomes = record_tickets(knowledge.ledger, space, tickets)
    index_tickets(knowledge, generation, tickets)
    return generation, outcomes


def record_tickets(
    ledger: Ledger, space: Space, tickets: Sequence[Ticket]
) -> tuple[Generation, list[Outcome]]:
    """Do the first half of `write_tickets`: the ledger has the tickets, and the index must still be told."""
    generation = ledger.generations.ensure_live(space)
    outcomes = ledger.tickets.write(tickets, space=space)
    # Another generation may have gone live since: it was told of all that was written before, and is told of the rest.
    return ledger.generations.live() or generation, outcomes


def index_tickets(knowledge: Knowledge, generation: Generation, tickets: Sequence[Ticket]) -> None:
    """Do the second half of `write_tickets`."""
    knowledge.replay(generation, only=[ticket.id for ticket in tickets])
