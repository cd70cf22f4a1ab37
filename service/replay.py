"""Replay: kept questions asked again under today's settings, and what changed."""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TypeVar

import msgspec

from indexer.errors import PrecedentError
from indexer.ledger import Answer, Ledger, Which
from indexer.progress import Progress
from indexer.settings import Settings
from indexer.ticket import Ticket
from service.answering import Answering, open_answering
from service.intervals import Intervals
from service.kept_answer import KeptAnswer, shown
from service.pools import Pools
from service.results import Triage
from service.triage import Search

__all__ = ["Change", "ReplayReport", "replay"]

_T = TypeVar("_T")
_PAGE = 100
_TURN_SECONDS = 0.1
_PATIENCE = 600.0


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that is another now; each of its parts is what it was and what it is, or ``None`` where that is the same."""

    id: str
    at: datetime
    label: tuple[str | None, str | None] | None
    precedent: tuple[str | None, str | None] | None
    reply: tuple[str, str] | None

    @property
    def words(self) -> str:
        """The change in a line."""
        pairs = {"label": self.label, "precedent": self.precedent, "reply": self.reply}
        changed = [
            f"{name} {pair[0] or 'none'} -> {pair[1] or 'none'}" for name, pair in pairs.items() if pair
        ]
        return "  ".join([self.at.isoformat(timespec="seconds"), self.id, *changed])


class ReplayReport(msgspec.Struct, frozen=True, kw_only=True):
    """How many answers were asked for again, how many could not be, and what changed."""

    asked: int
    without_text: int
    failed: int
    unchanged: int
    label: int
    precedent: int
    reply: int
    changes: tuple[Change, ...]


async def replay(
    settings: Settings, since: datetime | None, limit: int, *, progress: Progress
) -> ReplayReport:
    """Ask the newest kept questions again, as of the time when they were asked. Nothing is kept of it.

    :param since: only questions from this time on.
    :param limit: how many answers to look at.
    :raises PrecedentError: the store cannot be opened.
    """
    without_text = failed = asked = 0
    changes: list[Change] = []
    async with open_answering(settings, Pools(), Intervals(), keep=False) as opened:
        kept = await asyncio.to_thread(_newest, opened.runtime.store.ledger, since, limit)
        if kept:
            opened.runtime.begin()
            await _served(opened)
        for done, answer in enumerate(kept):
            progress("again", done, len(kept))
            if answer.text is None:
                without_text += 1
                continue
            asked += 1
            try:
                again = await _asked_again(opened, answer)
            except PrecedentError:
                failed += 1
                continue
            if change := _change(answer, again):
                changes.append(change)
        progress("again", len(kept), len(kept))
    counts = {
        name: sum(getattr(change, name) is not None for change in changes)
        for name in ("label", "precedent", "reply")
    }
    return ReplayReport(
        asked=asked,
        without_text=without_text,
        failed=failed,
        unchanged=asked - failed - len(changes),
        **counts,
        changes=tuple(changes),
    )


def _newest(ledger: Ledger, since: datetime | None, limit: int) -> list[KeptAnswer]:
    def found() -> Iterator[Answer]:
        which, left = Which(since=since.timestamp() if since else None), limit
        while left and (page := ledger.answers.page(which, limit=min(left, _PAGE))):
            yield from page
            left -= len(page)
            which = Which(since=which.since, before=(page[-1].at, page[-1].id))

    return [shown(answer) for answer in found()]


async def _served(opened: Answering) -> None:
    """Wait until questions are answered, by the forest that there is or by the first one.

    :raises PrecedentError: it takes too long.
    """
    runtime, until = opened.runtime, time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        served = runtime.current.served if runtime.ready and runtime.current else None
        if served is not None and all(one.revision is not None or one.verdict for one in served.values()):
            return
        await asyncio.sleep(_TURN_SECONDS)
    msg = f"questions cannot be asked after {_PATIENCE:g} s: {runtime.stage}"
    raise PrecedentError(msg)


async def _asked_again(opened: Answering, answer: KeptAnswer) -> Triage:
    asked = answer.asked
    ticket = Ticket(
        id="new",
        text=answer.text or "",
        fields=asked.fields,
        created_at=asked.created_at or answer.at.astimezone(UTC),
    )
    search = Search(limit=asked.top_k, resolved=True, which=asked.filter, exclude=frozenset(asked.exclude))
    return await opened.pipeline.answer(ticket, search, draft=asked.draft)


def _change(before: KeptAnswer, now: Triage) -> Change | None:
    first_before = before.neighbours[0].id if before.neighbours else None
    first_now = now.neighbours[0].id if now.neighbours else None
    change = Change(
        id=before.id,
        at=before.at,
        label=_pair(before.priority.label, now.priority.label),
        precedent=_pair(first_before, first_now),
        reply=_pair(before.reply.source, now.reply.source),
    )
    return change if change.label or change.precedent or change.reply else None


def _pair(before: _T, now: _T) -> tuple[_T, _T] | None:
    return None if before == now else (before, now)
