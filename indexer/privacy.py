"""Keeping files, environments of processes and core dumps from other users of the machine."""

import contextlib
import logging
import os
import resource
from collections.abc import Iterable
from pathlib import Path

__all__ = ["keep_private", "plain_environment", "private_folder"]

_log = logging.getLogger(__name__)
_OTHERS = 0o077
_OURS = ("ledger*", "chroma*", "index*", "forests*", "classifier*", "*.lock", "service-*.pid", "forget*")
_PLAIN = (
    "PATH", "HOME", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "PYTHONPATH", "RUST_LOG",
)  # fmt: skip


def keep_private() -> None:
    """Make files of this process and its children for its user alone (0600, folders 0700), and no core dumps."""
    os.umask(_OTHERS)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def private_folder(path: Path) -> None:
    """Make a data directory that is its user's alone, and take from others what an earlier release let them read.

    :raises OSError: it cannot be made.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.stat().st_mode & _OTHERS:
        return  # nobody else reaches what is inside, whatever its own mode
    stored = list(_stored(path))
    try:
        for ours in [path, *stored]:
            # Another process may just have removed its own.
            with contextlib.suppress(FileNotFoundError):
                ours.chmod(ours.stat().st_mode & 0o700)
    except PermissionError as error:
        _log.warning(
            "%s can be read by other users of this machine, and is another user's: %s", path, error.strerror
        )
    else:
        if not stored:
            return  # nothing was there to be read, as in a fresh checkout
        _log.warning("%s could be read by other users of this machine: it is this user's alone now", path)


def plain_environment(*prefixes: str) -> dict[str, str]:
    """Return the environment for a process that needs no key and no address: what programs need in general.

    :param prefixes: of further variables that it needs.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if name in _PLAIN or name.startswith(prefixes or ("\0",))
    }


def _stored(path: Path) -> Iterable[Path]:
    for pattern in _OURS:
        for ours in path.glob(pattern):
            if not ours.is_symlink():
                yield ours
                for folder, folders, files in os.walk(ours):
                    inside = (Path(folder, name) for name in (*folders, *files))
                    yield from (inner for inner in inside if not inner.is_symlink())
