"""Waiting for a lock for a bounded time, and naming its holder."""

import logging
import time
from collections.abc import Callable
from pathlib import Path

from indexer.errors import IndexBusyError

__all__ = ["Wait", "holder_of"]

_log = logging.getLogger(__name__)
_STEP_SECONDS = 1.0
_PAUSE_SECONDS = 0.05
_WORD_SECONDS = 10.0


class Wait:
    """One caller's patience, over all that it waits for.

    :param seconds: how long it may take.
    :param holder: tells who has what is waited for, ``None`` when that is unknown.
    """

    def __init__(self, seconds: float, holder: Callable[[], str | None]) -> None:
        self._seconds = seconds
        self._holder = holder
        self._began = time.monotonic()
        self._told = False

    @property
    def step(self) -> float:
        """Seconds that one try may take."""
        return max(0.0, min(_STEP_SECONDS, self._left))

    @property
    def _left(self) -> float:
        return self._seconds - (time.monotonic() - self._began)

    def pause(self) -> bool:
        """Let a moment pass before the next try."""
        time.sleep(max(0.0, min(_PAUSE_SECONDS, self._left)))
        return False

    def until(self, done: Callable[[], object]) -> None:
        """Try until it is done.

        :raises IndexBusyError: not in time.
        """
        while not done():
            if self._left <= 0:
                msg = f"the index is being written to by {self._who()}, for more than {self._seconds:g} s: try again later"
                raise IndexBusyError(msg)
            if not self._told and time.monotonic() - self._began > _WORD_SECONDS:
                self._told = True
                _log.warning("waiting for %s, who writes to the index", self._who())

    def _who(self) -> str:
        return self._holder() or "another thread or process"


def holder_of(path: Path) -> str | None:
    """Return which process has the file locked; only Linux tells."""
    try:
        number = path.stat().st_ino
        for line in Path("/proc/locks").read_text().splitlines():
            fields = line.split()
            if "->" not in fields and fields[5].rpartition(":")[2] == str(number):
                words = Path(f"/proc/{fields[4]}/cmdline").read_bytes().replace(b"\0", b" ").decode().split()
                return f"process {fields[4]} ({' '.join(Path(w).name for w in words[:4])})"
    except (OSError, ValueError, IndexError):
        pass
    return None
