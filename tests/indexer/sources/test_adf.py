"""Rich text of Jira Cloud as plain text."""

from typing import Any

import pytest

from indexer.sources.adf import plain_text


def _text(text: str, *marks: dict[str, Any]) -> dict[str, Any]:
    return {"type": "text", "text": text} | ({"marks": list(marks)} if marks else {})


def _block(kind: str, *content: Any, **attrs: Any) -> dict[str, Any]:
    return {"type": kind, "content": list(content)} | ({"attrs": attrs} if attrs else {})


def _doc(*content: Any) -> dict[str, Any]:
    return _block("doc", *content) | {"version": 1}


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (_block("paragraph", _text("Hello "), _text("world", {"type": "strong"})), "Hello world"),
        (_block("heading", _text("Steps"), level=1), "Steps"),
        (_block("paragraph", _text("a"), {"type": "hardBreak"}, _text("b")), "a\nb"),
        (_block("codeBlock", _text("x = 1\n  y = 2"), language="python"), "x = 1\n  y = 2"),
        (_block("panel", _block("paragraph", _text("Note")), panelType="info"), "Note"),
        (_block("blockquote", _block("paragraph", _text("They said"))), "They said"),
        (
            _block("paragraph", {"type": "mention", "attrs": {"id": "ABC", "text": "@Ann"}}, _text(" look")),
            "@Ann look",
        ),
        (_block("paragraph", {"type": "emoji", "attrs": {"shortName": ":tada:", "text": "🎉"}}), "🎉"),
        (_block("paragraph", {"type": "emoji", "attrs": {"shortName": ":custom:"}}), ":custom:"),
        (_block("paragraph", {"type": "date", "attrs": {"timestamp": "1582152559000"}}), "2020-02-19"),
        (
            _block("paragraph", {"type": "status", "attrs": {"text": "In Progress", "color": "blue"}}),
            "In Progress",
        ),
        (
            _block("paragraph", {"type": "inlineCard", "attrs": {"url": "https://example.org/1"}}),
            "https://example.org/1",
        ),
        (
            _block(
                "paragraph", _text("docs", {"type": "link", "attrs": {"href": "https://example.org/docs"}})
            ),
            "docs (https://example.org/docs)",
        ),
        (
            _block(
                "paragraph",
                _text("https://a.example", {"type": "link", "attrs": {"href": "https://a.example"}}),
            ),
            "https://a.example",
        ),
        (
            _block("mediaSingle", {"type": "media", "attrs": {"id": "1", "type": "file", "alt": "a chart"}}),
            "a chart",
        ),
        (_block("mediaSingle", {"type": "media", "attrs": {"id": "1", "type": "file"}}), ""),
        (_block("expand", _block("paragraph", _text("inside")), title="Log"), "Log\ninside"),
        ({"type": "rule"}, ""),
        (_block("novelty", _block("paragraph", _text("kept"))), "kept"),
    ],
)
def test_nodes(node: dict[str, Any], expected: str) -> None:
    """Every node that says something says it, and no other leaves a trace."""
    assert plain_text(_doc(node)) == expected


def test_blocks_stand_on_lines_of_their_own() -> None:
    """Paragraphs, lists in lists, and tables keep their order and their shape."""
    inner = _block("orderedList", _block("listItem", _block("paragraph", _text("first"))))
    document = _doc(
        _block("paragraph", _text("Do this:")),
        _block(
            "bulletList",
            _block("listItem", _block("paragraph", _text("one")), inner),
            _block("listItem", _block("paragraph", _text("two"))),
        ),
        _block(
            "table",
            _block("tableRow", *[_block("tableHeader", _block("paragraph", _text(t))) for t in ("k", "v")]),
            _block("tableRow", *[_block("tableCell", _block("paragraph", _text(t))) for t in ("a", "1")]),
        ),
        _block("taskList", _block("taskItem", _text("check"), localId="1", state="DONE")),
    )
    assert plain_text(document) == "Do this:\n- one\n  1. first\n- two\nk | v\na | 1\n- check"


@pytest.mark.parametrize(
    "odd",
    [
        None,
        5,
        [],
        {},
        {"type": "doc"},
        {"type": "doc", "content": None},
        _doc(None, 5, "x", {"type": None}, {"type": ["text"]}),
        _doc({"type": "text"}, {"type": "text", "text": 5}, {"type": "mention", "attrs": "x"}),
        _doc({"type": "date", "attrs": {"timestamp": "soon"}}, {"type": "date"}),
        _doc({"type": "date", "attrs": {"timestamp": "9" * 30}}),
    ],
)
def test_what_is_malformed_says_nothing(odd: Any) -> None:
    """A node that is not of the documented shape gives no text, and no traceback."""
    assert plain_text(odd) == ""


def test_odd_marks_leave_the_text() -> None:
    """A text is a text, whatever is marked on it."""
    marks: list[Any] = [5, {"type": "link"}, {"type": "link", "attrs": {"href": 5}}]
    assert (
        plain_text(
            _doc({"type": "text", "text": "a", "marks": marks}, {"type": "text", "text": "b", "marks": 5})
        )
        == "ab"
    )


def test_a_string_is_itself() -> None:
    """Version 2 of the API, and Data Center, give wiki markup as a string."""
    assert plain_text(" h1. Title\n* item ") == "h1. Title\n* item"
