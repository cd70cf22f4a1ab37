"""Damage of every kind is found, named, and mended by the command that is named."""

import contextlib
import json
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer.ledger import Generation
from indexer.progress import no_progress
from indexer.settings import Settings
from indexer.store import Store
from indexer.verify import VerifyReport, repair, verify
from tests.free_port import free_port
from tests.indexer.command import report_of, run_command
from tests.indexer.making import client_of, fill_store, make_ticket, make_tickets, prepared
from tests.provider import Provider
from tests.service.running import running_service

pytestmark = pytest.mark.slow

_COUNT = 60


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    with prepared(settings) as opened:
        fill_store(opened, make_tickets(_COUNT))
        yield opened


def _verify(store: Store, settings: Settings, *, full: bool = True) -> VerifyReport:
    return verify(store, settings.data_dir, full=full, progress=no_progress)


def _collection(store: Store) -> Any:
    """Return Chroma's own, to damage it behind everybody's back."""
    return client_of(store).get_collection(_live(store).name, embedding_function=None)


def _live(store: Store) -> Generation:
    live = store.generations.live()
    assert live is not None
    return live


def test_a_sound_store_is_clean(store: Store, settings: Settings) -> None:
    """Nothing is wrong, every row was looked at and looked for, and nothing was changed."""
    revision = store.ledger.revision()
    report = _verify(store, settings)
    assert report.clean
    assert not report.problems
    assert (report.tickets, report.vectors, report.rows, report.asked) == (_COUNT,) * 4
    assert store.ledger.revision() == revision


def test_an_empty_store_is_clean(settings: Settings) -> None:
    """There is nothing that could be wrong."""
    with contextlib.closing(Store(settings)) as empty:
        assert _verify(empty, settings).clean


def _without(collection: Any) -> None:
    collection.delete(ids=["t-3", "t-4"])


def _besides(collection: Any) -> None:
    collection.add(ids=["ghost"], embeddings=np.ones((1, 64), np.float32), documents=["nobody's"])


def _other_priority(collection: Any) -> None:
    collection.update(ids=["t-5"], metadatas=[{"priority": "urgent"}])


def _other_resolution(collection: Any) -> None:
    collection.update(ids=["t-5"], metadatas=[{"resolution": "Did nothing."}])


def _other_text(collection: Any) -> None:
    collection.update(ids=["t-5"], documents=["not what the customer wrote"], embeddings=np.eye(1, 64))


def _other_vector(collection: Any) -> None:
    collection.update(ids=["t-6"], embeddings=np.ones((1, 64), np.float32))


@pytest.mark.parametrize(
    ("damage", "kind", "ids"),
    [
        (_without, "missing", ("t-3", "t-4")),
        (_besides, "foreign", ("ghost",)),
        (_other_priority, "changed", ("t-5",)),
        (_other_resolution, "changed", ("t-5",)),
        (_other_text, "changed", ("t-5",)),
        (_other_vector, "vector", ("t-6",)),
    ],
)
def test_a_damaged_row_is_named_and_mended(
    store: Store, settings: Settings, damage: Any, kind: str, ids: tuple[str, ...]
) -> None:
    """Each kind of difference is found with its ids; a repair replays the rows from the ledger, and it is clean."""
    damage(_collection(store))
    problems = {problem.kind: problem for problem in _verify(store, settings).problems}
    assert problems[kind].ids == ids
    assert "--repair" in problems[kind].mend
    repair(store, progress=no_progress)
    assert _verify(store, settings).problems == ()


def test_a_row_that_its_own_vector_does_not_find(store: Store, settings: Settings) -> None:
    """More than 200 tickets at one place hide each other, which is told with the command for it."""
    copies = [make_ticket(1_000 + n, text="the very same words") for n in range(260)]
    fill_store(store, copies)
    report = _verify(store, settings)
    (problem,) = report.problems
    assert (problem.kind, report.asked) == ("unreachable", _COUNT + 260)
    assert problem.count == 60
    assert "rebuild" in problem.mend


def test_what_waits_is_told_apart(store: Store, settings: Settings) -> None:
    """A ticket that was not told to the index yet is replayed; one without a vector needs a rebuild."""
    store.tickets.write([make_ticket(0, priority="changed")])
    store.tickets.write([make_ticket(800)])
    problems = {problem.kind: problem for problem in _verify(store, settings).problems}
    assert problems["pending"].ids == ("t-0",)
    assert problems["not_embedded"].ids == ("t-800",)
    assert "--repair" in problems["pending"].mend
    assert problems["not_embedded"].mend == "precedent rebuild"
    run_command(settings, "rebuild")
    assert _verify(store, settings).clean


def test_a_collection_of_no_generation(store: Store, settings: Settings) -> None:
    """What a kill left in Chroma alone is found, and dropped by a repair."""
    left = store.generations.begin(_live(store).space)
    store.index.create(left)
    store.generations.remove(left)
    (problem,) = _verify(store, settings).problems
    assert (problem.kind, problem.ids) == ("collection", (left.name,))
    repair(store, progress=no_progress)
    report = _verify(store, settings)
    assert report.clean
    assert left.name not in store.index.unknown_collections([])


def _ledger(settings: Settings, statement: str, *values: Any) -> None:
    with contextlib.closing(sqlite3.connect(settings.data_dir / "ledger.sqlite3")) as database, database:
        assert database.execute(statement, values).rowcount > 0


def test_an_altered_ticket_in_the_ledger(store: Store, settings: Settings) -> None:
    """A record that is not the one of its hash is named, and not blamed on the index."""
    _ledger(settings, "UPDATE tickets SET record = replace(record, 'Restart', 'Destroy') WHERE id = 't-9'")
    problems = {problem.kind: problem for problem in _verify(store, settings).problems}
    assert problems["ticket_altered"].ids == ("t-9",)
    assert "restore" in problems["ticket_altered"].mend


_ALTERED = {
    "t-7": "UPDATE tickets SET record = replace(record, 'Case', 'Cassowary') WHERE id = 't-7'",
    "t-8": "UPDATE tickets SET record = replace(substr(record, 1, 60), 'Case', 'Cassowary') WHERE id = 't-8'",
    "t-9": "UPDATE tickets SET record = CAST(x'436173736f77617279fffe' AS TEXT) WHERE id = 't-9'",
}


def test_altered_tickets_are_told_and_not_shown(store: Store, settings: Settings, provider: Provider) -> None:
    """A service says at its start which are not what was acknowledged, as `status` and `verify` do, and answers without them."""
    store.close()
    for statement in _ALTERED.values():
        _ledger(settings, statement)
    told = run_command(settings, "status", "--json")
    assert sorted(json.loads(told.stdout)["altered"]) == sorted(_ALTERED)
    found = run_command(settings, "verify", "--json", status=1)
    problems = {problem["kind"]: problem for problem in report_of(found)["problems"]}
    assert problems["ticket_altered"]["ids"] == sorted(_ALTERED)
    assert problems.keys() == {"ticket_altered", "changed"}
    with running_service(settings.data_dir, provider) as service:
        for ticket_id in _ALTERED:
            text = make_ticket(int(ticket_id[2:])).text
            near = service.answer("/v1/similar", text=text, top_k=10)["neighbours"]
            assert not _ALTERED.keys() & {one["id"] for one in near}
            assert len(near) >= 7
        alone = [service.http.get(f"/v1/tickets/{ticket_id}") for ticket_id in ("t-8", "t-9")]
    assert "the ledger is damaged" in service.log
    assert all(repr(ticket_id) in service.log for ticket_id in _ALTERED)
    assert "Traceback" not in service.log
    assert all(response.status_code >= 500 for response in alone)
    said = [
        *(response.text for response in alone),
        service.log,
        told.stdout,
        told.stderr,
        found.stdout,
        found.stderr,
    ]
    assert not [words for words in said if "assowary" in words]


@pytest.mark.parametrize("data", [b"\0" * 12, b"\0" * 13, np.full(64, np.nan, "<f4").tobytes()])
def test_an_unusable_vector_in_the_ledger(store: Store, settings: Settings, data: bytes) -> None:
    """A vector that is cut short or not finite is found."""
    _ledger(settings, "UPDATE vectors SET vector = ? WHERE rowid = 1", data)
    kinds = {problem.kind for problem in _verify(store, settings).problems}
    assert "vector_unusable" in kinds


def test_a_damaged_ledger_file(store: Store, settings: Settings) -> None:
    """A page of the ledger's file that was overwritten is reported, with the way out."""
    store.ledger.compact()
    path = settings.data_dir / "ledger.sqlite3"
    with contextlib.closing(sqlite3.connect(path)) as database:
        (page,) = database.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'ix_tickets_text_hash'"
        ).fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 64)
    found = report_of(run_command(settings, "verify", "--json", status=1))
    problems = {problem["kind"]: problem for problem in found["problems"]}
    assert "restore" in problems["ledger_damaged"]["mend"]


def test_a_damaged_index_is_a_finding_and_not_the_end(
    store: Store, settings: Settings, data_dir: Path
) -> None:
    """With its vectors cut away the index is reported, put aside by a repair, and whole again without a provider."""
    fill_store(store, make_tickets(1_500, start=2_000))  # enough for Chroma to write segment files
    store.close()
    for path in (data_dir / "index").rglob("data_level0.bin"):
        path.write_bytes(path.read_bytes()[:100])
    before = run_command(settings, "verify", "--json", status=1)
    assert {problem["kind"] for problem in report_of(before)["problems"]} & {"missing", "index_unreadable"}
    mended = run_command(settings, "verify", "--repair", "--json")
    assert report_of(mended)["rows"] == _COUNT + 1_500
    assert list(data_dir.glob("index.damaged-*"))
    assert any("put aside" in note for note in report_of(mended)["notes"])


def test_the_command_reports(store: Store, settings: Settings) -> None:
    """Status 0 when clean; else 1 and a line with the command that mends it."""
    assert report_of(run_command(settings, "verify", "--full", "--json"))["asked"] == _COUNT
    _without(_collection(store))
    found = run_command(settings, "verify", "--json", status=1)
    assert report_of(found)["problems"][0]["kind"] == "missing"
    assert "t-3" in found.stderr
    assert "precedent verify --repair" in found.stderr
    run_command(settings, "verify", "--repair")
    run_command(settings, "verify")


def test_writers_are_not_taken_for_problems(store: Store, settings: Settings) -> None:
    """While tickets are stored and deleted all the time, a sound store stays clean."""
    stop = threading.Event()

    def churn() -> int:
        rounds = 0
        with contextlib.closing(Store(settings)) as writer:
            writer.prepare()
            while not stop.is_set():
                rounds += 1
                tickets = make_tickets(5, start=5_000 + 5 * (rounds % 20))
                live = fill_store(writer, tickets)
                gone = [ticket.id for ticket in tickets[:3]]
                writer.tickets.delete(gone)
                writer.replay(live, only=gone)
        return rounds

    with ThreadPoolExecutor() as pool:
        rounds = pool.submit(churn)
        try:
            for _ in range(5):
                assert _verify(store, settings).problems == ()
        finally:
            stop.set()
        assert rounds.result() > 1


def test_a_server_of_your_own_that_does_not_answer_is_yours_to_start(settings: Settings) -> None:
    """It could not be checked, which is 2; what would have to be done is said, which is no repair from here."""
    with contextlib.closing(Store(settings)):
        pass
    for option in ((), ("--repair",)):
        run = run_command(
            settings, "verify", *option, "--json", status=2, CHROMA_URL=f"http://127.0.0.1:{free_port()}"
        )
        (problem,) = report_of(run)["problems"]
        assert problem["kind"] == "index_unreachable"
        assert "start that server or correct PRECEDENT_CHROMA_URL" in problem["mend"]
        assert problem["mend"] in run.stderr
