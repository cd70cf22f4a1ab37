"""How long each stage of an answer takes."""

import time
from dataclasses import asdict, dataclass

from service.results import Timings

__all__ = ["Clock", "since"]


@dataclass(slots=True)
class Clock:
    """Milliseconds spent, stage by stage."""

    embed: float = 0.0
    classify: float = 0.0
    retrieve: float = 0.0
    draft: float = 0.0

    def timings(self) -> Timings:
        """Return them as an answer has them."""
        return Timings(**{stage: round(spent, 3) for stage, spent in asdict(self).items()})


def since(began: float) -> float:
    """Return the milliseconds since a value of `time.perf_counter`."""
    return (time.perf_counter() - began) * 1000
