"""An address where no provider answers."""

import socket
from collections.abc import Iterator

import pytest


@pytest.fixture
def dead_url() -> Iterator[str]:
    """Give an address at which nobody answers: its port is taken, and nobody listens there."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
