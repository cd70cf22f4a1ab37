"""What an operator sees on standard error: messages, and progress with rate and time left."""

import contextlib
import contextvars
import shutil
import sys
import time
from collections.abc import Callable, Iterator

from indexer.progress import Progress

__all__ = ["PROGRESS", "PacedProgress", "say", "showing_progress", "words_of_step"]

PROGRESS: contextvars.ContextVar[Progress | None] = contextvars.ContextVar("precedent_progress", default=None)
"""Who is told of progress in the place of standard error."""

_STEPS = {
    "sync": ("reading and storing", "records"),
    "inspect": ("reading", "records"),
    "replay": ("replaying into the index", "tickets"),
    "again": ("asking again", "questions"),
    "index": ("indexing", "tickets"),
    "embed": ("embedding", "texts"),
    "ask": ("asking the classifier", "tickets"),
    "draft": ("drafting", "replies"),
    "verify": ("reading the index", "rows"),
    "probe": ("querying the index", "tickets"),
    "agree": ("comparing neighbours", "tickets"),
    "scan": ("reading files", "files"),
    "restore": ("restoring", "rows"),
    "backup": ("copying", "rows"),
    "audit": ("comparing tickets", "tickets"),
    "back-test": ("back-test", "predictions"),
}
"""What each step is called, and what is counted in it."""


def words_of_step(step: str) -> str:
    """Return the name of a step for people."""
    return _STEPS[step][0]


class PacedProgress:
    """Passes progress on, not too often, and the last of each step in any case."""

    def __init__(self, seconds: float, write: Callable[[str, int, int, float], None]) -> None:
        """Begin; ``write`` is called at most every so many seconds, with those since the step began."""
        self._least, self._write = seconds, write
        self._step = ""
        self._began = self._shown_at = 0.0
        self._last = self._shown = (0, 0)

    def show(self, step: str, done: int, total: int) -> None:
        """Say how far a step is."""
        now = time.monotonic()
        if step != self._step:
            self.close()
            self._step, self._began, self._shown_at, self._shown = step, now, 0.0, (-1, 0)
        self._last = done, total
        if done == total or now - self._shown_at >= self._least:
            self._pass_on(now)

    def close(self) -> None:
        """End the step."""
        if self._step:
            self._pass_on(time.monotonic())
        self._step = ""

    def _pass_on(self, now: float) -> None:
        if self._last != self._shown:
            self._shown_at, self._shown = now, self._last
            self._write(self._step, *self._last, now - self._began)


@contextlib.contextmanager
def showing_progress() -> Iterator[Progress]:
    """Show progress while the block runs, to whom `PROGRESS` names or on standard error: on a terminal in one line for each step."""
    if (told := PROGRESS.get()) is not None:
        yield told
        return
    terminal, shown = sys.stderr.isatty(), ""

    def write(step: str, done: int, total: int, seconds: float) -> None:
        nonlocal shown
        from tqdm import tqdm

        line = tqdm.format_meter(
            done, total or None, seconds, prefix=_STEPS[step][0], unit=f" {_STEPS[step][1]}",
            ncols=shutil.get_terminal_size().columns if terminal else 0,
        )  # fmt: skip
        before, shown = "\n" if shown not in ("", step) else "", step
        sys.stderr.write(f"{before}\r{line}\033[K" if terminal else f"{line}\n")
        sys.stderr.flush()

    paced = PacedProgress(0.1 if terminal else 5.0, write)
    try:
        yield paced.show
    finally:
        paced.close()
        sys.stderr.write("\n" if terminal and shown else "")


def say(text: str) -> None:
    """Tell the operator something, on standard error: standard output is for results."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
