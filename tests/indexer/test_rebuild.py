"""Generations: built beside the live one, examined, switched to in one step, and back."""

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from indexer.embedding.openai_compatible import OpenAICompatibleEmbedder
from indexer.errors import IndexBusyError, PrecedentError, SpaceMismatchError
from indexer.ledger import Generation
from indexer.progress import no_progress
from indexer.provider import open_provider
from indexer.rebuild import (
    Estimate,
    GateRefusedError,
    RebuildReport,
    drop_retired,
    estimate,
    previous_generation,
    rebuild,
    rollback,
)
from indexer.settings import Settings
from indexer.store import Store
from indexer.ticket import text_hash
from indexer.writing import embed_texts
from tests.indexer.command import report_of, run_command
from tests.indexer.making import SPACE, fill_store, make_ticket, make_tickets, vectors_for, write_tickets
from tests.provider import Provider

_OTHER = "other-model"


@pytest.fixture
def store(settings: Settings, provider: Provider) -> Iterator[Store]:
    provider.configure(models={_OTHER: 48})
    with contextlib.closing(Store(settings)) as opened:
        opened.prepare()
        yield opened


@pytest.fixture
def large(settings: Settings, provider: Provider, database_url: str | None) -> Iterator[Store]:
    """A store of 120 tickets, on each database in turn."""
    provider.configure(models={_OTHER: 48})
    chosen = msgspec.structs.replace(settings, database_url=database_url)
    with contextlib.closing(Store(chosen)) as opened:
        opened.prepare()
        fill_store(opened, make_tickets(120))
        yield opened


@contextlib.asynccontextmanager
async def _embedder(settings: Settings, model: str) -> AsyncIterator[OpenAICompatibleEmbedder]:
    async with open_provider(settings, max_retries=0) as client:
        yield OpenAICompatibleEmbedder(client, model=model, batch_size=32)


def _rebuild(store: Store, settings: Settings, model: str = _OTHER, *, force: bool = False) -> RebuildReport:
    async def main() -> RebuildReport:
        async with _embedder(settings, model) as embedder:
            return await rebuild(store, embedder, force=force, progress=no_progress)

    return asyncio.run(main())


def _rollback(store: Store, settings: Settings) -> RebuildReport:
    async def main() -> RebuildReport:
        async with _embedder(settings, previous_generation(store).space.model) as embedder:
            return await rollback(store, embedder, progress=no_progress)

    return asyncio.run(main())


def _estimate(store: Store, settings: Settings, model: str) -> Estimate:
    async def main() -> Estimate:
        async with _embedder(settings, model) as embedder:
            return estimate(store, embedder, settings)

    return asyncio.run(main())


def _live(store: Store) -> Generation:
    live = store.generations.live()
    assert live is not None
    return live


def _assert_whole(store: Store) -> None:
    """The live collection has every ticket of the ledger as it is there, with its vector in the live space."""
    live = _live(store)
    hashes = store.tickets.hashes()
    assert store.index.hashes(live) == hashes
    stored = store.vectors.get(live.space, set(hashes.values()))
    for ids, vectors in store.index.vectors(live):
        assert np.allclose(vectors, np.stack([stored[hashes[i]] for i in ids]), atol=1e-5)


def test_another_model(large: Store, settings: Settings, provider: Provider) -> None:
    """Every text is embedded once in the new model, and the generation that answers is the new one, whole."""
    before = _live(large)
    report = _rebuild(large, settings)
    live = _live(large)
    assert (report.generation, report.previous) == (live.name, before.name)
    assert (live.space.model, live.space.dimension) == (_OTHER, 48)
    assert (report.embedded_texts, provider.stats().embedded) == (120, 120)
    assert report.gate is not None
    assert report.gate.self_retrieval == 1.0
    assert report.gate.agreement is not None
    _assert_whole(large)
    assert large.index.count(before) == 120, "queries that still run on it are answered"


def test_the_same_space_asks_the_provider_nothing(
    store: Store, settings: Settings, provider: Provider
) -> None:
    """A rebuild in the live space makes a fresh collection of the ledger's vectors."""
    fill_store(store, make_tickets(60))
    report = _rebuild(store, settings, SPACE.model)
    assert report.generation != report.previous
    assert provider.stats().requests["embeddings"] == 0
    _assert_whole(store)


def test_nothing_to_rebuild(store: Store, settings: Settings) -> None:
    """An empty store is refused in words, and so is a rollback without a previous generation."""
    with pytest.raises(PrecedentError, match="nothing is stored"):
        _rebuild(store, settings)
    with pytest.raises(PrecedentError, match="no previous generation"):
        _rollback(store, settings)


def test_estimate(large: Store, settings: Settings, provider: Provider) -> None:
    """Texts, requests and cost are known before anything is asked; what the ledger has costs nothing."""
    priced = msgspec.structs.replace(settings, price_per_request=0.5)
    expected = _estimate(large, priced, _OTHER)
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
        _rebuild(large, settings)
    stored = provider.stats().embedded
    assert 0 < stored < 120
    assert _live(large).space == SPACE
    provider.clear()
    report = _rebuild(large, settings)
    assert report.embedded_texts == 120 - stored
    _assert_whole(large)


def test_an_unfinished_generation_is_continued(large: Store, settings: Settings) -> None:
    """What an interrupted rebuild left in the wanted space is used; what it left in another is dropped."""
    space = replace(SPACE, model=_OTHER, dimension=48)
    large.vectors.store(
        space, [text_hash(t.text) for t in make_tickets(120)], vectors_for(make_tickets(120), 48)
    )
    left = large.generations.begin(space)
    large.index.create(left)
    large.replay(left, only=[f"t-{n}" for n in range(50)])
    report = _rebuild(large, settings)
    assert report.generation == left.name
    _assert_whole(large)

    wrong = large.generations.begin(space)
    large.index.create(wrong)
    _rebuild(large, settings, SPACE.model)
    assert _live(large).space == SPACE
    assert all(g.status != "building" for g in large.generations.all())
    _assert_whole(large)


def test_a_collection_that_lost_rows_is_completed(large: Store, settings: Settings) -> None:
    """Rows that an unfinished collection lost, though they were told to it, are told again before the switch."""
    left = large.generations.begin(SPACE)
    large.index.create(left)
    large.replay(left)
    large.index.drop(left.name)
    assert _rebuild(large, settings, SPACE.model).generation == left.name
    _assert_whole(large)


def test_writes_and_deletes_during_the_rebuild_are_in_the_new_one(large: Store, settings: Settings) -> None:
    """Eight writers store, change and delete tickets all the while: nothing acknowledged is missing after the switch."""
    stop, failures = threading.Event(), list[BaseException]()
    acknowledged: dict[str, str | None] = {}
    guard = threading.Lock()

    def write(writer: int) -> None:
        async def main() -> None:
            async with _embedder(settings, SPACE.model) as one, _embedder(settings, _OTHER) as other:
                await write_all({SPACE.model: one, _OTHER: other})

        async def write_all(embedders: dict[str, OpenAICompatibleEmbedder]) -> None:
            number = 0
            while not stop.is_set():
                number += 1
                ticket = make_ticket(10_000 + 1_000 * writer + number % 25, priority=f"p{number}")
                while True:
                    live = _live(large)
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
                    large.replay(_live(large), only=[ticket.id])
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
        there = _rebuild(large, settings)
        back = _rebuild(large, settings, SPACE.model)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not failures
    assert there.generation != back.generation
    stored = large.tickets.get(acknowledged)
    assert {i: stored[i].priority if i in stored else None for i in acknowledged} == acknowledged
    assert large.generations.count_pending(_live(large)) == 0
    _assert_whole(large)


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
        async with _embedder(settings, _OTHER) as embedder:
            return await rebuild(store, embedder, progress=progress)

    assert asyncio.run(main()).embedded_texts == 160
    assert free
    assert all(free)
    _assert_whole(store)


def test_tickets_of_a_space_that_is_live_no_more_are_refused_whole(large: Store, settings: Settings) -> None:
    """A write that was embedded before the switch is not stored half: it is refused and can be embedded again."""
    ticket = make_ticket(700)
    large.vectors.store(SPACE, [text_hash(ticket.text)], vectors_for([ticket]))
    _rebuild(large, settings)
    with pytest.raises(SpaceMismatchError, match="settings ask for bge-large"):
        large.tickets.write([ticket], space=SPACE)
    assert not large.tickets.get([ticket.id])


def test_the_gate_refuses_a_space_that_cannot_tell_tickets_apart(
    large: Store, settings: Settings, provider: Provider
) -> None:
    """With one dimension nothing finds itself: the switch is refused with the numbers, and the live one stays."""
    provider.configure(models={"blunt": 1})
    before = _live(large)
    # Chroma finds up to 200 rows at one place, so more tickets than that are needed.
    fill_store(large, make_tickets(500, start=1_000))
    with pytest.raises(GateRefusedError, match="are found by their own vectors, 99% are needed") as refusal:
        _rebuild(large, settings, "blunt")
    assert refusal.value.gate.self_retrieval < 0.99
    assert _live(large) == before
    assert [g.status for g in large.generations.all()] == ["live"]
    embedded = provider.stats().embedded

    report = _rebuild(large, settings, "blunt", force=True)
    assert provider.stats().embedded == embedded, "its vectors were kept"
    assert report.gate is not None
    assert report.gate.reasons
    assert _live(large).space.model == "blunt"


def test_the_gate_refuses_neighbours_that_agree_less(
    large: Store, settings: Settings, provider: Provider
) -> None:
    """Where labels follow the text, a space in which neighbours have other labels is refused."""
    tickets = [
        make_ticket(5_000 + n, text=f"{topic} {topic} trouble {n} {n * 7919}", priority=topic)
        for n in range(150)
        for topic in (("billing", "network", "printer")[n % 3],)
    ]
    fill_store(large, tickets)
    large.tickets.delete([f"t-{n}" for n in range(120)])
    large.replay(_live(large))
    provider.configure(models={"blunt": 1})
    with pytest.raises(GateRefusedError, match="agree on the priority") as refusal:
        _rebuild(large, settings, "blunt")
    gate = refusal.value.gate
    assert gate.agreement is not None
    assert gate.agreement_before is not None
    assert gate.agreement < gate.agreement_before - 0.05


def test_rollback_brings_the_previous_generation_up_to_date(large: Store, settings: Settings) -> None:
    """Tickets that were added, changed and deleted since are right in it, and rolling back again goes forth."""
    first = _live(large)
    second = _rebuild(large, settings)
    added = make_ticket(900)
    changed = make_ticket(5, text="An entirely new description of case c000005")
    space = _live(large).space
    large.vectors.store(
        space, [text_hash(t.text) for t in (added, changed)], vectors_for([added, changed], 48)
    )
    write_tickets(large, space, [added, changed])
    large.tickets.delete(["t-7"])
    report = _rollback(large, settings)
    assert (report.generation, report.previous) == (first.name, second.generation)
    assert report.embedded_texts == 2
    assert _live(large) == replace(first, status="live")
    _assert_whole(large)
    assert {"t-900"} <= large.index.hashes(first).keys()
    assert "t-7" not in large.index.hashes(first)

    assert _rollback(large, settings).generation == second.generation
    _assert_whole(large)


def test_rollback_survives_the_loss_of_the_collection(large: Store, settings: Settings) -> None:
    """The previous generation's collection is filled from the ledger when the index was rebuilt meanwhile."""
    first = _live(large)
    _rebuild(large, settings)
    large.index.drop(first.name)
    assert _rollback(large, settings).generation == first.name
    _assert_whole(large)


def test_old_generations_are_dropped_after_a_grace(large: Store, settings: Settings, data_dir: Path) -> None:
    """The previous one is kept; older ones go when their grace is over, and their folders when the server starts."""
    first, second, third = (
        _live(large).name,
        *(_rebuild(large, settings, m).generation for m in (_OTHER, SPACE.model)),
    )
    assert set(large.index.names()) == {first, second, third}, "their grace is not over"
    assert drop_retired(large, before=time.time()) == (first,)
    assert set(large.index.names()) == {second, third}
    assert [g.name for g in large.generations.all()] == [third, second]
    large.index.compact()
    folders = {path.name for path in (data_dir / "index").iterdir() if path.is_dir()}
    assert len(folders) <= 2
    _assert_whole(large)


def test_a_collection_without_a_generation_is_dropped(large: Store) -> None:
    """What a kill between the two stores left in Chroma is found and dropped; other ledgers' collections are not."""
    left = large.generations.begin(SPACE)
    large.index.create(left)
    large.generations.remove(left)
    assert drop_retired(large, before=0.0) == (left.name,)
    assert left.name not in large.index.names()


def test_two_rebuilds_exclude_each_other(large: Store, settings: Settings) -> None:
    """The second is refused in words, and goes ahead when the first has ended."""
    chosen = msgspec.structs.replace(settings, database_url=_url(large))
    with large.ledger.maintenance_lock(), contextlib.closing(Store(chosen)) as second:
        second.prepare()
        with pytest.raises(PrecedentError, match="another rebuild, forget or restore is running"):
            _rebuild(second, settings)
    assert _rebuild(large, settings).tickets == 120


def test_the_command(store: Store, settings: Settings, provider: Provider) -> None:
    """The command says what it will take, switches, reports, and goes back; a dry run does nothing."""
    fill_store(store, make_tickets(60))
    plan = run_command(
        settings, "rebuild", "--dry-run", "--json", EMBEDDING_MODEL=_OTHER, PRICE_PER_REQUEST="0.25"
    )
    assert report_of(plan)["cost"] == 0.25
    assert provider.stats().requests["embeddings"] == 0
    done = report_of(run_command(settings, "rebuild", "--json", EMBEDDING_MODEL=_OTHER))
    assert (done["embedding_model"], done["embedded_texts"]) == (_OTHER, 60)
    back = run_command(settings, "rebuild", "--rollback", "--json")
    assert report_of(back)["embedding_model"] == SPACE.model
    assert json.loads(run_command(settings, "status", "--json").stdout)["embedding_model"] == SPACE.model


def test_the_command_refuses_with_numbers(store: Store, settings: Settings, provider: Provider) -> None:
    """A refused switch ends with status 1 and the numbers."""
    provider.configure(models={"blunt": 1})
    fill_store(store, make_tickets(500))
    refused = run_command(settings, "rebuild", "--json", status=1, EMBEDDING_MODEL="blunt")
    gate: dict[str, Any] = report_of(refused)
    assert gate["self_retrieval"] < 0.99
    assert "--force" in refused.stderr
    assert _live(store).space == SPACE


def _url(store: Store) -> str | None:
    database = store.ledger._db  # noqa: SLF001 (the address is nowhere else)
    return None if database.is_sqlite else database.url.render_as_string(hide_password=False)
