"""Dates as tools write them: one order of day and month for each column, found over all of its values."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo

from indexer.errors import SourceError

__all__ = ["DATE_FIELDS", "DAY_FIRST", "MONTH_FIRST", "ORDERS", "DateOrders", "parse_date"]

DATE_FIELDS = frozenset({"created_at", "resolved_at", "updated_at"})
"""The ticket's fields that hold dates."""
DAY_FIRST, MONTH_FIRST = "day-first", "month-first"
ORDERS = (DAY_FIRST, MONTH_FIRST)

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_GERMAN_MONTHS = {"mär": "mar", "mrz": "mar", "mai": "may", "okt": "oct", "dez": "dec"}
_MOST_MONTHS = 12
_CENTURY = 100
_TIME = r"(?:[ ,T]+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))?(?: ?(?P<half>[ap])\.?m\.?)?)?"
_NUMERIC = re.compile(
    rf"(?P<first>\d{{1,2}})(?P<mark>[/.-])(?P<second_>\d{{1,2}})(?P=mark)(?P<year>\d{{4}}|\d{{2}}){_TIME}",
    re.IGNORECASE,
)
_NAMED = re.compile(
    rf"(?P<day>\d{{1,2}})[/ .-]+(?P<month>[a-zä]{{3,9}})[/ .,-]+(?P<year>\d{{4}}|\d{{2}}){_TIME}",
    re.IGNORECASE,
)
_NAMED_FIRST = re.compile(
    rf"(?P<month>[a-zä]{{3,9}}) (?P<day>\d{{1,2}}),? (?P<year>\d{{4}}){_TIME}", re.IGNORECASE
)
_UNIX = re.compile(  # Sun Mar 03 10:11:12 2024
    r"[a-z]{3} (?P<month>[a-z]{3}) +(?P<day>\d{1,2}) (?P<hour>\d{2}):(?P<minute>\d{2}):(?P<second>\d{2}) (?P<year>\d{4})",
    re.IGNORECASE,
)
_SLASHED = re.compile(r"(\d{4})/(\d{2})/(\d{2})")
_SERIAL = re.compile(r"(\d{5})(?:[.,](\d+))?")  # days, as spreadsheets write dates in cells without a format
_SERIAL_START = datetime(1899, 12, 30, tzinfo=UTC)
_EPOCH = re.compile(r"(\d{10})(\d{3})?")  # seconds, or milliseconds
_OFFSET = re.compile(r" ?(Z|[+-]\d{2}:?\d{2})$")
# A weekday before the date, a word before the time.
_AROUND = re.compile(r"^[^\W\d_]{2,10}\.?, +|(?<=\d) (?:at|um) (?=\d)")
# Before AM and PM, as browsers and databases of locales have it.
_SPACES = re.compile("[\u00a0\u2007\u2009\u202f]")
_ZONE_NAMES = {  # as mails have them
    "EST": "-05:00", "EDT": "-04:00", "CST": "-06:00", "CDT": "-05:00", "MST": "-07:00", "MDT": "-06:00",
    "PST": "-08:00", "PDT": "-07:00",
}  # fmt: skip
_ZONE_NAME = re.compile(rf"(?<=\d )(?:{'|'.join(_ZONE_NAMES)})$")
_ZONE = re.compile(r" (?:UTC|GMT|(?=[+-]\d{2}:?\d{2}$))")


@dataclass(slots=True)
class _Seen:
    """How many dates of a column can be read in one order only."""

    day_first: int = 0
    month_first: int = 0
    either: int = 0


@dataclass(slots=True)
class DateOrders:
    """The order of day and month of each date column of a table, from its values."""

    columns: dict[str, _Seen] = field(default_factory=dict)

    def add(self, column: str, text: str) -> None:
        """Look at one value of a column."""
        found = _NUMERIC.fullmatch(_without_offset(_plain(text)))
        # Nobody writes the month first with points between.
        if not found or found["mark"] == ".":
            return
        seen = self.columns.setdefault(column, _Seen())
        first, second = int(found["first"]), int(found["second_"])
        if first > _MOST_MONTHS:
            seen.day_first += 1
        elif second > _MOST_MONTHS:
            seen.month_first += 1
        elif first != second:
            seen.either += 1

    def decided(self) -> dict[str, str]:
        """Return the order of each column that needs one; a column that cannot decide has that of the others.

        :raises SourceError: the values of no column can decide.
        """
        orders = {}
        for column, seen in self.columns.items():
            if seen.day_first != seen.month_first:
                orders[column] = DAY_FIRST if seen.day_first > seen.month_first else MONTH_FIRST
        shared = set(orders.values())
        for column, seen in self.columns.items():
            if column in orders or not (seen.either or seen.day_first):
                continue
            if len(shared) != 1:
                msg = (
                    f"the dates of column {column!r} can be read with the day or with the month first: "
                    f"say --date-format {DAY_FIRST} or --date-format {MONTH_FIRST}"
                )
                raise SourceError(msg)
            orders[column] = next(iter(shared))
        return orders


def parse_date(text: str, *, order: str = DAY_FIRST, zone: tzinfo = UTC) -> datetime | None:
    """Return a time with its zone, ``None`` where the text is no date.

    A number is days since 1899-12-30, as in a spreadsheet, or seconds or milliseconds since 1970.

    :param order: `DAY_FIRST` or `MONTH_FIRST`, for dates of numbers with a slash or a dash.
    :param zone: of times that name none.
    """
    text = _ZONE.sub(lambda found: "" if found[0].strip() == "" else "+00:00", _plain(text))
    bare = _without_offset(text)
    try:
        if text.isdecimal() or _SERIAL.fullmatch(text):
            return _of_number(text, zone)
        if found := _NUMERIC.fullmatch(bare):
            first, second = int(found["first"]), int(found["second_"])
            is_day_first = order == DAY_FIRST or found["mark"] == "."
            day, month = (first, second) if is_day_first else (second, first)
        elif found := _NAMED.fullmatch(bare) or _NAMED_FIRST.fullmatch(bare) or _UNIX.fullmatch(text):
            day, month = int(found["day"]), _month(found["month"])
        else:
            moment = datetime.fromisoformat(_SLASHED.sub(r"\1-\2-\3", text, count=1))
            return moment if moment.tzinfo else moment.replace(tzinfo=zone)
        if bare != text:
            zone = datetime.fromisoformat(f"2000-01-01T00:00{text[len(bare) :].strip()}").tzinfo or zone
        year = int(found["year"])
        hour = int(found["hour"] or 0)
        half = found.groupdict().get("half")
        if half:
            hour = hour % 12 + (12 if half.casefold() == "p" else 0)
        return datetime(
            year + 2000 if year < _CENTURY else year, month, day,
            hour, int(found["minute"] or 0), int(found["second"] or 0), tzinfo=zone,
        )  # fmt: skip
    except (ValueError, OverflowError):
        return None


def _month(name: str) -> int:
    short = name[:3].casefold()
    return _MONTHS.index(_GERMAN_MONTHS.get(short, short)) + 1


def _plain(text: str) -> str:
    text = _AROUND.sub(lambda found: " " if found[0].startswith(" ") else "", _SPACES.sub(" ", text).strip())
    return _ZONE_NAME.sub(lambda found: _ZONE_NAMES[found[0]], text)


def _without_offset(text: str) -> str:
    offset = _OFFSET.search(text)
    # A date alone may end in what looks like one: 03-03-2024.
    return text[: offset.start()] if offset and ":" in text[: offset.start()] else text


def _of_number(text: str, zone: tzinfo) -> datetime | None:
    if found := _EPOCH.fullmatch(text):
        return datetime.fromtimestamp(int(found[1]), UTC)
    if found := _SERIAL.fullmatch(text):
        seconds = round(float(f"0.{found[2] or 0}") * 86_400)
        return (_SERIAL_START + timedelta(days=int(found[1]), seconds=seconds)).replace(tzinfo=zone)
    # Of fewer digits than eight it would guess which are the month's.
    return datetime.strptime(text, "%Y%m%d").replace(tzinfo=zone) if len(text) >= len("20240321") else None
