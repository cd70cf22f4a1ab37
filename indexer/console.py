"""What an operator sees on standard error: messages, and progress with rate and time left."""

import contextlib
import contextvars
import shutil
import sys
import time
from collections.abc import Iterator

from indexer.progress import Progress

__all__ = ["PROGRESS", "say", "showing_progress", "words_of_step"]

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


class _ProgressLine:
    """The progress of a step: one line that is rewritten on a terminal, a new line every five seconds and at the end elsewhere."""

    def __init__(self, *, terminal: bool) -> None:
        self._terminal = terminal
        self._seconds = 0.1 if terminal else 5.0
        self._step = ""
        self._began = self._shown_at = 0.0
        self._last = self._shown = (0, 0)

    def show(self, step: str, done: int, total: int) -> None:
        now = time.monotonic()
        if step != self._step:
            self.close()
            self._step, self._began, self._shown_at, self._shown = step, now, 0.0, (-1, 0)
        self._last = done, total
        if done == total or now - self._shown_at >= self._seconds:
            self._write(now)

    def close(self) -> None:
        if self._step:
            self._write(time.monotonic())
        if self._terminal and self._step:
            sys.stderr.write("\n")
        self._step = ""

    def _write(self, now: float) -> None:
        if self._last == self._shown:
            return
        from tqdm import tqdm

        self._shown_at, self._shown = now, self._last
        (done, total), (words, unit) = self._last, _STEPS[self._step]
        line = tqdm.format_meter(
            done, total or None, now - self._began, prefix=words, unit=f" {unit}",
            ncols=shutil.get_terminal_size().columns if self._terminal else 0,
        )  # fmt: skip
        sys.stderr.write(f"\r{line}\033[K" if self._terminal else f"{line}\n")
        sys.stderr.flush()


@contextlib.contextmanager
def showing_progress() -> Iterator[Progress]:
    """Show progress on standard error, or to whom `PROGRESS` names, while the block runs."""
    if (told := PROGRESS.get()) is not None:
        yield told
        return
    line = _ProgressLine(terminal=sys.stderr.isatty())
    try:
        yield line.show
    finally:
        line.close()


def say(text: str) -> None:
    """Tell the operator something, on standard error: standard output is for results."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
