"""One chat request to the provider, streamed, with its cost and a check of everything that comes back."""

import asyncio
import contextlib
import math
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from indexer.chat_limits import ChatLimits
from indexer.errors import ProviderError
from indexer.ledger import Ledger, Spent, spent_now
from indexer.provider import open_provider, provider_errors, retries_before
from indexer.rate_limiter import Admission, RateLimiter, characters_of, open_limiter, tokens_of
from indexer.settings import Settings
from service.breaker import Breaker

if TYPE_CHECKING:
    # Importing the SDK takes more than a second, and without a provider it is never needed.
    import openai
    from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam

__all__ = ["MAX_TOKENS", "ChatCall", "ChatProvider", "Token", "provider_for_command"]

MAX_TOKENS = 500
"""Of an answer: twice what the prompt allows, for languages that need more tokens."""
_TEMPERATURE = 0.2
_RETRIES = 5  # of a command's requests, which nobody waits for

_Result = TypeVar("_Result")


class Token(NamedTuple):
    """A piece of an answer, with the probabilities of it and of those that the model weighed instead."""

    text: str
    weighed: Mapping[str, float]


class ChatProvider(NamedTuple):
    """Who is asked, and within which bounds; whoever opened the client closes it.

    :param timeout: seconds for all of a request: the limiter, the repetitions by the SDK, and the whole answer.
    """

    client: "openai.AsyncOpenAI"
    timeout: float
    limiter: RateLimiter | None
    breaker: Breaker


@contextlib.asynccontextmanager
async def provider_for_command(
    settings: Settings, ledger: Ledger, what: str
) -> AsyncIterator[tuple[ChatProvider, list["ChatCall"]]]:
    """Open the provider for a command while the block runs; what the requests in the list took is noted at its end.

    :param what: as of `Breaker`.
    """
    client = open_provider(settings, max_retries=_RETRIES, before=ChatLimits(settings, ledger).take)
    calls: list[ChatCall] = []
    try:
        yield ChatProvider(client, settings.provider_timeout, open_limiter(settings), Breaker(what)), calls
    finally:
        await client.close()
        await asyncio.to_thread(ledger.spend.add, [call.spent for call in calls if call.requests])


class ChatCall:
    """A request that is made once, by `pieces`; its counters may be read at any time, failed or not."""

    def __init__(
        self,
        provider: ChatProvider,
        *,
        model: str,
        temperature: float = _TEMPERATURE,
        max_tokens: int = MAX_TOKENS,
        top_logprobs: int | None = None,
    ) -> None:
        """Prepare the request.

        :param top_logprobs: how many pieces the probabilities are asked of at each place of the answer, for ``tokens``; not
            every server takes or answers that.
        """
        self.model = model
        self.requests = 0
        self.prompt_tokens = 0
        self.completion_tokens = 0
        self.finish_reason: str | None = None
        self.begun = False
        """Whether any text has come."""
        self.estimated = False
        """Whether the tokens are an estimate by the lengths of prompt and answer: the provider told none."""
        self.tokens: list[Token] = []
        """The answer's pieces with their probabilities, where these were asked for and are given."""
        self._provider = provider
        self._sampling: dict[str, Any] = {"temperature": temperature, "max_tokens": max_tokens}
        self._top_logprobs = top_logprobs

    @property
    def spent(self) -> Spent:
        """What it took, as the present actor's of today."""
        return spent_now(
            "chat",
            self.model,
            requests=self.requests,
            prompt_tokens=self.prompt_tokens,
            completion_tokens=self.completion_tokens,
            estimated=self.estimated,
        )

    async def pieces(
        self, messages: "Sequence[ChatCompletionMessageParam]", *, answer_format: dict[str, Any] | None = None
    ) -> AsyncGenerator[str, None]:
        """Yield the answer's text as it comes; closing the generator ends the request.

        :param answer_format: sent as ``response_format``, which not every server takes.
        :raises ProviderError: of a kind that `indexer.provider.translate` names, or ``broken_off`` (the answer
            ended before its end), ``filtered`` (the provider's content filter ended it), ``over_limit`` (the
            limiter had no room in time) or ``circuit_open`` (it is not asked for a while).
        """
        deadline = asyncio.get_running_loop().time() + self._provider.timeout
        limiter = self._provider.limiter
        characters = characters_of(messages)
        with self._provider.breaker.attempt():
            admission = await self._admit(limiter, characters, deadline) if limiter else None
            self.requests = 1
            answered = 0
            try:
                stream = await _in_time(self._open(messages, answer_format), deadline)
                ended = False
                try:
                    while (chunk := await _in_time(anext(stream, None), deadline)) is not None:
                        for piece in self._read(chunk):
                            self.begun = True
                            answered += len(piece)
                            yield piece
                    ended = True
                finally:
                    if (self.begun or not ended) and not self.prompt_tokens and not self.completion_tokens:
                        # The provider tells tokens at an answer's end only.
                        self.prompt_tokens, self.completion_tokens = map(tokens_of, (characters, answered))
                        self.estimated = True
                    await stream.close()
            finally:
                if limiter and admission:
                    tokens = self.prompt_tokens + self.completion_tokens
                    limiter.settle(admission, requests=self.requests, tokens=tokens or None)
            self._check_end()

    async def _admit(self, limiter: RateLimiter, characters: int, deadline: float) -> Admission:
        try:
            async with asyncio.timeout_at(deadline):
                return await limiter.admit(characters)
        except TimeoutError:
            seconds = self._provider.timeout
            msg = f"the limits on requests and tokens a minute left no room for a chat within {seconds:g} s"
            raise ProviderError(msg, kind="over_limit") from None

    async def _open(
        self, messages: "Sequence[ChatCompletionMessageParam]", answer_format: dict[str, Any] | None
    ) -> "openai.AsyncStream[ChatCompletionChunk]":
        import openai

        more: dict[str, Any] = {"response_format": answer_format} if answer_format else {}
        if self._top_logprobs is not None:
            more |= {"logprobs": True, "top_logprobs": self._top_logprobs}
        try:
            create = self._provider.client.chat.completions.create
            stream: openai.AsyncStream[ChatCompletionChunk] = await create(
                model=self.model,
                messages=messages,
                stream=True,
                stream_options={"include_usage": True},
                extra_body=more or None,
                **self._sampling,
            )
        except openai.APIError as error:
            self.requests = 1 + retries_before(error.request)
            raise
        except ProviderError as error:
            self.requests = error.sent
            raise
        self.requests = 1 + retries_before(stream.response.request)
        return stream

    def _read(self, chunk: Any) -> Iterator[str]:
        # The SDK builds its objects without validation: any field may be missing or of another type.
        usage = getattr(chunk, "usage", None)
        for name in ("prompt_tokens", "completion_tokens"):
            if isinstance(count := getattr(usage, name, None), int):
                setattr(self, name, count)
        choices = getattr(chunk, "choices", None)
        if not isinstance(choices, list) or not choices:
            return
        self.finish_reason = getattr(choices[0], "finish_reason", None) or self.finish_reason
        if self._top_logprobs is not None:
            self.tokens += _tokens(getattr(choices[0], "logprobs", None))
        content = getattr(getattr(choices[0], "delta", None), "content", None)
        if isinstance(content, str) and content:
            yield content

    def _check_end(self) -> None:
        if self.finish_reason == "content_filter":
            msg = f"the provider's content filter ended the answer of {self.model}"
            raise ProviderError(msg, kind="filtered")
        if self.finish_reason is None and self.begun:
            msg = f"the answer of {self.model} ended before its end"
            raise ProviderError(msg, kind="broken_off")
        if self.finish_reason is None:
            msg = f"what came with status 200 was no answer of {self.model} in the OpenAI protocol"
            raise ProviderError(msg, kind="unusable_answer")


def _tokens(given: Any) -> Iterator[Token]:
    for piece in getattr(given, "content", None) or ():
        found = {}
        for one in [*(getattr(piece, "top_logprobs", None) or ()), piece]:
            text, logprob = getattr(one, "token", None), getattr(one, "logprob", None)
            if isinstance(text, str) and isinstance(logprob, int | float) and logprob <= 0:
                found[text] = math.exp(logprob)
        if (text := getattr(piece, "token", None)) in found:
            yield Token(text, found)


async def _in_time(step: Awaitable[_Result], deadline: float) -> _Result:
    # A step at a time, never around a yield: a timeout there would cancel whatever the consumer is doing.
    try:
        with provider_errors():
            async with asyncio.timeout_at(deadline):
                return await step
    except UnicodeDecodeError:
        msg = "the provider's answer is not UTF-8"
        raise ProviderError(msg, kind="unusable_answer") from None
