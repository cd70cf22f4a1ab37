"""Memory does not grow with the file."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# The high-water mark of this program alone: getrusage would count the parent's memory before the exec, too.
_PEAK = """
import re, sys
from pathlib import Path
from indexer.sources import read_source
count = sum(record.value is not None for record in read_source(sys.argv[1], format=sys.argv[2]))
print(count, re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
"""


def _tickets(count: int) -> Iterator[dict[str, object]]:
    for number in range(count):
        yield {
            "id": number,
            "subject": f"subject {number}",
            "body": f"word {number} " * 15,
            "priority": "low",
        }


def _write(path: Path, name: str, count: int) -> None:
    with path.open("w", encoding="utf-8") as file:
        if name == "csv":
            file.write("id,subject,body,priority\n")
            file.writelines(",".join(f'"{value}"' for value in t.values()) + "\n" for t in _tickets(count))
            return
        lines = map(json.dumps, _tickets(count))
        if name == "jsonl":
            file.writelines(line + "\n" for line in lines)
            return
        users = [{"id": number, "role": "end-user"} for number in range(count)]
        file.write('{"tickets": [')
        file.writelines(line + ",\n" for line in lines)
        file.write('{"id": 0, "subject": "last"}], "users": ' + json.dumps(users) + "}")


def _peak(path: Path, name: str) -> tuple[int, int]:
    done = subprocess.run([sys.executable, "-c", _PEAK, str(path), name], capture_output=True, check=True)
    count, peak = done.stdout.split()
    return int(count), int(peak)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from Linux's /proc")
@pytest.mark.parametrize(
    ("name", "many", "allowed_kib"),
    [
        ("jsonl", 100_000, 10 * 1024),
        ("csv", 100_000, 10 * 1024),
        ("json", 100_000, 10 * 1024),
        ("zendesk", 100_000, 10 * 1024),
    ],
)
def test_a_larger_file_needs_no_more_memory(tmp_path: Path, name: str, many: int, allowed_kib: int) -> None:
    """The peak of reading 100,000 records and more is that of reading 10,000, within 100 bytes a record."""
    peaks = []
    for records in (10_000, many):
        path = tmp_path / f"{records}.{name}"
        _write(path, name, records)
        count, peak = _peak(path, name)
        assert count in (records, records + 1)
        peaks.append(peak)
    small, large = peaks
    assert large - small < allowed_kib
