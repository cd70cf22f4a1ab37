"""The API keys; wrong ones are logged and slowed down by address."""

import hashlib
import hmac
import logging
import time
from collections import OrderedDict
from dataclasses import dataclass, field

__all__ = ["Keyring", "SlowDownError"]

_log = logging.getLogger(__name__)
_FREE = 10
"""Failures of an address before it has to wait."""
_LONGEST = 60.0
_FORGOTTEN = 600.0
_ADDRESSES = 10_000


class SlowDownError(Exception):
    """The address tried too many keys; ``seconds`` says for how long none of it is looked at."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


@dataclass(slots=True)
class _Address:
    failures: int = 0
    last: float = 0.0
    until: float = 0.0
    good: set[int] = field(default_factory=set)


class Keyring:
    """Knows the keys. An address that keeps failing waits, but a key that it used before goes on opening."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        self._keys = keys
        self._addresses: OrderedDict[str, _Address] = OrderedDict()

    def who(self, given: str, address: str) -> str | None:
        """Return the fingerprint of the key that was given, ``None`` when it is none of the keys.

        :raises SlowDownError: the address has to wait, and the key was not compared.
        """
        now = time.monotonic()
        seen = self._addresses.get(address, _Address())
        if seen.failures and now - seen.last > _FORGOTTEN:
            seen.failures = 0
        # The time that this takes tells nothing about the keys.
        matches = [hmac.compare_digest(given.encode(), key.encode()) for key in self._keys]
        found = matches.index(True) if any(matches) else None
        if now < seen.until and found not in seen.good:
            raise SlowDownError(seen.until - now)
        if found is None:
            self._failed(seen, address, now)
        else:
            seen.good.add(found)
        self._addresses[address] = seen
        self._addresses.move_to_end(address)
        while len(self._addresses) > _ADDRESSES:
            self._addresses.popitem(last=False)
        return None if found is None else fingerprint(self._keys[found])

    def _failed(self, seen: _Address, address: str, now: float) -> None:
        seen.failures += 1
        seen.last = now
        over = seen.failures - _FREE
        if over >= 0:
            seen.until = now + min(_LONGEST, 2.0 ** min(over, 10))
        wait = f"; it waits {seen.until - now:.0f} s" if over >= 0 else ""
        _log.warning("a wrong API key from %s, number %d%s", address, seen.failures, wait)


def fingerprint(key: str) -> str:
    """Return what tells a key from others and is of no use to open anything."""
    return f"key {hashlib.sha256(key.encode()).hexdigest()[:8]}"
