"""The hosted embedder: the provider's ``/embeddings``, asked in full batches by several requests at once."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np

from indexer.embedding import EmbeddedBatch, Matrix
from indexer.errors import ProviderError, RefusedTextsError
from indexer.provider import retries_before, translate
from indexer.rate_limiter import RateLimiter
from indexer.redaction import Redactor

if TYPE_CHECKING:
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


class _RefusedError(ProviderError):
    """The provider does not take these texts: they may be too many, or too long."""


class _UnusableError(Exception):
    """The answer is not the vectors that were asked for, although its status is 200."""


@dataclass(slots=True)
class _Call:
    """The state of one call of `embed`, which its workers share."""

    texts: Sequence[str]
    begun: int = 0
    """How many texts, from the first, are in batches that were begun."""
    requests: int = 0
    """Sent since a batch arrived last."""
    failure: Exception | None = None
    refused: dict[int, str] = field(default_factory=dict)
    """Position of each text that is refused for itself, and the provider's message."""
    # With one place, a worker waits until the consumer has caught up: at most `concurrency` + 1 batches that are
    # paid for are lost if the process dies.
    arrived: asyncio.Queue[EmbeddedBatch | None] = field(default_factory=lambda: asyncio.Queue(maxsize=1))


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
        redact: bool = False,
    ) -> None:
        """Make an embedder.

        :param batch_size: texts in one request, until the provider is found to take fewer.
        :param concurrency: requests in flight at once.
        :param limiter: the process's own, if the provider has limits.
        :param dimension: of the vectors; when not given, the first answer sets it for all later ones.
        :param redact: whether secrets and personal data are replaced before a text is sent.
        """
        self.model = model
        self.batch_size = batch_size
        self.concurrency = concurrency
        self._client = client
        self._limiter = limiter or RateLimiter(requests_per_minute=None, tokens_per_minute=None)
        self._dimension = dimension
        self._redact = redact
        self._ever_accepted = False

    async def embed(self, texts: Sequence[str]) -> AsyncGenerator[EmbeddedBatch, None]:
        """Yield every text's vector once, batch by batch, in the order in which they arrive.

        A caller that stops early closes the iterator (``contextlib.aclosing``); that cancels the requests in flight.

        :param texts: none of them empty.
        :raises ProviderError: a batch failed for good. No batch was begun after that, and what those in flight
            brought was yielded before.
        :raises RefusedTextsError: single texts are refused; all others were yielded before.
        """
        call = _Call(await asyncio.to_thread(_redacted, texts) if self._redact else texts)
        workers = asyncio.create_task(self._work_together(call))
        try:
            while (batch := await call.arrived.get()) is not None:
                yield batch
        finally:
            workers.cancel()
            await asyncio.gather(workers, return_exceptions=True)
        if call.failure is not None:
            raise call.failure
        if call.refused:
            raise RefusedTextsError(list(call.refused.values())[-1], positions=tuple(call.refused))

    async def close(self) -> None:
        """Close the client's connections."""
        await self._client.close()

    async def _work_together(self, call: _Call) -> None:
        await asyncio.gather(*(self._work(call) for _ in range(min(self.concurrency, len(call.texts)))))
        await call.arrived.put(None)

    async def _work(self, call: _Call) -> None:
        while call.begun < len(call.texts) and call.failure is None:
            positions = range(call.begun, min(call.begun + self.batch_size, len(call.texts)))
            call.begun = positions.stop
            try:
                await self._embed_batch(positions, call)
            except Exception as error:  # noqa: BLE001 (raised by `embed` when the other workers are done)
                call.failure = call.failure or error

    async def _embed_batch(self, positions: range, call: _Call) -> bool:
        """Embed a batch, in smaller parts if it is refused; return whether it was accepted whole."""
        try:
            await self._request(positions, [call.texts[position] for position in positions], call)
        except _RefusedError as refused:
            if len(positions) > 1:
                await self._embed_halves(positions, call)
            else:
                await self._embed_shortened(positions, call, refused)
            return False
        return True

    async def _embed_halves(self, positions: range, call: _Call) -> None:
        size = -(-len(positions) // 2)
        accepted = []
        failure = None
        for half in (positions[:size], positions[size:]):
            try:
                accepted.append(await self._embed_batch(half, call))
            except ProviderError as error:
                # Where two neighbours are refused and nothing was ever accepted, the texts are not to blame:
                # to ask for each of them would only cost time.
                pair = len(positions) == 2  # noqa: PLR2004 (two make a pair)
                if error.kind != "refused" or not (pair or self._ever_accepted):
                    raise
                failure = failure or error
        if failure is not None:
            raise failure
        # If only one half is accepted, something in the other is to blame, not the number of texts.
        if all(accepted) and size < self.batch_size:
            self.batch_size = size
            _log.info("%s takes at most %d texts in a request", self.model, size)

    async def _embed_shortened(self, position: range, call: _Call, refused: _RefusedError) -> None:
        whole = text = call.texts[position.start]
        for _ in range(_SHORTENINGS):
            text = text[: len(text) // 2]
            if len(text) < _SHORTEST:
                break
            try:
                await self._request(position, [text], call)
            except _RefusedError as again:
                refused = again
            else:
                _log.info("a text of %d characters is embedded by its first %d", len(whole), len(text))
                return
        if not self._ever_accepted:
            raise refused
        call.refused[position.start] = str(refused)

    async def _request(self, positions: range, texts: list[str], call: _Call) -> None:
        """Ask for the vectors of the texts at these positions, and hand them over.

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
                requests += retries_before(response.request)
                vectors, tokens = self._vectors(response.content, len(texts))
            except openai.APIError as error:
                requests += retries_before(error.request)
                failure = translate(error)
                if isinstance(error, openai.APIStatusError) and error.status_code in _TOO_MUCH:
                    failure = _RefusedError(str(failure), kind=failure.kind)
                raise failure from None
            except _UnusableError as error:
                unusable = error
                continue
            finally:
                call.requests += requests
                self._limiter.settle(admission, requests=requests, tokens=tokens)
            self._ever_accepted = True
            sent, call.requests = call.requests, 0
            tokens = admission.tokens if tokens is None else tokens
            await call.arrived.put(EmbeddedBatch(tuple(positions), vectors, sent, tokens))
            return
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


def _redacted(texts: Sequence[str]) -> list[str]:
    """Redact each text by itself, so that a ticket and a question about the same have the same placeholders."""
    return [Redactor().redact(text) for text in texts]
