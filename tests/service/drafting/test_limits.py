"""Drafts where a limit on chat requests is reached, also in the middle."""

import asyncio
import contextlib
from pathlib import Path

import pytest

from indexer.chat_limits import ChatLimits
from indexer.ledger import Ledger, Spent
from indexer.provider import open_provider
from indexer.settings import Settings
from service.drafting.drafter import Drafter
from tests.provider import Provider
from tests.service.drafting.drafting import Drafted, draft
from tests.service.drafting.examples import neighbour

_REACHED = "the configured limit on requests to the provider is reached"


def _drafts(
    provider: Provider, tmp_path: Path, count: int, *, per_minute: int | None = None, small: str | None = None
) -> tuple[list[Drafted], list[Spent]]:
    settings = Settings(api_base=provider.url, chat_per_day=1, chat_per_minute=per_minute)
    spent: list[Spent] = []

    async def run() -> list[Drafted]:
        with contextlib.closing(Ledger(None, tmp_path / "data")) as ledger:
            limits = ChatLimits(settings, ledger)
            async with open_provider(settings, max_retries=1, before=limits.take) as client:
                drafter = Drafter(client, model="large", small_model=small, timeout=20, spend=spent.append)
                return [(await draft(drafter, neighbours=[neighbour()]))[1] for _ in range(count)]

    return asyncio.run(run()), spent


@pytest.mark.parametrize("per_minute", [None, 5])
def test_the_smallest_of_the_limits_holds(provider: Provider, tmp_path: Path, per_minute: int | None) -> None:
    """The first draft is the model's; what is refused by one limit is not taken of the other."""
    (first, *others), spent = _drafts(provider, tmp_path, 3, per_minute=per_minute)
    assert (first.model, first.draft.degraded) == ("large", None)
    for other in others:
        assert (other.draft.source, other.draft.degraded, other.chat_requests) == ("extractive", _REACHED, 0)
    assert provider.stats().requests["chat"] == sum(call.requests for call in spent) == 1


def test_a_repetition_counts_too(provider: Provider, tmp_path: Path) -> None:
    """A request that fails is not sent again where the limit has no room for it."""
    provider.fail("500", endpoint="chat")
    (result,), spent = _drafts(provider, tmp_path, 1)
    assert (result.draft.degraded, result.chat_requests) == (_REACHED, 1)
    assert provider.stats().requests["chat"] == sum(call.requests for call in spent) == 1


def test_a_smaller_model_is_asked_then(provider: Provider, tmp_path: Path) -> None:
    """Within the same limit, of its own; the answer says who wrote it."""
    results, spent = _drafts(provider, tmp_path, 3, small="small")
    assert [result.model for result in results] == ["large", "small", None]
    assert results[1].draft.degraded == f"{_REACHED}; small wrote this instead"
    assert results[2].draft.degraded == _REACHED
    assert [body["model"] for body in provider.stats().bodies] == ["large", "small"]
    assert [call.model for call in spent if call.requests] == ["large", "small"]
