"""A sync of given records, and what it counted."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from indexer.embedding.choose import open_embedder
from indexer.rejections import Rejections
from indexer.settings import Settings
from indexer.sources import SourceRecord
from indexer.store import Store
from indexer.sync import Run, SyncReport, sync

__all__ = ["EARLY", "LATE", "counts", "records", "run"]

EARLY, LATE = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)


def records(*values: Any) -> Iterator[SourceRecord]:
    """Yield tickets or raw values as a reader does."""
    for line, value in enumerate(values, 1):
        decoded = msgspec.to_builtins(value) if isinstance(value, msgspec.Struct) else value
        raw = msgspec.json.encode(decoded).decode()
        if isinstance(decoded, dict):
            yield SourceRecord(place=f"line {line}", value=decoded, raw=raw)
        else:
            yield SourceRecord(place=f"line {line}", error="not an object", raw=raw)


def run(
    store: Store,
    settings: Settings,
    *values: Any,
    source: str | None = None,
    retries: int = 0,
    **options: bool,
) -> SyncReport:
    """Sync the values and return the report."""
    folder = settings.data_dir.parent

    async def main() -> SyncReport:
        embedder = open_embedder(settings, store.ledger, retries=retries)
        with Rejections(folder / "x.rejected.jsonl", lambda _: None) as rejections:
            try:
                passed = Run(store, embedder, rejections, source)
                return await sync(passed, records(*values), **options)
            finally:
                await embedder.close()

    return asyncio.run(main())


def counts(report: SyncReport) -> dict[str, int]:
    """Return what is not zero of a report's counts."""
    found = msgspec.structs.asdict(report)
    return {name: n for name, n in found.items() if n and name not in ("seconds", "dry_run", "cost")}
