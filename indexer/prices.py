"""What the provider's requests cost, by the prices in settings."""

import math

from indexer.settings import Settings

__all__ = ["cost", "parse_price"]

_MILLION = 1e6


def cost(
    settings: Settings, model: str, *, requests: int, prompt_tokens: int, completion_tokens: int
) -> float | None:
    """Return what so much costs, in the currency of the prices; ``None`` where the model has no price.

    A price for each request counts besides.
    """
    price = settings.prices.get(model)
    if price is None and settings.price_per_request is None:
        return None
    prompt, completion = parse_price(price) if price else (0.0, 0.0)
    tokens = (prompt * prompt_tokens + completion * completion_tokens) / _MILLION
    return tokens + requests * (settings.price_per_request or 0.0)


def parse_price(text: str) -> tuple[float, float]:
    """Return the price of a million tokens of a prompt, and of an answer: ``0.6/0.8``, or one number for both.

    :raises ValueError: it is none.
    """
    prompt, _, completion = text.partition("/")
    found = float(prompt), float(completion or prompt)
    if not all(math.isfinite(price) and price >= 0 for price in found):
        raise ValueError(text)
    return found
