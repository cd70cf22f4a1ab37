"""The limiter of requests and tokens, in virtual time."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

from indexer.rate_limiter import RateLimiter

T = TypeVar("T")


class TestRateLimiter:
    def test_requests(self) -> None:
        """No 60 seconds see more requests than the limit, and waiters go first come, first served."""

        async def main() -> list[tuple[int, float]]:
            limiter = RateLimiter(requests_per_minute=3, tokens_per_minute=None)
            loop, admitted = asyncio.get_running_loop(), []

            async def ask(number: int) -> None:
                await limiter.admit(10)
                admitted.append((number, loop.time()))

            await asyncio.gather(*(ask(number) for number in range(8)))
            return admitted

        admitted = in_virtual_time(main())
        assert [number for number, _ in admitted] == list(range(8))
        assert [round(at) for _, at in admitted] == [0, 0, 0, 60, 60, 60, 120, 120]

    def test_tokens(self) -> None:
        """Four characters count as a token until the answer tells the true number."""

        async def main() -> list[float]:
            limiter = RateLimiter(requests_per_minute=None, tokens_per_minute=100)
            loop = asyncio.get_running_loop()
            first = await limiter.admit(240)  # 60 tokens, in truth 20
            limiter.settle(first, requests=1, tokens=20)
            await limiter.admit(320)  # fits beside 20, not beside 60
            times = [loop.time()]
            await limiter.admit(4)
            times.append(loop.time())
            await limiter.admit(1_000_000)  # above the limit: goes alone, when nothing else counts any more
            return [*times, loop.time()]

        assert [round(at) for at in in_virtual_time(main())] == [0, 60, 120]

    def test_repetitions_count(self) -> None:
        """Repetitions of a request by the SDK are requests too."""

        async def main() -> float:
            limiter = RateLimiter(requests_per_minute=3, tokens_per_minute=None)
            limiter.settle(await limiter.admit(1), requests=3, tokens=None)
            await limiter.admit(1)
            return asyncio.get_running_loop().time()

        assert round(in_virtual_time(main())) == 60

    def test_no_limits(self) -> None:
        """Without limits nobody waits."""

        async def main() -> float:
            limiter = RateLimiter(requests_per_minute=None, tokens_per_minute=None)
            for _ in range(1000):
                limiter.settle(await limiter.admit(10_000), requests=3, tokens=10_000)
            return asyncio.get_running_loop().time()

        assert in_virtual_time(main()) == 0

    def test_cancelled_waiter(self) -> None:
        """A waiter that gives up takes nothing from those behind it."""

        async def main() -> float:
            limiter = RateLimiter(requests_per_minute=1, tokens_per_minute=None)
            await limiter.admit(1)
            waiter = asyncio.create_task(limiter.admit(1))
            await asyncio.sleep(30)
            waiter.cancel()
            await limiter.admit(1)
            return asyncio.get_running_loop().time()

        assert round(in_virtual_time(main())) == 60


class _JumpingSelector(selectors.SelectSelector):
    """Does not wait for a timer, but sets the clock to it."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout:
            self.now += timeout
        return ready


class _JumpingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._clock = _JumpingSelector()
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.now


def in_virtual_time(main: Coroutine[Any, Any, T]) -> T:
    """Run on an event loop whose clock starts at 0 and never waits."""
    with asyncio.Runner(loop_factory=_JumpingLoop) as runner:
        return runner.run(main)
