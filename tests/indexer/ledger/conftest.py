"""An open ledger on each database."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.ledger import Ledger


@pytest.fixture
def ledger(database_url: str | None, data_dir: Path) -> Iterator[Ledger]:
    """An empty ledger."""
    with contextlib.closing(Ledger(database_url, data_dir)) as opened:
        yield opened
