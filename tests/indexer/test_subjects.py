"""The vectors of subjects: embedded once, kept like every other, erased with the last ticket that has them."""

import asyncio
import contextlib
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from indexer.backup import backup, restore
from indexer.embedding.choose import open_embedder
from indexer.forget import forget
from indexer.ledger import Ledger
from indexer.ledger.tables import state, subjects
from indexer.progress import no_progress
from indexer.rebuild import rebuild
from indexer.rejections import Rejections
from indexer.settings import Settings
from indexer.store import Store
from indexer.sync import Run, plan
from indexer.ticket import Ticket
from tests.indexer.command import report_of, run_command
from tests.indexer.ledger.earlier import turn_back
from tests.indexer.making import SPACE, fill_store, make_ticket
from tests.indexer.syncing import records, run
from tests.provider import Provider
from tests.provider.vectors import vectors_of

pytestmark = pytest.mark.usefixtures("provider")


def _with_subject(number: int, subject: str = "The export stops at night") -> Ticket:
    body = make_ticket(number).text
    return make_ticket(number, subject=subject, text=f"{subject}\n\n{body}")


def _lacks(ledger: Ledger, *tickets: Ticket) -> set[str]:
    return ledger.vectors.missing(SPACE, {one.subject_hash or "" for one in tickets})


@pytest.mark.parametrize(
    ("text", "subject", "found"),
    [
        ("Printer on fire", None, None),
        ("Printer on fire\n\nIt burns.", None, "Printer on fire"),
        ("Printer on fire\n\nIt burns.", "Printer on fire", "Printer on fire"),
        ("Printer  on fire", "Printer on fire", None),
        (f"{'long ' * 50}\nIt burns.", None, None),
        ("\n\nPrinter on fire\nIt burns.\n", None, "Printer on fire"),
    ],
)
def test_what_a_subject_is(text: str, subject: str | None, found: str | None) -> None:
    """The one given, else a short first line; none where it is all there is."""
    assert make_ticket(1, text=text, subject=subject).embedded_subject == found


def test_a_subject_of_many_tickets_is_embedded_once(
    store: Store, settings: Settings, provider: Provider
) -> None:
    """A sync embeds each text and each different subject once, as a dry run has said."""
    tickets = [_with_subject(n) for n in range(10)]
    expected = asyncio.run(_planned(store, settings, tickets))
    report = run(store, settings, *tickets)
    assert (report.embedded_texts, expected, provider.stats().embedded) == (11, 11, 11)
    (vector,) = vectors_of([tickets[0].embedded_subject or ""], SPACE.dimension)
    live = store.generations.live()
    assert live is not None
    found = store.nearest(live, vector, 10)
    assert found.subjects == pytest.approx(np.repeat(vector[None], 10, axis=0), abs=1e-6)
    assert run(store, settings, *tickets).embedded_texts == 0


async def _planned(store: Store, settings: Settings, tickets: list[Ticket]) -> int:
    embedder = open_embedder(settings, store.ledger, retries=0)
    try:
        with Rejections(settings.data_dir.parent / "x.rejected.jsonl", lambda _: None) as rejections:
            return plan(Run(store, embedder, rejections), records(*tickets)).embedded_texts
    finally:
        await embedder.close()


def test_a_rebuild_embeds_the_subjects_that_an_earlier_release_did_not(
    store: Store, settings: Settings, provider: Provider
) -> None:
    """Nothing else is embedded again."""
    tickets = [_with_subject(n, f"Subject {n % 4}") for n in range(12)]
    fill_store(store, tickets)
    assert len(_lacks(store.ledger, *tickets)) == 4
    assert store.vectors.count_lacking(SPACE) == 4
    assert report_of(run_command(settings, "status", "--json"))["not_embedded"] == 4
    assert "not yet embedded, which `make reindex` embeds: 4" in run_command(settings, "status").stdout

    async def main() -> int:
        embedder = open_embedder(settings, store.ledger, retries=0)
        try:
            return (await rebuild(store, embedder, progress=no_progress)).embedded_texts
        finally:
            await embedder.close()

    assert asyncio.run(main()) == provider.stats().embedded == 4
    assert "not yet embedded" not in run_command(settings, "status").stdout
    assert not _lacks(store.ledger, *tickets)


def test_a_subject_goes_with_its_last_ticket(store: Store, settings: Settings) -> None:
    """Forgetting one of two tickets with one subject leaves its vector; forgetting both leaves no byte of it."""
    one, other = _with_subject(1), _with_subject(2)
    run(store, settings, one, other, _with_subject(3, "Another thing"))
    first = forget(store, settings.data_dir, [one.id], progress=no_progress)
    assert first.clean
    assert not _lacks(store.ledger, other)
    assert store.vectors.clear_unused(9e9) == 0, "subjects that tickets have are used"
    second = forget(store, settings.data_dir, [other.id], progress=no_progress)
    assert second.clean
    assert _lacks(store.ledger, other)
    assert (second.vectors_before, second.vectors_after) == (4, 2)
    assert {file.name: file.found for file in second.before}["ledger.sqlite3"]["vector"] > 0


def test_subjects_are_known_after_a_restore_and_an_upgrade(settings: Settings, tmp_path: Path) -> None:
    """They follow from the records: a backup need not have them, and a ledger of an earlier release learns them."""
    tickets = [_with_subject(1), make_ticket(2), _with_subject(3, "Another thing")]
    file = tmp_path / "all.backup"
    with contextlib.closing(Ledger(None, settings.data_dir)) as ledger:
        ledger.tickets.write(tickets)
        backup(ledger, file, progress=no_progress)
        wanted = _rows(ledger)
    assert wanted == {(one.id, one.subject_hash) for one in tickets if one.subject_hash}
    with contextlib.closing(Ledger(None, tmp_path / "restored")) as restored:
        restore(restored, file, progress=no_progress)
        assert _rows(restored) == wanted
    engine = sa.create_engine(f"sqlite:///{settings.data_dir / 'ledger.sqlite3'}")
    with engine.begin() as connection:
        turn_back(connection, 5)
        subjects.drop(connection)
        connection.execute(state.update().values(schema=4))
    engine.dispose()
    with contextlib.closing(Ledger(None, settings.data_dir)) as upgraded:
        assert _rows(upgraded) == wanted
        upgraded.tickets.delete(["t-1"])
        assert {row for row in _rows(upgraded) if row[0] == "t-1"} == set()


def _rows(ledger: Ledger) -> set[tuple[str, str]]:
    found = ledger.tickets.with_texts(
        {_with_subject(1).subject_hash or "", _with_subject(3, "Another thing").subject_hash or ""}
    )
    return set(found)
