"""Providers to draft with: the stand-in, and an address where none answers."""

import socket
from collections.abc import Iterator

import pytest

from tests.provider import Provider


@pytest.fixture(scope="session")
def _running() -> Iterator[Provider]:
    with Provider.start() as provider:
        yield provider


@pytest.fixture
def provider(_running: Provider) -> Provider:
    """Return the stand-in as just started."""
    _running.reset()
    return _running


@pytest.fixture
def dead_url() -> Iterator[str]:
    """Give an address at which nobody answers: its port is taken, and nobody listens there."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
