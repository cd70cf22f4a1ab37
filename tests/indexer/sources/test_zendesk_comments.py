"""Zendesk's comments that stand apart from their tickets."""

import json
from pathlib import Path
from typing import Any

import pytest

from indexer.errors import SourceError
from indexer.parsing import parse_ticket
from indexer.sources import SourceRecord, read_source

_ANSWER = "Restart the print service and clear its queue."


def _ticket(number: int) -> dict[str, Any]:
    return {
        "url": f"https://example.zendesk.com/api/v2/tickets/{number}.json",
        "id": number,
        "subject": "Printer",
        "description": "It jams.",
        "status": "solved",
        "requester_id": 1,
        "assignee_id": 2,
        "updated_at": "2026-03-09T12:00:00Z",
    }


def _comment(number: int, author: int, body: str, **more: Any) -> dict[str, Any]:
    at = f"2026-03-02T1{number % 10}:00:00Z"
    return {"id": number, "author_id": author, "body": body, "public": True, "created_at": at} | more


def _tickets(*tickets: dict[str, Any]) -> dict[str, Any]:
    return {"tickets": list(tickets), "after_cursor": "MTU3", "end_of_stream": True}


def _event(ticket: int, *children: dict[str, Any]) -> dict[str, Any]:
    return {"id": 9, "ticket_id": ticket, "updater_id": 2, "created_at": "2026-03-02T18:00:00Z", "child_events": list(children)}  # fmt: skip


_SAID = (_comment(1, 1, "It jams."), _comment(2, 2, _ANSWER))
_BESIDE = {"comments": [said | {"ticket_id": 5} for said in _SAID]}
_EVENTS = {
    "ticket_events": [
        _event(5, {"event_type": "Comment"} | _SAID[0], {"event_type": "Change", "status": "solved"}),
        _event(5, {"event_type": "Comment", "id": 2, "public": True, "body": _ANSWER}),
    ],
    "end_of_stream": True,
}


def _folder(tmp_path: Path, **documents: Any) -> list[SourceRecord]:
    for name, document in documents.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(document), encoding="utf-8")
    return list(read_source(str(tmp_path)))


@pytest.mark.parametrize("comments", [_BESIDE, _EVENTS], ids=["comments", "ticket events"])
@pytest.mark.parametrize("name", ["a_comments", "z_comments"])
def test_a_second_file_is_joined_with_the_tickets(tmp_path: Path, comments: Any, name: str) -> None:
    """Whichever of the two comes first; an event's author and time are those of a comment that lacks them."""
    (record,) = _folder(tmp_path, tickets=_tickets(_ticket(5)), **{name: comments})
    assert record.place == "tickets.json record 1"
    assert record.value is not None
    assert record.value["resolution"] == _ANSWER
    assert [said["author"] for said in record.value["thread"]] == ["agent"]


def test_comments_beside_the_tickets_are_joined_with_them(tmp_path: Path) -> None:
    """One comment that is embedded as well comes once."""
    path = tmp_path / "export.json"
    path.write_text(json.dumps(_tickets(_ticket(5) | {"comments": [_SAID[1]]}) | _BESIDE), encoding="utf-8")
    (record,) = read_source(str(path))
    assert record.value is not None
    assert [said["text"] for said in record.value["thread"]] == [_ANSWER]


def test_a_views_table_is_joined_with_comments(tmp_path: Path) -> None:
    """Their first one is the description, which a view does not show; who wrote it is the customer."""
    note = _comment(3, 2, "Ask the vendor before.", public=False)
    thanks = _comment(4, 1, "Thank you, it works.")
    (tmp_path / "view.csv").write_text(
        "Id,Requester,Subject,Status,Priority,Solved at\n5,Ann,Printer,Solved,High,2026-03-04 10:00\n6,Ann,Login,Closed,Low,2026-03-04 10:00\n"
    )
    comments = {"comments": [one | {"ticket_id": 5} for one in (*_SAID, note, thanks)]}
    with_comments, without = _folder(tmp_path, comments=comments)
    assert with_comments.value is not None
    assert with_comments.value["body"] == "It jams."
    ticket = parse_ticket(with_comments.value)
    assert [(said.author, said.text) for said in ticket.thread] == [
        ("agent", _ANSWER),
        ("customer", "Thank you, it works."),
    ]
    assert ticket.resolution == _ANSWER
    assert without.value is not None
    assert "thread" not in without.value


def test_a_comment_without_its_ticket_is_counted(tmp_path: Path) -> None:
    """It is left out by that reason; one that names no ticket is rejected."""
    comments = {"comments": [*_BESIDE["comments"], _SAID[0] | {"ticket_id": 6}, _SAID[0]]}
    nameless, ticket, orphan = _folder(tmp_path, comments=comments, tickets=_tickets(_ticket(5)))
    assert ticket.value is not None
    assert (nameless.error, nameless.left_out) == ("the comment names no ticket_id", False)
    assert orphan.left_out
    assert orphan.error == "a comment whose ticket is in none of the files"


def test_pages_of_both_are_joined(tmp_path: Path) -> None:
    """Across files; the export continues behind the last page of tickets."""
    second = {"comments": [_comment(3, 2, "Replace the roller of the printer.", ticket_id=6)]}
    documents = {"c1": _BESIDE, "c2": second, "t1": _tickets(_ticket(5)), "t2": _tickets(_ticket(6))}
    for name, document in documents.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(document), encoding="utf-8")
    reader = read_source(str(tmp_path), format="zendesk")
    values = [record.value for record in reader]
    assert [value and value["resolution"] for value in values] == [
        _ANSWER,
        "Replace the roller of the printer.",
    ]
    assert reader.cursor is not None
    assert reader.cursor.value == "MTU3"


def test_comments_alone_are_no_source(tmp_path: Path) -> None:
    """The error says what to do."""
    path = tmp_path / "comments.json"
    path.write_text(json.dumps(_BESIDE), encoding="utf-8")
    with pytest.raises(SourceError, match="put it into a folder with the export of the tickets"):
        read_source(str(path))
