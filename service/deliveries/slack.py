"""Slack: an incoming webhook, a bot that can change its message, and a draft that it shows as it grows."""

import asyncio
import logging
from typing import Any

import msgspec

from indexer.ledger import Delivery
from service.background import end_task
from service.deliveries.posting import DeliveryError, Poster
from service.deliveries.slack_message import NO_PREVIEWS, message_of
from service.results import Triage, Triaged

__all__ = ["GrowingMessage", "SlackBot", "SlackWebhook"]

_log = logging.getLogger(__name__)
_ABANDONED = "It was not finished: whoever asked left, or the service stopped."
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


class GrowingMessage:
    """The message of one answer, from a second after it was begun until it is finished.

    Whatever fails here, the finished answer is delivered all the same.
    """

    def __init__(self, bot: SlackBot, first: Triaged, *, interval: float) -> None:
        """Begin it in the background.

        :param interval: seconds between two versions.
        """
        self._bot, self._first, self._interval = bot, first, interval
        self._text = ""
        self._place: Place | None = None
        self._busy = asyncio.Lock()
        self._task: asyncio.Task[None] | None = asyncio.create_task(self._run())

    def grow(self, piece: str) -> None:
        """Add a piece of the draft."""
        self._text += piece

    async def end(self) -> Place | None:
        """End it, and return where the message stands, if there is one."""
        # A request that is under way is not broken off: the message would stand at a place that nobody knows.
        async with self._busy:
            await end_task(self._task)
        return self._place

    async def abandon(self) -> None:
        """End it, and have the message say that no answer comes."""
        if place := await self.end():
            try:
                await self._bot.change(place, message_of(self._first, f"{self._text}\n\n{_ABANDONED}"))
            except DeliveryError as error:
                _log.warning("a message in Slack still says that its draft is being written: %s", error)

    async def _run(self) -> None:
        shown = None
        wait = self._interval
        while True:
            await asyncio.sleep(wait)
            wait = self._interval
            if self._text == shown:
                continue
            text = self._text
            async with self._busy:
                try:
                    message = message_of(self._first, text)
                    if self._place is None:
                        self._place = await self._bot.post(message)
                    else:
                        await self._bot.change(self._place, message)
                except DeliveryError as error:
                    _log.info("a growing draft is not shown in Slack: %s", error)
                    wait = max(wait, error.wait or 10 * wait)
                else:
                    shown = text


def _finished(delivery: Delivery) -> dict[str, Any]:
    return message_of(msgspec.json.decode(delivery.body or "", type=_Event).data)
