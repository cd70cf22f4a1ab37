"""The hosted embedder against the ideal rate of the provider."""

import asyncio
import math
import time
from pathlib import Path

from indexer.embedding.choose import open_embedder
from indexer.settings import Settings
from tests.provider.client import Provider

_TEXTS = 10_000
_LATENCY = 0.2


def run(folder: Path) -> None:
    """10,000 texts at 200 ms latency: requests and share of the ideal rate (goals: at most 157, at least 85 %)."""
    with Provider.start(latency=_LATENCY, dimension=64) as provider:
        settings = Settings(data_dir=folder, api_base=provider.url)
        seconds = asyncio.run(_embed(settings))
        seen = provider.stats()
    batches = math.ceil(_TEXTS / settings.embedding_batch_size)
    ideal = math.ceil(batches / settings.embedding_concurrency) * _LATENCY
    print(
        f"{_TEXTS:,} texts, {settings.embedding_batch_size} a request, {settings.embedding_concurrency} in flight: "
        f"{seen.requests['embeddings']} requests, {seconds:.2f} s against {ideal:.2f} s ideal, {ideal / seconds:.0%} of the ideal rate"
    )


async def _embed(settings: Settings) -> float:
    embedder = open_embedder(settings, retries=0)
    texts = [f"ticket {number} about the export of invoices" for number in range(_TEXTS)]
    began = time.perf_counter()
    embedded = 0
    async for batch in embedder.embed(texts):
        embedded += len(batch.positions)
    seconds = time.perf_counter() - began
    await embedder.close()
    assert embedded == _TEXTS
    return seconds
