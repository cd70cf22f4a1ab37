"""No test leaves a process behind."""
# ruff: noqa: PTH115, PTH123, PTH208

import os
import signal
import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

__all__ = ["assert_nothing_runs", "is_gone", "processes_of", "running", "wait_until"]

_PATIENCE = 60.0


def wait_until(condition: Callable[[], object]) -> None:
    """Wait for something that happens in another process; fail when it does not in a minute."""
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not happen"
        time.sleep(0.02)


def is_gone(pid: int) -> bool:
    """Tell whether a process has ended; one that nobody has waited for yet counts too."""
    try:
        return " Z " in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):  # before it is opened, or before it is read
        return True


def running() -> frozenset[str]:
    """Return the ids of all processes."""
    return frozenset(filter(str.isdigit, os.listdir("/proc")))


def processes_of(
    path: Path, among: Iterable[int] | None = None, *, older: Collection[str] = ()
) -> dict[int, str]:
    """Return the processes, other than this one, that name the path on their command line or have a file in it open.

    :param among: the only ones that are looked at.
    :param older: ids of processes that began before the path was there: only their command lines are looked at.
    """
    found = {}
    own, name, below = str(os.getpid()), os.fsencode(path), f"{path}/"
    # Without pathlib, which takes twice as long: it is done after almost every test, again and again while a server ends.
    for pid in running() if among is None else map(str, among):
        try:
            with open(f"/proc/{pid}/cmdline", "rb", buffering=0) as file:
                command = file.read()
            if not command or pid == own:
                continue  # the kernel's, which have no files, or one that has ended
            opened = f"/proc/{pid}/fd"
            if name in command or (
                pid not in older
                and any(os.readlink(f"{opened}/{fd}").startswith(below) for fd in os.listdir(opened))
            ):
                found[int(pid)] = command.replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            continue  # it ended, or is not ours
    return found


def assert_nothing_runs(path: Path, *, older: Collection[str] = ()) -> None:
    """Wait for processes that are just ending; fail, and end them, when some stay.

    :param older: as of `processes_of`.
    """
    deadline = time.monotonic() + _PATIENCE
    left = processes_of(path, older=older)
    while left:
        if time.monotonic() > deadline:
            for pid in left:
                os.kill(pid, signal.SIGKILL)
            msg = f"still running: {left}"
            raise AssertionError(msg)
        time.sleep(0.02)
        left = processes_of(path, among=left) or processes_of(path, older=older)
