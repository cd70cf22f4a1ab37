"""An open store with a Chroma server of its own."""

import contextlib
from collections.abc import Iterator

import pytest

from indexer.knowledge.knowledge import Knowledge
from indexer.settings import Settings


@pytest.fixture
def knowledge(settings: Settings) -> Iterator[Knowledge]:
    """An empty store, prepared."""
    with contextlib.closing(Knowledge(settings)) as opened:
        opened.prepare()
        yield opened
