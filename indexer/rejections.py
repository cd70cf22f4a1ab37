"""Records that are not tickets: counted, reported and kept in a file."""

import json
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from indexer.sources import SourceRecord

__all__ = ["Rejections"]

_MOST_CHARACTERS = 64 * 2**20  # of one file: where everything is wrong, less is enough to see it


class Rejections:
    """The rejected records of one run; the run is the ``with`` block.

    They are written to a file that is made with the first of them. When the block ends without an error, the file
    replaces that of an earlier run, or removes it if nothing was rejected. After an error an earlier file is kept.
    """

    def __init__(self, path: Path | None, report: Callable[[str], None]) -> None:
        """Begin a run.

        :param path: of the file; ``None``: none is written.
        :param report: called with each record's place and the reason.
        """
        self.path = path
        self.count = 0
        self.lost = 0
        """How many of them the source still has, so they are to be corrected and read again."""
        self._report = report
        self._file: TextIO | None = None
        self._left = _MOST_CHARACTERS

    def add(self, record: SourceRecord, reason: str) -> None:
        """Keep and report one record."""
        self.count += 1
        self.lost += not record.gone
        self._report(f"{record.place}: {reason}")
        if self.path is None or self._left < 0:
            return
        if self._file is None:
            self._file = self._unfinished(self.path).open("w", encoding="utf-8")
        line = json.dumps({"place": record.place, "reason": reason, "record": record.raw}, ensure_ascii=False)
        self._left -= len(line)
        if self._left < 0:
            line = json.dumps(
                {"place": record.place, "reason": "this and what follows is counted only", "record": ""}
            )
        self._file.write(line + "\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.path is None:
            return
        if self._file is not None:
            self._file.close()
            unfinished = self._unfinished(self.path)
            if kind is None or not self.path.exists():
                unfinished.replace(self.path)
            else:
                unfinished.unlink()
        elif kind is None:
            self.path.unlink(missing_ok=True)

    @staticmethod
    def _unfinished(path: Path) -> Path:
        return path.with_name(f".{path.name}.unfinished")
