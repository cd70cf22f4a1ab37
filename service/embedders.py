"""The embedders of a running service: one for each model of a generation that serves."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from typing import Literal

from indexer.embedding import EmbeddedBatch, Embedder
from indexer.embedding.choose import open_embedder
from indexer.ledger import Generation, Ledger
from indexer.rate_limiter import RateLimiter
from indexer.settings import Settings
from service.breaker import Breaker

__all__ = ["PATIENCE", "Embedders"]

PATIENCE = 2.0
"""Seconds that a question waits for a provider that asks for time; with more the client is told to wait."""


class Embedders:
    """Opens each embedder once, and keeps it until `close`."""

    def __init__(self, settings: Settings, ledger: Ledger, limiter: RateLimiter) -> None:
        self.breaker = Breaker("embeddings")
        """Of all that are hosted: they are asked at one address."""
        self._settings = settings
        self._ledger = ledger
        self._limiter = limiter
        self._opened: dict[tuple[str, str], Embedder] = {}
        self._configured: Embedder | None = None

    async def configured(self) -> Embedder:
        """Return the embedder that settings choose."""
        if self._configured is None:
            embedder = self._configured = await asyncio.to_thread(self._open)
            self._opened[embedder.kind, embedder.model] = embedder
        return self._configured

    async def of(self, generation: Generation) -> Embedder:
        """Return the embedder of a generation's vectors.

        :raises SettingsError: settings do not allow to open it.
        """
        key = generation.space.kind, generation.space.model
        if key not in self._opened:
            self._opened[key] = await asyncio.to_thread(self._open, generation)
        return self._opened[key]

    async def close(self) -> None:
        """Close all that were opened."""
        for embedder in self._opened.values():
            await embedder.close()

    def _open(self, generation: Generation | None = None) -> Embedder:
        embedder = open_embedder(
            self._settings,
            self._ledger,
            kind=generation.space.kind if generation else None,
            model=generation.space.model if generation else None,
            retries=1,
            patience=PATIENCE,
            limiter=self._limiter,
        )
        return _Guarded(embedder, self.breaker) if embedder.kind == "hosted" else embedder


class _Guarded:
    """An embedder that is not asked while its breaker is open."""

    def __init__(self, embedder: Embedder, breaker: Breaker) -> None:
        self.kind: Literal["hosted", "local"] = embedder.kind
        self.model = embedder.model
        self.close = embedder.close
        self._embedder = embedder
        self._breaker = breaker

    @property
    def batch_size(self) -> int:
        return self._embedder.batch_size

    @property
    def concurrency(self) -> int:
        return self._embedder.concurrency

    async def embed(self, texts: Sequence[str]) -> AsyncGenerator[EmbeddedBatch, None]:
        if not texts:
            return
        with self._breaker.attempt():
            async with contextlib.aclosing(self._embedder.embed(texts)) as batches:
                async for batch in batches:
                    yield batch
