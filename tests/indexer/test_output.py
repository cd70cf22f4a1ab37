"""How a command runs its work."""

import asyncio
import os
import signal
import threading
from typing import cast

import pytest

from indexer.commands.output import run_closing
from indexer.embedding import Embedder


def test_work_that_a_signal_ends_is_cancelled_before_the_embedder_is_closed() -> None:
    """It may still have requests in flight, which need the connections."""
    ended: list[str] = []

    class Closing:
        async def close(self) -> None:
            await asyncio.sleep(0)
            ended.append("embedder")

    async def work() -> None:
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM)).start()
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("work")

    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            run_closing(cast("Embedder", Closing()), work())
    finally:
        signal.signal(signal.SIGTERM, before)
    assert ended == ["work", "embedder"]
