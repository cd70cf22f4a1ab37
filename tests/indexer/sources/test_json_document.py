"""JSON documents: an array, or an object with one array, streamed."""

from pathlib import Path

import pytest

from indexer.sources import SourceRecord, read_source


def _read(tmp_path: Path, text: str | bytes) -> list[SourceRecord]:
    path = tmp_path / "tickets.json"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return list(read_source(str(path), format="json"))


def test_an_array_of_objects(tmp_path: Path) -> None:
    """Each element is a record, numbered from 1, and raw is its JSON."""
    records = _read(tmp_path, '[{"id": 1, "text": "a", "n": [1, 2.5, null, {"x": true}]},\n {"id": 2}]')
    assert [record.place for record in records] == ["record 1", "record 2"]
    assert records[0].value == {"id": 1, "text": "a", "n": [1, 2.5, None, {"x": True}]}
    assert records[0].raw == '{"id":1,"text":"a","n":[1,2.5,null,{"x":true}]}'


@pytest.mark.parametrize("name", ["tickets", "issues", "data", "items", "results", "records"])
def test_an_object_with_an_array(tmp_path: Path, name: str) -> None:
    """The array may have any of the usual names, before or behind other values."""
    text = f'{{"meta": {{"items": [{{"no": 1}}]}}, "{name}": [{{"id": 1}}], "total": 1, "links": [1]}}'
    assert [record.value for record in _read(tmp_path, text)] == [{"id": 1}]


def test_empty_arrays_hold_no_records(tmp_path: Path) -> None:
    """A page without tickets is no error."""
    assert _read(tmp_path, "[]") == []
    assert _read(tmp_path, '{"data": []}') == []


def test_documents_one_after_another(tmp_path: Path) -> None:
    """Pages that were put into one file are read as one."""
    records = _read(tmp_path, '{"data": [{"id": 1}]}\n{"data": [{"id": 2}]}[{"id": 3}]')
    assert [(record.place, record.value) for record in records] == [
        ("record 1", {"id": 1}),
        ("record 2", {"id": 2}),
        ("record 3", {"id": 3}),
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"error": "rate limited"}', 'no array of records named "tickets"'),
        ('{"tickets": {"id": 1}}', "no array of records"),
        ('{"tickets": null}', "no array of records"),
        ('"secret"', "the document is a string"),
        ("17", "the document is a number"),
        ("null", "the document is null"),
    ],
)
def test_a_document_without_records_is_an_error(tmp_path: Path, text: str, says: str) -> None:
    """It is not silently taken for an empty one."""
    (record,) = _read(tmp_path, text)
    assert says in (record.error or "")


def test_a_second_array_is_an_error(tmp_path: Path) -> None:
    """Nothing that looks like records is passed over in silence."""
    first, second = _read(tmp_path, '{"items": [{"id": 1}], "data": [{"id": 2}]}')
    assert first.value == {"id": 1}
    assert 'a second array, "data"' in (second.error or "")


def test_elements_that_are_no_objects_are_errors(tmp_path: Path) -> None:
    """They are counted, and the others are read."""
    records = _read(tmp_path, '[{"id": 1}, "x", [{"id": 2}], null, 5, true, {"id": 3}]')
    assert [record.value for record in records if record.value] == [{"id": 1}, {"id": 3}]
    assert [(record.error or "").rsplit(" is ")[-1] for record in records[1:-1]] == [
        "a string",
        "a list",
        "null",
        "a number",
        "a boolean",
    ]
    assert records[-1].place == "record 7"


@pytest.mark.parametrize(
    ("end", "says"),
    [
        (b', {"id": 3, "text": "secret', "cut off"),
        (b"", "cut off"),
        (b", secret]", "not valid"),
        (b"]]", "not valid"),
        (b', {"id": 3, "text": "secret \xe9"}]', "not UTF-8"),
        (b', {"id": 3, "text": "secret \x01"}]', "not valid"),
    ],
)
def test_where_json_breaks_off_a_last_error_says_so(tmp_path: Path, end: bytes, says: str) -> None:
    """The records before it come out; the error names the last of them and quotes nothing."""
    records = _read(tmp_path, b'[{"id": 1}, {"id": 2}' + end)
    assert [record.value for record in records[:2]] == [{"id": 1}, {"id": 2}]
    (last,) = records[2:]
    assert says in (last.error or "")
    assert "after record 2" in (last.error or "")
    assert "secret" not in (last.error or "")


def test_a_number_without_end_breaks_off(tmp_path: Path) -> None:
    """The parser gives up on a number of thousands of digits, and the error says what was read until then."""
    (record,) = _read(tmp_path, '[{"id": 1}, {"id": ' + "9" * 5_000 + "}]")
    assert "number that is too long" in (record.error or "")
    assert "before the first record" in (record.error or "")


def test_json_broken_from_the_start(tmp_path: Path) -> None:
    """There is one error, and it says that nothing was read."""
    (record,) = _read(tmp_path, '{"tickets": [}')
    assert "before the first record" in (record.error or "")


def test_numbers_keep_their_value(tmp_path: Path) -> None:
    """An id beyond 64 bits is exact, a fraction is a float."""
    (record,) = _read(tmp_path, '[{"id": 123456789012345678901234567890, "score": 0.5, "big": 1e400}]')
    further = {"score": 0.5, "big": float("inf")}
    assert record.value == {"id": 123456789012345678901234567890, "fields": further}


def test_a_record_too_long_is_one_error(tmp_path: Path) -> None:
    """It is skipped without being built, and the next one is read."""
    long = '{"id": 1, "lines": [' + '"x", ' * 8_000_000 + '"x"]}'
    records = _read(tmp_path, f'[{long}, {{"id": 2}}]')
    assert "longer than 16 MiB" in (records[0].error or "")
    assert records[1].value == {"id": 2}


def test_a_string_without_end_is_given_up(tmp_path: Path) -> None:
    """The parser would keep it in memory whole, so the rest of the file is given up."""
    records = _read(tmp_path, '[{"id": 1}, {"id": 2, "text": "' + "x" * 36_000_000 + '"}, {"id": 3}]')
    assert records[0].value == {"id": 1}
    assert "longer than 16 MiB" in (records[1].error or "")
    assert "after record 1" in (records[1].error or "")
    assert len(records) == 2


def test_a_record_nested_too_deeply_is_one_error(tmp_path: Path) -> None:
    """Depth is bounded, as in a file that was made to exhaust the memory."""
    deep = '{"id": 1, "x": ' + "[" * 200_000 + "]" * 200_000 + "}"
    records = _read(tmp_path, f'[{deep}, {{"id": 2}}]')
    assert "levels deep" in (records[0].error or "")
    assert records[1].value == {"id": 2}


def test_brackets_without_end(tmp_path: Path) -> None:
    """A million opening brackets are one error, in no time."""
    records = _read(tmp_path, "[" * 1_000_000)
    assert "cut off" in (records[-1].error or "")
    assert len(records) == 1
