"""Opening: what cannot be read at all says so, with the remedy; what is compressed is unpacked."""

import gzip
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from indexer.errors import SourceError
from indexer.sources import read_source

_LINES = b'{"id": 1, "text": "a"}\n{"id": 2, "text": "b"}\n'
_IDS = "import sys; from indexer.sources import read_source; print([(r.value or {}).get('id') for r in read_source('-', format=sys.argv[1] if sys.argv[1:] else None)])"


def _ids_from_stdin(data: bytes, *arguments: str) -> str:
    command = [sys.executable, "-c", _IDS, *arguments]
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout.decode().strip()


def _open_files() -> int:
    return sum(1 for _ in Path("/dev/fd").iterdir())


@contextmanager
def _unprivileged(path: Path) -> Iterator[None]:
    """Take the right to read a file away, from root too."""
    path.chmod(0)
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "holds no tickets: it is empty"),
        (b" \n\n\t\n", "holds no tickets: it is empty"),
        (b"\xef\xbb\xbf", "holds no tickets: it is empty"),
        (gzip.compress(b"", mtime=0), "holds no tickets: it is empty"),
        (bytes(range(256)) * 10, "is a binary file: export the tickets as CSV or JSON"),
        (b'{"id": 1, "text": "a\0b"}\n', "is a binary file: it has NUL bytes"),
        (b"PK\x03\x04....", "a ZIP archive or an Excel workbook"),
        (b"%PDF-1.7 ....", "a PDF document"),
        (gzip.compress(_LINES, mtime=0)[:8], "is damaged gzip data"),
        (b"\x1f\x8b\x08 no gzip at all", "is damaged gzip data"),
    ],
)
@pytest.mark.parametrize("name", ["tickets.jsonl", "tickets.json", "tickets.csv", "tickets"])
def test_what_cannot_be_read_is_a_clear_error(tmp_path: Path, data: bytes, says: str, name: str) -> None:
    """It comes at once, at the call, and names the file."""
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(SourceError, match=says) as caught:
        read_source(str(path))
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"these are words and no gzip\n", "is no gzip data, as its name says"),
        (bytes(range(256)) * 10, "is no gzip data, as its name says"),
        (gzip.compress(bytes(range(65, 91)) * 9, mtime=0)[:-12], "or damaged: make or fetch it again"),
    ],
)
def test_what_is_named_as_gzip_and_is_none(tmp_path: Path, data: bytes, says: str) -> None:
    """It is said, in the place of a format that is not known."""
    (tmp_path / "tickets.gz").write_bytes(data)
    with pytest.raises(SourceError, match=says):
        read_source(str(tmp_path / "tickets.gz"))


def test_a_missing_file(tmp_path: Path) -> None:
    """The error is the system's own word for it."""
    with pytest.raises(SourceError, match=r"tickets\.jsonl cannot be read: No such file"):
        read_source(str(tmp_path / "tickets.jsonl"))


def test_a_file_without_permission(tmp_path: Path) -> None:
    """The error says that permission is missing."""
    path = tmp_path / "tickets.jsonl"
    path.write_bytes(_LINES)
    with _unprivileged(path), pytest.raises(SourceError, match="Permission denied"):
        read_source(str(path))


def test_a_directory_without_permission(tmp_path: Path) -> None:
    """So it does for a directory that cannot be listed."""
    path = tmp_path / "exports"
    path.mkdir()
    with _unprivileged(path), pytest.raises(SourceError, match="Permission denied"):
        read_source(str(path))
    path.chmod(0o700)


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    """Files of Windows programs begin with one, in all formats."""
    for name, data in {
        "a.jsonl": b'{"id": "1"}\n',
        "a.json": b'[{"id": "1"}]',
        "a.csv": b"id,text\n1,a\n",
        "a.csv.gz": b"id,text\n1,a\n",
    }.items():
        path = tmp_path / name
        marked = b"\xef\xbb\xbf" + data
        path.write_bytes(gzip.compress(marked, mtime=0) if name.endswith(".gz") else marked)
        assert [(record.value or {}).get("id") for record in read_source(str(path))] == ["1"]


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-16-le"])
def test_utf_16_is_read(tmp_path: Path, encoding: str, pack: type[bytes]) -> None:
    """With and without its mark, and it is said."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(pack('{"id": 1, "text": "caf\u00e9 on the terrace"}\n'.encode(encoding)))
    reader = read_source(str(path))
    assert [found.encoding for found in reader.recognised] == [encoding]
    assert [(record.value or {}).get("text") for record in reader] == ["caf\u00e9 on the terrace"]


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.gz", "a"])
def test_gzip_is_known_by_its_content(tmp_path: Path, name: str) -> None:
    """Whatever the file is called."""
    path = tmp_path / name
    path.write_bytes(gzip.compress(_LINES, mtime=0))
    assert [record.value and record.value["id"] for record in read_source(str(path))] == [1, 2]


def test_gzip_members_one_after_another(tmp_path: Path) -> None:
    """Compressed files that were put together are read as one."""
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(_LINES, mtime=0) + gzip.compress(b'{"id": 3}\n'))
    assert [record.value and record.value["id"] for record in read_source(str(path))] == [1, 2, 3]


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize(
    ("data", "arguments"),
    [
        (_LINES, ()),
        (b'[{"id": 1}, {"id": 2}]', ()),
        (b"id,text\n1,a\n2,b\n", ("csv",)),
        (b'{"tickets": [{"id": 1}, {"id": 2}], "users": [], "end_of_stream": true}', ()),
        (b'{"issues": [{"key": 1, "fields": {}}, {"key": 2, "fields": {}}]}', ("jira",)),
    ],
    ids=["jsonl", "json", "csv", "zendesk", "jira"],
)
def test_standard_input(data: bytes, pack: type[bytes], arguments: tuple[str, ...]) -> None:
    """Every format can be piped in, compressed or not."""
    out = _ids_from_stdin(pack(data), *arguments)
    assert out.replace("'", "") == "[1, 2]"


def test_standard_input_larger_than_what_is_looked_at() -> None:
    """What was read to see the format is not lost, and nothing is read twice."""
    lines = b"".join(b'{"id": %d, "text": "some more text"}\n' % i for i in range(10_000))
    expected = str(list(range(10_000)))
    assert _ids_from_stdin(lines) == expected
    assert _ids_from_stdin(gzip.compress(lines, mtime=0)) == expected
    page = b'{"tickets": [' + b",".join(lines.split(b"\n")[:-1]) + b'], "end_of_stream": true}'
    assert _ids_from_stdin(gzip.compress(page, mtime=0), "zendesk") == expected


def test_standard_input_that_is_a_file(tmp_path: Path) -> None:
    """A redirected file can be read twice without a copy."""
    path = tmp_path / "page.json"
    path.write_bytes(
        b'{"tickets": [{"id": 1}], "users": [{"id": 7, "role": "agent"}], "end_of_stream": true}'
    )
    with path.open("rb") as file:
        done = subprocess.run([sys.executable, "-c", _IDS], stdin=file, capture_output=True, check=True)
    assert done.stdout.strip() == b"[1]"


def test_closing_early_closes_the_file(tmp_path: Path) -> None:
    """Whoever stops reading has nothing left open, and gets nothing more."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(_LINES)
    before = _open_files()
    records = read_source(str(path))
    next(records)
    records.close()
    assert _open_files() == before
    assert list(records) == []
