"""The drafter against a real model on a real server; the model is tiny, so what it says proves nothing."""

import re
from collections.abc import Iterator

import pytest

from tests.provider.llama import llama_server
from tests.service.drafting.drafting import draft_at
from tests.service.drafting.examples import neighbour

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

NEAR = [neighbour("5"), neighbour("7", similarity=0.6, label="low", resolution="Rolled back the migration.")]


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    with llama_server() as url:
        yield url


def test_whatever_it_writes_is_grounded_or_replaced(base_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """Its cost is counted, and nothing reaches the reader that is not grounded.

    What it writes differs between processors. A server tells the tokens at the end of its answer, so a request that
    was ended before, because a sentence grew too long, has none.
    """
    pieces, result = draft_at(base_url, neighbours=NEAR, timeout=600)
    assert result.chat_requests in (1, 2)
    if "was ended: the answer has a sentence of more than" not in caplog.text:
        assert result.prompt_tokens > 500
        assert 0 < result.completion_tokens <= 1_000
    shown = "".join(pieces)
    for text in (shown, result.draft.text):
        assert not re.search(r"\[\d+\]|</?(?:ticket|precedents|new_ticket)", text)
    assert set(result.draft.citations) <= {"5", "7"}
    if result.draft.source == "llm":
        assert result.draft.citations
        assert shown == result.draft.text
    else:
        assert result.draft.source == "extractive"
        assert result.draft.degraded


def test_a_real_server_that_is_too_slow(base_url: str) -> None:
    """Where the model cannot begin in time, the draft is the extractive one."""
    _, result = draft_at(base_url, neighbours=NEAR, timeout=0.01)
    assert result.draft.source == "extractive"
    assert result.draft.degraded == "the provider did not answer within 0.01 s"
