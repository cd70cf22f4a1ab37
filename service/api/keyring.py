"""The API keys: those in settings, and in the ledger, which is followed. Wrong ones are counted, logged and slowed down by address."""

import asyncio
import contextlib
import hmac
import logging
import math
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from indexer.errors import PrecedentError
from indexer.ledger import ApiKey, Calls, KeyScope, Ledger, hash_of_key
from indexer.settings import Settings
from indexer.settings_check import LOOPBACK
from service.background import end_task
from service.metrics import WRONG_KEYS

__all__ = ["Key", "KeyFollower", "Keyring", "Rate", "SlowDownError"]

_log = logging.getLogger(__name__)
_FREE = 10
"""Failures of an address before it has to wait."""
_LONGEST = 60.0
_FORGOTTEN = 600.0
_ADDRESSES = 10_000
_MINUTE = 60.0
_POLL_SECONDS = 0.5
_COUNT_SECONDS = 5.0


class SlowDownError(Exception):
    """The address tried too many keys; ``seconds`` says for how long none of it is looked at."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key that opens. ``who`` is its actor's name, ``name`` what the ledger calls it, if it is there."""

    hash: str
    who: str
    scope: KeyScope
    name: str | None = None
    per_minute: int | None = None


@dataclass(frozen=True, slots=True)
class Rate:
    """What is left of a key's calls until the minute ends, in ``reset`` seconds; ``exceeded``: this call was one too many."""

    limit: int
    remaining: int
    reset: int
    exceeded: bool


@dataclass(slots=True)
class _Address:
    failures: int = 0
    last: float = 0.0
    until: float = 0.0
    good: set[str] = field(default_factory=set)


class Keyring:
    """Knows the keys. An address that keeps failing waits, but a key that it used before goes on opening."""

    def __init__(self, settings: Settings) -> None:
        hashes = map(hash_of_key, settings.api_keys)
        self._fixed = tuple(Key(hash=each, who=f"key {each[:8]}", scope="admin") for each in hashes)
        self._keys = self._fixed
        self._any_made = False
        self._is_exposed = settings.host not in LOOPBACK
        self._addresses: OrderedDict[str, _Address] = OrderedDict()
        self._calls: dict[str, Calls] = {}
        self._minutes: dict[str, tuple[int, int]] = {}

    def take(self, made: Iterable[ApiKey]) -> None:
        """Take over the keys that the ledger has; those that it has no more, or are revoked, open nothing from now on."""
        found = tuple(made)
        # Revoking the last one must not open the service to everybody.
        self._any_made = bool(found)
        self._keys = self._fixed + tuple(
            Key(
                hash=key.hash, who=f"key:{key.name}", scope=key.scope, name=key.name, per_minute=key.per_minute
            )
            for key in found
            if key.revoked_at is None
        )  # fmt: skip

    @property
    def is_needed(self) -> bool:
        """Whether a call needs a key."""
        return bool(self._fixed) or self._any_made or self._is_exposed

    @property
    def is_usable(self) -> bool:
        """Whether anybody can ask: there is a key that opens, or none is needed."""
        return bool(self._keys) or not self.is_needed

    def opens(self, key: Key | None) -> bool:
        """Tell whether a call that was let in, with this key or without one, would be let in again."""
        return key in self._keys if key is not None else not self.is_needed

    def find(self, given: str, address: str) -> Key | None:
        """Return the key that was given, ``None`` when it is none of the keys.

        :raises SlowDownError: the address has to wait, and nothing is said of the key.
        """
        now = time.monotonic()
        seen = self._addresses.get(address, _Address())
        if seen.failures and now - seen.last > _FORGOTTEN:
            seen.failures = 0
        # The time that this takes tells nothing about the keys.
        hashed = hash_of_key(given)
        matches = [hmac.compare_digest(hashed, key.hash) for key in self._keys]
        found = self._keys[matches.index(True)] if any(matches) else None
        if now < seen.until and (found is None or found.hash not in seen.good):
            raise SlowDownError(seen.until - now)
        if found is None:
            self._failed(seen, address, now)
        else:
            seen.good.add(found.hash)
        self._addresses[address] = seen
        self._addresses.move_to_end(address)
        while len(self._addresses) > _ADDRESSES:
            self._addresses.popitem(last=False)
        return found

    def count(self, key: Key) -> Rate | None:
        """Count a call of a key, and return what is left of its limit, if it has one."""
        if key.name is None:
            return None
        now = time.time()
        before = self._calls.get(key.name, Calls(0, now))
        self._calls[key.name] = Calls(before.number + 1, now)
        if key.per_minute is None:
            return None
        minute = int(now // _MINUTE)
        of, used = self._minutes.get(key.name, (minute, 0))
        used = used + 1 if of == minute else 1
        self._minutes[key.name] = minute, used
        left = key.per_minute - used
        return Rate(key.per_minute, max(0, left), math.ceil((minute + 1) * _MINUTE - now), left < 0)

    def counted(self) -> dict[str, Calls]:
        """Return the calls of keys of the ledger that were counted since the last time, by name."""
        calls, self._calls = self._calls, {}
        return calls

    def count_again(self, calls: Mapping[str, Calls]) -> None:
        """Take back calls that could not be kept."""
        for name, old in calls.items():
            new = self._calls.get(name, Calls(0, old.last_at))
            self._calls[name] = Calls(old.number + new.number, new.last_at)

    def _failed(self, seen: _Address, address: str, now: float) -> None:
        WRONG_KEYS.inc()
        seen.failures += 1
        seen.last = now
        over = seen.failures - _FREE
        if over >= 0:
            seen.until = now + min(_LONGEST, 2.0 ** min(over, 10))
        wait = f"; it waits {seen.until - now:.0f} s" if over >= 0 else ""
        _log.warning("a wrong API key from %s, number %d%s", address, seen.failures, wait)


class KeyFollower:
    """Looks at the ledger twice a second, so that a revoked key opens nothing within a second.

    While the ledger cannot be read, the keys that were found last go on opening.
    """

    def __init__(self, ledger: Ledger, keyring: Keyring) -> None:
        self._ledger = ledger
        self._keyring = keyring
        self._opening: list[str] = []
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Take the keys that there are, and follow them from now on.

        :raises PrecedentError: the ledger cannot be read.
        """
        await self._look()
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Keep what was counted, and end."""
        await end_task(self._task)
        with contextlib.suppress(PrecedentError):
            await self._keep_counts()

    async def _run(self) -> None:
        reason, counted_at = "", time.monotonic()
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            try:
                await self._look()
                if time.monotonic() - counted_at >= _COUNT_SECONDS:
                    await self._keep_counts()
                    counted_at = time.monotonic()
                reason = ""
            except PrecedentError as error:
                if str(error) != reason:  # each reason is logged once, however long it lasts
                    reason = str(error)
                    _log.warning("API keys cannot be followed: %s", error)
            except Exception as error:  # noqa: BLE001 (it must outlive whatever a dependency throws)
                _log.exception("following API keys failed: %s", type(error).__name__)

    async def _look(self) -> None:
        found = await asyncio.to_thread(self._ledger.keys.all)
        self._keyring.take(found)
        opening = [key.name for key in found if key.revoked_at is None]
        if opening != self._opening:
            self._opening = opening
            _log.info("API keys of the ledger that open: %s", ", ".join(opening) or "none")

    async def _keep_counts(self) -> None:
        calls = self._keyring.counted()
        if not calls:
            return
        try:
            await asyncio.to_thread(self._ledger.keys.count, calls)
        except PrecedentError:
            self._keyring.count_again(calls)
            raise
