"""Tests of the draft stage with a provider that fails, over HTTP."""

import asyncio
import json
import logging
from typing import Any

import pytest

from indexer.provider import open_provider
from indexer.settings import Settings
from service.drafting.drafter import Drafter
from tests.provider import Provider
from tests.service.drafting.drafting import KEY, Drafted, answering, draft, draft_at, until
from tests.service.drafting.examples import CLOSING, GREETING, TICKET, neighbour

RESOLUTION = "Restart the gateway so that it reads the new key."


def _check_fallback(result: Drafted, degraded: str, caplog: pytest.LogCaptureFixture) -> None:
    assert result.draft.source == "extractive"
    assert result.draft.citations == ("5",)
    assert RESOLUTION in result.draft.text
    assert result.draft.degraded == degraded
    (record,) = [r for r in caplog.records if r.name.startswith("service")]
    assert record.levelno == logging.WARNING
    for secret in (KEY, TICKET, RESOLUTION, "gateway", "401 Unauthorized"):
        assert secret not in record.getMessage() + (record.exc_text or "")
        assert secret not in degraded


@pytest.mark.parametrize(
    ("kind", "degraded"),
    [
        ("400", "the provider refused the request"),
        ("401", "the provider refused the key"),
        ("429", "the provider asks for fewer requests"),
        ("500", "the provider failed"),
        ("503", "the provider failed"),
        ("timeout", "the provider did not answer within 0.5 s"),
        ("cut", "the provider broke off its answer"),
        ("error_in_stream", "the provider broke off its answer"),
        ("empty", "the provider sent an empty answer"),
        ("html_200", "the provider gave an answer that cannot be used"),
        ("error_200", "the provider gave an answer that cannot be used"),
    ],
)
def test_a_failing_provider_gives_the_extractive_draft(
    provider: Provider, kind: str, degraded: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever goes wrong, the reader gets the best resolution and why, and the log says no more than it may."""
    provider.fail(kind, times=None, endpoint="chat")
    _, result = draft_at(provider.url, timeout=0.5 if kind == "timeout" else 20)
    _check_fallback(result, degraded, caplog)
    # A request that is refused may have been so for the form that it asks for.
    assert result.chat_requests == provider.stats().requests["chat"] == (2 if kind == "400" else 1)
    until(lambda: provider.stats().in_flight == 0)


def test_the_next_draft_is_the_models_again(provider: Provider) -> None:
    """A failure is of one draft, not of the drafter."""
    provider.fail("cut", endpoint="chat")

    async def two() -> list[str]:
        async with open_provider(Settings(api_base=provider.url), max_retries=0) as client:
            drafter = Drafter(client, model="m", timeout=20)
            return [(await draft(drafter))[1].draft.source for _ in range(2)]

    assert asyncio.run(two()) == ["extractive", "llm"]


def test_a_cut_stream_is_replaced_whole(provider: Provider) -> None:
    """Pieces that were shown before the stream broke are grounded, and the result replaces them."""
    provider.configure(reply="It reads the key [5]. " * 20)
    provider.fail("cut", endpoint="chat")
    pieces, result = draft_at(provider.url)
    assert pieces == [f"{GREETING}It reads the key."]
    assert "It reads the key" not in result.draft.text
    assert result.draft.source == "extractive"
    assert result.draft.degraded == "the provider broke off its answer"


def test_a_stream_that_takes_too_long_is_ended(provider: Provider, caplog: pytest.LogCaptureFixture) -> None:
    """A provider that always sends the next word in time, and never finishes, is not waited for."""
    provider.configure(reply="Restart it [5]. " * 500, chunk_delay=0.05)
    _, result = draft_at(provider.url, timeout=1)
    _check_fallback(result, "the provider did not answer within 1 s", caplog)
    until(lambda: provider.stats().disconnects == 1)


def test_a_provider_that_is_down(dead_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody listens: the draft is there all the same."""
    _, result = draft_at(dead_url)
    _check_fallback(result, "the provider cannot be reached", caplog)


def _event(content: Any = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": finish}
    return {
        "id": "1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [choice],
        **more,
    }


def _stream(*events: Any) -> bytes:
    return b"".join(
        b"data: " + (e if isinstance(e, bytes) else json.dumps(e).encode()) + b"\n\n" for e in events
    )


DONE = b"data: [DONE]\n\n"


def _draft_from(body: bytes, content_type: str = "text/event-stream") -> Drafted:
    async def run() -> Drafted:
        async with (
            answering(body, content_type) as url,
            open_provider(Settings(api_base=url), max_retries=0) as client,
        ):
            return (await draft(Drafter(client, model="m", timeout=20), neighbours=[neighbour()]))[1]

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("body", "degraded"),
    [
        (b"", "the provider gave an answer that cannot be used"),
        (DONE, "the provider gave an answer that cannot be used"),
        (b"data: <html>\n\n" + DONE, "the provider gave an answer that cannot be used"),
        (b"data: \xff\xfe\n\n" + DONE, "the provider gave an answer that cannot be used"),
        (_stream(None, 5, "text", [], {}) + DONE, "the provider gave an answer that cannot be used"),
        (
            _stream({"choices": None}, {"choices": 7}, {"choices": [None, "x"]}),
            "the provider gave an answer that cannot be used",
        ),
        (
            _stream({"choices": [{"delta": None, "finish_reason": "stop"}]}),
            "the provider sent an empty answer",
        ),
        (
            _stream(_event(7), _event([{"text": "Restart it [5]."}], "stop")),
            "the provider sent an empty answer",
        ),
        (_stream(_event("   \n"), _event(finish="stop")), "the provider sent an empty answer"),
        (_stream(_event("Restart it [5]. Wait.")) + DONE, "the provider broke off its answer"),
        (_stream(_event("Restart it [5]. Wait."), b"{"), "the provider broke off its answer"),
        (
            _stream(_event("Restart it [5]."), {"error": {"message": "x"}}),
            "the provider broke off its answer",
        ),
        (_stream(_event("Restart it [5]."), {"error": "overloaded"}), "the provider broke off its answer"),
        (
            _stream(_event("Restart it [5]."), _event(finish="content_filter")),
            "the provider stopped the answer by its content filter",
        ),
    ],
)
def test_an_answer_that_is_no_answer(body: bytes, degraded: str, caplog: pytest.LogCaptureFixture) -> None:
    """Status 200 and a stream are not yet an answer: what the protocol does not allow is not shown."""
    _check_fallback(_draft_from(body), degraded, caplog)


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        (_stream(_event("Restart it [5]."), _event(finish="stop")), None),
        (_stream(_event("Restart "), _event("it [5].", "stop")) + DONE, None),
        (
            b": keep-alive\n\n"
            + _stream(
                {"choices": []},
                _event("Restart it [5].", "stop", usage=None),
                {"choices": [], "usage": {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}},
            )
            + DONE,
            (12, 3),
        ),
        (_stream(_event("Restart it [5].", "stop", usage={"prompt_tokens": "many"})), None),
    ],
)
def test_an_answer_with_less_than_the_protocol_has(body: bytes, tokens: tuple[int, int] | None) -> None:
    """Comments, chunks without choices, and a missing usage or end mark do no harm; tokens are estimated where none are told."""
    result = _draft_from(body)
    assert result.draft.text == f"{GREETING}Restart it.{CLOSING}"
    assert result.draft.degraded is None
    (call,) = result.calls
    assert call.estimated == (tokens is None)
    if tokens is None:
        assert result.prompt_tokens > len(TICKET) / 4
        assert result.completion_tokens == 4
    else:
        assert (result.prompt_tokens, result.completion_tokens) == tokens


def test_an_answer_that_is_cut_at_its_limit_loses_its_half_sentence() -> None:
    """An answer longer than allowed ends with its last whole sentence, and says that there was more."""
    half = _draft_from(_stream(_event("Restart it [5]. Then you sho"), _event(finish="length")) + DONE)
    assert half.draft.text == f"{GREETING}Restart it.{CLOSING}"
    assert half.draft.degraded == "the answer reached its length limit, its end is missing"
    whole = _draft_from(_stream(_event("Restart it [5]. Then read the key."), _event(finish="length")) + DONE)
    assert whole.draft.text == f"{GREETING}Restart it. Then read the key.{CLOSING}"
