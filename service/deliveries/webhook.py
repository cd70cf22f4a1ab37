"""A webhook: the answer as JSON, signed by the scheme of the Standard Webhooks specification."""

import base64
import hashlib
import hmac
import time

from indexer.ledger import Delivery
from service.deliveries.posting import Poster

__all__ = ["Webhook"]


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
