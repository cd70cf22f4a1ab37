"""What was asked of the provider, for one answer and today, with its cost, and how long each stage of an answer takes."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from indexer.ledger import Ledger, Spent
from indexer.prices import Billed, cost
from indexer.settings import Settings
from service.drafting.chat import ChatCall
from service.results import Usage

__all__ = [
    "Requests",
    "SpendToday",
    "requests_of",
    "requests_to",
    "since",
    "spend_today",
    "usage_of",
]


class Requests(msgspec.Struct, frozen=True, kw_only=True):
    """Chat requests to one model, or what they would be; ``cost`` is by the prices in settings, null where the model has none."""

    model: str
    requests: int
    prompt_tokens: int
    completion_tokens: int
    cost: float | None

    @property
    def words(self) -> str:
        """It in a line."""
        tokens = self.prompt_tokens + self.completion_tokens
        price = "" if self.cost is None else f", cost {self.cost:g}"
        return f"{self.requests:,} requests to {self.model}, {tokens:,} tokens{price}"


class SpendToday(msgspec.Struct, frozen=True, kw_only=True):
    """What all services on the ledger asked of the provider on a day (UTC); ``cost`` is null where a price is not known."""

    day: str
    requests: int
    prompt_tokens: int
    completion_tokens: int
    estimated: int
    cost: float | None


def requests_to(
    settings: Settings, model: str, *, requests: int, prompt_tokens: int, completion_tokens: int
) -> Requests:
    """Return them with their cost."""
    made = Requests(
        model=model,
        requests=requests,
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        cost=None,
    )
    return msgspec.structs.replace(made, cost=cost(settings, [made]))


def requests_of(settings: Settings, model: str, calls: Sequence[ChatCall]) -> Requests:
    """Return what these requests took."""
    return requests_to(settings, model, **_sums(calls))


def spend_today(settings: Settings, ledger: Ledger) -> SpendToday:
    """Return the sums of today."""
    day = datetime.now(UTC).date().isoformat()
    found = ledger.spend.since(day)
    return SpendToday(
        day=day,
        estimated=sum(one.estimated for one in found),
        cost=cost(settings, found),
        **_sums(found),
    )


def usage_of(settings: Settings, embedded: Spent, calls: Sequence[ChatCall] = ()) -> Usage:
    """Return the usage of an answer.

    :param embedded: what it took to embed the question; ``calls``: its chat requests.
    """
    asked: list[Billed] = [embedded, *calls]
    sums = _sums(asked)
    return Usage(
        embedding_requests=embedded.requests,
        chat_requests=sums.pop("requests") - embedded.requests,
        estimated=any(call.estimated for call in calls),
        cost=cost(settings, asked),
        **sums,
    )


def _sums(asked: Sequence[Billed]) -> dict[str, int]:
    names = ("requests", "prompt_tokens", "completion_tokens")
    return {name: sum(getattr(one, name) for one in asked) for name in names}


def since(began: float) -> float:
    """Return the milliseconds since a value of `time.perf_counter`."""
    return (time.perf_counter() - began) * 1000
