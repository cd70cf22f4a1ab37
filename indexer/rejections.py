"""Records that are not tickets: nothing of a source is lost silently."""

import contextlib
import json
from collections.abc import Callable
from pathlib import Path

from indexer.sources import SourceRecord

__all__ = ["Rejections"]


class Rejections:
    """Records that are not tickets: counted, reported, and kept in a file that is made with the first of them."""

    def __init__(self, path: Path, report: Callable[[str], None]) -> None:
        self.path = path
        self.count = 0
        self._report = report
        self._file = contextlib.ExitStack()
        self._write: Callable[[str], object] | None = None

    def add(self, record: SourceRecord, reason: str) -> None:
        """Keep and report one record."""
        if self._write is None:
            self._write = self._file.enter_context(self.path.open("w", encoding="utf-8")).write
        self.count += 1
        kept = {"place": record.place, "reason": reason, "record": record.raw}
        self._write(json.dumps(kept, ensure_ascii=False) + "\n")
        self._report(f"{record.place}: {reason}")

    def close(self) -> None:
        """Finish the file; a file that an earlier run left is removed when nothing was rejected now."""
        self._file.close()
        if self._write is None:
            self.path.unlink(missing_ok=True)
