"""What becomes of tickets that are written to the ledger."""

from datetime import UTC, datetime

import pytest

from indexer.ledger import Ledger, Outcome
from indexer.ledger.ticket_rows import ticket_row
from indexer.ticket import text_hash
from tests.indexer.making import make_ticket, make_tickets

_MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
_TUESDAY = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)


def test_a_ticket_comes_back_as_it_was_written(ledger: Ledger) -> None:
    """Every field survives, in any script, with times to the microsecond."""
    ticket = make_ticket(
        1,
        id="Ä-1/ 'x' %; \U0001f600",
        text="الطابعة لا تعمل\n\n\U0001f525 'quoted' \\ %s :name {}",
        priority="élevée",
        resolution=None,
        created_at=datetime(2026, 3, 1, 23, 59, 59, 123456, tzinfo=UTC),
        updated_at=_MONDAY,
        tags=("a", "b,c"),
        source="portal",
    )
    assert ledger.tickets.write([ticket]) == [Outcome.ADDED]
    assert ledger.tickets.get([ticket.id, "another"]) == {ticket.id: ticket}
    stored = ledger.tickets.stored([ticket.id])[ticket.id]
    assert (stored.record_hash, stored.text_hash) == (ticket.record_hash, text_hash(ticket.text))
    assert stored.updated_at == _MONDAY.timestamp()


def test_the_same_ticket_again_is_unchanged(ledger: Ledger) -> None:
    """Writing what is stored changes nothing, not even the revision that makes the forest fit again."""
    tickets = make_tickets(3)
    ledger.tickets.write(tickets)
    before = ledger.revision()
    assert ledger.tickets.write(tickets) == [Outcome.UNCHANGED] * 3
    assert ledger.revision() == before


@pytest.mark.parametrize(
    "field",
    [{"priority": None}, {"resolution": "Another one."}, {"text": "Another text"}, {"tags": ("new",)}],
)
def test_any_other_field_is_an_update(ledger: Ledger, field: dict[str, object]) -> None:
    """A ticket with one field changed, or lost, replaces the stored one whole."""
    ledger.tickets.write([make_ticket(1)])
    changed = make_ticket(1, **field)
    assert ledger.tickets.write([changed]) == [Outcome.UPDATED]
    assert ledger.tickets.get(["t-1"]) == {"t-1": changed}


def test_the_later_update_wins_by_the_tickets_own_times(ledger: Ledger) -> None:
    """An older version that arrives later is stale; an equally old, a newer or an undated one replaces."""
    late = make_ticket(1, updated_at=_TUESDAY)
    ledger.tickets.write([late])
    assert ledger.tickets.write([make_ticket(1, priority="older", updated_at=_MONDAY)]) == [Outcome.STALE]
    assert ledger.tickets.get(["t-1"])["t-1"] == late
    same_time = make_ticket(1, priority="same time", updated_at=_TUESDAY)
    assert ledger.tickets.write([same_time]) == [Outcome.UPDATED]
    undated = make_ticket(1, priority="undated")
    assert ledger.tickets.write([undated]) == [Outcome.UPDATED]
    assert ledger.tickets.write([make_ticket(1, priority="dated again", updated_at=_MONDAY)]) == [
        Outcome.UPDATED
    ]


def test_versions_within_one_batch_are_compared_with_each_other(ledger: Ledger) -> None:
    """Two versions of an id in one call have the outcomes, and the result, of two calls."""
    old, new = make_ticket(1, updated_at=_MONDAY), make_ticket(1, priority="new", updated_at=_TUESDAY)
    assert ledger.tickets.write([new, old, new]) == [Outcome.ADDED, Outcome.STALE, Outcome.UNCHANGED]
    assert ledger.tickets.get(["t-1"]) == {"t-1": new}


def test_a_stale_write_alone_changes_no_revision(ledger: Ledger) -> None:
    """What was refused is not a change."""
    ledger.tickets.write([make_ticket(1, updated_at=_TUESDAY)])
    before = ledger.revision()
    ledger.tickets.write([make_ticket(1, priority="older", updated_at=_MONDAY)])
    assert ledger.tickets.delete(["nobody"]) == []
    assert ledger.revision() == before


def test_a_changed_label_is_a_priority_given_changed_or_taken_away(ledger: Ledger) -> None:
    """Other fields do not count, and a change counts from its own revision on, not from the ticket's last one."""
    unlabelled = [make_ticket(number, priority=None) for number in range(30, 40)]
    ledger.tickets.write([*make_tickets(30), *unlabelled])
    assert ledger.tickets.count_labelled() == 30
    assert ledger.tickets.changed_labels(0) == 30
    begin = ledger.revision()
    assert ledger.tickets.changed_labels(begin) == 0
    ledger.tickets.write([make_ticket(number, resolution="Another one.") for number in range(20)])
    ledger.tickets.write([make_ticket(30, priority=None, text="Another text")])
    assert ledger.tickets.changed_labels(begin) == 0
    ledger.tickets.write([make_ticket(0, priority=None), make_ticket(1, priority="urgent"), make_ticket(31)])
    ledger.tickets.write([make_ticket(50), make_ticket(51, priority=None)])
    assert ledger.tickets.count_labelled() == 31
    assert ledger.tickets.changed_labels(begin) == 4
    between = ledger.revision()
    ledger.tickets.write([make_ticket(1, priority="urgent", tags=("seen",)), make_ticket(0, priority="low")])
    assert ledger.tickets.changed_labels(begin) == 4
    assert ledger.tickets.changed_labels(between) == 1
    ledger.tickets.delete(["t-2", "t-3"])
    assert ledger.tickets.changed_labels(ledger.revision() - 1) == 1


def test_restored_labels_are_changed_ones(ledger: Ledger) -> None:
    """A ledger that was filled from a backup has a revision, and of it come its labels."""
    rows = [ticket_row(make_ticket(n, priority="low" if n % 3 else None)) for n in range(9)]
    ledger.copies.fill(
        lambda table: (
            [{**row, "revision": 7, "label_revision": 7} for row in rows] if table.name == "tickets" else []
        )
    )
    assert ledger.tickets.changed_labels(0) == 6
    assert ledger.tickets.changed_labels(ledger.revision()) == 0


def test_large_batches_cross_every_page(ledger: Ledger) -> None:
    """1,200 tickets are written, read, compared and deleted in one call each."""
    tickets = make_tickets(1_200)
    assert set(ledger.tickets.write(tickets)) == {Outcome.ADDED}
    assert ledger.tickets.count() == 1_200
    ids = [ticket.id for ticket in tickets]
    assert ledger.tickets.get(ids) == {ticket.id: ticket for ticket in tickets}
    assert len(ledger.tickets.stored(iter(ids))) == 1_200
    assert ledger.tickets.hashes() == {ticket.id: text_hash(ticket.text) for ticket in tickets}
    assert sorted(ledger.tickets.delete([*ids, "nobody"])) == sorted(ids)
    assert ledger.tickets.count() == 0


def test_ids_are_paged_through_whatever_their_order(ledger: Ledger) -> None:
    """Ids of both cases, signs and scripts come exactly once each, although databases sort them differently."""
    shapes = ("{}", "A-{}", "a-{}", "Ä{}", "ß {}", "-{}", "_{}", "0{}", "#{}", "工单{}", "\U0001f600{}")
    ids = [shape.format(number) for number in range(150) for shape in shapes]
    for source, chosen in (("even", ids[::2]), ("odd", ids[1::2])):
        ledger.tickets.write([make_ticket(1, id=one, source=source) for one in chosen])
    found = list(ledger.tickets.ids())
    assert sorted(found) == sorted(ids)
    assert sorted(ledger.tickets.ids("odd")) == sorted(ids[1::2])
    assert list(ledger.tickets.ids("nobody")) == []


def test_ids_may_be_deleted_while_they_are_paged_through(ledger: Ledger) -> None:
    """Reading ids holds nothing open: each can be deleted at once, and none is skipped."""
    ledger.tickets.write(make_tickets(520))
    for ticket_id in ledger.tickets.ids():
        assert ledger.tickets.delete([ticket_id]) == [ticket_id]
    assert ledger.tickets.count() == 0
