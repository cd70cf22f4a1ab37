"""A source as a whole: arguments, directories, mapped columns, and input of any kind."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.errors import SourceError
from indexer.parsing import parse_ticket
from indexer.sources import FORMATS, Cursor, read_source


def _values(path: Path, **options: Any) -> list[dict[str, Any] | None]:
    return [record.value for record in read_source(str(path), **options)]


def test_an_unknown_format_names_the_choices(tmp_path: Path) -> None:
    """So does a file whose format cannot be seen."""
    choices = "jsonl, ndjson, json, csv, zendesk, jira, freshdesk, github, rt, intercom, zammad, helpscout"
    path = tmp_path / "tickets.txt"
    path.write_text("hello\n", encoding="utf-8")
    with pytest.raises(SourceError, match=f"'xml' is unknown; there are {choices}"):
        read_source(str(path), format="xml")
    with pytest.raises(SourceError, match=f"format of .* is not known .* one of {choices}"):
        read_source(str(path))


def test_the_format_that_is_asked_for_is_used(tmp_path: Path) -> None:
    """Whatever the file is called."""
    path = tmp_path / "tickets.csv"
    path.write_text('{"id": 1}\n', encoding="utf-8")
    assert _values(path, format="jsonl") == [{"id": 1}]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "id,text,Product,Teams,Teams,Note\n1,it broke,API,x,y,\n"),
        ("a.jsonl", '{"id": 1, "text": "it broke", "Product": "API", "Teams": ["x", "y"], "Note": null}\n'),
        ("a.json", '[{"id": 1, "text": "it broke", "Product": "API", "Teams": ["x", "y"], "Note": ""}]'),
    ],
)
def test_further_names_are_fields_in_every_format(tmp_path: Path, name: str, content: str) -> None:
    """Nobody has to map what no field of a ticket is called."""
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    (value,) = _values(path)
    assert parse_ticket(value).fields == {"product": "API", "teams": ("x", "y")}


class TestMapping:
    """Columns of other names."""

    def test_columns_are_renamed(self, tmp_path: Path) -> None:
        """What is mapped makes a ticket of a table with names of its own."""
        path = tmp_path / "a.csv"
        path.write_text("Case,Issue Text,How bad,Other\n7,it broke,High,x\n", encoding="utf-8")
        mapping = {"id": "Case", "body": "Issue Text", "priority": "How bad"}
        (value,) = _values(path, mapping=mapping)
        assert value == {"id": "7", "body": "it broke", "priority": "High", "fields": {"Other": "x"}}
        ticket = parse_ticket(value)
        assert (ticket.id, ticket.text, ticket.priority) == ("7", "it broke", "High")

    def test_what_is_mapped_wins(self, tmp_path: Path) -> None:
        """A column that has the field's own name, in whatever letters, gives way."""
        path = tmp_path / "a.csv"
        path.write_text("id,Body,body,Issue Text\n7,no,no,yes\n", encoding="utf-8")
        (value,) = _values(path, mapping={"body": "Issue Text"})
        assert parse_ticket(value).text == "yes"

    def test_json_is_mapped_too(self, tmp_path: Path) -> None:
        """A record that lacks the field is left as it is, since no header says what there should be."""
        path = tmp_path / "a.jsonl"
        path.write_text('{"id": 1, "what": "a"}\n{"id": 2, "text": "b"}\n', encoding="utf-8")
        assert _values(path, mapping={"text": "what"}) == [{"id": 1, "text": "a"}, {"id": 2}]

    def test_an_unknown_field_names_the_fields(self, tmp_path: Path) -> None:
        """The error lists what a column can be mapped to."""
        with pytest.raises(
            SourceError, match=r"no field 'txt' to map to; there are id, text, .*, subject, body"
        ):
            read_source(str(tmp_path), mapping={"txt": "Issue Text"})

    def test_an_unknown_column_names_the_columns(self, tmp_path: Path) -> None:
        """The error lists what the header has."""
        path = tmp_path / "a.csv"
        path.write_text("Case,Issue Text\n7,it broke\n", encoding="utf-8")
        with pytest.raises(SourceError, match="has no column 'Issue'; its columns are 'Case', 'Issue Text'"):
            read_source(str(path), mapping={"body": "Issue"})

    def test_columns_that_make_no_ticket_name_the_columns(self, tmp_path: Path) -> None:
        """A table without an id or a text is one error, not one for each row; so is one without a header."""
        path = tmp_path / "a.csv"
        for text, says in (
            ("Case,Body\n7,it broke\n", "id is missing"),
            ("ID,Issue Text\n7,it broke\n", "text is missing"),
            ("6,it works\n7,it broke\n", "write a header where there is none"),
        ):
            path.write_text(text, encoding="utf-8")
            with pytest.raises(SourceError, match=f"makes no tickets: .*{says}") as caught:
                read_source(str(path))
            assert repr(text.partition(",")[0]) in str(caught.value)

    def test_a_helpdesk_export_is_not_mapped(self, tmp_path: Path) -> None:
        """Whether its format was named or seen."""
        path = tmp_path / "a.json"
        path.write_text('{"tickets": [], "end_of_stream": true}', encoding="utf-8")
        for name in (None, "zendesk"):
            with pytest.raises(SourceError, match="zendesk has fields of its own"):
                read_source(str(path), format=name, mapping={"text": "subject"})


class TestDirectory:
    """A folder of files."""

    def test_files_are_read_in_order_of_their_names(self, tmp_path: Path) -> None:
        """Numbers count as numbers, places name the file, each file has its own format."""
        (tmp_path / "page-10.jsonl").write_text('{"id": 10}\n', encoding="utf-8")
        (tmp_path / "page-2.json").write_text('[{"id": 2}, {"id": 3}]', encoding="utf-8")
        (tmp_path / "page-1.csv").write_text("id,text\n1,a\n", encoding="utf-8")
        records = list(read_source(str(tmp_path)))
        assert [record.place for record in records] == [
            "page-1.csv line 2",
            "page-2.json record 1",
            "page-2.json record 2",
            "page-10.jsonl line 1",
        ]
        assert [record.value and record.value["id"] for record in records] == ["1", 2, 3, 10]

    def test_other_files_do_not_count(self, tmp_path: Path) -> None:
        """Hidden files, folders, other suffixes, and what an earlier run rejected."""
        (tmp_path / "a.jsonl").write_text('{"id": 1}\n', encoding="utf-8")
        for name in (".b.jsonl", "a.jsonl.rejected.jsonl", "README.md", "a.cursor"):
            (tmp_path / name).write_text('{"id": 2}\n', encoding="utf-8")
        (tmp_path / "c.jsonl").mkdir()
        assert _values(tmp_path) == [{"id": 1}]

    def test_a_folder_without_files(self, tmp_path: Path) -> None:
        """The error says which names count."""
        with pytest.raises(SourceError, match=r"holds no file of tickets: names must end in \.jsonl"):
            read_source(str(tmp_path))

    def test_a_file_that_cannot_be_read_is_one_error(self, tmp_path: Path) -> None:
        """The other files are read."""
        (tmp_path / "a.jsonl").write_bytes(b"\0\0")
        (tmp_path / "b.csv").write_text("one column\n", encoding="utf-8")
        (tmp_path / "c.jsonl").write_text('{"id": 1}\n', encoding="utf-8")
        first, second, third = read_source(str(tmp_path))
        assert (first.error or "").startswith("is a binary file")
        assert (second.error or "").startswith("the first row is not a CSV header")
        assert [first.place, second.place, third.place] == ["a.jsonl", "b.csv", "c.jsonl line 1"]
        assert third.value == {"id": 1}

    @pytest.mark.parametrize(("middle", "expected"), [("", "c3"), ("x", None)])
    def test_the_cursor_is_the_last_files(self, tmp_path: Path, middle: str, expected: str | None) -> None:
        """Unless a file broke off: what it held must be fetched again."""
        for number in (1, 2, 3):
            end = middle if number == 2 else ""
            page = f'{{"tickets": [], "after_cursor": "c{number}", "end_of_stream": true}}{end}'
            (tmp_path / f"{number}.json").write_text(page, encoding="utf-8")
        reader = read_source(str(tmp_path))
        assert len(list(reader)) == (1 if middle else 0)
        assert reader.cursor == (Cursor("after_cursor", expected) if expected else None)


_SEEDS = [
    b'{"id": 1, "text": "a"}\n{"id": 2}\n',
    b'[{"id": 1}, {"id": [1, {"a": 2.5}]}]',
    (
        b'{"tickets": [{"id": 1, "status": "solved", "comments": [{"author_id": 2, "public": true, "body": "x",'
        b' "created_at": "2026-01-01T00:00:00Z"}]}], "users": [{"id": 2, "role": "agent"}], "end_of_stream": true}'
    ),
    (
        b'{"issues": [{"key": "A-1", "fields": {"status": {"name": "Done", "statusCategory": {"key": "done"}},'
        b' "description": {"type": "doc", "content": [{"type": "text", "text": "x"}]}, "comment": {"comments": []}}}]}'
    ),
    b'id,body\r\n1,"a\r\nb"\r\n2,c\r\n',
]


@st.composite
def _damaged(draw: st.DrawFn) -> bytes:
    """Return a file of some format with a part of it replaced by something else."""
    seed = draw(st.sampled_from(_SEEDS))
    start = draw(st.integers(0, len(seed)))
    end = draw(st.integers(start, len(seed)))
    noise = draw(
        st.binary(max_size=8)
        | st.sampled_from([b'"', b"[", b"{", b"null", b"1e9", b"\n", b'"\\ud800"', b"-"])
    )
    return seed[:start] + noise + seed[end:]


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=_damaged(), name=st.sampled_from([None, *FORMATS]))
def test_damaged_input_is_never_a_traceback(tmp_path: Path, data: bytes, name: str | None) -> None:
    """Whatever a file holds: records, each a value or an error and writable as text, or one SourceError."""
    path = tmp_path / "input"
    path.write_bytes(data)
    records, failure = [], None
    try:
        records = list(read_source(str(path), format=name))
    except SourceError as error:
        failure = str(error)
    assert failure is None or str(path) in failure
    for record in records:
        assert (record.value is None) != (record.error is None) or record.left_out  # an open ticket has both
        assert record.place
        assert record.raw.encode() is not None
