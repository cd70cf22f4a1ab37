"""What a service does with its ledger while nobody asks."""

import asyncio
from pathlib import Path

from indexer.rate_limiter import open_limiter
from indexer.settings import Settings
from service.intervals import Intervals
from service.pools import Pools
from service.runtime import Runtime, open_runtime
from tests.leftovers import wait_until
from tests.provider import Provider
from tests.service.running import KEY


def test_tickets_are_in_memory_before_the_first_question(fitted_dir: Path, provider: Provider) -> None:
    """All of them soon after the start, and again after one was deleted, which empties the memory."""
    settings = Settings(data_dir=fitted_dir, api_base=provider.url, oxlo_api_key=KEY)

    async def run() -> None:
        limiter, often = open_limiter(settings), Intervals(poll=0.05)
        async with (
            open_runtime(settings, limiter, Pools(), often, keep=False) as runtime,
            asyncio.timeout(60),
        ):
            runtime.begin()
            await asyncio.to_thread(wait_until, lambda: _in_memory(runtime) == 60)
            runtime.store.tickets.delete(["t-7"])
            await asyncio.to_thread(wait_until, lambda: _in_memory(runtime) == 59)

    asyncio.run(run())


def _in_memory(runtime: Runtime) -> int:
    if runtime.current is None:
        return 0
    cache = runtime.store.ledger.nearest._cache  # noqa: SLF001 (from outside, what is kept only takes less time)
    measure = runtime.current.ranking.whitening.lengths
    found, _, _ = cache.take(runtime.current.generation.space, [f"t-{n}" for n in range(60)], measure)
    return len(found.ids)
