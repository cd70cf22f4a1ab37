"""JSON Lines: every line is a ticket or an error of its own."""

import gzip
from pathlib import Path

import pytest

from indexer.parsing import parse_ticket
from indexer.sources import SourceRecord, read_source


def _read(path: Path, text: str | bytes) -> list[SourceRecord]:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return list(read_source(str(path)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tickets.jsonl"


def test_each_line_is_a_record(path: Path) -> None:
    """Records come in order, with their line as place and as raw text."""
    records = _read(path, '{"id": 1, "text": "a"}\n{"id": 2, "text": "b"}')
    assert [record.place for record in records] == ["line 1", "line 2"]
    assert [record.value for record in records] == [{"id": 1, "text": "a"}, {"id": 2, "text": "b"}]
    assert records[1].raw == '{"id": 2, "text": "b"}'
    assert all(record.error is None for record in records)


def test_blank_lines_are_skipped_and_counted(path: Path) -> None:
    """A place is the line that an editor shows, whatever stands before it."""
    records = _read(path, '\n  \n{"id": 1, "text": "a"}\r\n\r\n{"id": 2, "text": "b"}\r\n\n')
    assert [record.place for record in records] == ["line 3", "line 5"]
    assert all(record.value for record in records)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"id": 1, "text": "secret"', "not valid JSON"),
        ('{"id": 1} {"id": 2}', "not valid JSON"),
        ('{"text": "secret \\ud800"}', "not valid JSON"),
        ("[1, 2]", "this is a list"),
        ('"secret"', "this is a string"),
        ("null", "this is null"),
        ("12", "this is a number"),
        ("true", "this is a boolean"),
        ("[" * 100_000, "nested too deeply"),
        ('{"id": NaN}', "not valid JSON"),
    ],
)
def test_a_broken_line_is_one_error_and_the_rest_goes_on(path: Path, line: str, says: str) -> None:
    """The error says why, does not quote the ticket, and keeps the line as it stood."""
    records = _read(path, '{"id": 1, "text": "a"}\n' + line + '\n{"id": 3, "text": "c"}\n')
    assert [bool(record.value) for record in records] == [True, False, True]
    error = records[1].error or ""
    assert says in error
    assert "secret" not in error
    assert (records[1].place, records[1].raw) == ("line 2", line)


def test_a_line_in_another_encoding_is_one_error(path: Path) -> None:
    """Bytes that are not UTF-8 spoil their own line, whose bytes can still be recognised."""
    records = _read(path, b'{"id": 1, "text": "caf\xe9"}\n{"id": 2, "text": "caf\xc3\xa9"}\n')
    assert "not UTF-8" in (records[0].error or "")
    assert "iconv" in (records[0].error or "")
    assert records[0].raw == '{"id": 1, "text": "caf\\xe9"}'
    assert records[1].value == {"id": 2, "text": "café"}


def test_a_line_too_long_is_one_error(path: Path) -> None:
    """A line of many megabytes is refused unread, kept as a beginning, and the next one is read."""
    long = '{"id": 1, "text": "' + "x" * 36_000_000 + '"}'
    records = _read(path, long + '\n{"id": 2, "text": "b"}\n')
    assert "longer than 16 MiB" in (records[0].error or "")
    assert len(records[0].raw) < 3_000
    assert records[0].raw.startswith('{"id": 1, "text": "xxx')
    assert (records[1].place, records[1].value) == ("line 2", {"id": 2, "text": "b"})


def test_a_ticket_of_one_megabyte_is_read(path: Path) -> None:
    """Whether a long text is a ticket is not the reader's to say."""
    (record,) = _read(path, '{"id": 1, "text": "' + "x" * 1_000_000 + '"}')
    assert record.value is not None
    assert len(record.value["text"]) == 1_000_000


def test_any_script_and_escaped_nul_arrive(path: Path) -> None:
    """Emoji, right-to-left text and an escaped NUL are data like any other."""
    (record,) = _read(path, '{"id": "א", "text": "🚀 שלום \\u0000 مرحبا"}')
    assert record.value == {"id": "א", "text": "🚀 שלום \x00 مرحبا"}
    assert parse_ticket(record.value).text == "🚀 שלום  مرحبا"


def test_ndjson_is_the_same(tmp_path: Path) -> None:
    """The suffix and the format have two names each."""
    path = tmp_path / "tickets.ndjson"
    path.write_text('{"id": 1, "text": "a"}\n', encoding="utf-8")
    for name in (None, "ndjson", "jsonl"):
        assert [r.value for r in read_source(str(path), format=name)] == [{"id": 1, "text": "a"}]


def test_gzip_cut_off_yields_what_stands_before(tmp_path: Path) -> None:
    """Every whole line before the cut is read; a last error says where it broke off."""
    path = tmp_path / "tickets.jsonl.gz"
    lines = b"".join(b'{"id": %d, "text": "%d"}\n' % (i, i * 7919) for i in range(50_000))
    data = gzip.compress(lines)
    path.write_bytes(data[: len(data) // 2])
    *read, last = read_source(str(path))
    assert len(read) > 10_000
    assert [record.value for record in read] == [{"id": i, "text": str(i * 7919)} for i in range(len(read))]
    assert last.error is not None
    assert f"after line {len(read)}" in last.error


def test_small_gzip_cut_off_yields_what_stands_before(tmp_path: Path) -> None:
    """The cut may come before the format could be looked at in full."""
    path = tmp_path / "tickets.jsonl.gz"
    data = gzip.compress(b"".join(b'{"id": %d, "text": "%d"}\n' % (i, i * 7919) for i in range(2_000)))
    path.write_bytes(data[:-2_000])
    *read, last = read_source(str(path))
    assert 0 < len(read) < 2_000
    assert all(record.value for record in read)
    assert "cut off" in (last.error or "")


def test_gzip_with_a_wrong_checksum_is_reported(tmp_path: Path) -> None:
    """Data that does not match its checksum ends in an error, after what it held."""
    path = tmp_path / "tickets.jsonl.gz"
    data = bytearray(gzip.compress(b'{"id": 1, "text": "a"}\n'))
    data[-8] ^= 0xFF
    path.write_bytes(data)
    records = list(read_source(str(path)))
    assert "damaged" in (records[-1].error or "")
