"""The hosted embedder, over HTTP against the stand-in provider."""

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.embedding import Embedder
from indexer.embedding.openai_compatible import OpenAICompatibleEmbedder
from indexer.embedding.protocol import EmbeddedBatch
from indexer.errors import ProviderError, RefusedTextsError
from indexer.provider import open_provider
from indexer.rate_limiter import RateLimiter
from indexer.settings import Settings
from tests.provider import Provider
from tests.provider.vectors import vectors_of

KEY = "sk-test-0123456789abcdef"
CONTENT_FAULTS = ["wrong_count", "wrong_dimension", "nan", "zero_vector", "html_200", "error_200"]


@asynccontextmanager
async def hosted(
    provider: Provider, *, max_retries: int = 0, **options: Any
) -> AsyncIterator[OpenAICompatibleEmbedder]:
    settings = Settings(oxlo_api_key=KEY, api_base=provider.url, provider_timeout=1.0)
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


class TestUnusableAnswers:
    @pytest.mark.parametrize("fault", CONTENT_FAULTS)
    def test_once(self, provider: Provider, fault: str) -> None:
        """An unusable answer is asked for again."""
        provider.fail(fault)
        texts = tickets(10)
        outcome = run(provider, texts, max_retries=1, dimension=64)
        assert np.array_equal(outcome.matrix, vectors_of(texts, 64))
        assert [batch.requests for batch in outcome.batches] == [2]
        assert provider.stats().requests["embeddings"] == 2

    @pytest.mark.parametrize("fault", CONTENT_FAULTS)
    def test_always(self, provider: Provider, fault: str) -> None:
        """An answer that stays unusable is never handed on."""
        provider.fail(fault, times=None)
        outcome = run(provider, tickets(10), dimension=64)
        assert outcome.batches == []
        assert outcome.error is not None
        assert outcome.error.kind == "unusable_answer"
        assert "PRECEDENT_EMBEDDING_MODEL" in str(outcome.error)
        assert provider.stats().requests["embeddings"] == 1

    def test_bounded(self, provider: Provider) -> None:
        """However often the client may retry, an unusable answer is asked for three times."""
        provider.fail("html_200", times=None)
        outcome = run(provider, tickets(10), max_retries=5)
        assert outcome.error is not None
        assert provider.stats().requests["embeddings"] == 3

    def test_dimension_changes(self, provider: Provider) -> None:
        """The first answer sets the dimension for all later ones, calls included."""

        async def then(embedder: OpenAICompatibleEmbedder) -> None:
            provider.configure(dimension=96)
            later = await embed(embedder, ["two"])
            assert later.batches == []
            assert later.error is not None
            assert "96 dimensions instead of 64" in str(later.error)

        assert run(provider, ["one"], then=then).matrix.shape == (1, 64)

    def test_dimension_expected(self, provider: Provider) -> None:
        """A model whose vectors have another dimension than the index is refused at the first answer."""
        provider.configure(models={"other": 96})
        assert run(provider, ["one"], model="other").matrix.shape == (1, 96)
        outcome = run(provider, ["one"], model="other", dimension=64)
        assert outcome.batches == []
        assert outcome.error is not None


class TestFailures:
    @pytest.mark.parametrize("fault", ["429", "500", "503", "timeout", "cut"])
    def test_passing(self, provider: Provider, fault: str) -> None:
        """A failure that passes is got over by the client's repetition, and its requests are counted."""
        provider.fail(fault, retry_after=0.01)
        outcome = run(provider, tickets(10), max_retries=1)
        assert outcome.error is None
        assert [batch.requests for batch in outcome.batches] == [2]
        assert provider.stats().requests["embeddings"] == 2

    @pytest.mark.parametrize(
        ("fault", "kind"),
        [
            ("401", "unauthorized"),
            ("429", "rate_limited"),
            ("500", "server_error"),
            ("503", "server_error"),
            ("timeout", "timeout"),
            ("cut", "unreachable"),
        ],
    )
    def test_lasting(self, provider: Provider, fault: str, kind: str) -> None:
        """A failure that lasts ends the call with its kind."""
        provider.fail(fault, times=None)
        outcome = run(provider, tickets(10))
        assert outcome.batches == []
        assert outcome.error is not None
        assert outcome.error.kind == kind

    def test_retry_after(self, provider: Provider) -> None:
        """Repetition waits as long as the provider asks for, which is longer than the usual back-off."""
        provider.fail("429", retry_after=1)
        assert run(provider, ["one"], max_retries=1).error is None
        first, second = provider.stats().bodies
        assert second["at"] - first["at"] >= 1

    def test_dies_half_way(self, provider: Provider) -> None:
        """What was paid for before the provider died is yielded, no batch is begun after it, and the rest can follow."""
        texts = tickets(400)
        provider.configure(latency=0.05)
        provider.fail("500", times=None, after=12)
        outcome = run(provider, texts, batch_size=10, concurrency=4)
        assert outcome.error is not None
        assert outcome.error.kind == "server_error"
        assert len(outcome.positions) == 120
        assert provider.stats().requests["embeddings"] <= 12 + 4

        provider.clear()
        left = sorted(set(range(400)) - set(outcome.positions))
        rest = run(provider, [texts[position] for position in left], batch_size=10, concurrency=4)
        assert sorted(rest.positions) == list(range(280))
        assert provider.stats().embedded == 400

    def test_in_flight_is_yielded(self, provider: Provider) -> None:
        """Requests that are in flight when another fails bring their vectors, which are paid for."""
        provider.configure(latency=0.3)
        provider.fail("401")
        outcome = run(provider, tickets(400), batch_size=10, concurrency=4)
        assert outcome.error is not None
        assert len(outcome.positions) >= 30
        assert provider.stats().embedded == len(outcome.positions)


class TestRefusals:
    def test_smaller_batches_are_remembered(self, provider: Provider) -> None:
        """A batch that is too large is halved until it is accepted, and later batches have that size."""
        provider.configure(max_batch=10)

        async def then(embedder: OpenAICompatibleEmbedder) -> None:
            assert embedder.batch_size == 8
            provider.reset()
            provider.configure(max_batch=10)
            assert len((await embed(embedder, tickets(80))).positions) == 80
            assert provider.stats().requests["embeddings"] == 10

        texts = tickets(64)
        outcome = run(provider, texts, concurrency=1, then=then)
        assert np.array_equal(outcome.matrix, vectors_of(texts, 64))
        # 1 of 64, 2 of 32 and 4 of 16 texts are refused, 8 of 8 are accepted.
        assert sum(batch.requests for batch in outcome.batches) == 15

    def test_several_in_flight_agree(self, provider: Provider) -> None:
        """Batches that are halved at the same time find one size."""
        provider.configure(max_batch=20, latency=0.02)

        async def then(embedder: OpenAICompatibleEmbedder) -> None:
            assert embedder.batch_size == 16

        texts = tickets(1_000)
        outcome = run(provider, texts, then=then)
        assert np.array_equal(outcome.matrix, vectors_of(texts, 64))
        assert provider.stats().peak <= 8

    def test_long_text(self, provider: Provider) -> None:
        """One text that is too long is shortened by halves; the size of batches stays, and so do the other texts."""
        provider.configure(max_chars=500)
        texts = tickets(64)
        texts[37] = "Attached is the log. " * 90  # 1,890 characters, then 945, then 472

        async def then(embedder: OpenAICompatibleEmbedder) -> None:
            assert embedder.batch_size == 64

        outcome = run(provider, texts, then=then)
        assert outcome.error is None
        assert np.array_equal(outcome.matrix, vectors_of([*texts[:37], texts[37][:472], *texts[38:]], 64))

    def test_text_that_is_never_accepted(self, provider: Provider) -> None:
        """A text that is refused at any length is reported in the provider's words, after all others are yielded."""
        provider.configure(max_chars=150)
        texts = tickets(64)
        texts[37] = "x" * 1_000

        async def then(embedder: OpenAICompatibleEmbedder) -> None:
            assert embedder.batch_size == 64

        outcome = run(provider, texts, then=then)
        assert outcome.error is not None
        assert outcome.error.kind == "refused"
        assert isinstance(outcome.error, RefusedTextsError)
        assert outcome.error.positions == (37,)
        assert "This model reads 150 characters" in str(outcome.error)
        assert sorted(outcome.positions) == [position for position in range(64) if position != 37]
        assert (
            min(len(text) for body in provider.stats().bodies for text in body["input"] if "x" * 9 in text)
            == 250
        )

    def test_beside_a_refused_text(self, provider: Provider) -> None:
        """A refused text does not keep its neighbour from being embedded, even when nothing was accepted before."""
        provider.configure(max_chars=150)
        outcome = run(provider, ["x" * 180, "good"])
        assert outcome.positions == [1]
        assert outcome.error is not None

    def test_everything_is_refused(self, provider: Provider) -> None:
        """A provider that refuses whatever it is sent is not asked about every single text."""
        provider.fail("400", times=None)
        outcome = run(provider, tickets(64), concurrency=1)
        assert outcome.error is not None
        assert outcome.error.kind == "refused"
        # 64, 32, 16, 8, 4 and 2 texts, and two times one.
        assert provider.stats().requests["embeddings"] == 8


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
