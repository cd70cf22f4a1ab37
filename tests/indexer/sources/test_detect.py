"""The format is seen from the name and the beginning, and from neither when there is a doubt."""

import pytest

from indexer.sources.detect import detect_format, format_of_name

_TICKET = b'{"url": "https://example.zendesk.com/api/v2/tickets/35436.json", "id": 35436, "subject": "x"}'
_ISSUE = b'{"expand": "", "id": "10002", "self": "https://example.net/rest/api/3/issue/10002", "key": "ED-1", "fields": {}}'


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.jsonl", "jsonl"),
        ("a.ndjson.gz", "jsonl"),
        ("a.JSON", "json"),
        ("dir.csv/a.tsv.GZ", "csv"),
        ("a.csv", "csv"),
        ("a.txt", None),
        ("a.gz", None),
        ("standard input", None),
    ],
)
def test_names(name: str, expected: str | None) -> None:
    """The suffix before a .gz says the format, in any case."""
    assert format_of_name(name) == expected


@pytest.mark.parametrize(
    ("name", "head", "expected"),
    [
        ("a", b'{"id": 1}\n{"id": 2}\n', "jsonl"),
        ("a", b'{"id": 1}', "jsonl"),
        ("a", b'{"id": 1, "tags": ["x"]}\n', "jsonl"),
        ("a", b'{"id": 1, "text": "' + b"x" * 70_000, "jsonl"),
        ("a.json", b'{"id": 1}\n{"id": 2}\n', "jsonl"),
        ("a.json", b'{"data": [{"id": 1}]}', "json"),
        ("a.json", b'{"data": []}', "json"),
        ("a", b'{\n  "tickets": [\n    {"id": 1}', "json"),
        ("a", b'  [{"id": 1}]', "json"),
        ("a.jsonl", b'[\n{"id": 1}\n]', "json"),
        ("a.jsonl", b'{"id": 1, "items": [{"sku": 1}]}\n', "jsonl"),
        ("a.jsonl", b"broken first line\n", "jsonl"),
        ("a.json", b"broken", "json"),
        ("a", b"id,text\n1,a\n", "csv"),
        ("a.txt", b"id;text\n1;a\n", "csv"),
        ("a.csv", b'{"id": 1}', "csv"),
        ("a", b"<html>, a page\n", None),
        ("a", b"just a text\n", None),
        ("a.json", b'{"tickets": [' + _TICKET + b', {"id": 2', "zendesk"),
        ("a", b'{"tickets": [], "after_cursor": null, "end_of_stream": true}', "zendesk"),
        ("a.json", b'{"after_cursor": "x", "tickets": [{"id": 1', "zendesk"),
        ("a", b"[" + _TICKET + b"]", "zendesk"),
        ("a.json", b'{"tickets": [{"id": 1, "url": "https://example.org/tickets/1"}]}', "json"),
        ("a.json", b'{"startAt": 0, "issues": [' + _ISSUE, "jira"),
        ("a.jsonl", b'{"issues": [' + _ISSUE + b"]}\n", "jira"),
        ("a.json", b'{"issues": [{"key": "a", "fields": "none"}]}', "json"),
        (
            "a.json",
            b'{"issues": [{"id": 1, "title": "x", "url": "https://example.org/api/v2/issues/1"}]}',
            "json",
        ),
        ("a", b"{" * 60_000, "jsonl"),
        ("a", b"[" * 60_000, "json"),
    ],
)
def test_beginnings(name: str, head: bytes, expected: str | None) -> None:
    """A vendor's export is one only where its first ticket, or the page around it, leaves no doubt."""
    assert detect_format(name, head) == expected
