"""The columns of a table that hold texts, where none is known to be the body of its tickets."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from indexer.errors import SourceError

__all__ = ["LongTexts"]

_ROWS = 200
_WORDS = 4  # of a cell, on average, from which on it says something
_WORD = re.compile(r"[^\W\d_]{2,}")


class LongTexts:
    """How many words the columns of the first rows hold."""

    def __init__(self) -> None:
        self._rows = 0
        self._words: Counter[str] = Counter()

    def add(self, row: Mapping[str, Any]) -> bool:
        """Look at a row; return whether more are wanted."""
        if self._rows < _ROWS:
            self._rows += 1
            for name, cell in row.items():
                self._words[name] += len(_WORD.findall(cell)) if isinstance(cell, str) else 0
        return self._rows < _ROWS

    def require_body(self, fields: Mapping[str, str]) -> None:
        """Refuse a table of subjects whose bodies may stand in a column that nobody named.

        :param fields: the ticket's field by column, as far as it is known.
        :raises SourceError: with the columns.
        """
        known = set(fields.values())
        subject = next((column for column, name in fields.items() if name == "subject"), None)
        if subject is None or "id" not in known or known & {"text", "body"}:
            return
        found = [
            column
            for column, words in self._words.most_common()
            if column not in fields and words >= _WORDS * self._rows
        ]
        if found:
            shown = " or ".join(map(repr, found[:3]))
            msg = (
                f"no column is known to hold the body of a ticket, and {shown} may: say --map body={found[0]!r}, "
                f"or --map text={subject!r} if none does"
            )
            raise SourceError(msg)
