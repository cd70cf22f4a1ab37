"""A second sync of many unchanged tickets, against plain reading of the file."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import msgspec

from indexer.chroma.server import LocalServer
from indexer.sources import read_source
from tests.bench.world import make_tickets
from tests.provider.client import Provider

_ROWS = 100_000
_ROOT = Path(__file__).parents[2]


def run(folder: Path) -> None:
    """100,000 unchanged tickets: requests, rate against plain reading, peak memory (goals: none, printed, under 400 MB)."""
    file = folder / "tickets.jsonl"
    with file.open("wb") as out:
        out.writelines(msgspec.json.encode(ticket) + b"\n" for ticket in make_tickets(_ROWS))
    with Provider.start(dimension=16) as provider:
        data = folder / "data"
        first, _ = _sync(file, data, provider.url)
        asked = provider.stats().requests["embeddings"]
        second, peak = _sync(file, data, provider.url)
        asked_again = provider.stats().requests["embeddings"] - asked
        LocalServer(data).stop()
    began = time.perf_counter()
    read = sum(1 for _ in read_source(str(file)))
    plain = read / (time.perf_counter() - began)
    rate = second["read"] / second["seconds"]
    print(
        f"first sync: {first['added']:,} added, {asked:,} requests, {first['seconds']:.0f} s; second: {second['unchanged']:,} unchanged, "
        f"{asked_again} requests, {rate:,.0f} tickets/s, {rate / plain:.2f} of plain reading ({plain:,.0f}/s), peak {peak:.0f} MB"
    )


def _sync(file: Path, data: Path, url: str) -> tuple[dict[str, float], float]:
    environment = {
        "PRECEDENT_DATA_DIR": str(data),
        "PRECEDENT_API_BASE": url,
        "PRECEDENT_EMBEDDING_BATCH_SIZE": "512",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "indexer", "sync", str(file), "--json"],
        cwd=_ROOT, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    peak = 0.0
    while process.poll() is None:
        for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                peak = max(peak, int(line.split()[1]) / 1024)
        time.sleep(0.1)
    assert process.stdout is not None
    report: dict[str, float] = json.loads(process.stdout.read().splitlines()[-1])
    assert process.returncode == 0, report
    return report, peak
