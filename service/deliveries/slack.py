"""Slack: an incoming webhook, and a bot that can change its message."""

from typing import Any

import msgspec

from indexer.ledger import Delivery
from service.deliveries.posting import DeliveryError, Poster
from service.deliveries.slack_message import NO_PREVIEWS, message_of
from service.results import Triage

__all__ = ["Place", "SlackBot", "SlackWebhook"]

_GONE = {"message_not_found", "cant_update_message", "edit_window_closed"}


class Place(msgspec.Struct, frozen=True):
    """Where a message stands in Slack."""

    channel: str
    ts: str


class _Said(msgspec.Struct, frozen=True):
    """What Slack answers, as far as it matters."""

    ok: bool
    error: str = ""
    channel: str = ""
    ts: str = ""


class _Event(msgspec.Struct, frozen=True):
    data: Triage


class _RefusedError(DeliveryError):
    """Slack understood the request, and refuses it; ``code`` is its word for why."""

    def __init__(self, code: str) -> None:
        super().__init__(f"Slack refuses it: {code}")
        self.code = code


class SlackWebhook:
    """Posts an answer to an incoming webhook."""

    name = "slack-webhook"

    def __init__(self, poster: Poster, url: str) -> None:
        self._poster = poster
        self._url = url

    async def send(self, delivery: Delivery) -> None:
        """Post it.

        :raises DeliveryError: it is not acknowledged.
        """
        await self._poster.post(self._url, msgspec.json.encode(NO_PREVIEWS | _finished(delivery)), {})


class SlackBot:
    """Posts an answer to a channel, or changes the message that showed its draft."""

    name = "slack"

    def __init__(self, poster: Poster, api: str, token: str, channel: str) -> None:
        self._poster = poster
        self._api = api.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"}
        self._channel = channel

    async def send(self, delivery: Delivery) -> None:
        """Post it, or change the message that stands at its place.

        :raises DeliveryError: it is not acknowledged.
        """
        message = _finished(delivery)
        if delivery.place is not None:
            try:
                await self.change(msgspec.json.decode(delivery.place, type=Place), message)
            except _RefusedError as error:
                if error.code not in _GONE:
                    raise
            else:
                return
        await self.post(message)

    async def post(self, message: dict[str, Any]) -> Place:
        """Post a message, and return where it stands.

        :raises DeliveryError: it is not acknowledged.
        """
        said = await self._call("chat.postMessage", {"channel": self._channel, **NO_PREVIEWS, **message})
        return Place(said.channel, said.ts)

    async def change(self, place: Place, message: dict[str, Any]) -> None:
        """Put a message in the place of another.

        :raises DeliveryError: it is not acknowledged.
        """
        await self._call("chat.update", {"channel": place.channel, "ts": place.ts, **message})

    async def _call(self, method: str, arguments: dict[str, Any]) -> _Said:
        body = msgspec.json.encode(arguments)
        answer = await self._poster.post(f"{self._api}/{method}", body, self._headers, read=True)
        try:
            said = msgspec.json.decode(answer, type=_Said)
        except msgspec.MsgspecError:
            msg = "Slack answered with something other than its JSON"
            raise DeliveryError(msg) from None
        if not said.ok:
            raise _RefusedError(said.error[:80])
        return said


def _finished(delivery: Delivery) -> dict[str, Any]:
    return message_of(msgspec.json.decode(delivery.body or "", type=_Event).data)
