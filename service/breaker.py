"""A circuit breaker: a provider that keeps failing is not asked for a while, so that nobody waits for it."""

import contextlib
import logging
import time
from collections.abc import Iterator
from typing import Literal

import msgspec

from indexer.errors import ProviderError

__all__ = ["Breaker", "BreakerStatus"]

_log = logging.getLogger(__name__)
_FAILURES = 5  # one after another, that open it
_FIRST_SECONDS = 1.0
_LONGEST_SECONDS = 60.0
_SOUND = frozenset({"refused", "filtered"})
"""Kinds of failure that are the request's own: the provider works."""
_UNSENT = frozenset({"circuit_open", "over_limit", "uncounted"})
"""Kinds of failure of requests that were never sent."""


class BreakerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the provider is asked: ``closed`` (it is), ``open`` (not for some seconds), ``half-open`` (one request tries)."""

    state: Literal["closed", "open", "half-open"]
    failures: int
    seconds: float


class Breaker:
    """Opens after some failures in a row, for a time that grows; then one request tries, and its success closes it."""

    def __init__(self, what: str) -> None:
        """Make a closed one.

        :param what: it is for, as in "the provider's …".
        """
        self._what = what
        self._failures = 0
        self._pause = _FIRST_SECONDS
        self._open_until: float | None = None
        self._trying = False

    @contextlib.contextmanager
    def attempt(self) -> Iterator[None]:
        """Make one request in the block; whether that fails with a `ProviderError` is noted.

        :raises ProviderError: of kind ``circuit_open``: the block is not begun.
        """
        tries = self._enter()
        try:
            yield
        except ProviderError as error:
            if error.kind not in _UNSENT:
                self.note(None if error.kind in _SOUND else error)
            raise
        else:
            self.note(None)
        finally:
            # Also where the client left: the next request tries then.
            self._trying = self._trying and not tries

    def note(self, failure: ProviderError | None) -> None:
        """Note how a request ended."""
        if failure is None:
            if self._open_until is not None:
                _log.info("over: the provider's %s failed", self._what)
            self._failures, self._pause, self._open_until = 0, _FIRST_SECONDS, None
            return
        self._failures += 1
        if self._failures < _FAILURES or self._left:
            return  # not yet; or it was sent before the breaker opened
        if self._open_until is None:
            _log.warning(
                "the provider's %s failed %d times in a row: it is tried again now and then",
                self._what,
                self._failures,
            )
        pause = min(_LONGEST_SECONDS, max(self._pause, failure.retry_after or 0.0))
        self._open_until = time.monotonic() + pause
        self._pause = min(_LONGEST_SECONDS, 2 * self._pause)

    def status(self) -> BreakerStatus:
        """Return its state, the failures in a row, and for how long the provider is not asked."""
        left = self._left
        state: Literal["closed", "open", "half-open"] = "closed"
        if self._open_until is not None:
            state = "open" if left else "half-open"
        return BreakerStatus(state=state, failures=self._failures, seconds=round(left, 1))

    def _enter(self) -> bool:
        """Let a request in; return whether it is the one that tries."""
        if self._open_until is None:
            return False
        if self._left or self._trying:
            msg = f"the provider's {self._what} failed {self._failures} times in a row: it is not asked for a while"
            raise ProviderError(msg, kind="circuit_open", retry_after=self._left or _FIRST_SECONDS)
        self._trying = True
        return True

    @property
    def _left(self) -> float:
        return max(0.0, (self._open_until or 0.0) - time.monotonic())
