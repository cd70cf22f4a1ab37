"""What the child process that makes the map is told, and the bounds of its work."""

import msgspec

from indexer.settings import Settings

__all__ = ["LEAST_POINTS", "MOST_POINTS", "MapOrder"]

MOST_POINTS = 5_000
"""Of larger stores a sample is shown."""
LEAST_POINTS = 30
"""With fewer tickets a map shows nothing that a list does not."""


class MapOrder(msgspec.Struct, frozen=True, kw_only=True):
    """The order that the child process reads from its standard input."""

    settings: Settings
    generation: str
    service: int
    """Process id of the service that waits for the map."""
