"""Records of one source that repeat a ticket: the newest counts, and nothing that is replaced is paid for."""

import contextlib
import itertools
from datetime import UTC, datetime

import msgspec
import pytest

from indexer.ledger import Ledger
from indexer.settings import Settings
from indexer.store import Store
from indexer.ticket import Ticket
from tests.indexer.making import assert_faithful, make_ticket, make_tickets
from tests.indexer.syncing import EARLY, LATE, counts, run
from tests.provider import Provider

pytestmark = pytest.mark.usefixtures("provider")


def versions(*times: int | None, number: int = 7) -> list[Ticket]:
    """Return as many versions of one ticket, updated on these days of January, or at an unknown time."""
    return [
        make_ticket(number, priority=f"v{n}", updated_at=day and datetime(2026, 1, day, tzinfo=UTC))
        for n, day in enumerate(times)
    ]


_HISTORIES: list[tuple[tuple[int | None, ...], str]] = [
    ((1, 2), "v1"),
    ((2, 1), "v0"),
    ((2, 2), "v1"),
    ((None, None), "v1"),
    ((2, None), "v1"),
    ((3, 5, 4), "v1"),
    ((None, 2, 1), "v1"),
    ((3, None, 1), "v2"),
    ((2, None, None, 1, 3), "v4"),
]


class TestRepeated:
    @pytest.mark.parametrize("between", [0, 510])
    def test_the_newest_counts_wherever_it_stands(
        self, store: Store, settings: Settings, between: int
    ) -> None:
        """In one window or in several, the version that stays is the one that single writes would have left."""
        histories = [versions(*times, number=n) for n, (times, _) in enumerate(_HISTORIES)]
        turns = [[one for one in turn if one] for turn in itertools.zip_longest(*histories)]
        others = [make_tickets(between, start=1_000 * n) for n in range(1, len(turns))]
        values = [one for turn in zip(turns, [*others, []], strict=True) for part in turn for one in part]
        report = run(store, settings, *values)
        ids = len({value.id for value in values})
        assert (report.read, report.added, report.repeated) == (len(values), ids, len(values) - ids)
        assert report.read == report.added + report.repeated
        for n, (times, expected) in enumerate(_HISTORIES):
            assert store.tickets.get([f"t-{n}"])[f"t-{n}"].priority == expected, times
        with contextlib.closing(Ledger(None, settings.data_dir / "other")) as ledger:
            for value in itertools.chain(*turns):
                ledger.tickets.write([value])
            ledger.tickets.write(list(itertools.chain(*others)))
            assert list(ledger.tickets.records()) == list(store.tickets.records())
        assert_faithful(store)

    def test_against_what_is_stored(self, store: Store, settings: Settings) -> None:
        """Each id is counted once: as what became of it in the end."""
        old, new, newer = versions(1, 2, 3)
        run(store, settings, new)
        assert counts(run(store, settings, old, new, new)) == {"read": 3, "stale": 1, "repeated": 2}
        assert counts(run(store, settings, new, newer, old)) == {"read": 3, "updated": 1, "repeated": 2}
        many = [make_ticket(n, text="a text") for n in range(1_000, 1_600)]
        run(store, settings, *many)
        newest = msgspec.structs.replace(newer, priority="v9", updated_at=LATE.replace(day=9))
        assert counts(run(store, settings, newer, *many, newest)) == {
            "read": 602, "updated": 1, "unchanged": 600, "repeated": 1,
        }  # fmt: skip

    def test_what_is_replaced_is_not_paid_for(
        self, store: Store, settings: Settings, provider: Provider
    ) -> None:
        """Of versions that stand close together only the one that counts is embedded."""
        values = [
            make_ticket(1, text=f"a text of version {n}", updated_at=EARLY.replace(hour=n)) for n in range(20)
        ]
        assert run(store, settings, *reversed(values)).embedded_texts == 1
        assert store.tickets.get(["t-1"])["t-1"].text == "a text of version 19"
