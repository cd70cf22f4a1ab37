"""The outbox: answers recorded in the ledger as they finish, and delivered in the background."""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from indexer.errors import PrecedentError
from indexer.ledger import Delivery, Ledger, Outgoing, hash_of_question
from indexer.settings import Settings
from indexer.ticket import Ticket
from service.background import BackgroundWriter, end_task
from service.deliveries.posting import DeliveryError, Poster, Webhook
from service.deliveries.slack import GrowingMessage, SlackBot, SlackWebhook
from service.intervals import Intervals
from service.metrics import DELIVERIES_LOST
from service.results import Triage, Triaged

__all__ = ["Following", "Outbox"]

_T = TypeVar("_T")
_log = logging.getLogger(__name__)
_TRIES = 15
_DOUBLINGS = 10  # then about an hour and a half lies between two tries
_MARGIN = 5.0  # seconds by which a lease is longer than a request
_LAST_SECONDS = 5.0  # for what is under way at a stop
_LONGEST_REST = 60.0


_Target = Webhook | SlackWebhook | SlackBot


@dataclass(frozen=True, slots=True)
class _Finished:
    """An answer that is to be recorded."""

    answer: Triage
    text_hash: str
    tickets: frozenset[str]
    at: float
    growing: bool


class Following:
    """An answer that is being made."""

    def __init__(self, growing: GrowingMessage | None) -> None:
        self._growing = growing
        self.finished: _Finished | None = None

    def grow(self, piece: str) -> None:
        """Add a piece of its draft."""
        if self._growing is not None:
            self._growing.grow(piece)

    def finish(self, answer: Triage, ticket: Ticket, exclude: frozenset[str]) -> None:
        """Have it delivered.

        :param ticket: the question.
        :param exclude: ids that the question named.
        """
        decisions = (answer.priority, *answer.decisions.values())
        named = {one.id for one in answer.neighbours} | exclude
        named |= {one.id for decision in decisions for one in decision.evidence}
        growing = self._growing is not None
        self.finished = _Finished(answer, ticket.text_hash, frozenset(named), time.time(), growing)


@dataclass(frozen=True, slots=True)
class _Placed:
    """What is known of the message that showed an answer's draft."""

    answer: str
    place: str | None


class Outbox:
    """Delivers finished answers to the targets that settings name, each at least once."""

    def __init__(self, ledger: Ledger, settings: Settings, intervals: Intervals) -> None:
        self._ledger, self._settings, self._intervals = ledger, settings, intervals
        self._bot: SlackBot | None = None
        self._targets: list[_Target] = []
        self._wake: dict[str, asyncio.Event] = {}
        self._writer = BackgroundWriter[_Finished | _Placed](
            self._record, done=lambda _: self._woken(), lose=_lose
        )
        self._stopping = False
        self._workers: list[asyncio.Task[None]] = []
        self._endings: set[asyncio.Task[None]] = set()
        self.counts = {"waiting": 0, "dead": 0}
        """As of the last look at the ledger."""

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Deliver while the block runs; else nothing is recorded."""
        poster = Poster(self._intervals.receive)
        self._targets = self._from_settings(poster)
        self._wake = {target.name: asyncio.Event() for target in self._targets}
        self._writer.open()
        self._workers = [asyncio.create_task(self._deliver(target)) for target in self._targets]
        counting = asyncio.create_task(self._count())
        try:
            yield
        finally:
            if self._endings:
                await asyncio.wait(self._endings, timeout=_LAST_SECONDS)
            await self._writer.close()
            self._stopping = True
            self._woken()
            if self._workers:
                await asyncio.wait(self._workers, timeout=_LAST_SECONDS)
            for task in (*self._workers, *self._endings, counting):
                await end_task(task)
            await poster.close()

    @contextlib.contextmanager
    def following(self, first: Triaged, *, draft: bool) -> Iterator["Following"]:
        """Follow an answer that has begun; one that does not finish is not delivered.

        :param draft: whether a reply is written.
        """
        growing = None
        if self._bot is not None and draft and self._slack_wants(first):
            growing = GrowingMessage(self._bot, first, interval=self._intervals.grow)
        following = Following(growing)
        try:
            yield following
        finally:
            if following.finished is not None and self._targets:
                self._writer.give(following.finished)
                if growing is not None:
                    self._end(self._place(growing, first.id))
            elif growing is not None:
                self._end(growing.abandon())

    def _end(self, ending: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(ending)
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)

    async def _place(self, growing: GrowingMessage, answer: str) -> None:
        place = await growing.end()
        self._writer.give(_Placed(answer, None if place is None else msgspec.json.encode(place).decode()))

    def _record(self, things: Sequence[_Finished | _Placed]) -> None:
        outgoing = [one for thing in things if isinstance(thing, _Finished) for one in self._outgoing(thing)]
        if outgoing:
            self._ledger.deliveries.record(outgoing)
        for thing in things:
            if isinstance(thing, _Placed):
                self._ledger.deliveries.placed(_id(thing.answer, "slack"), thing.place, time.time())

    def _outgoing(self, finished: _Finished) -> Iterator[Outgoing]:
        answer = finished.answer
        at = datetime.fromtimestamp(finished.at, UTC)
        event = {"type": "answer.finished", "timestamp": at, "data": answer}
        body = msgspec.json.encode(event).decode()
        for target in self._targets:
            if target.name == "webhook" or self._slack_wants(answer):
                # Where a message shows the draft already, its place follows at once; a service that is killed in between
                # posts another one.
                growing = finished.growing and target.name == "slack"
                yield Outgoing(
                    id=_id(answer.id, target.name),
                    answer=answer.id,
                    target=target.name,
                    at=finished.at,
                    input_hash=hash_of_question(self._ledger.secret, finished.text_hash),
                    tickets=finished.tickets,
                    body=body,
                    next_at=finished.at + (self._lease if growing else 0.0),
                )

    async def _deliver(self, target: _Target) -> None:
        deliveries, wake = self._ledger.deliveries, self._wake[target.name]
        while not self._stopping:
            wake.clear()
            found = await self._told(lambda: deliveries.claim(target.name, time.time(), lease=self._lease))
            if found is None:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(wake.wait(), self._intervals.poll)
                continue
            try:
                await target.send(found)
            except DeliveryError as error:
                await self._failed(found, error)
            except Exception as error:  # noqa: BLE001 (whatever it is, the others are delivered)
                await self._failed(found, DeliveryError(f"unexpected {type(error).__name__}"))
            else:
                await self._told(lambda one=found: deliveries.succeeded(one))  # type: ignore[misc]

    async def _failed(self, delivery: Delivery, error: DeliveryError) -> None:
        dead = error.final or delivery.tries >= _TRIES
        # Doubled with each try, and never quite the same.
        doubled = self._intervals.redeliver * 2.0 ** min(delivery.tries - 1, _DOUBLINGS)
        wait = doubled * random.uniform(0.8, 1.2)  # noqa: S311 (no secret)
        again_at = None if dead else time.time() + max(wait, error.wait or 0.0)
        if dead:
            _log.error(
                "delivery %s is dead after %d tries: %s: see `precedent deliveries`",
                delivery.id, delivery.tries, error,
            )  # fmt: skip
        await self._told(lambda: self._ledger.deliveries.failed(delivery, str(error), again_at=again_at))
        if error.wait:
            # What else is due for this receiver waits too.
            await asyncio.sleep(min(error.wait, _LONGEST_REST))

    async def _told(self, ask: Callable[[], _T]) -> _T:
        """Ask the ledger until it answers: what was acknowledged must not be sent again."""
        while True:
            try:
                return await asyncio.to_thread(ask)
            except PrecedentError as error:
                _log.warning("deliveries wait for the ledger: %s", error)
                await asyncio.sleep(self._intervals.retry)

    async def _count(self) -> None:
        names = [target.name for target in self._targets]
        if gone := await self._told(lambda: self._ledger.deliveries.give_up(names)):
            _log.warning("%d deliveries are dead: their target is no longer set", gone)
        while True:
            self.counts = await self._told(self._ledger.deliveries.counts)
            await asyncio.sleep(max(1.0, self._intervals.poll))

    def _woken(self) -> None:
        for event in self._wake.values():
            event.set()

    def _slack_wants(self, answer: Triaged) -> bool:
        wanted = {label.casefold() for label in self._settings.slack_priorities}
        return not wanted or (answer.priority.label or "").casefold() in wanted

    @property
    def _lease(self) -> float:
        return self._intervals.receive + _MARGIN

    def _from_settings(self, poster: Poster) -> list[_Target]:
        settings, targets = self._settings, list[_Target]()
        if settings.webhook_url and settings.webhook_secret:
            targets.append(Webhook(poster, settings.webhook_url, settings.webhook_secret))
        if settings.slack_webhook_url:
            targets.append(SlackWebhook(poster, settings.slack_webhook_url))
        if settings.slack_token and settings.slack_channel:
            self._bot = SlackBot(poster, settings.slack_api, settings.slack_token, settings.slack_channel)
            targets.append(self._bot)
        return targets


def _id(answer: str, target: str) -> str:
    return f"{answer}-{target}"


def _lose(answers: int, why: str) -> None:
    DELIVERIES_LOST.inc(answers)
    _log.error("%d answers are not delivered: %s", answers, why)
