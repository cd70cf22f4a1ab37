"""Incremental indexing against real Chroma and a provider that fails on demand."""

import asyncio
import contextlib
import subprocess
from pathlib import Path

import msgspec
import pytest

from indexer.embedding.choose import open_embedder
from indexer.errors import PrecedentError, ProviderError
from indexer.ledger import Ledger
from indexer.rejections import Rejections
from indexer.settings import Settings
from indexer.store import Store
from indexer.sync import MassDeletionError, Run, plan
from indexer.ticket import Ticket
from tests.indexer.command import fork_command, report_of, run_command
from tests.indexer.making import assert_faithful, make_ticket, make_tickets
from tests.indexer.syncing import EARLY, LATE, counts, records, run
from tests.leftovers import assert_nothing_runs
from tests.provider import Provider

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("provider")]


def test_each_ticket_is_counted_once(store: Store, settings: Settings, provider: Provider) -> None:
    """Added, updated, unchanged, stale and rejected add up, and only new texts are embedded."""
    old = [make_ticket(n, updated_at="2026-01-02T00:00:00Z") for n in range(130)]
    values = [msgspec.to_builtins(ticket) for ticket in old]
    assert counts(run(store, settings, *values)) == {
        "read": 130, "added": 130, "embedding_requests": 3, "embedded_texts": 130,
    }  # fmt: skip
    assert counts(run(store, settings, *values)) == {"read": 130, "unchanged": 130}
    assert provider.stats().requests["embeddings"] == 3
    values[0]["text"] = "a text that nobody wrote before"
    values[1]["priority"] = "urgent"
    values[2] |= {"priority": "urgent", "updated_at": "2026-01-01T00:00:00Z"}
    values[3] |= {"text": "an older text, which nobody pays for", "updated_at": "2026-01-01T00:00:00Z"}
    values += [values[5], {"id": "no-text"}, 7, {"id": "new", "text": values[6]["text"]}]
    assert counts(run(store, settings, *values)) == {
        "read": 134, "added": 1, "updated": 2, "stale": 2, "unchanged": 126, "rejected": 2, "repeated": 1,
        "embedding_requests": 1, "embedded_texts": 1,
    }  # fmt: skip
    stored = store.tickets.get(["t-1", "t-2", "new"])
    assert (stored["t-1"].priority, stored["t-2"].priority) == ("urgent", "high")
    assert_faithful(store)


def test_rejected_records_are_kept_with_their_reasons(store: Store, settings: Settings) -> None:
    """Nothing of a source is lost: what is no ticket is in a file, and goes away when it was mended."""
    file = settings.data_dir.parent / "x.rejected.jsonl"
    run(store, settings, make_ticket(1), {"id": "2", "text": ""}, 7)
    kept = [msgspec.json.decode(line) for line in file.read_text().splitlines()]
    assert [(line["place"], line["reason"]) for line in kept] == [
        ("line 2", "text is missing: give text, or subject and body"),
        ("line 3", "not an object"),
    ]
    assert msgspec.json.decode(kept[0]["record"]) == {"id": "2", "text": ""}
    run(store, settings, make_ticket(1))
    assert not file.exists()


def test_a_plan_tells_what_the_run_does(store: Store, settings: Settings, provider: Provider) -> None:
    """A dry run asks the provider for nothing, writes nothing, and its counts are those of the run."""
    run(store, settings, *make_tickets(20), make_ticket(20, updated_at=LATE), source="desk")
    stale = make_ticket(20, text="an older text", updated_at=EARLY)
    values = [*make_tickets(15), *make_tickets(100, start=50), make_ticket(0), stale]
    embedder = open_embedder(settings, store.ledger, retries=0)
    asked, revision = provider.stats().requests["embeddings"], store.ledger.revision()
    with Rejections(settings.data_dir.parent / "p.rejected.jsonl", lambda _: None) as rejections:
        asking = Run(store, embedder, rejections, source="desk")
        planned = plan(asking, records(*values), delete_missing=True, price_per_request=0.5)
    asyncio.run(embedder.close())
    assert provider.stats().requests["embeddings"] == asked
    assert store.ledger.revision() == revision
    done = run(store, settings, *values, source="desk", delete_missing=True, force=True)
    assert counts(planned) == counts(done)
    assert (planned.embedding_requests, planned.cost) == (2, 1.0)


def test_equal_texts_are_embedded_once(store: Store, settings: Settings, provider: Provider) -> None:
    """Tickets of one text, white space apart, share a vector, in one run, in the next, and after a deletion."""
    texts = ["Disk  full\n", "Disk full", " Disk\tfull "]
    assert run(store, settings, *(make_ticket(n, text=texts[n % 3]) for n in range(300))).embedded_texts == 1
    assert run(store, settings, make_ticket(900, text=texts[1])).embedding_requests == 0
    store.tickets.delete([f"t-{n}" for n in range(300)])
    assert run(store, settings, *(make_ticket(n, text=texts[0]) for n in range(300))).embedded_texts == 0
    assert provider.stats().embedded == 1
    assert_faithful(store)


class TestDeletion:
    def test_only_what_came_from_the_source(self, store: Store, settings: Settings) -> None:
        """What another source stored stays, and what this one lacks goes from ledger and index."""
        run(store, settings, *make_tickets(20), source="desk")
        run(store, settings, *make_tickets(5, start=100), source="portal")
        report = run(store, settings, *make_tickets(17), source="desk", delete_missing=True)
        assert counts(report) == {"read": 17, "unchanged": 17, "deleted": 3}
        assert store.tickets.count() == 22
        assert_faithful(store)

    def test_not_more_than_a_fifth(self, store: Store, settings: Settings) -> None:
        """A source that shrank by more is taken for a mistake, unless told otherwise."""
        run(store, settings, *make_tickets(20), source="desk")
        with pytest.raises(MassDeletionError, match=r"5 of 20 tickets of source 'desk'.*--force"):
            run(store, settings, *make_tickets(15), source="desk", delete_missing=True)
        assert store.tickets.count() == 20
        report = run(store, settings, *make_tickets(15), source="desk", delete_missing=True, force=True)
        assert report.deleted == 5

    def test_not_on_the_word_of_a_broken_source(self, store: Store, settings: Settings) -> None:
        """A record that could not be read may be a stored ticket, so nothing is deleted."""
        run(store, settings, *make_tickets(20), source="desk")
        with pytest.raises(MassDeletionError, match="1 records could not be read"):
            run(store, settings, *make_tickets(19), "broken", source="desk", delete_missing=True)
        assert store.tickets.count() == 20


class TestProviderFails:
    @pytest.mark.parametrize(
        "kind", ["429", "500", "timeout", "cut", "wrong_count", "wrong_dimension", "html_200", "error_200", "nan", "zero_vector"]
    )  # fmt: skip
    def test_half_way(self, store: Store, settings: Settings, provider: Provider, kind: str) -> None:
        """What arrived before is stored, nothing wrong is, and the next run asks only for the rest."""
        # Where no answer is the failure it is not waited for long; elsewhere a busy machine must not look like one.
        seconds = 4.0 if kind == "timeout" else 60.0
        settings = msgspec.structs.replace(
            settings, embedding_batch_size=10, embedding_concurrency=2, provider_timeout=seconds
        )
        tickets = make_tickets(100)
        provider.fail(kind, times=None, after=6, endpoint="embeddings", retry_after=0.01)
        with pytest.raises(PrecedentError):
            run(store, settings, *tickets)
        provider.clear()
        space = store.vectors.known_space("hosted", settings.embedding_model)
        assert space is not None
        assert space.dimension == 64
        asked = provider.stats().texts
        report = run(store, settings, *tickets)
        assert report.added + report.unchanged == 100
        assert provider.stats().texts - asked == report.embedded_texts <= 60
        assert_faithful(store)

    def test_a_first_answer_of_another_dimension(
        self, store: Store, settings: Settings, provider: Provider
    ) -> None:
        """Before anything is acknowledged no dimension is believed: the next run goes well, with the right one."""
        small = msgspec.structs.replace(settings, embedding_batch_size=10, embedding_concurrency=4)
        for wrong in (32, 96):
            provider.configure(dimension=wrong)
            provider.fail("500", times=None, after=2, endpoint="embeddings")
            with pytest.raises(ProviderError):
                run(store, small, *make_tickets(60))
            provider.clear()
        assert store.tickets.count() == 0
        provider.configure(dimension=64)
        assert run(store, small, *make_tickets(60)).added == 60
        assert run(store, small, *make_tickets(70)).embedded_texts == 10
        assert_faithful(store)

    def test_a_refused_text_is_set_aside(self, store: Store, settings: Settings, provider: Provider) -> None:
        """One text that the provider never takes does not keep the others out."""
        provider.configure(max_chars=150)
        poison = make_ticket(1_000, text="z" * 1_900)
        report = run(store, settings, *make_tickets(40), poison, *make_tickets(40, start=50))
        assert (report.added, report.rejected) == (80, 1)
        assert "t-1000" not in store.tickets.get(["t-1000"])

    def test_passing_trouble_is_waited_for(
        self, store: Store, settings: Settings, provider: Provider
    ) -> None:
        """Limits that pass are waited out, and nobody notices."""
        provider.fail("429", times=3, endpoint="embeddings", retry_after=0.1)
        report = run(store, settings, *make_tickets(200), retries=5)
        assert report.added == 200

    def test_another_dimension_than_before(
        self, store: Store, settings: Settings, provider: Provider
    ) -> None:
        """A provider that changed its model under the same name is caught before anything is stored."""
        run(store, settings, *make_tickets(3))
        provider.configure(dimension=32)
        with pytest.raises(ProviderError, match="32 dimensions instead of 64"):
            run(store, settings, *make_tickets(6))
        assert store.tickets.count() == 3


def test_another_model_is_refused_before_anything_is_asked(
    store: Store, settings: Settings, provider: Provider
) -> None:
    """Both models and the remedy are named."""
    run(store, settings, make_ticket(1))
    asked = provider.stats().requests["embeddings"]
    other = msgspec.structs.replace(settings, embedding_model="other")
    with pytest.raises(PrecedentError, match=r"bge-large.*other.*make reindex"):
        run(store, other, make_ticket(2))
    assert provider.stats().requests["embeddings"] == asked


def test_memory_does_not_grow_with_the_file(settings: Settings, tmp_path: Path) -> None:
    """Twelve times as many records, unchanged or rejected, need no more memory, within 60 MB."""
    many = 60_000
    with contextlib.closing(Ledger(None, settings.data_dir)) as ledger:
        for start in range(0, many, 5_000):
            ledger.tickets.write([Ticket(id=str(n), text="a text") for n in range(start, start + 5_000, 2)])
    peaks = []
    for lines in (5_000, many):
        file = tmp_path / f"{lines}.jsonl"
        texts = ("a text", "")
        file.write_text("".join(f'{{"id": "{n}", "text": "{texts[n % 2]}"}}\n' for n in range(lines)))
        process = fork_command(settings, "sync", str(file), "--json")
        peak = 0
        while process.poll() is None:
            with contextlib.suppress(OSError), Path(f"/proc/{process.pid}/status").open() as status:
                peak = max([peak, *(int(line.split()[1]) for line in status if line.startswith("VmHWM"))])
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.05)
        report = report_of(process)
        assert report["unchanged"] == report["rejected"] == lines // 2
        peaks.append(peak)
    assert peaks[0] > 0
    assert peaks[1] - peaks[0] < 60 * 1024


def test_a_damaged_index_costs_no_provider_request(
    settings: Settings, provider: Provider, tmp_path: Path
) -> None:
    """After the index was damaged by hand the same sync has nothing to embed, and every ticket is found again."""
    file = tmp_path / "tickets.jsonl"
    file.write_bytes(msgspec.json.Encoder().encode_lines(make_tickets(1_200)))
    first = report_of(run_command(settings, "sync", str(file), "--json"))
    assert first["added"] == 1_200
    assert_nothing_runs(settings.data_dir)
    segment = next((settings.data_dir / "index").rglob("data_level0.bin"))
    segment.write_bytes(segment.read_bytes()[:1_000])
    asked = provider.stats().requests["embeddings"]
    again = run_command(settings, "sync", str(file), "--json")
    assert (report_of(again)["unchanged"], report_of(again)["embedding_requests"]) == (1_200, 0)
    assert provider.stats().requests["embeddings"] == asked
    assert len(list(settings.data_dir.glob("index.damaged-*"))) == 1
    with contextlib.closing(Store(settings)) as store:
        store.prepare()
        assert_faithful(store)
