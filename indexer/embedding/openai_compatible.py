"""The hosted embedder: the provider's ``/embeddings``, asked in full batches by several requests at once."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np

from indexer.embedding.protocol import EmbeddedBatch, Matrix
from indexer.errors import ProviderError, RefusedTextsError
from indexer.provider import RateLimiter, translate

if TYPE_CHECKING:
    import httpx2
    import openai

__all__ = ["OpenAICompatibleEmbedder"]

_log = logging.getLogger(__name__)

_TOO_MUCH = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNPROCESSABLE_ENTITY,  # text-embeddings-inference, for too large a batch
)
_UNUSABLE_RETRIES = 2
_RETRY_SECONDS = 0.5
_SHORTENINGS = 4
_SHORTEST = 200  # characters; a text that is refused even then is not refused for its length


class _Item(msgspec.Struct):
    index: int
    embedding: list[float]


class _Tokens(msgspec.Struct):
    prompt_tokens: int | None = None


class _Answer(msgspec.Struct):
    data: list[_Item]
    usage: _Tokens | None = None


# The SDK's `embeddings.create` makes pydantic models of the answer, which takes 30 times as long for 64 vectors of
# 1,024 dimensions; so its general `post` is used, with the same authentication, retries and errors.
_decoder = msgspec.json.Decoder(_Answer)


class _RefusedError(Exception):
    """The provider does not take these texts as they are."""

    def __init__(self, word: ProviderError) -> None:
        super().__init__()
        self.word = word


class _UnusableError(Exception):
    """The answer is not the vectors that were asked for, although its status is 200."""


@dataclass(slots=True)
class _Delivery:
    """What one batch of the call brings, whole or in parts."""

    texts: Sequence[str]
    put: Callable[[EmbeddedBatch], Awaitable[None]]
    requests: int = 0
    """Sent since the last part."""
    refused: list[int] = field(default_factory=list)
    """Positions of texts that are to blame themselves."""
    word: str = ""
    """What the provider said of the last of them."""

    async def part(self, positions: range, vectors: Matrix, tokens: int) -> None:
        requests, self.requests = self.requests, 0
        await self.put(EmbeddedBatch(tuple(positions), vectors, requests, tokens))


class OpenAICompatibleEmbedder:
    """Embeds at the provider, with a client that it closes at its end.

    Failed requests are repeated by the client (its ``max_retries``); only an answer that is unusable although
    its status is 200 is asked for again here, at most twice.
    """

    kind: Literal["hosted"] = "hosted"

    def __init__(
        self,
        client: "openai.AsyncOpenAI",
        *,
        model: str,
        batch_size: int = 64,
        concurrency: int = 8,
        limiter: RateLimiter | None = None,
        dimension: int | None = None,
    ) -> None:
        """Make an embedder.

        :param batch_size: texts in one request, until the provider is found to take fewer.
        :param concurrency: requests in flight at once.
        :param limiter: the process's own, if the provider has limits.
        :param dimension: of the vectors; when not given, the first answer sets it for all later ones.
        """
        self.model = model
        self.concurrency = concurrency
        self._client = client
        self._batch_size = batch_size
        self._limiter = limiter or RateLimiter(requests_per_minute=None, tokens_per_minute=None)
        self._dimension = dimension
        self._ever_accepted = False

    @property
    def batch_size(self) -> int:
        """Texts in one request at the moment."""
        return self._batch_size

    async def embed(self, texts: Sequence[str]) -> AsyncGenerator[EmbeddedBatch, None]:
        """Yield every text's vector once, batch by batch, in the order in which they arrive.

        Who stops early closes the iterator (``contextlib.aclosing``); that cancels the requests in flight.

        :param texts: none of them empty.
        :raises ProviderError: a batch failed for good. No batch was begun after that, and what those in flight
            brought was yielded before.
        :raises RefusedTextsError: single texts are refused; all others were yielded before.
        """
        cursor = 0
        failures: list[Exception] = []
        refused: list[int] = []
        word = ""
        # With one place, a worker goes on when the consumer has caught up: at most `concurrency` + 1 batches
        # that are paid for are lost if the process dies.
        arrived: asyncio.Queue[EmbeddedBatch | None] = asyncio.Queue(maxsize=1)

        async def work() -> None:
            nonlocal cursor, word
            while cursor < len(texts) and not failures:
                positions = range(cursor, min(cursor + self._batch_size, len(texts)))
                cursor = positions.stop
                delivery = _Delivery(texts, arrived.put)
                try:
                    await self._deliver(positions, delivery)
                except Exception as error:  # noqa: BLE001 (raised below, when the others are done)
                    failures.append(error)
                refused.extend(delivery.refused)
                word = delivery.word or word

        async def work_together() -> None:
            await asyncio.gather(*(work() for _ in range(min(self.concurrency, len(texts)))))
            await arrived.put(None)

        workers = asyncio.create_task(work_together())
        try:
            while (batch := await arrived.get()) is not None:
                yield batch
        finally:
            workers.cancel()
            await asyncio.gather(workers, return_exceptions=True)
        if failures:
            raise failures[0]
        if refused:
            raise RefusedTextsError(word, positions=tuple(refused))

    async def close(self) -> None:
        """Close the client's connections."""
        await self._client.close()

    async def _deliver(self, positions: range, delivery: _Delivery) -> bool:
        """Embed a batch, in smaller parts if need be, and tell whether it was accepted whole."""
        try:
            vectors, tokens = await self._ask([delivery.texts[position] for position in positions], delivery)
        except _RefusedError as refused:
            if len(positions) > 1:
                await self._deliver_halves(positions, delivery)
            else:
                await self._deliver_shortened(positions, delivery, refused)
            return False
        await delivery.part(positions, vectors, tokens)
        return True

    async def _deliver_halves(self, positions: range, delivery: _Delivery) -> None:
        size = -(-len(positions) // 2)
        accepted = []
        failure = None
        for half in (positions[:size], positions[size:]):
            try:
                accepted.append(await self._deliver(half, delivery))
            except ProviderError as error:
                # Where two neighbours are refused and nothing was ever accepted, the texts are not to blame:
                # to ask for each of them would only cost time.
                pair = len(positions) == 2  # noqa: PLR2004 (two make a pair)
                if error.kind != "refused" or not (pair or self._ever_accepted):
                    raise
                failure = failure or error
        if failure is not None:
            raise failure
        # When only one half is accepted, something in the other is to blame, not the number of texts.
        if all(accepted) and size < self._batch_size:
            self._batch_size = size
            _log.info("%s takes at most %d texts in a request", self.model, size)

    async def _deliver_shortened(self, position: range, delivery: _Delivery, refused: _RefusedError) -> None:
        whole = text = delivery.texts[position.start]
        for _ in range(_SHORTENINGS):
            text = text[: len(text) // 2]
            if len(text) < _SHORTEST:
                break
            try:
                vectors, tokens = await self._ask([text], delivery)
            except _RefusedError as again:
                refused = again
                continue
            _log.info("a text of %d characters is embedded by its first %d", len(whole), len(text))
            await delivery.part(position, vectors, tokens)
            return
        if not self._ever_accepted:
            raise refused.word
        delivery.refused.append(position.start)
        delivery.word = str(refused.word)

    async def _ask(self, texts: list[str], delivery: _Delivery) -> tuple[Matrix, int]:
        """Return the vectors of the texts, in their order, and the tokens that they had.

        :raises _RefusedError: there are too many of them, or one is too long or otherwise not acceptable.
        :raises ProviderError: anything else, for good.
        """
        import httpx2
        import openai

        # Floats in any case: many compatible servers answer nothing or nonsense to base64, the SDK's own default.
        body = {"model": self.model, "input": texts, "encoding_format": "float"}
        unusable = _UnusableError()
        tries = 1 + min(_UNUSABLE_RETRIES, self._client.max_retries)
        for attempt in range(tries):
            if attempt:
                await asyncio.sleep(_RETRY_SECONDS * 2 ** (attempt - 1))
            admission = await self._limiter.admit(sum(map(len, texts)))
            requests, tokens = 1, None
            try:
                response = await self._client.post("/embeddings", cast_to=httpx2.Response, body=body)
                requests += _retries(response.request)
                vectors, tokens = self._vectors(response.content, len(texts))
            except openai.APIError as error:
                requests += _retries(error.request)
                word = translate(error)
                too_much = isinstance(error, openai.APIStatusError) and error.status_code in _TOO_MUCH
                raise (_RefusedError(word) if too_much else word) from None
            except _UnusableError as error:
                unusable = error
            else:
                self._ever_accepted = True
                return vectors, admission.tokens if tokens is None else tokens
            finally:
                delivery.requests += requests
                self._limiter.settle(admission, requests=requests, tokens=tokens)
        msg = (
            f"{self.model} gave {tries} unusable answers with status 200, the last one {unusable}: "
            "check PRECEDENT_API_BASE and PRECEDENT_EMBEDDING_MODEL"
        )
        raise ProviderError(msg, kind="unusable_answer")

    def _vectors(self, content: bytes, count: int) -> tuple[Matrix, int | None]:
        """Decode and check an answer; nothing unchecked leaves this module."""
        try:
            answer = _decoder.decode(content)
        except msgspec.DecodeError as error:
            msg = f"without vectors ({error})"
            raise _UnusableError(msg) from None
        items = sorted(answer.data, key=lambda item: item.index)
        if [item.index for item in items] != list(range(count)):
            msg = f"with {len(items)} vectors, or not one for each of the {count} texts"
            raise _UnusableError(msg)
        dimensions = {len(item.embedding) for item in items}
        expected = self._dimension or max(dimensions)
        if dimensions != {expected} or not expected:
            found = ", ".join(map(str, sorted(dimensions)))
            msg = f"with vectors of {found} dimensions instead of {expected}"
            raise _UnusableError(msg)
        with np.errstate(over="ignore"):
            vectors = np.array([item.embedding for item in items], dtype=np.float32)
            norms = np.linalg.norm(vectors, axis=1)
        if not (np.isfinite(norms) & (norms > 0)).all():
            msg = "with a vector that is zero or not finite"
            raise _UnusableError(msg)
        self._dimension = expected
        return vectors, answer.usage.prompt_tokens if answer.usage else None


def _retries(request: "httpx2.Request") -> int:
    return int(request.headers.get("x-stainless-retry-count", 0))
