"""Memory of the processes that work on a folder, by their names. Linux only: it reads ``/proc``."""

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

__all__ = ["Peaks", "cpu_of", "memory_of"]

_SECONDS = 0.2


def memory_of(folder: Path) -> dict[str, float]:
    """Return the peak resident memory so far, in MB, of this process, its descendants and the folder's Chroma."""
    found: dict[str, float] = {}
    for pid, words in _processes(folder):
        with contextlib.suppress(OSError, StopIteration):
            status = (Path("/proc") / str(pid) / "status").read_text().splitlines()
            peak = next(line for line in status if line.startswith("VmHWM"))
            name = _name(pid, words)
            found[name] = max(found.get(name, 0.0), int(peak.split()[1]) / 1_024)
    return dict(sorted(found.items()))


def cpu_of(folder: Path) -> dict[str, float]:
    """Return the CPU seconds so far of the same processes: on a busy machine they tell more than the time."""
    found: dict[str, float] = {}
    for pid, words in _processes(folder):
        with contextlib.suppress(OSError):
            fields = (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()
            used = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
            name = _name(pid, words)
            found[name] = found.get(name, 0.0) + used
    return found


class Peaks:
    """Looks at that memory while a ``with`` block runs; ``found`` is the largest of each process."""

    def __init__(self, folder: Path) -> None:
        self.found: dict[str, float] = {}
        self._folder = folder
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(_SECONDS):
            for name, peak in memory_of(self._folder).items():
                if name != "bench":  # it only looks on
                    self.found[name] = max(self.found.get(name, 0.0), peak)


def _name(pid: int, words: str) -> str:
    if pid == os.getpid():
        return "bench"
    names = {
        "chroma run": "Chroma",
        "supervisor.py": "supervisor",
        "-m service": "service",
        "-m indexer": "indexer",
    }
    if "-m service." in words and "-m service.__main__" not in words:
        return "fit"
    return next((name for part, name in names.items() if part in words), "other")


def _processes(folder: Path) -> Iterator[tuple[int, str]]:
    """Yield number and command line of each that is ours: it descends from this process, or names the folder."""
    parents: dict[int, int] = {}
    lines: dict[int, str] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            lines[int(entry.name)] = (entry / "cmdline").read_text(errors="replace").replace("\0", " ")
    for pid, words in lines.items():
        line = pid
        while line in parents and line != os.getpid():
            line = parents[line]
        is_chroma = str(folder) in words and ("chroma run" in words or "supervisor.py" in words)
        if line == os.getpid() or is_chroma:
            yield pid, words
