"""What an operator sees: a progress bar on a terminal, plain lines elsewhere."""

import contextlib
import sys
import time
from collections.abc import Iterator

from indexer.progress import Progress
from indexer.sync import SyncReport

__all__ = ["showing_progress"]

_LINE_SECONDS = 5.0
_STEP_WORDS = {
    "replay": "replaying into the index",
    "check": "checking the index",
    "index": "indexing",
    "embed": "embedding",
    "verify": "reading the index",
    "probe": "querying the index",
    "agree": "comparing neighbours",
    "scan": "reading files",
    "restore": "restoring",
    "backup": "copying",
}


class _Lines:
    """Progress as a line every few seconds, for logs."""

    def __init__(self) -> None:
        self._last = 0.0
        self._said = ""

    def step(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        line = f"{_STEP_WORDS.get(what, what)}: {done:,} of {total:,}"
        if (now - self._last >= _LINE_SECONDS or done == total) and line != self._said:
            self._last, self._said = now, line
            say(line)

    def close(self) -> None:
        """Nothing is open."""


class _Bar:
    """Progress as a bar with rate and time left, for a terminal."""

    def __init__(self) -> None:
        self._bar: contextlib.AbstractContextManager[object] | None = None
        self._what = ""

    def step(self, what: str, done: int, total: int) -> None:
        from tqdm import tqdm

        if what != self._what:
            self.close()
            self._what = what
            self._bar = tqdm(
                desc=_STEP_WORDS.get(what, what), unit=" tickets", unit_scale=False, file=sys.stderr
            )
        bar: tqdm = self._bar
        bar.total = total or None
        bar.update(done - bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()  # type: ignore[attr-defined]
            self._bar, self._what = None, ""


@contextlib.contextmanager
def showing_progress() -> Iterator[Progress]:
    """Show progress on standard error while the block runs."""
    shown: _Bar | _Lines = _Bar() if sys.stderr.isatty() else _Lines()
    try:
        yield shown.step
    finally:
        shown.close()


def say(text: str) -> None:
    """Tell the operator something, on standard error: standard output is for results."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def summary(report: SyncReport) -> str:
    """Return a sync's report as a sentence."""
    parts = [
        f"{report.read:,} read",
        f"{report.added:,} added",
        f"{report.updated:,} updated",
        f"{report.unchanged:,} unchanged",
    ]
    parts += [
        f"{value:,} {name}"
        for name, value in (
            ("stale", report.stale),
            ("repeated", report.repeated),
            ("deleted", report.deleted),
        )
        if value
    ]
    parts += [f"{report.rejected:,} rejected"]
    would = "would be " if report.dry_run else ""
    embedded = (
        f"{report.embedded_texts:,} texts {would}embedded in {report.embedding_requests:,} provider requests"
    )
    cost = "" if report.cost is None else f", cost {report.cost:g}"
    return f"{', '.join(parts)}; {embedded}{cost}; {report.seconds:.1f} s"
