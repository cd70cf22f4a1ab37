"""An open store with a Chroma server of its own."""

import contextlib
from collections.abc import Iterator

import pytest

from indexer.settings import Settings
from indexer.store import Store


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """An empty store, prepared."""
    with contextlib.closing(Store(settings)) as opened:
        opened.prepare()
        yield opened
