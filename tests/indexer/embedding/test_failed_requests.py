"""The hosted embedder when answers are unusable, requests fail, or texts are refused."""

import numpy as np
import pytest

from indexer.embedding.openai_compatible import OpenAICompatibleEmbedder
from indexer.errors import RefusedTextsError
from tests.indexer.embedding.hosted_embedder import embed, run, tickets
from tests.provider import Provider
from tests.provider.vectors import vectors_of

CONTENT_FAULTS = ["wrong_count", "wrong_dimension", "nan", "zero_vector", "html_200", "error_200"]


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
