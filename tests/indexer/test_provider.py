"""The client of the provider, and its errors."""

import asyncio
import json
import traceback
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx2
import openai
import pytest
from openai.types.chat import ChatCompletionUserMessageParam

from indexer.errors import ProviderError
from indexer.provider import open_provider, provider_errors, translate
from indexer.settings import Settings
from tests.provider import Provider

KEY = "sk-test-0123456789abcdef"
TEXT = "My payroll export for Zanzibar fails with error 7731"


def settings(url: str, *, key: str | None = KEY) -> Settings:
    return Settings(oxlo_api_key=key, api_base=url, provider_timeout=4.0)


async def embed(client: openai.AsyncOpenAI) -> None:
    with provider_errors():
        await client.embeddings.create(model="bge-large", input=[TEXT], encoding_format="float")


async def chat(client: openai.AsyncOpenAI, *, stream: bool) -> str:
    message: ChatCompletionUserMessageParam = {"role": "user", "content": TEXT}
    text = ""
    with provider_errors():
        if not stream:
            whole = await client.chat.completions.create(model="llama", messages=[message])
            return str(whole.choices[0].message.content)
        chunks = await client.chat.completions.create(model="llama", messages=[message], stream=True)
        async for chunk in chunks:
            text += chunk.choices[0].delta.content or ""
    return text


def failure(url: str, ask: Any = embed, *, key: str | None = KEY) -> ProviderError:
    """Ask once, without repetition, and return the error."""

    async def main() -> None:
        async with open_provider(settings(url, key=key), max_retries=0) as client:
            await ask(client)

    with pytest.raises(ProviderError) as caught:
        asyncio.run(main())
    return caught.value


class TestOpenProvider:
    def test_environment_of_sdk_is_ignored(self, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
        """Variables that the SDK reads by itself change neither address nor headers."""
        for name, value in {
            "OPENAI_API_KEY": "other",
            "OPENAI_BASE_URL": "http://127.0.0.1:9",
            "OPENAI_ORG_ID": "other",
            "OPENAI_PROJECT_ID": "other",
            "OPENAI_CUSTOM_HEADERS": "Authorization: Bearer other\nX-Other: other",
        }.items():
            monkeypatch.setenv(name, value)

        async def main() -> None:
            async with open_provider(settings(provider.url), max_retries=0) as client:
                await embed(client)

        asyncio.run(main())
        headers = provider.stats().headers
        assert headers["authorization"] == f"Bearer {KEY}"
        assert "other" not in headers.values()

    def test_without_key(self, provider: Provider) -> None:
        """A server without keys is asked, and one that wants a key says so by name of the setting."""

        async def main() -> str:
            async with open_provider(settings(provider.url, key=None), max_retries=0) as client:
                return await chat(client, stream=False)

        assert asyncio.run(main())
        provider.configure(require_key=KEY)
        error = failure(provider.url, key=None)
        assert error.kind == "unauthorized"
        assert "set OXLO_API_KEY" in str(error)

    def test_retries_are_the_clients(self, provider: Provider) -> None:
        """A client repeats a failed request as often as it was opened for."""
        provider.fail("429", times=2, retry_after=0.01)

        async def main() -> None:
            async with open_provider(settings(provider.url), max_retries=2) as client:
                await embed(client)

        asyncio.run(main())
        assert provider.stats().requests["embeddings"] == 3


class TestErrors:
    @pytest.mark.parametrize(
        ("fault", "kind", "says"),
        [
            ("400", "refused", "status 400"),
            ("401", "unauthorized", "check OXLO_API_KEY"),
            ("429", "rate_limited", "PRECEDENT_REQUESTS_PER_MINUTE"),
            ("500", "server_error", "status 500"),
            ("503", "server_error", "status 503"),
            ("timeout", "timeout", "PRECEDENT_PROVIDER_TIMEOUT"),
            ("cut", "unreachable", "broke the connection"),
        ],
    )
    def test_kinds(self, provider: Provider, fault: str, kind: str, says: str) -> None:
        """Every failure has its kind, names model and address, and neither key nor text, not even in the traceback."""
        for ask in (
            embed,
            lambda client: chat(client, stream=False),
            lambda client: chat(client, stream=True),
        ):
            provider.fail(fault)
            error = failure(provider.url, ask)
            assert error.kind == kind
            assert says in str(error)
            assert provider.url in str(error)
            shown = "".join(traceback.format_exception(error))
            assert KEY not in shown
            assert TEXT not in shown

    def test_error_in_stream(self, provider: Provider) -> None:
        """An error that comes in the middle of a stream is told in the provider's words."""
        provider.fail("error_in_stream")
        error = failure(provider.url, lambda client: chat(client, stream=True))
        assert error.kind == "server_error"
        assert "upstream overloaded" in str(error)

    def test_unreachable(self) -> None:
        """Where nobody listens, the message names the setting to check."""
        error = failure("http://127.0.0.1:9/v1")
        assert error.kind == "unreachable"
        assert "PRECEDENT_API_BASE" in str(error)

    def test_wrong_path(self, provider: Provider) -> None:
        """A base address without its path is refused with the address that was tried."""
        url = provider.url.removesuffix("/v1")
        error = failure(url)
        assert error.kind == "refused"
        assert f"{url}/embeddings" in str(error)

    def test_words_of_provider(self, provider: Provider) -> None:
        """The provider's own words are shown, but not when they repeat the text."""
        provider.configure(max_chars=10)
        assert f"you sent {len(TEXT)}" in str(failure(provider.url))
        provider.configure(max_chars=None)
        provider.fail("400")
        assert "is left out" in str(failure(provider.url))

    def test_retry_after(self, provider: Provider) -> None:
        """The provider's Retry-After is handed on."""
        provider.fail("429", retry_after=17)
        assert failure(provider.url).retry_after == 17
        provider.fail("503", retry_after=2.5)
        assert failure(provider.url).retry_after == 2.5
        provider.fail("503")
        assert failure(provider.url).retry_after is None

    @pytest.mark.parametrize(
        ("headers", "least", "most"),
        [
            ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5, 1.5),
            ({"retry-after": format_datetime(datetime.now(UTC) + timedelta(hours=1))}, 60, 3600),
            ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0, 0),
        ],
    )
    def test_forms_of_retry_after(self, headers: dict[str, str], least: float, most: float) -> None:
        """Retry-After is understood in milliseconds and as a date; a date gone by is no wait."""
        error = translate(status_error(429, headers=headers))
        assert error.retry_after is not None
        assert least <= error.retry_after <= most

    @pytest.mark.parametrize(
        ("status", "code", "kind"),
        [
            (402, None, "quota_exhausted"),
            (429, "insufficient_quota", "quota_exhausted"),
            (403, None, "unauthorized"),
            (408, None, "server_error"),
            (422, None, "refused"),
        ],
    )
    def test_other_statuses(self, status: int, code: str | None, kind: str) -> None:
        """Statuses that the stand-in does not send have their kinds too."""
        assert translate(status_error(status, body={"message": "no", "code": code})).kind == kind

    @pytest.mark.parametrize(
        "body",
        [
            {"message": f"bad input: '{TEXT[:20]}'"},
            {"detail": f"bad input {TEXT.upper()}"},
            {"message": "bad input: 'Sch\\u00f6ne Gr\\u00fc\\u00dfe'"},
            {"message": f"the key {KEY[:16]}... is odd"},
            "<html><title>Bad gateway</title></html>",
        ],
    )
    def test_words_left_out(self, body: object) -> None:
        """Parts of a text or key, escaped letters and web pages never come through."""
        message = str(translate(status_error(400, body=body)))
        assert "bad input" not in message
        assert KEY[:16] not in message
        assert "<" not in message

    def test_our_own_deadline(self) -> None:
        """A deadline of ours that passes inside the block is a timeout of the provider."""

        async def main() -> None:
            with provider_errors():
                async with asyncio.timeout(0):
                    await asyncio.sleep(3600)

        with pytest.raises(ProviderError) as caught:
            asyncio.run(main())
        assert caught.value.kind == "timeout"

    @pytest.mark.parametrize("content", [b"Gr\xfc\xdfe", b"<p>"])
    def test_neither_text_nor_json(self, content: bytes) -> None:
        """What the SDK cannot decode inside a stream is an unusable answer."""
        with pytest.raises(ProviderError) as caught, provider_errors():
            json.loads(content.decode())
        assert caught.value.kind == "unusable_answer"

    def test_other_errors_pass(self) -> None:
        """An error of the program itself is not blamed on the provider."""
        with pytest.raises(ZeroDivisionError), provider_errors():
            _ = 1 / 0


def status_error(
    status: int, *, body: object = None, headers: dict[str, str] | None = None
) -> openai.APIStatusError:
    """Return what the SDK raises for an answer with an error's status."""
    sent = {"model": "bge-large", "input": [TEXT]}
    request = httpx2.Request(
        "POST", "https://provider.test/v1/embeddings", json=sent, headers={"Authorization": f"Bearer {KEY}"}
    )
    return openai.APIStatusError(
        "no", response=httpx2.Response(status, headers=headers, request=request), body=body
    )
