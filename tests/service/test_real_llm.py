"""The provider's client against a real OpenAI-compatible server, llama.cpp's own."""

import asyncio
from collections.abc import Iterator

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from indexer.errors import ProviderError
from indexer.provider import open_provider, provider_errors
from indexer.settings import Settings
from tests.provider.llama import CONTEXT_TOKENS, llama_server

pytestmark = pytest.mark.slow

MODEL = "smollm2"
MESSAGES: list[ChatCompletionMessageParam] = [
    {"role": "system", "content": "You answer support tickets in one sentence."},
    {"role": "user", "content": "The logo is misaligned in Safari. What should I do?"},
]


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    with llama_server() as url:
        yield url


def client_of(base_url: str) -> openai.AsyncOpenAI:
    return open_provider(Settings(api_base=base_url, provider_timeout=120.0), max_retries=0)


def test_whole_answer(base_url: str) -> None:
    """A chat completion brings text, a reason why it ended, and usage."""

    async def main() -> None:
        async with client_of(base_url) as client:
            with provider_errors():
                answer = await client.chat.completions.create(model=MODEL, messages=MESSAGES, max_tokens=24)
        choice = answer.choices[0]
        assert choice.message.content
        assert choice.finish_reason in ("stop", "length")
        assert answer.usage is not None
        assert answer.usage.prompt_tokens > 20
        assert 0 < answer.usage.completion_tokens <= 24

    asyncio.run(main())


def test_streamed_answer(base_url: str) -> None:
    """A stream brings the text in many chunks, then the reason why it ended, and last the usage."""

    async def main() -> None:
        pieces, reasons, usage = [], [], None
        async with client_of(base_url) as client:
            with provider_errors():
                stream = await client.chat.completions.create(
                    model=MODEL,
                    messages=MESSAGES,
                    max_tokens=24,
                    stream=True,
                    stream_options={"include_usage": True},
                )
                async for chunk in stream:
                    usage = chunk.usage or usage
                    for choice in chunk.choices:
                        pieces.append(choice.delta.content or "")
                        reasons.append(choice.finish_reason)
        assert len([piece for piece in pieces if piece]) > 3
        assert "".join(pieces).strip()
        assert reasons[-1] in ("stop", "length")
        assert usage is not None
        assert 0 < usage.completion_tokens <= 24

    asyncio.run(main())


def test_stream_left_early(base_url: str) -> None:
    """A stream may be left at any time, and the server answers the next request."""

    async def main() -> None:
        async with client_of(base_url) as client:
            with provider_errors():
                stream = await client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True)
                async with stream:
                    await anext(stream)
                answer = await client.chat.completions.create(model=MODEL, messages=MESSAGES, max_tokens=1)
        assert answer.choices

    asyncio.run(main())


def test_too_long_prompt(base_url: str) -> None:
    """A prompt above the model's context is refused in the server's own words."""

    async def main() -> None:
        async with client_of(base_url) as client:
            with provider_errors():
                await client.chat.completions.create(
                    model=MODEL, messages=[{"role": "user", "content": "ticket " * (2 * CONTEXT_TOKENS)}]
                )

    with pytest.raises(ProviderError, match="context size") as caught:
        asyncio.run(main())
    assert caught.value.kind == "refused"
