"""A draft that Slack shows as it grows; whatever fails here, the finished answer is delivered all the same."""

import asyncio
import logging

from service.background import end_task
from service.deliveries.posting import DeliveryError
from service.deliveries.slack import Place, SlackBot
from service.deliveries.slack_message import message_of
from service.results import Triaged

__all__ = ["GrowingMessage"]

_log = logging.getLogger(__name__)
_ABANDONED = "It was not finished: whoever asked left, or the service stopped."


class GrowingMessage:
    """The message of one answer, from a second after it was begun until it is finished."""

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
