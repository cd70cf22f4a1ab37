"""``sync`` of an address: store what changed in a helpdesk."""

from collections.abc import Iterator
from itertools import islice

from indexer import sync as engine
from indexer.commands.distilling import (
    distil_tickets,
    require_provider,
    store_distilled,
    stored_of,
    tell_expected,
    tickets_of,
)
from indexer.commands.output import run_closing
from indexer.commands.storing import Progress, SyncOptions, first_few, store_records
from indexer.console import say
from indexer.distillation import Distilled, expected
from indexer.embedding import Embedder
from indexer.errors import SettingsError
from indexer.ledger import Ledger
from indexer.pull import Address, pull, pull_file, pulled
from indexer.rate_limiter import open_limiter
from indexer.rejections import Rejections
from indexer.settings import Settings
from indexer.sources import SourceRecord
from indexer.store import Store

__all__ = ["sync_helpdesk"]

_BATCH = 500  # tickets whose distillation is estimated together


def sync_helpdesk(
    settings: Settings, options: SyncOptions, address: Address
) -> tuple[engine.SyncReport, int]:
    """Store what changed in a helpdesk since the last time, and return the report and the exit status."""
    for name in ("format", "columns", "date_format", "time_zone", "delete_missing"):
        if getattr(options, name):
            option = "map" if name == "columns" else name.replace("_", "-")
            msg = f"--{option} is for files; a pull from {address.text} has no use for it"
            raise SettingsError(msg)
    if options.distil:
        require_provider(settings)
    kept = pull_file(settings.data_dir, address, ".json")
    rejected = None if options.dry_run else pull_file(settings.data_dir, address, ".rejected.jsonl")
    rejections = Rejections(rejected, first_few())
    source = options.source or address.text
    limiter = open_limiter(settings)

    def work(store: Store, embedder: Embedder, progress: Progress) -> engine.SyncReport:
        if options.dry_run:
            records = pulled(address, file=kept, tell=say)
            estimate = _Estimate(settings, store.ledger, source) if options.distil else None
            report = engine.plan(
                store, embedder, estimate.noted(records) if estimate else records, rejections,
                source=source, keep_open=settings.keep_open, price_per_request=settings.price_per_request,
            )  # fmt: skip
            if estimate:
                report.distilled = estimate.whole()
            return report

        async def whole() -> engine.SyncReport:
            report = await pull(
                store, embedder, address, rejections,
                file=kept, source=source, keep_open=settings.keep_open, tell=say, progress=progress,
            )  # fmt: skip
            if options.distil:
                # All that is stored of the source, not only what came now: what failed, or was over a limit, is asked again.
                report.distilled = await distil_tickets(
                    settings, store.ledger, stored_of(store.ledger, source), limiter
                )
                report.updated += await store_distilled(store, embedder, source)
            return report

        return run_closing(embedder, whole())

    return store_records(settings, options, rejections, work, limiter=limiter)


class _Estimate:
    """What distilling would ask about the tickets that are pulled, and about those of the source that are stored."""

    def __init__(self, settings: Settings, ledger: Ledger, source: str) -> None:
        self._settings = settings
        self._ledger = ledger
        self._source = source
        self._report = Distilled()
        self._pulled: set[str] = set()

    def noted(self, records: Iterator[SourceRecord]) -> Iterator[SourceRecord]:
        """Pass records on, and count what would be asked about them."""
        while batch := list(islice(records, _BATCH)):
            tickets = list(tickets_of(batch))
            self._pulled.update(ticket.id for ticket in tickets)
            expected(self._settings, self._ledger, tickets, report=self._report)
            yield from batch

    def whole(self) -> Distilled:
        """Say what it comes to, and return it."""
        stored = (one for one in stored_of(self._ledger, self._source) if one.id not in self._pulled)
        return tell_expected(expected(self._settings, self._ledger, stored, report=self._report))
