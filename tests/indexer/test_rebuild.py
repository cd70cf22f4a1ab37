"""Generations: built beside the live one, examined, and switched to in one step."""

import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import replace

import msgspec
import pytest

from indexer.embedding.openai_compatible import OpenAICompatibleEmbedder
from indexer.errors import IndexBusyError, PrecedentError, SpaceMismatchError
from indexer.rebuild import Estimate, RebuildReport, estimate, rebuild
from indexer.settings import Settings
from indexer.store import Store
from indexer.ticket import text_hash
from indexer.writing import embed_texts
from tests.indexer.command import report_of, run_command
from tests.indexer.making import (
    OTHER_SPACE,
    SPACE,
    fill_store,
    make_ticket,
    make_tickets,
    prepared,
    vectors_for,
    write_tickets,
)
from tests.indexer.rebuilding import assert_whole, live_of, open_hosted, rebuild_with, roll_back
from tests.provider import Provider

pytestmark = pytest.mark.slow


@pytest.fixture
def store(settings: Settings, provider: Provider) -> Iterator[Store]:
    provider.configure(models={OTHER_SPACE.model: OTHER_SPACE.dimension})
    with prepared(settings) as opened:
        yield opened


def _estimate(store: Store, settings: Settings, model: str) -> Estimate:
    async def main() -> Estimate:
        async with open_hosted(settings, model) as embedder:
            return estimate(store, embedder, settings)

    return asyncio.run(main())


def test_another_model(large: Store, settings: Settings, provider: Provider) -> None:
    """Every text is embedded once in the new model, and the generation that answers is the new one, whole."""
    before = live_of(large)
    report = rebuild_with(large, settings)
    live = live_of(large)
    assert (report.generation, report.previous) == (live.name, before.name)
    assert (live.space.model, live.space.dimension) == (OTHER_SPACE.model, 48)
    assert (report.embedded_texts, provider.stats().embedded) == (120, 120)
    assert report.gate is not None
    assert report.gate.self_retrieval == 1.0
    assert report.gate.agreement is not None
    assert_whole(large)
    assert large.index.count(before) == 120, "queries that still run on it are answered"


def test_the_same_space_asks_the_provider_nothing(
    store: Store, settings: Settings, provider: Provider
) -> None:
    """A rebuild in the live space makes a fresh collection of the ledger's vectors."""
    fill_store(store, make_tickets(60))
    report = rebuild_with(store, settings, SPACE.model)
    assert report.generation != report.previous
    assert provider.stats().requests["embeddings"] == 0
    assert_whole(store)


def test_nothing_to_rebuild(store: Store, settings: Settings) -> None:
    """An empty store is refused in words, and so is a rollback without a previous generation."""
    with pytest.raises(PrecedentError, match="nothing is stored"):
        rebuild_with(store, settings)
    with pytest.raises(PrecedentError, match="no previous generation"):
        roll_back(store, settings)


def test_estimate(large: Store, settings: Settings, provider: Provider) -> None:
    """Texts, requests and cost are known before anything is asked; what the ledger has costs nothing."""
    priced = msgspec.structs.replace(settings, price_per_request=0.5)
    expected = _estimate(large, priced, OTHER_SPACE.model)
    assert (expected.tickets, expected.texts, expected.embedding_requests, expected.cost) == (
        120,
        120,
        4,
        2.0,
    )
    same = _estimate(large, priced, SPACE.model)
    assert (same.texts, same.embedding_requests, same.cost) == (0, 0, 0.0)
    assert provider.stats().requests["embeddings"] == 0


def test_interrupted_while_embedding(large: Store, settings: Settings, provider: Provider) -> None:
    """A provider that dies half way costs what came nothing: the next run asks only for the rest."""
    provider.fail("503", times=None, after=2, endpoint="embeddings")
    with pytest.raises(PrecedentError, match="503"):
        rebuild_with(large, settings)
    stored = provider.stats().embedded
    assert 0 < stored < 120
    assert live_of(large).space == SPACE
    provider.clear()
    report = rebuild_with(large, settings)
    assert report.embedded_texts == 120 - stored
    assert_whole(large)


def test_an_unfinished_generation_is_continued(large: Store, settings: Settings) -> None:
    """What an interrupted rebuild left in the wanted space is used; what it left in another is dropped."""
    space = replace(SPACE, model=OTHER_SPACE.model, dimension=48)
    large.vectors.store(
        space, [text_hash(t.text) for t in make_tickets(120)], vectors_for(make_tickets(120), 48)
    )
    left = large.generations.begin(space)
    large.index.create(left)
    large.replay(left, only=[f"t-{n}" for n in range(50)])
    report = rebuild_with(large, settings)
    assert report.generation == left.name
    assert_whole(large)

    wrong = large.generations.begin(space)
    large.index.create(wrong)
    rebuild_with(large, settings, SPACE.model)
    assert live_of(large).space == SPACE
    assert all(g.status != "building" for g in large.generations.all())
    assert_whole(large)


def test_a_collection_that_lost_rows_is_completed(large: Store, settings: Settings) -> None:
    """Rows that an unfinished collection lost, though they were told to it, are told again before the switch."""
    left = large.generations.begin(SPACE)
    large.index.create(left)
    large.replay(left)
    large.index.drop(left.name)
    assert rebuild_with(large, settings, SPACE.model).generation == left.name
    assert_whole(large)


def test_writes_and_deletes_during_the_rebuild_are_in_the_new_one(large: Store, settings: Settings) -> None:
    """Eight writers store, change and delete tickets all the while: nothing acknowledged is missing after the switch."""
    stop, failures = threading.Event(), list[BaseException]()
    acknowledged: dict[str, str | None] = {}
    guard = threading.Lock()

    def write(writer: int) -> None:
        async def main() -> None:
            async with (
                open_hosted(settings, SPACE.model) as one,
                open_hosted(settings, OTHER_SPACE.model) as other,
            ):
                await write_all({SPACE.model: one, OTHER_SPACE.model: other})

        async def write_all(embedders: dict[str, OpenAICompatibleEmbedder]) -> None:
            number = 0
            while not stop.is_set():
                number += 1
                ticket = make_ticket(10_000 + 1_000 * writer + number % 25, priority=f"p{number}")
                while True:
                    live = live_of(large)
                    embedding = await embed_texts(
                        large.ledger, embedders[live.space.model], {ticket.text_hash: ticket.embedded}
                    )
                    assert embedding.space is not None
                    with contextlib.suppress(SpaceMismatchError):
                        await asyncio.to_thread(write_tickets, large, embedding.space, [ticket])
                        break
                with guard:
                    acknowledged[ticket.id] = ticket.priority
                if number % 7 == 0:
                    large.tickets.delete([ticket.id])
                    large.replay(live_of(large), only=[ticket.id])
                    with guard:
                        acknowledged[ticket.id] = None

        try:
            asyncio.run(main())
        except BaseException as error:  # noqa: BLE001 (told to the test)
            failures.append(error)

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(8)]
    for thread in threads:
        thread.start()
    try:
        there = rebuild_with(large, settings)
        back = rebuild_with(large, settings, SPACE.model)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not failures
    assert there.generation != back.generation
    stored = large.tickets.get(acknowledged)
    assert {i: stored[i].priority if i in stored else None for i in acknowledged} == acknowledged
    assert large.generations.count_pending(live_of(large)) == 0
    assert_whole(large)


def test_writers_do_not_wait_for_what_came_during_the_gate(store: Store, settings: Settings) -> None:
    """What others wrote while the new generation was examined is embedded before they are made to wait."""
    fill_store(store, make_tickets(120))
    late = make_tickets(40, start=1_000)
    written = threading.Event()
    free: list[bool] = []

    def progress(what: str, _done: int, _total: int) -> None:
        if what == "agree" and not written.is_set():
            written.set()
            fill_store(store, late)
        elif what == "embed" and written.is_set():
            try:
                with store.ledger.index_lock(patience=0.1):
                    free.append(True)
            except IndexBusyError:
                free.append(False)

    async def main() -> RebuildReport:
        async with open_hosted(settings, OTHER_SPACE.model) as embedder:
            return await rebuild(store, embedder, progress=progress)

    assert asyncio.run(main()).embedded_texts == 160
    assert free
    assert all(free)
    assert_whole(store)


def test_tickets_of_a_space_that_is_live_no_more_are_refused_whole(large: Store, settings: Settings) -> None:
    """A write that was embedded before the switch is not stored half: it is refused and can be embedded again."""
    ticket = make_ticket(700)
    large.vectors.store(SPACE, [text_hash(ticket.text)], vectors_for([ticket]))
    rebuild_with(large, settings)
    with pytest.raises(SpaceMismatchError, match="settings ask for bge-large"):
        large.tickets.write([ticket], space=SPACE)
    assert not large.tickets.get([ticket.id])


def test_two_rebuilds_exclude_each_other(large: Store, settings: Settings) -> None:
    """The second is refused in words, and goes ahead when the first has ended."""
    chosen = msgspec.structs.replace(settings, database_url=_url(large))
    with large.ledger.maintenance_lock(), contextlib.closing(Store(chosen)) as second:
        second.prepare()
        with pytest.raises(PrecedentError, match="another rebuild, forget or restore is running"):
            rebuild_with(second, settings)
    assert rebuild_with(large, settings).tickets == 120


def test_the_command(store: Store, settings: Settings, provider: Provider) -> None:
    """The command says what it will take, switches, reports, and goes back; a dry run does nothing."""
    fill_store(store, make_tickets(60))
    plan = run_command(
        settings,
        "rebuild",
        "--dry-run",
        "--json",
        EMBEDDING_MODEL=OTHER_SPACE.model,
        PRICE_PER_REQUEST="0.25",
    )
    assert report_of(plan)["cost"] == 0.25
    assert provider.stats().requests["embeddings"] == 0
    done = report_of(run_command(settings, "rebuild", "--json", EMBEDDING_MODEL=OTHER_SPACE.model))
    assert (done["embedding_model"], done["embedded_texts"]) == (OTHER_SPACE.model, 60)
    back = run_command(settings, "rebuild", "--rollback", "--json")
    assert report_of(back)["embedding_model"] == SPACE.model
    assert json.loads(run_command(settings, "status", "--json").stdout)["embedding_model"] == SPACE.model


def _url(store: Store) -> str | None:
    database = store.ledger._db  # noqa: SLF001 (the address is nowhere else)
    return None if database.is_sqlite else database.url.render_as_string(hide_password=False)
