"""Records that are not tickets: nothing of a source is lost silently."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from indexer.sources import SourceRecord

__all__ = ["Rejections"]

_MOST_CHARACTERS = 64 * 2**20  # of one file: what is wrong everywhere is seen from less


class Rejections:
    """Records that are not tickets: counted, reported, and kept in a file that is made with the first of them.

    Only a run that comes to its end says anything of the source as a whole: only its file takes the place of an
    earlier run's, and only when it rejected nothing an earlier file is removed.
    """

    def __init__(self, path: Path | None, report: Callable[[str], None]) -> None:
        """Begin a run.

        :param path: of the file; ``None``: none is written.
        :param report: told each record's place and the reason.
        """
        self.path = path
        self.count = 0
        self.lost = 0
        """How many of them the source still has, so that they are to be mended and read again."""
        self._report = report
        self._file: TextIO | None = None
        self._left = _MOST_CHARACTERS
        self._ended = True

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

    def broke_off(self) -> None:
        """Note that the run did not come to its end."""
        self._ended = False

    def close(self) -> None:
        """Put the file in its place; an earlier run's is kept when this one did not come to its end."""
        if self.path is None:
            return
        if self._file is not None:
            self._file.close()
            unfinished = self._unfinished(self.path)
            if self._ended or not self.path.exists():
                unfinished.replace(self.path)
            else:
                unfinished.unlink()
        elif self._ended:
            self.path.unlink(missing_ok=True)

    @staticmethod
    def _unfinished(path: Path) -> Path:
        return path.with_name(f".{path.name}.unfinished")
