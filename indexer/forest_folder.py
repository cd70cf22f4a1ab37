"""The folder of fitted forests, under a lock that fitting shares and erasing has for itself."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

__all__ = ["forest_folder"]


@contextlib.contextmanager
def forest_folder(data_dir: Path, *, exclusive: bool) -> Iterator[Path]:
    """Yield the folder of forests while its lock is held.

    A fit holds it, shared, from reading the ledger to writing the forest. So whoever deletes tickets and then empties
    the folder with an exclusive lock leaves no forest behind that knew them.
    """
    with (data_dir / "forests.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
        yield data_dir / "forests"
