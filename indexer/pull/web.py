"""Requests to a helpdesk: limits of its rate are kept, what fails for a moment is asked again, the rest is told."""

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from indexer.errors import SourceError
from indexer.pull.address import Address
from indexer.retry_after import seconds_to_wait

if TYPE_CHECKING:
    # Importing it takes a tenth of a second, which commands that ask no helpdesk do not wait for.
    import httpx

__all__ = ["Web"]

_TIMEOUT = 60.0  # seconds for one answer
_ATTEMPTS = 6  # at a request that fails; waits for a limit do not count
_LONGEST_WAIT = 3_600.0  # a limit that lasts longer ends the pull: the same command goes on later
_MAX_BYTES = 64 * 2**20


class Web:
    """Asks one helpdesk for JSON, one request at a time. It follows no redirection: a token stays with its host."""

    def __init__(self, address: Address, headers: Mapping[str, str], *, tell: Callable[[str], None]) -> None:
        """Open the connection.

        :param tell: told each wait in words.
        """
        import httpx

        self._client = httpx.Client(
            base_url=address.base, headers={"Accept": "application/json", **headers}, timeout=_TIMEOUT
        )
        self.address = address
        self._tell = tell
        self._not_before = 0.0

    def get(self, path: str, **query: str | int) -> Any:
        """Return what a path answers, decoded.

        :raises SourceError: it refuses, fails again and again, or asks to wait for more than an hour.
        """
        import httpx

        failures = 0
        while True:
            self._wait()
            reason, wait = "", None
            try:
                answer = self._client.get(path, params=query)
            except httpx.HTTPError as error:
                reason = f"{type(error).__name__}: {error}"
            else:
                limited = answer.headers.get("x-ratelimit-remaining") == "0"
                if answer.is_success:
                    if limited:  # it was the last one allowed for now
                        self._not_before = time.monotonic() + (_told_wait(answer) or 0.0)
                    return _decoded(answer)
                reason = f"HTTP {answer.status_code}"
                wait = _told_wait(answer) if limited or answer.status_code in (429, 503) else None
                if wait is None and answer.status_code < 500 and answer.status_code != 429:  # noqa: PLR2004 (HTTP)
                    raise SourceError(self._refusal(path, answer))
            if wait is None:
                failures += 1
                if failures == _ATTEMPTS:
                    msg = f"{self._client.base_url.host}{path} failed {failures} times, the last time with {reason}: try again later"
                    raise SourceError(msg)
                wait = 2.0 ** (failures - 1)
            self._not_before = max(self._not_before, time.monotonic() + wait)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _wait(self) -> None:
        wait = self._not_before - time.monotonic()
        if wait <= 0:
            return
        host = self._client.base_url.host
        if wait > _LONGEST_WAIT:
            msg = f"{host} asks to wait for {wait / 60:,.0f} minutes: the same command goes on then where it stopped"
            raise SourceError(msg)
        if wait >= 2:  # noqa: PLR2004 (seconds worth a word)
            self._tell(f"{host} asks to wait: going on in {wait:,.0f} s")
        time.sleep(wait)

    def _refusal(self, path: str, answer: "httpx.Response") -> str:
        what = {
            401: "it does not know the token",
            403: "the token may not read this",
            404: "there is no such place, or the token may not see it",
        }.get(answer.status_code, "it refuses the request")
        return f"{self._client.base_url.host}{path} answers {answer.status_code}: {what}"


def _decoded(answer: "httpx.Response") -> Any:
    if len(answer.content) > _MAX_BYTES:
        msg = f"{answer.url.host} answers with {len(answer.content):,} bytes, at most {_MAX_BYTES:,} are read"
        raise SourceError(msg)
    try:
        return msgspec.json.decode(answer.content)
    except msgspec.DecodeError:
        msg = f"{answer.url.host}{answer.url.path} answers with something other than JSON: is the address right?"
        raise SourceError(msg) from None


def _told_wait(answer: "httpx.Response") -> float | None:
    """Return the seconds until a limit ends: by ``Retry-After``, or as GitHub and Zendesk tell it, a time or seconds from now."""
    if wait := seconds_to_wait(answer.headers.get("retry-after")):
        return wait
    given = answer.headers.get("x-ratelimit-reset") or answer.headers.get("ratelimit-reset")
    try:
        reset = float(given)
    except (TypeError, ValueError):
        return None
    year = 366 * 86_400.0
    return max(0.0, reset - time.time()) if reset > year else reset
