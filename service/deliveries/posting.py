"""One request to a receiver, and its failures as `DeliveryError`."""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus

import httpx

from indexer.retry_after import seconds_to_wait

__all__ = ["DeliveryError", "Poster"]

_MOST_READ = 65_536
_LONGEST_WAIT = 86_400.0


class DeliveryError(Exception):
    """A receiver did not acknowledge. The message holds neither its address nor what it said.

    :param wait: seconds that the receiver asks to wait.
    :param final: whether another try is of no use.
    """

    def __init__(self, message: str, *, wait: float | None = None, final: bool = False) -> None:
        super().__init__(message)
        self.wait = wait
        self.final = final


class Poster:
    """Posts to addresses that settings name. It follows no redirection: an answer goes where the operator said."""

    def __init__(self, patience: float) -> None:
        """Make one.

        :param patience: seconds that one request may take in all.
        """
        self._client: httpx.AsyncClient | None = None
        self.patience = patience

    async def post(
        self, url: str, content: bytes, headers: Mapping[str, str], *, read: bool = False
    ) -> bytes:
        """Post JSON, and return the beginning of what a receiver answers that acknowledges it.

        :param read: whether what it answers matters; else an acknowledgement counts whatever follows it.
        :raises DeliveryError: it does not acknowledge.
        """
        if self._client is None:
            # Not before it is needed: it loads all certificates, and most services post nothing.
            self._client = httpx.AsyncClient(timeout=self.patience, follow_redirects=False)
        try:
            async with (
                asyncio.timeout(self.patience),
                self._client.stream(
                    "POST", url, content=content, headers={"Content-Type": "application/json", **headers}
                ) as answer,
            ):
                _require_acknowledged(answer)
                body = b""
                if read:
                    async for chunk in answer.aiter_bytes():
                        body += chunk
                        if len(body) > _MOST_READ:
                            break
                return body
        except TimeoutError:
            msg = f"no acknowledgement within {self.patience:g} s"
            raise DeliveryError(msg) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # Without its words: they may hold the address, which is a secret of Slack's webhooks.
            msg = f"the connection failed ({type(error).__name__})"
            raise DeliveryError(msg) from None

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()


def _require_acknowledged(answer: httpx.Response) -> None:
    if answer.is_success:
        return
    status = answer.status_code
    why = ": redirections are not followed" if answer.is_redirect else ""
    wait = seconds_to_wait(answer.headers.get("retry-after"))
    msg = f"answered {status}{why}"
    raise DeliveryError(msg, wait=wait and min(wait, _LONGEST_WAIT), final=status == HTTPStatus.GONE)
