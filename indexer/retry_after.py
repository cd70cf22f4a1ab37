"""The header ``Retry-After``."""

import time
from email.utils import parsedate_to_datetime

__all__ = ["seconds_to_wait"]


def seconds_to_wait(given: str | None) -> float | None:
    """Return the seconds of a ``Retry-After``, which is a number or a date; ``None`` where it is neither."""
    if not given:
        return None
    try:
        return max(0.0, float(given))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(given).timestamp() - time.time())
    except ValueError:
        return None
