"""What the provider's requests cost, by the prices in settings."""

import math
from collections.abc import Iterable
from typing import Protocol

from indexer.settings import Settings

__all__ = ["Billed", "cost", "parse_price"]

_MILLION = 1e6
_DIGITS = 8


class Billed(Protocol):
    """Requests to one model, and their tokens."""

    @property
    def model(self) -> str:
        """Its name."""

    @property
    def requests(self) -> int:
        """How many."""

    @property
    def prompt_tokens(self) -> int:
        """Of what was sent."""

    @property
    def completion_tokens(self) -> int:
        """Of what came back."""


def cost(settings: Settings, billed: Iterable[Billed]) -> float | None:
    """Return what all of it costs, in the currency of the prices; ``None`` where a model has no price.

    A price for each request counts besides.
    """
    costs = []
    for one in billed:
        if not one.requests:
            continue
        price = settings.prices.get(one.model)
        if price is None and settings.price_per_request is None:
            return None
        prompt, completion = parse_price(price) if price else (0.0, 0.0)
        costs.append((prompt * one.prompt_tokens + completion * one.completion_tokens) / _MILLION)
        costs.append(one.requests * (settings.price_per_request or 0.0))
    return round(math.fsum(costs), _DIGITS)


def parse_price(text: str) -> tuple[float, float]:
    """Return the price of a million tokens of a prompt, and of an answer: ``0.6/0.8``, or one number for both.

    :raises ValueError: it is none.
    """
    prompt, _, completion = text.partition("/")
    found = float(prompt), float(completion or prompt)
    if not all(math.isfinite(price) and price >= 0 for price in found):
        raise ValueError(text)
    return found
