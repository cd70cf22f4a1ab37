"""Reading a large export with conversations, against plain reading of its rows."""

import csv
import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from indexer.parsing import parse_ticket
from indexer.sources import read_source

_ROWS = 100_000
_COMMENTS = 6
_ROOT = Path(__file__).parents[2]


def run(folder: Path) -> None:
    """100,000 tickets of a Jira export with conversations: rate against plain reading, peak memory (goal: under 400 MB)."""
    file = folder / "export.csv"
    _write(file)
    began = time.perf_counter()
    with file.open(newline="", encoding="utf-8") as rows:
        plain = sum(1 for _ in csv.reader(rows)) / (time.perf_counter() - began)
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.reading", str(file)],
        check=True, cwd=_ROOT, capture_output=True, text=True,
    )  # fmt: skip
    found = json.loads(done.stdout)
    print(
        f"{file.stat().st_size / 2**20:,.0f} MB: {found['tickets']:,} tickets with a resolution from their conversation, "
        f"{found['read']:,.0f} records/s read, {found['parsed']:,.0f} tickets/s read and cleaned, "
        f"plain reading {plain:,.0f} rows/s; peak {found['peak']:.0f} MB"
    )


def _write(file: Path) -> None:
    header = [
        "Issue key",
        "Summary",
        "Description",
        "Priority",
        "Status",
        "Resolution",
        "Created",
        "Resolved",
        "Reporter",
    ]
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow([*header, *["Comment"] * _COMMENTS])
        for number in range(_ROWS):
            day = number % 28 + 1
            said = [
                f"{day:02}/Mar/24 {hour}:00 AM;{'ada' if hour % 2 else 'agent'};Step {hour} of report {number}: restart the "
                f"exporter with a limit of {number + hour} rows.\n\nBest regards,\nAda Byron\nSupport"
                for hour in range(1, _COMMENTS + 1)
            ]
            text = f"The export of report {number} stops at row {number * 7}.\nIt worked last week.\n\nKind regards,\nAda"
            writer.writerow(
                [f"REP-{number}", f"Export {number} stops", text, "High", "Done", "Fixed",
                 f"{day:02}/Mar/24 8:00 AM", f"{day:02}/Mar/24 11:00 AM", "ada", *said]
            )  # fmt: skip


def main(file: str) -> None:
    """Read a file twice, without and with making tickets, and print what it took."""
    began = time.perf_counter()
    read = sum(1 for _ in read_source(file)) / (time.perf_counter() - began)
    began = time.perf_counter()
    counts: Counter[str] = Counter()
    for record in read_source(file):
        counts["read"] += 1
        if record.value is not None:
            counts["tickets"] += parse_ticket(record.value).resolution_from is not None
    parsed = counts["read"] / (time.perf_counter() - began)
    status = Path("/proc/self/status").read_text()
    peak = int(status.partition("VmHWM:")[2].split()[0]) / 1_024
    print(json.dumps({"read": read, "parsed": parsed, "tickets": counts["tickets"], "peak": peak}))


if __name__ == "__main__":
    main(sys.argv[1])
