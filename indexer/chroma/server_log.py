"""The log of the Chroma server and its supervisor, bounded in size."""

import contextlib
import os
import time
from datetime import UTC, datetime
from pathlib import Path

__all__ = ["LOG_BYTES", "keep_short", "say", "shorten_log", "tail"]

LOG_BYTES = 1_000_000
_KEPT_BYTES = 200_000
_LOG_SECONDS = 5.0
_TAIL_BYTES = 4_000


def tail(path: Path, size: int = _TAIL_BYTES) -> str:
    """Return the end of a file, of at most that many bytes."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - min(max(size, 0), _TAIL_BYTES)))
        return file.read().decode(errors="replace")
    return ""


def keep_short(path: Path) -> None:
    """Cut a log whenever it has grown too long, for ever."""
    while True:
        time.sleep(_LOG_SECONDS)
        shorten_log(path)


def shorten_log(path: Path) -> None:
    """Cut the beginning of a log that has grown too long; who has it open goes on at its end."""
    with contextlib.suppress(OSError), path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        if size > LOG_BYTES:
            file.seek(size - _KEPT_BYTES)
            kept = file.read()
            file.seek(0)
            file.write(kept)
            file.truncate()


def say(log: int, text: str) -> None:
    """Write a line of the supervisor's own to the log."""
    with contextlib.suppress(OSError):
        os.write(log, f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} supervisor: {text}\n".encode())
