"""Services of a data directory: each holds a locked file with its process id for as long as it lives."""

import contextlib
import fcntl
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from indexer.errors import SettingsError
from indexer.privacy import private_folder

__all__ = ["is_locked", "is_service", "registered_service", "stop_services"]

_WAIT_SECONDS = 30.0


@contextlib.contextmanager
def registered_service(data_dir: Path) -> Iterator[None]:
    """Let `stop_services` find this process while the block runs.

    :raises SettingsError: the data directory cannot be used.
    """
    path = data_dir / f"service-{os.getpid()}.pid"
    try:
        private_folder(data_dir)
        file = path.open("a")
    except OSError as error:
        msg = f"PRECEDENT_DATA_DIR={data_dir} cannot be used: {error.strerror or error}"
        raise SettingsError(msg) from None
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def is_service(data_dir: Path, number: int) -> bool:
    """Tell whether the process of that id is a running service of the data directory."""
    return is_locked(data_dir / f"service-{number}.pid")


def stop_services(data_dir: Path) -> int:
    """End every service of the data directory as Ctrl-C would, wait for them, and return how many there were."""
    stopped = 0
    for path in data_dir.glob("service-*.pid"):
        # A file that nobody locks was left by a process that was killed; its id may be another's now.
        if is_locked(path):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(path.stem.removeprefix("service-")), signal.SIGTERM)
            deadline = time.monotonic() + _WAIT_SECONDS
            while is_locked(path) and time.monotonic() < deadline:
                time.sleep(0.05)
            stopped += 1
        path.unlink(missing_ok=True)
    return stopped


def is_locked(path: Path) -> bool:
    """Tell whether a process has the file locked for itself alone."""
    try:
        with path.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
