"""The stand-in keeps to the protocol where it is not told otherwise."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator

import numpy as np
import openai
import pytest
from openai.types.chat import ChatCompletionUserMessageParam

from tests.provider import Provider
from tests.provider.vectors import vectors_of

PROMPT: ChatCompletionUserMessageParam = {
    "role": "user",
    "content": 'Answer from <ticket id="A&amp;7" priority="high">…</ticket> <ticket id="8">…</ticket>',
}


@pytest.fixture
def client(provider: Provider) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=provider.url, api_key="sk-test", max_retries=0) as client:
        yield client


def test_vectors_mean_something() -> None:
    """Texts that share words are nearer than texts that do not, and the same text has the same vector."""
    crash, same, other = vectors_of(
        ["Database crash after deploy", "the database had a crash", "Logo is misaligned in Safari"], 64
    )
    assert crash @ same > crash @ other + 0.3
    assert np.array_equal(crash, vectors_of(["database crash AFTER deploy"], 64)[0])


def test_float_and_base64(client: openai.OpenAI) -> None:
    """Both codings carry the same vectors; the SDK decodes base64, which it asks for by itself."""
    floats = client.embeddings.create(model="bge-large", input=["one", "two"], encoding_format="float")
    coded = client.embeddings.create(model="bge-large", input=["one", "two"])
    assert [item.embedding for item in floats.data] == [item.embedding for item in coded.data]
    assert np.array_equal(np.array(floats.data[1].embedding, dtype=np.float32), vectors_of(["two"], 64)[0])


def test_chat_cites_first_ticket(client: openai.OpenAI, provider: Provider) -> None:
    """The reply cites the prompt's first ticket by its id, or is the text that was set."""
    answer = client.chat.completions.create(model="llama", messages=[PROMPT])
    assert '"ids": ["A&7"]' in str(answer.choices[0].message.content)
    assert '"8"' not in str(answer.choices[0].message.content)
    provider.configure(reply="Fixed.")
    answer = client.chat.completions.create(model="llama", messages=[PROMPT])
    assert answer.choices[0].message.content == "Fixed."


def test_stream_is_the_whole_reply(client: openai.OpenAI) -> None:
    """The chunks of a stream join to the reply, and usage comes last when it is asked for."""
    whole = client.chat.completions.create(model="llama", messages=[PROMPT])
    chunks = list(
        client.chat.completions.create(
            model="llama", messages=[PROMPT], stream=True, stream_options={"include_usage": True}
        )
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert len(chunks) > 10
    assert chunks[-1].usage == whole.usage


def test_client_that_leaves(provider: Provider) -> None:
    """A client that leaves a stream before its end is counted."""
    provider.configure(chunk_delay=0.05)

    async def main() -> None:
        async with openai.AsyncOpenAI(base_url=provider.url, api_key="sk-test") as client:
            stream = await client.chat.completions.create(model="llama", messages=[PROMPT], stream=True)
            async with stream:
                await anext(stream)
            while (await asyncio.to_thread(provider.stats)).in_flight:  # noqa: ASYNC110 (another process)
                await asyncio.sleep(0.01)

    asyncio.run(main())
    assert provider.stats().disconnects == 1


def test_mistakes_are_refused(client: openai.OpenAI, provider: Provider) -> None:
    """Requests that break the protocol are refused, and so are failures that do not exist."""
    with pytest.raises(openai.BadRequestError):
        client.embeddings.create(model="bge-large", input=[""])
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="llama", messages=[])
    with pytest.raises(ValueError, match="not a kind of failure"):
        provider.fail("earthquake")
    with pytest.raises(ValueError, match="unknown field"):
        provider.configure(latenzy=1)
    assert [model.id for model in client.models.list()] == ["bge-large", "llama-3.3-70b"]


def test_ends_with_its_owner() -> None:
    """A stand-in whose owner is killed ends too."""
    program = (
        "import time\nfrom tests.provider import Provider\n"
        "with Provider.start() as provider:\n    print(provider.url, flush=True)\n    time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        url = owner.stdout.readline().strip()
        urllib.request.urlopen(f"{url}/models", timeout=10).close()
        os.kill(owner.pid, signal.SIGKILL)
    # The test's time limit ends a wait in vain.
    with contextlib.suppress(OSError):
        while True:
            urllib.request.urlopen(f"{url}/models", timeout=10).close()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"{url}/models", timeout=10)
