"""The hosted embedder, over HTTP against the stand-in provider."""

import asyncio
import logging
import traceback
from contextlib import aclosing

import numpy as np
import pytest

from indexer.embedding.openai_compatible import OpenAICompatibleEmbedder
from indexer.provider import open_provider
from indexer.rate_limiter import RateLimiter
from indexer.settings import Settings
from tests.indexer.embedding.hosted_embedder import KEY, embed, hosted, run, tickets
from tests.provider import Provider
from tests.provider.vectors import vectors_of


class TestBatches:
    def test_vectors(self, provider: Provider) -> None:
        """Every text's vector arrives once, at the text's position, as the provider sent it."""
        texts = tickets(300)
        outcome = run(provider, texts)
        assert sorted(outcome.positions) == list(range(300))
        assert np.array_equal(outcome.matrix, vectors_of(texts, 64))
        assert sum(batch.requests for batch in outcome.batches) == 5
        assert sum(batch.tokens for batch in outcome.batches) == sum(-(-len(text) // 4) for text in texts)

    def test_ten_thousand(self, provider: Provider) -> None:
        """10,000 texts in batches of 64 are 157 requests, never more than 8 of them in flight."""
        provider.configure(latency=0.1)
        outcome = run(provider, tickets(10_000))
        stats = provider.stats()
        assert sorted(outcome.positions) == list(range(10_000))
        assert stats.requests["embeddings"] == 157
        assert sum(batch.requests for batch in outcome.batches) == 157
        assert stats.texts == 10_000
        assert stats.peak == 8

    def test_continuous_flight(self, provider: Provider) -> None:
        """A slow request holds nobody up: the others go on to the last text while it waits."""
        provider.fail("timeout")
        outcome = run(provider, tickets(100), batch_size=10, concurrency=2)
        assert outcome.error is not None
        assert len(outcome.positions) == 90

    def test_floats_are_asked_for(self, provider: Provider) -> None:
        """The request asks for floats by name: many compatible servers cannot do base64."""
        run(provider, ["one"])
        (body,) = provider.stats().bodies
        assert body["encoding_format"] == "float"
        assert body["model"] == "bge-large"

    def test_nothing(self, provider: Provider) -> None:
        """No texts, no request."""
        assert run(provider, []).batches == []
        assert provider.stats().requests["embeddings"] == 0

    def test_shuffled(self, provider: Provider) -> None:
        """An answer in another order is put in order by its indexes."""
        provider.fail("shuffled", times=None)
        texts = tickets(100)
        assert np.array_equal(run(provider, texts).matrix, vectors_of(texts, 64))


class TestUse:
    def test_stopped_early(self, provider: Provider) -> None:
        """Who closes the iterator early leaves no task behind, and no further request is sent."""
        provider.configure(latency=0.05)

        async def main() -> None:
            async with hosted(provider, batch_size=10, concurrency=4) as embedder:
                async with aclosing(embedder.embed(tickets(1_000))) as batches:
                    async for _ in batches:
                        break
                assert asyncio.all_tasks() == {asyncio.current_task()}

        asyncio.run(main())
        assert provider.stats().requests["embeddings"] <= 10

    def test_cancelled(self, provider: Provider) -> None:
        """Cancelling the consumer cancels the requests in flight."""
        provider.fail("timeout", times=None)

        async def main() -> None:
            async with hosted(provider) as embedder:
                consumer = asyncio.create_task(embed(embedder, tickets(1_000)))
                while (await asyncio.to_thread(provider.stats)).in_flight < 8:  # noqa: ASYNC110 (another process)
                    await asyncio.sleep(0.01)
                consumer.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await consumer
                assert asyncio.all_tasks() == {asyncio.current_task()}

        asyncio.run(main())

    def test_slow_consumer(self, provider: Provider) -> None:
        """A consumer that does not keep up stops the requests, so that little is lost if the process dies."""

        async def main() -> None:
            async with (
                hosted(provider, batch_size=10, concurrency=4) as embedder,
                aclosing(embedder.embed(tickets(1_000))) as batches,
            ):
                taken = await anext(batches)
                for _ in range(20):  # each gives requests a chance to begin and end
                    stats = await asyncio.to_thread(provider.stats)
                # One is taken, one waits in the queue, and each of four workers holds one.
                assert stats.requests["embeddings"] <= 1 + 1 + 4
                assert len(taken.positions) == 10

        asyncio.run(main())

    def test_limiter(self, provider: Provider) -> None:
        """Requests, repetitions included, pass the shared limiter, which learns the true number of tokens."""
        limiter = RateLimiter(requests_per_minute=4, tokens_per_minute=1_000)
        provider.fail("429", retry_after=0.01)

        async def main() -> None:
            async with hosted(provider, max_retries=1, batch_size=10, limiter=limiter) as embedder:
                outcome = await embed(embedder, tickets(30))
                assert sum(batch.requests for batch in outcome.batches) == 4
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(limiter.admit(1), 0.1)

        asyncio.run(main())
        assert provider.stats().requests["embeddings"] == 4

    def test_close_ends_the_client(self, provider: Provider) -> None:
        """A closed embedder holds no connection."""

        async def main() -> None:
            client = open_provider(Settings(oxlo_api_key=KEY, api_base=provider.url), max_retries=0)
            embedder = OpenAICompatibleEmbedder(client, model="bge-large")
            await embed(embedder, ["one"])
            await embedder.close()
            assert client.is_closed()

        asyncio.run(main())

    @pytest.mark.parametrize("fault", ["400", "401", "429", "500", "cut", "html_200", "error_200", "nan"])
    def test_nothing_private_is_told(
        self, provider: Provider, fault: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Neither key nor text is in a log line at the default level, in an error, or in its traceback."""
        caplog.set_level(logging.INFO)
        provider.fail(fault, times=2, retry_after=0.01)
        provider.configure(max_chars=400)
        secret = "The payroll of Zanzibar Ltd is visible to everyone"
        outcome = run(provider, [secret, f"{secret} {'.' * 600}"], max_retries=1)
        told = caplog.text
        if outcome.error is not None:
            told += "".join(traceback.format_exception(outcome.error))
        assert told
        assert KEY not in told
        assert "Zanzibar" not in told
        assert "payroll" not in told
