"""No test leaves a process behind."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

__all__ = ["assert_nothing_runs", "is_gone", "processes_of", "wait_until"]

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


def processes_of(path: Path) -> dict[int, str]:
    """Return the processes, other than this one, that name the path on their command line or have a file in it open."""
    found = {}
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            opened = [str(link.readlink()) for link in (process / "fd").iterdir()]
        except OSError:
            continue  # it ended, or is not ours
        if str(path) in command or any(file.startswith(f"{path}/") for file in opened):
            found[int(process.name)] = command.strip()
    return found


def assert_nothing_runs(path: Path) -> None:
    """Wait for processes that are just ending; fail, and end them, when some stay."""
    deadline = time.monotonic() + _PATIENCE
    while left := processes_of(path):
        if time.monotonic() > deadline:
            for pid in left:
                os.kill(pid, signal.SIGKILL)
            msg = f"still running: {left}"
            raise AssertionError(msg)
        time.sleep(0.02)
