"""The ticket: field names of real exports, validation, and the recipe of the embedded text."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.parsing import parse_ticket
from indexer.ticket import (
    MAX_TEXT_LENGTH,
    TicketError,
    embedding_text,
    text_hash,
)


def test_a_ticket_of_our_own_names() -> None:
    """Every field is taken, times in UTC."""
    ticket = parse_ticket(
        {
            "id": 7, "subject": "Login", "body": "It fails.\r\n", "priority": "high", "resolution": "Restarted.",
            "created_at": "2026-01-31T10:00:00+02:00", "resolved_at": 1_770_000_000, "tags": ["a", "b", "a"],
        },
        source="desk",
    )  # fmt: skip
    assert (ticket.id, ticket.text, ticket.source, ticket.tags) == (
        "7",
        "Login\n\nIt fails.",
        "desk",
        ("a", "b"),
    )
    assert ticket.created_at == datetime(2026, 1, 31, 8, tzinfo=UTC)
    assert ticket.resolved_at == datetime.fromtimestamp(1_770_000_000, UTC)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"Issue key": "A-1", "Summary": "s", "Description": "d"}, ("A-1", "s\n\nd")),
        ({"ticket_id": "5", "ticket_text": "t"}, ("5", "t")),
        ({"NUMBER": "INC01", "short_description": "s", "description": None}, ("INC01", "s")),
        ({"id": "x", "title": "", "content": "c"}, ("x", "c")),
    ],
)
def test_names_of_real_exports(record: dict[str, Any], expected: tuple[str, str]) -> None:
    """Field names are understood in any case, with spaces or underscores."""
    ticket = parse_ticket(record)
    assert (ticket.id, ticket.text) == expected


def test_labels_that_are_wrapped_or_numbers() -> None:
    """Priorities are the team's own: a word, a number, or Jira's object."""
    assert [
        parse_ticket({"id": 1, "text": "t", "priority": p}).priority for p in ("P1", 3, {"name": "High"})
    ] == [
        "P1",
        "3",
        "High",
    ]


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ([], "a list"),
        ({"text": "t"}, "id is missing"),
        ({"id": "  ", "text": "t"}, "id is missing"),
        ({"id": True, "text": "t"}, "id is missing"),
        ({"id": "a\nb", "text": "t"}, "cannot be printed"),
        ({"id": "x" * 201, "text": "t"}, "201 characters"),
        ({"id": 1}, "text is missing"),
        ({"id": 1, "text": " \x00 "}, "text is missing"),
        ({"id": 1, "text": 5}, "text must be a string, found a number"),
        ({"id": 1, "text": "\u200b\ufeff \u2060\u3164"}, "text is missing"),
        ({"id": "batch", "text": "x"}, "cannot be part of a web address"),
        ({"id": "../", "text": "x"}, "cannot be part of a web address"),
        ({"id": 1, "text": "x" * (MAX_TEXT_LENGTH + 1)}, "1,000,001 characters"),
        ({"id": 1, "text": "t", "resolution": {}}, "resolution must be a string, found an object"),
        ({"id": 1, "text": "t", "created_at": "31/12/2026"}, "created_at is not a date: '31/12/2026'"),
        ({"id": 1, "text": "t", "created_at": 1e30}, "created_at is not a date"),
        ({"id": 1, "text": "t", "created_at": "0001-01-01T00:00:00+05:00"}, "created_at is not a date"),
        ({"id": 1, "text": "t", "updated_at": "9999-12-31T23:00:00-05:00"}, "updated_at is not a date"),
        ({"id": 1, "text": "t", "priority": "a\nb"}, "priority must be a short label"),
        ({"id": 1, "text": "lone \ud800"}, "not valid Unicode"),
    ],
)
def test_what_is_no_ticket_is_told_by_field(record: Any, words: str) -> None:
    """The error names the field and what is wrong with it."""
    with pytest.raises(TicketError, match=words.replace("(", r"\(")):
        parse_ticket(record)


def test_text_is_kept_as_it_was_written() -> None:
    """Emoji and right-to-left text stay; control characters, which PostgreSQL cannot store, go."""
    text = "נתקע 🎉 الخادم\tok\nnext"
    assert parse_ticket({"id": 1, "text": f"\x00{text}\x07"}).text == text


def test_the_recipe() -> None:
    """White space and Unicode form do not make another text."""
    assert embedding_text(" a\n\n b\tc ") == "a b c"
    assert text_hash("cafe\u0301 down") == text_hash("caf\u00e9   down")
    assert text_hash("one") != text_hash("two")


@given(st.text(min_size=1).filter(str.strip))
def test_the_recipe_is_stable(text: str) -> None:
    """Applying the recipe to its own result changes nothing."""
    assert embedding_text(embedding_text(text)) == embedding_text(text)


def test_any_field_changes_the_record_hash() -> None:
    """A ticket whose priority or resolution alone changed is seen as changed, and as the same text."""
    ticket = parse_ticket({"id": 1, "text": "t", "priority": "low"})
    for change in ({"priority": "high"}, {"resolution": "r"}, {"tags": "x"}):
        other = parse_ticket({"id": 1, "text": "t", "priority": "low", **change})
        assert other.record_hash != ticket.record_hash
        assert text_hash(other.text) == text_hash(ticket.text)
