"""``sync`` of an address: store what changed in a helpdesk."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

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
from indexer.commands.storing import Storing, SyncOptions, storing
from indexer.console import say
from indexer.distillation import Distilled, expected
from indexer.errors import SettingsError
from indexer.pull import Address, pull, pull_file, pulled
from indexer.settings import Settings
from indexer.sources import SourceRecord

__all__ = ["sync_helpdesk"]

_BATCH = 500  # tickets whose distillation is estimated together


def sync_helpdesk(settings: Settings, options: SyncOptions, address: Address) -> Storing:
    """Store what changed in a helpdesk since the last time, and return what came of it."""
    for name in ("format", "columns", "date_format", "time_zone", "delete_missing"):
        if getattr(options, name):
            option = "map" if name == "columns" else name.replace("_", "-")
            msg = f"--{option} is for files; a pull from {address.text} has no use for it"
            raise SettingsError(msg)
    if options.distil:
        require_provider(settings)
    kept, rejected = (pull_file(settings.data_dir, address, e) for e in (".json", ".rejected.jsonl"))
    with storing(settings, options, options.source or address.text, rejected) as run:
        if options.dry_run:
            records = pulled(address, file=kept, tell=say)
            estimate = _Estimate(run)
            noted = estimate.noted(records) if options.distil else records
            run.report = engine.plan(run, noted, price_per_request=settings.price_per_request)
            if options.distil:
                run.report.distilled = estimate.whole()
        else:
            run_closing(run.embedder, _store(run, address, kept))
    return run


async def _store(run: Storing, address: Address, kept: Path) -> None:
    await pull(run, address, file=kept, tell=say)
    if run.options.distil:
        # All that is stored of the source, not only what came now: what failed, or was over a limit, is asked again.
        run.report.distilled = await distil_tickets(run, stored_of(run))
        run.report.updated += await store_distilled(run)


class _Estimate:
    """What distilling would ask about the tickets that are pulled, and about those of the source that are stored."""

    def __init__(self, run: Storing) -> None:
        self._run = run
        self._report = Distilled()
        self._pulled: set[str] = set()

    def noted(self, records: Iterator[SourceRecord]) -> Iterator[SourceRecord]:
        """Pass records on, and count what would be asked about them."""
        while batch := list(islice(records, _BATCH)):
            tickets = list(tickets_of(batch))
            self._pulled.update(ticket.id for ticket in tickets)
            expected(self._run.settings, self._run.ledger, tickets, report=self._report)
            yield from batch

    def whole(self) -> Distilled:
        """Say what it comes to, and return it."""
        stored = (one for one in stored_of(self._run) if one.id not in self._pulled)
        return tell_expected(expected(self._run.settings, self._run.ledger, stored, report=self._report))
