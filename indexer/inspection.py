"""What the records of a source would become if they were stored."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from difflib import SequenceMatcher
from itertools import combinations
from typing import Any

import msgspec

from indexer.admission import LeftOutError, stored_ticket
from indexer.cleaning import plain_text
from indexer.errors import SourceError
from indexer.field_names import values_of
from indexer.language import language_of
from indexer.sources import Recognised, SourceReader, SourceRecord
from indexer.ticket import Ticket, TicketError

__all__ = ["MOST_RECORDS", "SHARES", "Inspection", "inspect_source"]

MOST_RECORDS = 50_000
"""Records that are read of a source."""
SHARES = (
    *("subject", "body", "priority", "resolution", "created_at", "resolved_at", "updated_at"),
    *("tags", "thread", "url", "fields"),
)
"""What of a ticket is counted in `Inspection.has`."""

_EXAMPLES = 3
_SHOWN_REASONS = 5
_MOST_LANGUAGES = 2_000  # tickets whose language is looked at, a second's work
_MOST_LABELS = 50  # compared with each other
_ALIKE = 0.8  # of 1: "Hgh" and "High" are 0.86, "Higher" and "High" 0.80


class Inspection(msgspec.Struct, kw_only=True):
    """What was found. All counts but the first four are of the tickets that would be stored."""

    read: int = 0
    usable: int = 0
    """Tickets that would be stored."""
    left_out: dict[str, int] = {}
    """Records that are no resolved tickets, by the reason."""
    rejected: int = 0
    reasons: list[str] = []
    """Of the first rejected records, with their places."""
    complete: bool = True
    """Whether the whole source was read."""
    broke_off: str | None = None
    """Why the source could not be read to its end."""
    sources: list[Recognised] = []
    has: dict[str, int] = {}
    """Tickets that have a subject, a body, a priority and so on."""
    drawn: int = 0
    """Resolutions that were taken from the conversation."""
    markup: int = 0
    """Texts that had HTML or wiki mark-up."""
    set_apart: int = 0
    """Texts that had quoted mail or a signature."""
    dates_lost: int = 0
    earliest: datetime | None = None
    latest: datetime | None = None
    priorities: dict[str, int] = {}
    alike: list[tuple[str, str]] = []
    """Priorities that may be one: they differ in case, in spaces, or slightly in spelling."""
    statuses: dict[str, int] = {}
    fields: dict[str, int] = {}
    languages: dict[str, int] = {}
    """Of a sample that is spread evenly over the tickets; ``unsure`` where a text tells none."""
    same_id: int = 0
    """Tickets whose id an earlier one had."""
    same_text: int = 0
    """Tickets whose text an earlier one had, under another id."""
    tickets: list[Ticket] = []
    """The first ones, as they would be stored."""


def inspect_source(
    reader: SourceReader, records: Iterable[SourceRecord], *, source: str | None = None
) -> Inspection:
    """Read the first `MOST_RECORDS` records of a source, and store nothing.

    :param records: those of the reader, as they are to be stored.
    :param source: the name that the tickets would be stored under.
    """
    counting = _Counting(source)
    found = counting.found
    try:
        for record in records:
            if found.read == MOST_RECORDS:
                found.complete = False
                break
            counting.add(record)
    except SourceError as error:
        found.complete = False
        found.broke_off = str(error)
    finally:
        reader.close()
    found.sources = reader.recognised
    counting.finish()
    return found


class _Counting:
    """One pass over records; of a ticket only its id and the hash of its text are kept."""

    def __init__(self, source: str | None) -> None:
        self.found = Inspection()
        self._source = source
        self._counts: dict[str, Counter[str]] = {
            name: Counter() for name in ("left_out", "has", "priorities", "statuses", "fields")
        }
        self._ids: set[str] = set()
        self._texts: set[str] = set()
        self._languages: list[str] = []
        self._stride = 1

    def add(self, record: SourceRecord) -> None:
        found = self.found
        found.read += 1
        try:
            ticket = stored_ticket(record, source=self._source)
        except LeftOutError as error:
            self._counts["left_out"][str(error)] += 1
            return
        except TicketError as error:
            found.rejected += 1
            if len(found.reasons) < _SHOWN_REASONS:
                found.reasons.append(f"{record.place}: {error}")
            return
        found.usable += 1
        found.dates_lost += record.dates_lost
        self._count(ticket, values_of(record.value or {}))
        self._sample_language(ticket.text)
        if len(found.tickets) < _EXAMPLES:
            found.tickets.append(ticket)

    def finish(self) -> None:
        self._counts["languages"] = Counter(self._languages)
        for name, counts in self._counts.items():
            setattr(self.found, name, dict(counts.most_common()))
        labels = list(self.found.priorities)[:_MOST_LABELS]
        self.found.alike = [pair for pair in combinations(labels, 2) if _are_alike(*pair)]

    def _sample_language(self, text: str) -> None:
        if (self.found.usable - 1) % self._stride:
            return
        self._languages.append(language_of(text) or "unsure")
        if len(self._languages) == _MOST_LANGUAGES:
            del self._languages[1::2]
            self._stride *= 2

    def _count(self, ticket: Ticket, given: Mapping[str, Any]) -> None:
        found, counts = self.found, self._counts
        counts["has"].update(name for name in SHARES if getattr(ticket, name))
        counts["fields"].update(list(ticket.fields))
        if ticket.priority:
            counts["priorities"][ticket.priority] += 1
        if ticket.status:
            counts["statuses"][ticket.status] += 1
        found.drawn += ticket.resolution_from is not None
        body = given["text"] or given["body"]
        found.markup += isinstance(body, str) and plain_text(body) != body
        found.set_apart += ticket.set_apart is not None
        for moment in (ticket.created_at, ticket.resolved_at):
            if moment is not None:
                found.earliest = min(found.earliest or moment, moment)
                found.latest = max(found.latest or moment, moment)
        if ticket.id in self._ids:
            found.same_id += 1
        elif ticket.text_hash in self._texts:
            found.same_text += 1
        self._ids.add(ticket.id)
        self._texts.add(ticket.text_hash)


def _are_alike(*pair: str) -> bool:
    one, other = ("".join(filter(str.isalnum, label.casefold())) for label in pair)
    # P1 and P2 are near each other, and not the same.
    same_numbers = list(filter(str.isdigit, one)) == list(filter(str.isdigit, other))
    return bool(one) and (
        one == other or (same_numbers and SequenceMatcher(None, one, other).ratio() > _ALIKE)
    )
