"""The breaker's states, without a provider."""

import contextlib

import pytest

from indexer.errors import ProviderError
from service.breaker import Breaker


def fail(breaker: Breaker, kind: str, times: int = 1) -> None:
    """Let so many requests fail."""
    for _ in range(times):
        with contextlib.suppress(ProviderError), breaker.attempt():
            raise ProviderError(kind, kind=kind)


def is_asked(breaker: Breaker) -> bool:
    """Tell whether a request, which is then left without an end, would be let in."""
    with contextlib.suppress(ProviderError, GeneratorExit), breaker.attempt():
        raise GeneratorExit
    return breaker.status().state == "closed"


@pytest.mark.parametrize(
    ("kinds", "state"),
    [
        (["timeout"] * 4, "closed"),
        (["timeout"] * 5, "open"),
        (["timeout", "unreachable", "server_error", "rate_limited", "unusable_answer"], "open"),
        (["timeout"] * 4 + ["refused"] + ["timeout"] * 4, "closed"),
        (["timeout"] * 4 + ["over_limit"] * 9, "closed"),
        (["timeout"] * 4 + ["over_limit", "timeout"], "open"),
        (["refused"] * 9, "closed"),
    ],
)
def test_failures_in_a_row_open_it(kinds: list[str], state: str) -> None:
    """A request that is refused shows that the provider works; one that was never sent shows nothing."""
    breaker = Breaker("chat")
    for kind in kinds:
        fail(breaker, kind)
    assert breaker.status().state == state
    assert is_asked(breaker) == (state == "closed")


def test_it_is_open_for_as_long_as_the_provider_says() -> None:
    """Up to a minute; what fails meanwhile was sent before, and changes nothing."""
    breaker = Breaker("chat")
    fail(breaker, "server_error", 4)
    for seconds in (37.0, 600.0):
        breaker.note(ProviderError("later", kind="rate_limited", retry_after=seconds))
        assert 30 < breaker.status().seconds <= 37
    with pytest.raises(ProviderError) as refused, breaker.attempt():
        pytest.fail("it was let in")
    assert refused.value.kind == "circuit_open"
    assert 30 < (refused.value.retry_after or 0) <= 37
    breaker.note(None)
    assert breaker.status().state == "closed"
