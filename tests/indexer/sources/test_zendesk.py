"""Zendesk: exports in the shape of its developer documentation, whole and malformed."""

import json
from pathlib import Path
from typing import Any

import pytest

from indexer.parsing import parse_ticket
from indexer.sources import Cursor, SourceReader, SourceRecord, read_source

_REQUESTER, _ASSIGNEE, _AGENT, _CC, _FOLLOWER, _SYSTEM = 20978392, 235323, 494820284, 35334, 234, -1
_USERS = [
    {"id": _REQUESTER, "name": "Sample customer", "role": "end-user"},
    {"id": _CC, "name": "Sample colleague", "role": "end-user"},
    {"id": _ASSIGNEE, "name": "Johnny Agent", "role": "agent"},
    {"id": _AGENT, "name": "Mary Admin", "role": "admin"},
]


def _comment(author: int, body: str, at: str, *, public: bool = True, **more: Any) -> dict[str, Any]:
    """Return a comment as List Comments of the Ticket Comments API does."""
    return {
        "id": hash((author, at)) % 10**9,
        "type": "Comment",
        "author_id": author,
        "body": body,
        "html_body": f"<div>{body}</div>",
        "plain_body": body,
        "public": public,
        "attachments": [],
        "audit_id": 432134,
        "via": {"channel": "web", "source": {"from": {}, "to": {}, "rel": "web_widget"}},
        "created_at": at,
        "metadata": {"system": {"client": "example"}, "custom": {}},
    } | more


def _ticket(**fields: Any) -> dict[str, Any]:
    """Return a ticket as the export has it: solved, with a conversation around the solution."""
    return {
        "url": "https://example.zendesk.com/api/v2/tickets/35436.json",
        "id": 35436,
        "external_id": "ahg35h3jh",
        "via": {"channel": "web"},
        "created_at": "2026-03-02T09:00:00Z",
        "updated_at": "2026-03-09T12:00:00Z",
        "generated_timestamp": 1773057600,
        "type": "incident",
        "subject": "Help, my printer is on fire!",
        "raw_subject": "{{dc.printer_on_fire}}",
        "description": "The fire is very colorful.",
        "priority": "high",
        "status": "closed",
        "recipient": "support@example.com",
        "requester_id": _REQUESTER,
        "submitter_id": _REQUESTER,
        "assignee_id": _ASSIGNEE,
        "organization_id": 509974,
        "group_id": 98738,
        "collaborator_ids": [_CC, _FOLLOWER],
        "follower_ids": [_FOLLOWER],
        "email_cc_ids": [_CC],
        "has_incidents": False,
        "tags": ["enterprise", "other_tag"],
        "custom_fields": [{"id": 27642, "value": "745"}],
        "satisfaction_rating": {"id": 1234, "score": "good", "comment": "Great support!"},
        "metric_set": {"id": 33, "ticket_id": 35436, "solved_at": "2026-03-02T15:00:05Z", "reopens": 0},
        "comments": [
            _comment(_REQUESTER, "The fire is very colorful.", "2026-03-02T09:00:00Z"),
            _comment(_AGENT, "Which model is it?", "2026-03-02T10:00:00Z"),
            _comment(_REQUESTER, "Model 3.", "2026-03-02T11:00:00Z"),
            _comment(_ASSIGNEE, "They should know better.", "2026-03-02T12:00:00Z", public=False),
            _comment(_ASSIGNEE, "Unplug it and use the extinguisher.", "2026-03-02T15:00:06Z"),
            _comment(_REQUESTER, "Thanks, it is out.", "2026-03-02T16:00:00Z"),
            _comment(_AGENT, "Glad to hear it.", "2026-03-02T17:00:00Z"),
        ],
    } | fields


def _page(*tickets: Any, **beside: Any) -> dict[str, Any]:
    """Return a page of the cursor-based export."""
    return {
        "tickets": list(tickets),
        "after_url": "https://example.zendesk.com/api/v2/incremental/tickets/cursor.json?cursor=MTU3NjYxMzUzOS4wfHw0Njd8",
        "after_cursor": "MTU3NjYxMzUzOS4wfHw0Njd8",
        "before_url": None,
        "before_cursor": None,
        "end_of_stream": True,
    } | beside


def _read(tmp_path: Path, *pages: Any, end: str = "") -> tuple[list[SourceRecord], SourceReader]:
    path = tmp_path / "export.json"
    path.write_text("\n".join(map(json.dumps, pages)) + end, encoding="utf-8")
    reader = read_source(str(path), format="zendesk")
    return list(reader), reader


def _value(tmp_path: Path, ticket: dict[str, Any], **beside: Any) -> dict[str, Any]:
    ((record,), _) = _read(tmp_path, _page(ticket, **beside))
    assert record.value is not None, record.error
    return record.value


def test_a_solved_ticket(tmp_path: Path) -> None:
    """Subject and description are the text, the last public word of an agent before it was solved the resolution."""
    value = _value(tmp_path, _ticket(), users=_USERS)
    ticket = parse_ticket(value)
    assert ticket.id == "35436"
    assert ticket.text == "Help, my printer is on fire!\n\nThe fire is very colorful."
    assert ticket.priority == "high"
    assert ticket.resolution == "Unplug it and use the extinguisher."
    assert ticket.tags == ("enterprise", "other_tag")
    assert [t and t.isoformat() for t in (ticket.created_at, ticket.resolved_at, ticket.updated_at)] == [
        "2026-03-02T09:00:00+00:00",
        "2026-03-02T15:00:05+00:00",
        "2026-03-09T12:00:00+00:00",
    ]
    assert value["status"] == "closed"
    assert ticket.url == "https://example.zendesk.com/agent/tickets/35436"
    assert ticket.fields == {"type": "incident", "channel": "web"}
    assert [(message.author, message.text) for message in ticket.thread] == [
        ("agent", "Which model is it?"),
        ("customer", "Model 3."),
        ("agent", "Unplug it and use the extinguisher."),
        ("customer", "Thanks, it is out."),
        ("agent", "Glad to hear it."),
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("export.json", json.dumps(_page(_ticket()), indent=2)),
        ("export.json", json.dumps({"tickets": [{"ticket": _ticket()}]})),
        ("export.jsonl", json.dumps({"ticket": _ticket()})),
        ("export.json", json.dumps({"ticket": _ticket()})),
    ],
)
def test_the_export_is_recognised(tmp_path: Path, name: str, text: str) -> None:
    """Without a format, from its first ticket; around each of the account's export may stand that it is one."""
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    (record,) = read_source(str(path))
    assert record.value is not None
    assert record.value["resolution"] == "Unplug it and use the extinguisher."


@pytest.mark.parametrize("status", ["new", "open", "pending", "hold"])
def test_an_open_ticket_has_no_resolution(tmp_path: Path, status: str) -> None:
    """Whatever was said so far, and though it was solved before it was reopened."""
    value = _value(tmp_path, _ticket(status=status), users=_USERS)
    assert "resolution" not in value
    assert "resolved_at" not in value


def test_no_priority_stays_none(tmp_path: Path) -> None:
    """Zendesk's null is not a label."""
    assert parse_ticket(_value(tmp_path, _ticket(priority=None))).priority is None


def test_without_metrics_the_last_reply_counts(tmp_path: Path) -> None:
    """When the solution's time is not side-loaded, the last public answer of an agent is it, with its time; "Glad to hear it." is none."""
    value = _value(tmp_path, _ticket(metric_set=None), users=_USERS)
    found = (value["resolution"], value["resolved_at"])
    assert found == ("Unplug it and use the extinguisher.", "2026-03-02T15:00:06+00:00")


def test_a_solved_ticket_without_comments(tmp_path: Path) -> None:
    """The bare export knows no resolution, and the time only from the metrics, else from the last update."""
    value = _value(tmp_path, _ticket(comments=None))
    assert "resolution" not in value
    assert value["resolved_at"] == "2026-03-02T15:00:05+00:00"
    value = _value(tmp_path, _ticket(comments=[], metric_set=None))
    assert value["resolved_at"] == "2026-03-09T12:00:00Z"


class TestWhoIsAnAgent:
    """Never a customer's word as a resolution, nor an internal note."""

    @pytest.mark.parametrize("users", [None, _USERS], ids=["ticket alone", "with users"])
    @pytest.mark.parametrize(
        ("author", "counts"),
        [
            (_ASSIGNEE, True),
            (_FOLLOWER, True),
            (_AGENT, True),
            (_REQUESTER, False),
            (_CC, False),
            (_SYSTEM, False),
        ],
    )
    def test_by_role(self, tmp_path: Path, author: int, counts: bool, users: Any) -> None:
        """The roles side-loaded, and the ticket's own people, say who answers and who asks."""
        comments = [_comment(author, "The answer.", "2026-03-02T10:00:00Z")]
        value = _value(tmp_path, _ticket(comments=comments), **({"users": users} if users else {}))
        assert (value.get("resolution") == "The answer.") is counts

    def test_an_end_user_who_is_not_on_the_ticket(self, tmp_path: Path) -> None:
        """With roles known, someone without one is no agent."""
        comments = [_comment(999, "Same here!", "2026-03-02T10:00:00Z")]
        assert "resolution" not in _value(tmp_path, _ticket(comments=comments), users=_USERS)

    def test_roles_hold_for_the_whole_file(self, tmp_path: Path) -> None:
        """An agent may be side-loaded on another page than the ticket that she answered."""
        answered = _ticket(comments=[_comment(_AGENT, "The answer.", "2026-03-02T10:00:00Z")])
        records, _ = _read(tmp_path, _page(answered, users=[]), _page(users=_USERS))
        assert records[0].value is not None
        assert records[0].value["resolution"] == "The answer."

    def test_what_is_not_said_to_be_public_is_not(self, tmp_path: Path) -> None:
        """An internal note must not reach a customer because a field is missing."""
        comment = _comment(_ASSIGNEE, "The customer is wrong.", "2026-03-02T10:00:00Z")
        del comment["public"]
        assert "resolution" not in _value(tmp_path, _ticket(comments=[comment]), users=_USERS)

    def test_the_description_is_no_resolution(self, tmp_path: Path) -> None:
        """An agent who opens a ticket has not answered it with its first comment."""
        first = _comment(_ASSIGNEE, "The fire is very colorful.", "2026-03-02T09:00:00Z")
        assert "resolution" not in _value(tmp_path, _ticket(comments=[first]), users=_USERS)


def test_the_first_comment_stands_in_for_the_description(tmp_path: Path) -> None:
    """In time's order, not in the file's; and the raw subject for the subject."""
    comments = list(reversed(_ticket()["comments"]))
    value = _value(tmp_path, _ticket(comments=comments, description=None, subject=None))
    assert (value["subject"], value["body"]) == ("{{dc.printer_on_fire}}", "The fire is very colorful.")
    assert value["resolution"] == "Unplug it and use the extinguisher."


def test_body_stands_in_for_plain_body(tmp_path: Path) -> None:
    """Older exports have one form of a comment only."""
    comment = _comment(_ASSIGNEE, "The answer.", "2026-03-02T10:00:00Z")
    del comment["plain_body"]
    assert _value(tmp_path, _ticket(comments=[comment]))["resolution"] == "The answer."


def test_a_deleted_ticket_is_an_error_with_its_id(tmp_path: Path) -> None:
    """It must be forgotten, which the error says; what was deleted is not kept in raw."""
    records, reader = _read(tmp_path, _page(_ticket(status="deleted"), _ticket(id=2)))
    assert "ticket 35436 is deleted in Zendesk" in (records[0].error or "")
    assert "forget 35436" in (records[0].error or "")
    assert records[0].raw == '{"id":35436,"status":"deleted"}'
    assert records[1].value is not None
    assert reader.cursor is not None


def test_a_ticket_that_comes_twice_is_two_records(tmp_path: Path) -> None:
    """The time-based export repeats tickets; the later appearance comes later."""
    records, _ = _read(tmp_path, _page(_ticket(status="open")), _page(_ticket()))
    assert [record.value and record.value["status"] for record in records] == ["open", "closed"]
    assert [record.place for record in records] == ["record 1", "record 2"]


class TestCursor:
    """Where the next export continues."""

    def test_of_the_cursor_based_export(self, tmp_path: Path) -> None:
        """It is the last page's, also when that page has no tickets."""
        _, reader = _read(tmp_path, _page(_ticket(), after_cursor="first"), _page(after_cursor="second"))
        assert reader.cursor == Cursor("after_cursor", "second")

    def test_of_the_time_based_export(self, tmp_path: Path) -> None:
        """It is the end time, which is the next start time."""
        page = {
            "tickets": [_ticket()],
            "next_page": "https://example.zendesk.com/api/v2/incremental/tickets.json?start_time=1390362485",
            "count": 1,
            "end_time": 1390362485,
            "end_of_stream": True,
        }
        _, reader = _read(tmp_path, page)
        assert reader.cursor == Cursor("end_time", "1390362485")

    def test_there_is_none_when_the_page_has_none(self, tmp_path: Path) -> None:
        """The last page of the time-based export may have no end time."""
        _, reader = _read(tmp_path, {"tickets": [], "end_time": None, "end_of_stream": True})
        assert reader.cursor is None

    def test_there_is_none_before_the_end(self, tmp_path: Path) -> None:
        """Not until everything was read; then the file is closed."""
        path = tmp_path.resolve() / "export.json"
        path.write_text(json.dumps(_page(_ticket(), _ticket())), encoding="utf-8")
        reader = read_source(str(path))
        next(reader)
        assert reader.cursor is None
        assert len(list(reader)) == 1
        assert path not in {link.resolve() for link in Path("/dev/fd").iterdir()}
        assert reader.cursor is not None

    @pytest.mark.parametrize("end", [',{"', '\n{"tickets": [{"id"', '\n{"error": "rate limited"}'])
    def test_there_is_none_when_it_broke_off(self, tmp_path: Path, end: str) -> None:
        """What was lost must be fetched again, though the pages before it have a cursor."""
        records, reader = _read(tmp_path, _page(_ticket()), end=end)
        assert [bool(record.value) for record in records] == [True, False]
        assert reader.cursor is None


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"comments": "secret"}, "comments must be a list of objects, found a string"),
        ({"comments": ["secret"]}, "comments must be a list of objects"),
        ({"comments": [{"author_id": 1, "body": "secret"}]}, "created_at of a comment is missing"),
        ({"comments": [{"created_at": "secret"}]}, "created_at of a comment is not a time"),
        ({"comments": [{"created_at": 17}]}, "created_at of a comment is not a time"),
        ({"metric_set": {"solved_at": "secret"}}, r"metric_set\.solved_at is not a time"),
    ],
)
def test_a_malformed_ticket_is_one_error(tmp_path: Path, fields: dict[str, Any], says: str) -> None:
    """It names the field, quotes nothing, and the next ticket is read."""
    records, _ = _read(tmp_path, _page(_ticket(**fields), _ticket()))
    error = records[0].error or ""
    assert says.replace("\\", "") in error
    assert "secret" not in error
    assert records[0].raw
    assert records[1].value is not None


@pytest.mark.parametrize(
    "fields",
    [
        {"status": ["solved"]},
        {"follower_ids": 17, "collaborator_ids": {"a": 1}, "assignee_id": [1]},
        {"requester_id": 7, "submitter_id": None, "metric_set": "x"},
        {
            "comments": [
                {"author_id": {"id": 1}, "public": True, "body": 5, "created_at": "2026-03-02T10:00:00Z"}
            ]
        },
        {"description": 5, "subject": {"a": 1}},
    ],
)
def test_odd_values_are_no_traceback(tmp_path: Path, fields: dict[str, Any]) -> None:
    """Where a value of the wrong type says nothing, it is as good as missing."""
    records, _ = _read(
        tmp_path, _page(_ticket(**fields), users=[{"id": [1], "role": "agent"}, {"role": {}}, 5])
    )
    assert [record.error for record in records] == [None]


def test_a_page_that_is_an_error_message(tmp_path: Path) -> None:
    """What the API answers without rights is not an empty export."""
    records, _ = _read(tmp_path, {"error": "Couldn't authenticate you"})
    assert 'no array of records named "tickets"' in (records[0].error or "")
