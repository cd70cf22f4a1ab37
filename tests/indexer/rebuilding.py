"""Rebuilds and rollbacks with the stand-in provider, and what is live after them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import numpy as np

from indexer.embedding.openai_compatible import OpenAICompatibleEmbedder
from indexer.ledger import Generation
from indexer.progress import no_progress
from indexer.provider import open_provider
from indexer.rebuild import RebuildReport, previous_generation, rebuild, rollback
from indexer.settings import Settings
from indexer.store import Store
from tests.indexer.making import OTHER_SPACE

__all__ = ["assert_whole", "live_of", "open_hosted", "rebuild_with", "roll_back"]


@contextlib.asynccontextmanager
async def open_hosted(settings: Settings, model: str) -> AsyncIterator[OpenAICompatibleEmbedder]:
    """Open the embedder of a model, which asks once."""
    async with open_provider(settings, max_retries=0) as client:
        yield OpenAICompatibleEmbedder(client, model=model, batch_size=32)


def rebuild_with(
    store: Store, settings: Settings, model: str = OTHER_SPACE.model, *, force: bool = False
) -> RebuildReport:
    """Rebuild in the space of a model, and return the report."""

    async def main() -> RebuildReport:
        async with open_hosted(settings, model) as embedder:
            return await rebuild(store, embedder, force=force, progress=no_progress)

    return asyncio.run(main())


def roll_back(store: Store, settings: Settings) -> RebuildReport:
    """Go back to the previous generation, and return the report."""

    async def main() -> RebuildReport:
        async with open_hosted(settings, previous_generation(store).space.model) as embedder:
            return await rollback(store, embedder, progress=no_progress)

    return asyncio.run(main())


def live_of(store: Store) -> Generation:
    """Return the generation that answers."""
    live = store.generations.live()
    assert live is not None
    return live


def assert_whole(store: Store) -> None:
    """The live collection has every ticket of the ledger as it is there, with its vector in the live space."""
    live = live_of(store)
    hashes = store.tickets.hashes()
    assert store.index.hashes(live) == hashes
    stored = store.vectors.get(live.space, set(hashes.values()))
    for rows, vectors in store.index.rows(live):
        assert np.allclose(vectors, np.stack([stored[hashes[row.id]] for row in rows]), atol=1e-5)
