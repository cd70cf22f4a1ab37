"""The hosted embedder over HTTP, and what a call of it yielded."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.embedding import EmbeddedBatch, Embedder
from indexer.embedding.openai_compatible import OpenAICompatibleEmbedder
from indexer.errors import ProviderError
from indexer.provider import open_provider
from indexer.settings import Settings
from tests.provider import Provider

__all__ = ["KEY", "Outcome", "embed", "hosted", "run", "tickets"]

KEY = "sk-test-0123456789abcdef"


@asynccontextmanager
async def hosted(
    provider: Provider, *, max_retries: int = 0, **options: Any
) -> AsyncIterator[OpenAICompatibleEmbedder]:
    settings = Settings(oxlo_api_key=KEY, api_base=provider.url, provider_timeout=4.0)
    async with open_provider(settings, max_retries=max_retries) as client:
        yield OpenAICompatibleEmbedder(client, **{"model": "bge-large", **options})


class Outcome:
    """What a call yielded until its end or its error."""

    def __init__(self) -> None:
        self.batches: list[EmbeddedBatch] = []
        self.error: ProviderError | None = None

    @property
    def positions(self) -> list[int]:
        return [position for batch in self.batches for position in batch.positions]

    @property
    def matrix(self) -> NDArray[np.float32]:
        order = np.argsort(self.positions)
        matrix: NDArray[np.float32] = np.concatenate([batch.vectors for batch in self.batches])[order]
        return matrix


async def embed(embedder: Embedder, texts: list[str]) -> Outcome:
    outcome = Outcome()
    try:
        async for batch in embedder.embed(texts):
            outcome.batches.append(batch)
    except ProviderError as error:
        outcome.error = error
    return outcome


def run(
    provider: Provider,
    texts: list[str],
    *,
    then: Callable[[OpenAICompatibleEmbedder], Coroutine[Any, Any, None]] | None = None,
    **options: Any,
) -> Outcome:
    """Embed texts with a new embedder, and check that nothing came twice or in a wrong shape."""

    async def main() -> Outcome:
        async with hosted(provider, **options) as embedder:
            outcome = await embed(embedder, texts)
            if then is not None:
                await then(embedder)
            return outcome

    outcome = asyncio.run(main())
    assert len(set(outcome.positions)) == len(outcome.positions)
    for batch in outcome.batches:
        assert batch.vectors.dtype == np.float32
        assert batch.vectors.shape[0] == len(batch.positions)
    return outcome


def tickets(count: int) -> list[str]:
    return [f"Ticket {number}: the export of report {number % 17} stops half way" for number in range(count)]
