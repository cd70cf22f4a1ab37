"""Open stores that have a ticket to forget."""

from collections.abc import Iterator

import pytest

from indexer.settings import Settings
from indexer.store import Store
from tests.indexer.forget.secret import FEW, MANY, holding


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """A store of the ticket and a few others."""
    with holding(settings, FEW) as opened:
        yield opened


@pytest.fixture
def large(settings: Settings) -> Iterator[Store]:
    """A store of the ticket and so many others that Chroma has written vectors to files."""
    with holding(settings, MANY) as opened:
        yield opened
