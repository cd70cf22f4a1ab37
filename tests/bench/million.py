"""What a million tickets cost: ``python -m tests.bench million --tickets 1000000 --folder FOLDER [--phases …]``.

Every phase can be run alone, one after the other, on the folder that ``fill`` filled; what each measured is kept there
in ``million.json``, and the table of all that was measured so far ends every run.
"""

import argparse
import asyncio
import contextlib
import http.client
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from indexer.embedding import EmbeddedBatch, Matrix
from indexer.rejections import Rejections
from indexer.sources import SourceRecord
from indexer.sync import Run, sync
from tests.bench.processes import Peaks, cpu_of, memory_of
from tests.bench.world import DIMENSION, LABELS, MODEL, make_settings, opened
from tests.free_port import free_port

_ROOT = Path(__file__).parents[2]
_CENTRES = 500
_STEP = 100_000
_QUESTIONS = 500
_FORGOTTEN = 100
_HOURS = 24.0
_WORDS = [f"{a}{b}" for a in ("pre", "un", "re", "sub", "inter", "over") for b in (
    "server", "login", "invoice", "webhook", "timeout", "export", "deploy", "cache", "token", "mobile", "printer",
)]  # fmt: skip


class _GeneratedEmbedder:
    """Makes the vector of a ticket from its number, around one of the centres; nothing is asked of anybody."""

    kind: Literal["hosted"] = "hosted"
    model = MODEL
    batch_size = 250
    concurrency = 1

    def __init__(self) -> None:
        self._centres = np.random.default_rng(2).standard_normal((_CENTRES, DIMENSION), np.float32)

    async def embed(self, texts: Sequence[str]) -> AsyncGenerator[EmbeddedBatch, None]:
        for start in range(0, len(texts), self.batch_size):
            page = texts[start : start + self.batch_size]
            numbers = [int(text.split(":", 1)[0].rpartition(" ")[2]) for text in page]
            yield EmbeddedBatch(tuple(range(start, start + len(page))), self._rows(numbers), 1, 0)

    async def close(self) -> None:
        """Nothing is open."""

    def _rows(self, numbers: Sequence[int]) -> Matrix:
        rows = np.stack([np.random.default_rng(n).standard_normal(DIMENSION, np.float32) for n in numbers])
        rows += self._centres[[_cluster(number) for number in numbers]]
        unit: Matrix = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return unit


def _cluster(number: int) -> int:
    return number * 7_919 % _CENTRES


def text_of(number: int) -> str:
    return f"ticket {number}: " + " ".join(random.Random(number).choices(_WORDS, k=45))


def _record(number: int) -> dict[str, Any]:
    usual = number % 3 > 0
    day, minute = divmod(number, 1_440)
    return {
        "id": str(number),
        "text": text_of(number),
        "priority": LABELS[(_cluster(number) if usual else number) % len(LABELS)],
        "resolution": "Raised the pool size and restarted the workers. " * 3
        if number // _CENTRES % 2
        else None,
        "created_at": f"{2000 + day // 360}-{day // 30 % 12 + 1:02}-{day % 28 + 1:02}T{minute // 60:02}:{minute % 60:02}:00Z",
        "source": "bench",
    }


def fill(folder: Path, count: int) -> dict[str, Any]:
    """Index generated tickets by the project's own writer; rate and memory a step."""
    step = min(_STEP, max(1, count // 10))
    steps: list[dict[str, Any]] = []
    with opened(make_settings(folder / "data")) as store:
        began = last = time.perf_counter()
        used = cpu_of(folder)

        def records() -> Iterator[SourceRecord]:
            nonlocal last, used
            for number in range(count + 1):
                if number and number % step == 0:
                    now = time.perf_counter()
                    memory, cpu = memory_of(folder), cpu_of(folder)
                    spent = {name: (cpu[name] - used.get(name, 0.0)) / step * _STEP for name in cpu}
                    steps.append(
                        {"tickets": number, "rate": step / (now - last), "cpu": spent, "memory": memory}
                    )
                    _say(
                        f"{number:,} tickets: {step / (now - last):,.0f} a second, {_cpu(spent)}; {_shown(memory)}"
                    )
                    last, used = now, cpu
                if number < count:
                    yield SourceRecord(place=f"line {number}", value=_record(number), raw="")

        with Rejections(folder / "million.rejected.jsonl", print) as rejections:
            report = asyncio.run(sync(Run(store, _GeneratedEmbedder(), rejections), records()))
        assert report.rejected == 0, report
    return {
        "tickets": count,
        "seconds": time.perf_counter() - began,
        "steps": steps,
        "bytes": sum(path.stat().st_size for path in (folder / "data").rglob("*") if path.is_file()),
    }


def fit(folder: Path, count: int) -> dict[str, Any]:
    """Start a service without a forest: seconds to its first answer and to its forest, memory of each process."""
    shutil.rmtree(folder / "data" / "forests", ignore_errors=True)
    with Peaks(folder) as peaks, _service(folder) as (ask, began):
        first = _first_answer(ask, began)
        _until(lambda: ask("GET", "/v1/status", None)[1].get("forest", {}).get("report") is not None)
        seconds = time.perf_counter() - began
    return {"first_answer": first, "forest": seconds, "memory": peaks.found}


def serve(folder: Path, count: int) -> dict[str, Any]:
    """Start a service that has its forest: seconds to its first answer, and a triage without a draft, warm."""
    chosen = random.Random(3).sample(range(count), min(2 * _QUESTIONS, count))
    with Peaks(folder) as peaks, _service(folder) as (ask, began):
        first = _first_answer(ask, began)
        times = []
        for number in chosen:
            start = time.perf_counter()
            # The text is stored, so its vector comes from the ledger: no embedding in what is measured.
            status, answer = ask("POST", "/v1/triage", {"text": text_of(number), "draft": False})
            times.append((time.perf_counter() - start) * 1_000)
            assert status == 200, answer
            assert len(answer["neighbours"]) == 5, answer
    warm = times[len(times) // 2 :]
    p50, p99 = (float(np.percentile(warm, percent)) for percent in (50, 99))
    return {"first_answer": first, "p50_ms": p50, "p99_ms": p99, "memory": peaks.found}


def verify(folder: Path, count: int) -> dict[str, Any]:
    """Compare index and ledger."""
    return _command(folder, "verify")


def forget(folder: Path, count: int) -> dict[str, Any]:
    """Erase a hundred tickets, with the search for their traces."""
    chosen = random.Random(4).sample(range(count), min(_FORGOTTEN, count))
    return _command(folder, "forget", *map(str, chosen)) | {"forgotten": len(chosen)}


def backup(folder: Path, count: int) -> dict[str, Any]:
    """Copy the ledger into a file."""
    file = folder / "million.backup"
    file.unlink(missing_ok=True)
    return _command(folder, "backup", str(file)) | {"bytes": file.stat().st_size}


def restore(folder: Path, count: int) -> dict[str, Any]:
    """Fill another store from that file, index included."""
    shutil.rmtree(folder / "restored", ignore_errors=True)
    return _command(folder, "restore", str(folder / "million.backup"), data="restored")


_PHASES: dict[str, Callable[[Path, int], dict[str, Any]]] = {
    phase.__name__: phase for phase in (fill, fit, serve, verify, backup, restore, forget)
}


def _command(folder: Path, *arguments: str, data: str = "data") -> dict[str, Any]:
    began = time.perf_counter()
    with (
        Peaks(folder) as peaks,
        subprocess.Popen(
            [sys.executable, "-m", "indexer", *arguments],
            cwd=_ROOT, env=_environment(folder / data), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        ) as process,
    ):  # fmt: skip
        _, errors = process.communicate(timeout=_HOURS * 3_600)
    if process.returncode:
        raise RuntimeError(errors.decode(errors="replace")[-2_000:])
    return {"seconds": time.perf_counter() - began, "memory": peaks.found}


@contextlib.contextmanager
def _service(folder: Path) -> Iterator[tuple[Callable[[str, str, Any], tuple[int, Any]], float]]:
    """Run a service; yield what asks it, and when it was started."""
    port = free_port()
    began = time.perf_counter()
    service = subprocess.Popen(
        [sys.executable, "-m", "service"],
        cwd=_ROOT,
        env=_environment(folder / "data") | {"PRECEDENT_PORT": str(port), "PRECEDENT_LOG_LEVEL": "WARNING"},
    )
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)

    def ask(method: str, path: str, body: Any) -> tuple[int, Any]:
        assert service.poll() is None, "the service ended: see above"
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"null")
        except (OSError, http.client.HTTPException):
            connection.close()
            return 0, {}

    try:
        yield ask, began
    finally:
        connection.close()
        service.terminate()
        service.wait()


def _first_answer(ask: Callable[[str, str, Any], tuple[int, Any]], began: float) -> float:
    _until(lambda: ask("POST", "/v1/triage", {"text": text_of(1), "draft": False})[0] == 200)
    return time.perf_counter() - began


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _HOURS * 3_600
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _environment(data_dir: Path) -> dict[str, str]:
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("PRECEDENT_", "OXLO_"))}
    return kept | {
        "PRECEDENT_DATA_DIR": str(data_dir),
        "PRECEDENT_API_BASE": make_settings(data_dir).api_base,
        "PRECEDENT_EMBEDDING_MODEL": MODEL,
        "PRECEDENT_EMBEDDER": "hosted",
    }


def _table(found: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of a table in Markdown: what was measured, and the same for each 100,000 tickets."""
    count = found["fill"]["tickets"] if "fill" in found else 0
    yield f"| {count:,} x {DIMENSION} | measured | for each 100,000 | peak memory |"
    yield "|---|---|---|---|"
    for name, phase in found.items():
        memory = _shown(phase["steps"][-1]["memory"] if name == "fill" else phase["memory"])
        for what, seconds in (
            (name, "seconds"),
            ("start to first answer", "first_answer"),
            ("forest", "forest"),
        ):
            if seconds in phase:
                more = f", {phase['bytes'] / 2**20:,.0f} MB" if "bytes" in phase else ""
                each = f"{phase[seconds] / count * _STEP:,.1f} s" if count else ""
                label = what if seconds == "seconds" else f"{what} ({name})"
                yield f"| {label} | {phase[seconds]:,.1f} s{more} | {each} | {memory} |"
        if name == "fill":
            for step in phase["steps"]:
                yield f"| to {step['tickets']:,} | {step['rate']:,.0f} a second | {_STEP / step['rate']:,.0f} s, {_cpu(step['cpu'])} | {_shown(step['memory'])} |"
        if "p50_ms" in phase:
            yield f"| triage without a draft, p50 and p99 | {phase['p50_ms']:.1f} ms, {phase['p99_ms']:.1f} ms | | {memory} |"


def _shown(memory: dict[str, float]) -> str:
    return ", ".join(f"{name} {peak:,.0f} MB" for name, peak in memory.items())


def _cpu(spent: dict[str, float]) -> str:
    """Return the CPU time that 100,000 tickets cost each process, where it is any."""
    return ", ".join(f"{name} {used:,.0f} s CPU" for name, used in spent.items() if used >= 1)


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def main(arguments: Sequence[str]) -> None:
    """Run the phases that are asked for and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench million", description=__doc__)
    parser.add_argument("--tickets", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, required=True, help="made if it is not there, and kept")
    parser.add_argument("--phases", default=",".join(_PHASES), help=f"of {','.join(_PHASES)}; all by default")
    given = parser.parse_args(arguments)
    folder: Path = given.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / "million.json"
    found: dict[str, Any] = json.loads(kept.read_text()) if kept.exists() else {}
    for name in given.phases.split(","):
        _say(f"{name}: {(_PHASES[name].__doc__ or '').strip()}")
        found[name] = _PHASES[name](folder, found["fill"]["tickets"] if name != "fill" else given.tickets)
        kept.write_text(json.dumps(found, indent=1))
        _say(f"{name}: { ({k: v for k, v in found[name].items() if k != 'steps'}) }")
    print("\n".join(_table(found)), flush=True)
