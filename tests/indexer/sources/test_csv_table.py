"""CSV: delimiters, quotes, and rows that are not what they should be."""

from pathlib import Path

import pytest

from indexer.errors import SourceError
from indexer.sources import SourceRecord, read_source


def _read(tmp_path: Path, text: str | bytes) -> list[SourceRecord]:
    path = tmp_path / "tickets.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return list(read_source(str(path)))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_delimiters_are_seen_from_the_header(tmp_path: Path, delimiter: str, end: str) -> None:
    """Comma, semicolon and tab, with either line end."""
    rows = [["id", "subject", "body"], ["1", "a", "b"], ["2", "c", "d"]]
    records = _read(tmp_path, "".join(delimiter.join(row) + end for row in rows))
    assert [record.value for record in records] == [
        {"id": "1", "subject": "a", "body": "b"},
        {"id": "2", "subject": "c", "body": "d"},
    ]
    assert records[0].raw == delimiter.join(rows[1])


def test_another_delimiter_inside_a_name_is_no_delimiter(tmp_path: Path) -> None:
    """The one that makes the most columns wins."""
    (record,) = _read(tmp_path, "id;subject, short;body\n1;a, b;c\n")
    assert record.value == {"id": "1", "body": "c", "fields": {"subject, short": "a, b"}}


def test_quoted_fields_may_hold_anything(tmp_path: Path) -> None:
    """Line breaks, delimiters and doubled quotes; the place is the first line of the row."""
    text = 'id,body\r\n1,"first\r\nsecond, ""quoted"""\r\n2,"plain"\r\n'
    first, second = _read(tmp_path, text)
    assert first.value == {"id": "1", "body": 'first\r\nsecond, "quoted"'}
    assert (first.place, second.place) == ("line 2", "line 4")
    assert first.raw == '1,"first\r\nsecond, ""quoted"""'


def test_blank_rows_and_empty_columns_are_skipped(tmp_path: Path) -> None:
    """Rows of delimiters alone, as spreadsheets leave them behind, are blank; so are columns without a name."""
    records = _read(tmp_path, "\n,id,body,\n0,1,a,\n,,,\n\n1,2,b,,,\n")
    assert [record.value for record in records] == [{"id": "1", "body": "a"}, {"id": "2", "body": "b"}]
    assert [record.place for record in records] == ["line 3", "line 6"]


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("2", "the row has 1 cells, the header names 2"),
        ("2,secret,c", "the row has 3 cells"),
        ('2,"secret" and more', "must be doubled"),
        ('2,"he said \\"secret\\" then"', "must be doubled"),
        ("2,se\rcret", "carriage return"),
    ],
)
def test_a_broken_row_is_one_error_and_the_rest_goes_on(tmp_path: Path, row: str, says: str) -> None:
    """The error says why, does not quote the row, and keeps it as it stood."""
    records = _read(tmp_path, f"id,body\n1,a\n{row}\n3,c\n")
    assert [record.value for record in records if record.value] == [
        {"id": "1", "body": "a"},
        {"id": "3", "body": "c"},
    ]
    assert says in (records[1].error or "")
    assert "secret" not in (records[1].error or "")
    assert (records[1].place, records[1].raw) == ("line 3", row)


def test_an_unclosed_quote_costs_its_own_row_only(tmp_path: Path) -> None:
    """It does not swallow the rows behind it, to the end of the file."""
    records = _read(tmp_path, 'id,body\n1,a\n2,"open\n3,c\n4,"d"\n5,"e\nf"\n')
    assert [record.value for record in records if record.value] == [
        {"id": "1", "body": "a"},
        {"id": "3", "body": "c"},
        {"id": "4", "body": "d"},
        {"id": "5", "body": "e\nf"},
    ]
    (error,) = [record for record in records if record.error]
    assert (error.place, error.raw) == ("line 3", '2,"open')


def test_an_unclosed_quote_before_many_rows(tmp_path: Path) -> None:
    """However much follows, the rows behind the quote are read, and read once."""
    rows = "".join(f"{i},row {i}\n" for i in range(60_000))
    records = _read(tmp_path, f'id,body\nx,"open\n{rows}')
    assert records[0].error is not None
    assert [record.value for record in records[1:]] == [
        {"id": str(i), "body": f"row {i}"} for i in range(60_000)
    ]


def test_a_row_too_long_is_one_error(tmp_path: Path) -> None:
    """One line of many megabytes is refused, and the next row is read."""
    records = _read(tmp_path, f"id,body\n1,{'x' * 36_000_000}\n2,b\n")
    assert "longer than 16 MiB" in (records[0].error or "")
    assert len(records[0].raw) < 3_000
    assert records[1].value == {"id": "2", "body": "b"}


def test_a_long_line_within_quotes(tmp_path: Path) -> None:
    """The row that runs into it is an error, and the line itself another."""
    records = _read(tmp_path, f'id,body\n1,"a\n{"x" * 36_000_000}"\n2,b\n')
    assert [record.place for record in records] == ["line 2", "line 3", "line 4"]
    assert [bool(record.error) for record in records] == [True, True, False]


def test_a_long_text_is_read(tmp_path: Path) -> None:
    """The csv module's own limit of 128 KiB is no limit here."""
    (record,) = _read(tmp_path, f'id,body\n1,"{"x" * 1_000_000}"\n')
    assert record.value is not None
    assert len(record.value["body"]) == 1_000_000


def test_a_row_in_another_encoding_is_one_error(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 spoil their own row."""
    records = _read(tmp_path, b"id,body\n1,caf\xe9\n2,caf\xc3\xa9\n")
    assert "not UTF-8" in (records[0].error or "")
    assert records[0].raw == "1,caf\\xe9"
    assert records[1].value == {"id": "2", "body": "café"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("tickets\n1\n", "not a CSV header"),
        ('"id,body\n1,a\n', "not a CSV header"),
        ("id,body,id\n1,a,2\n", "names a column twice: 'id'"),
        (b"x" * 36_000_000, "not a CSV header"),
    ],
)
def test_without_a_header_there_is_nothing_to_read(tmp_path: Path, text: str | bytes, says: str) -> None:
    """The error names the file and what is wrong with its first row."""
    with pytest.raises(SourceError, match=says) as caught:
        _read(tmp_path, text)
    assert "tickets.csv: " in str(caught.value)


def test_a_header_alone_holds_no_records(tmp_path: Path) -> None:
    """An export without rows is no error."""
    assert _read(tmp_path, "id,body\n") == []


def test_a_nul_far_behind_is_data(tmp_path: Path) -> None:
    """What makes a file binary stands at its beginning; a stray NUL behind that is left to the ticket."""
    records = _read(tmp_path, "id,body\n" + "1,a\n" * 20_000 + "2,b\0c\n")
    assert records[-1].value == {"id": "2", "body": "b\0c"}
