"""The limiter of requests and tokens that everything in the process that asks the provider shares."""

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from indexer.settings import Settings

__all__ = ["Admission", "RateLimiter", "characters_of", "open_limiter", "tokens_of"]

_WINDOW_SECONDS = 60.0
_CHARACTERS_PER_TOKEN = 4


@dataclass(slots=True)
class Admission:
    """A request that was admitted at time ``at``, in seconds of the event loop's clock."""

    at: float
    requests: int
    tokens: int


class RateLimiter:
    """Keeps the requests and the tokens of any 60 seconds within the provider's limits, first come, first served.

    One is shared by everything in the process that asks the provider; a limit of ``None`` is none.
    """

    def __init__(self, *, requests_per_minute: int | None, tokens_per_minute: int | None) -> None:
        self._requests = requests_per_minute
        self._tokens = tokens_per_minute
        self._admitted: deque[Admission] = deque()
        self._turn = asyncio.Lock()

    async def admit(self, characters: int) -> Admission:
        """Wait until a request with so many characters may be sent; four of them are taken for a token."""
        tokens = tokens_of(characters)
        if self._tokens is not None:
            tokens = min(tokens, self._tokens)  # a request above the whole limit still has to go some time
        async with self._turn:
            while wait := self._wait(tokens):  # noqa: ASYNC110 (what is waited for is time itself)
                await asyncio.sleep(wait)
            return self._note(1, tokens)

    def settle(self, admission: Admission, *, requests: int, tokens: int | None) -> None:
        """Correct the estimate by what happened: repetitions by the SDK, and the tokens of the answer if known."""
        admission.tokens = admission.tokens if tokens is None else tokens
        if requests > 1:
            self._note(requests - 1, 0)

    def _note(self, requests: int, tokens: int) -> Admission:
        admission = Admission(asyncio.get_running_loop().time(), requests, tokens)
        if self._requests is not None or self._tokens is not None:
            self._admitted.append(admission)
        return admission

    def _wait(self, tokens: int) -> float:
        start = asyncio.get_running_loop().time() - _WINDOW_SECONDS
        while self._admitted and self._admitted[0].at <= start:
            self._admitted.popleft()
        if not self._admitted:
            return 0.0
        requests_fit = self._requests is None or sum(a.requests for a in self._admitted) < self._requests
        tokens_fit = self._tokens is None or sum(a.tokens for a in self._admitted) + tokens <= self._tokens
        return 0.0 if requests_fit and tokens_fit else self._admitted[0].at - start


def characters_of(messages: Iterable[Mapping[str, object]]) -> int:
    """Return how many characters the contents of chat messages have."""
    return sum(len(str(message.get("content"))) for message in messages)


def tokens_of(characters: int) -> int:
    """Return an estimate of the tokens in so many characters."""
    return -(-characters // _CHARACTERS_PER_TOKEN)


def open_limiter(settings: Settings) -> RateLimiter:
    """Return a limiter of what settings say the provider allows."""
    return RateLimiter(
        requests_per_minute=settings.requests_per_minute, tokens_per_minute=settings.tokens_per_minute
    )
