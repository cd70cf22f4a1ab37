"""Open stores with a Chroma server of their own, and a backup."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from indexer.backup import backup
from indexer.ledger import Ledger
from indexer.progress import no_progress
from indexer.settings import Settings
from indexer.store import Store
from tests.indexer.making import (
    EDITED_REPLY,
    FULL_TICKET,
    OTHER_SPACE,
    SPACE,
    fill_store,
    make_tickets,
    prepared,
    store_vectors,
)
from tests.provider import Provider


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """An empty store, prepared."""
    with prepared(settings) as opened:
        yield opened


@pytest.fixture
def large(settings: Settings, provider: Provider, database_url: str | None) -> Iterator[Store]:
    """A store of 120 tickets, on each database in turn."""
    provider.configure(models={OTHER_SPACE.model: OTHER_SPACE.dimension})
    chosen = msgspec.structs.replace(settings, database_url=database_url)
    with prepared(chosen) as opened:
        fill_store(opened, make_tickets(120))
        yield opened


@pytest.fixture
def small_backup(settings: Settings, tmp_path: Path) -> Path:
    """A backup of a small store."""
    with contextlib.closing(Ledger(None, settings.data_dir)) as ledger:
        tickets = [*make_tickets(40), FULL_TICKET]
        store_vectors(ledger, tickets)
        store_vectors(ledger, tickets[:10], OTHER_SPACE)
        ledger.generations.ensure_live(SPACE)
        ledger.tickets.write(tickets)
        ledger.feedback.take(EDITED_REPLY)
        backup(ledger, tmp_path / "small.backup", progress=no_progress)
    return tmp_path / "small.backup"
