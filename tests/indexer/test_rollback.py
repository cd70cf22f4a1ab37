"""Back to the previous generation, brought up to date; older ones are dropped."""

import time
from dataclasses import replace
from pathlib import Path

from indexer.rebuild import drop_retired
from indexer.settings import Settings
from indexer.store import Store
from indexer.ticket import text_hash
from tests.indexer.making import OTHER_SPACE, SPACE, make_ticket, vectors_for, write_tickets
from tests.indexer.rebuilding import assert_whole, live_of, rebuild_with, roll_back


def test_rollback_brings_the_previous_generation_up_to_date(large: Store, settings: Settings) -> None:
    """Tickets that were added, changed and deleted since are right in it, and rolling back again goes forth."""
    first = live_of(large)
    second = rebuild_with(large, settings)
    added = make_ticket(900)
    changed = make_ticket(5, text="An entirely new description of case c000005")
    space = live_of(large).space
    large.vectors.store(
        space, [text_hash(t.text) for t in (added, changed)], vectors_for([added, changed], 48)
    )
    write_tickets(large, space, [added, changed])
    large.tickets.delete(["t-7"])
    report = roll_back(large, settings)
    assert (report.generation, report.previous) == (first.name, second.generation)
    assert report.embedded_texts == 2
    assert live_of(large) == replace(first, status="live")
    assert_whole(large)
    assert {"t-900"} <= large.index.hashes(first).keys()
    assert "t-7" not in large.index.hashes(first)

    assert roll_back(large, settings).generation == second.generation
    assert_whole(large)


def test_rollback_survives_the_loss_of_the_collection(large: Store, settings: Settings) -> None:
    """The previous generation's collection is filled from the ledger when the index was rebuilt meanwhile."""
    first = live_of(large)
    rebuild_with(large, settings)
    large.index.drop(first.name)
    assert roll_back(large, settings).generation == first.name
    assert_whole(large)


def test_old_generations_are_dropped_after_a_grace(large: Store, settings: Settings, data_dir: Path) -> None:
    """The previous one is kept; older ones go when their grace is over, and their folders when the server starts."""
    first, second, third = (
        live_of(large).name,
        *(rebuild_with(large, settings, m).generation for m in (OTHER_SPACE.model, SPACE.model)),
    )
    assert set(large.index.unknown_collections([])) == {first, second, third}, "their grace is not over"
    assert drop_retired(large, before=time.time()) == (first,)
    assert set(large.index.unknown_collections([])) == {second, third}
    assert [g.name for g in large.generations.all()] == [third, second]
    large.index.compact()
    folders = {path.name for path in (data_dir / "index").iterdir() if path.is_dir()}
    assert len(folders) <= 2
    assert_whole(large)


def test_a_collection_without_a_generation_is_dropped(large: Store) -> None:
    """What a kill between the two stores left in Chroma is found and dropped; other ledgers' collections are not."""
    left = large.generations.begin(SPACE)
    large.index.create(left)
    large.generations.remove(left)
    assert drop_retired(large, before=0.0) == (left.name,)
    assert left.name not in large.index.unknown_collections([])
