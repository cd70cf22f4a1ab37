"""Metrics for ``/metrics``, beside the requests that Litestar counts."""

import functools
from collections.abc import Callable, Mapping

from prometheus_client import Counter, Gauge

from indexer.ledger import Spent
from service.breaker import Breaker

__all__ = [
    "ANSWERS_KEPT",
    "ANSWERS_LOST",
    "DECISIONS",
    "DELIVERIES_LOST",
    "DRAFTS",
    "FEEDBACK",
    "REFUSED",
    "TICKETS_WRITTEN",
    "WRONG_KEYS",
    "count_spent",
    "watch",
]

DECISIONS = Counter(
    "precedent_decisions", "Decisions on the priority and other fields", ["decision", "field"]
)
DRAFTS = Counter("precedent_drafts", "Replies drafted, by who wrote them", ["source", "degraded"])
_requests = Counter("precedent_provider_requests", "Requests sent to the provider", ["endpoint"])
_tokens = Counter("precedent_provider_tokens", "Tokens that the provider reported", ["endpoint", "kind"])
_cost = Counter(
    "precedent_provider_cost", "What requests to the provider cost, by the prices in settings", ["endpoint"]
)
TICKETS_WRITTEN = Counter("precedent_tickets_written", "Tickets that came over HTTP", ["outcome"])
FEEDBACK = Counter("precedent_feedback", "What agents did with answers", ["action"])
ANSWERS_KEPT = Counter("precedent_answers_kept", "Answers that were kept")
ANSWERS_LOST = Counter("precedent_answers_lost", "Answers that could not be kept")
_waiting = Gauge("precedent_answers_waiting", "Answers that wait to be kept")
_deliveries = Gauge("precedent_deliveries", "Answers on their way to a webhook or to Slack", ["state"])
DELIVERIES_LOST = Counter("precedent_deliveries_lost", "Answers whose delivery could not be recorded")
_open = Gauge("precedent_provider_open", "1 while the provider is not asked, because it failed", ["endpoint"])
REFUSED = Counter("precedent_refused", "Requests refused at once, because too many others waited")
WRONG_KEYS = Counter("precedent_wrong_keys", "Calls with a wrong API key")
_ready = Gauge("precedent_ready", "1 when tickets can be answered")
_stored = Gauge("precedent_tickets", "Tickets that the index answers from")


def watch(
    ready: Callable[[], bool],
    stored: Callable[[], int],
    waiting: Callable[[], int],
    breakers: Mapping[str, Breaker],
    deliveries: Callable[[], Mapping[str, int]],
) -> None:
    """Have the gauges ask these functions whenever they are read."""
    _ready.set_function(ready)
    _stored.set_function(stored)
    _waiting.set_function(waiting)
    for state in deliveries():
        _deliveries.labels(state).set_function(functools.partial(_number, deliveries, state))
    for name, breaker in breakers.items():
        _open.labels(name).set_function(functools.partial(_is_open, breaker))


def _is_open(breaker: Breaker) -> float:
    return float(breaker.status().state != "closed")


def _number(counts: Callable[[], Mapping[str, int]], state: str) -> float:
    return float(counts()[state])


def count_spent(spent: Spent, money: float | None) -> None:
    """Count what was asked of the provider, and what it cost, if that is known."""
    _requests.labels(spent.kind).inc(spent.requests)
    for kind, tokens in (("prompt", spent.prompt_tokens), ("completion", spent.completion_tokens)):
        _tokens.labels(spent.kind, kind).inc(tokens)
    _cost.labels(spent.kind).inc(money or 0.0)
