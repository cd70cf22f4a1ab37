"""Requests to receivers, with failures as `DeliveryError`, and a webhook: the answer as JSON, signed by the Standard Webhooks specification."""

import asyncio
import base64
import hashlib
import hmac
import time
from collections.abc import Mapping
from http import HTTPStatus

import httpx

from indexer.ledger import Delivery
from indexer.retry_after import seconds_to_wait

__all__ = ["DeliveryError", "Poster", "Webhook"]

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


class Webhook:
    """Posts an answer with a stable id, the time of the try, and a signature of both with the body."""

    name = "webhook"

    def __init__(self, poster: Poster, url: str, secret: str) -> None:
        """Make one.

        :param secret: ``whsec_`` and the key in base64.
        """
        self._poster = poster
        self._url = url
        self._key = base64.b64decode(secret.removeprefix("whsec_"))

    async def send(self, delivery: Delivery) -> None:
        """Post it.

        :raises DeliveryError: it is not acknowledged.
        """
        body = (delivery.body or "").encode()
        at = str(int(time.time()))
        signed = hmac.new(self._key, b".".join((delivery.id.encode(), at.encode(), body)), hashlib.sha256)
        headers = {
            "webhook-id": delivery.id,
            "webhook-timestamp": at,
            "webhook-signature": f"v1,{base64.b64encode(signed.digest()).decode()}",
        }
        await self._poster.post(self._url, body, headers)


def _require_acknowledged(answer: httpx.Response) -> None:
    if answer.is_success:
        return
    status = answer.status_code
    why = ": redirections are not followed" if answer.is_redirect else ""
    wait = seconds_to_wait(answer.headers.get("retry-after"))
    msg = f"answered {status}{why}"
    raise DeliveryError(msg, wait=wait and min(wait, _LONGEST_WAIT), final=status == HTTPStatus.GONE)
