"""Exports of Freshdesk, GitHub and Request Tracker in the shape that their documentation has."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from indexer.parsing import parse_ticket
from indexer.sources import SourceRecord, read_document, read_source
from tests.exports.documents import DOCUMENTS
from tests.exports.making import make_json
from tests.indexer.pull.helpdesk import Helpdesk

_ANSWER = "Raise export.max_rows to 20000 and start the export again."
_RT: dict[str, Any] = {
    "id": "7", "Subject": "VPN drops", "Status": "resolved", "Priority": "50", "type": "ticket",
    "Created": "2025-03-01T08:00:00Z", "Resolved": "2025-03-01T10:00:00Z", "LastUpdated": "2025-03-01T10:00:00Z",
    "Queue": {"id": "1", "type": "queue", "Name": "Network"}, "Requestor": [{"id": "a@example.com", "type": "user"}],
    "CustomFields": [{"name": "Site", "values": ["Basel"]}, {"name": "Device", "values": []}],
    "history": [
        {"Type": "Create", "Created": "2025-03-01T08:00:00Z", "Creator": {"id": "a@example.com"}, "Content": "VPN drops every 5 minutes."},
        {"Type": "EmailRecord", "Created": "2025-03-01T08:00:01Z", "Creator": {"id": "RT_System"}, "Content": "We have your ticket."},
        {"Type": "Comment", "Created": "2025-03-01T08:30:00Z", "Creator": {"id": "root"}, "Content": "Customer is difficult, raise export.max_rows."},
        {"Type": "Correspond", "Created": "2025-03-01T09:00:00Z", "Creator": {"id": "root"}, "Content": "Update the client to 5.2, it keeps the tunnel open."},
        {"Type": "Correspond", "Created": "2025-03-01T09:30:00Z", "Creator": {"id": "a@example.com"}, "Content": "It works, thanks."},
        {"Type": "Status", "Created": "2025-03-01T10:00:00Z", "Creator": {"id": "root"}, "Field": "Status", "NewValue": "resolved", "Content": ""},
    ],
}  # fmt: skip


def _freshdesk() -> dict[str, Any]:
    return {
        "id": 3, "subject": "Export stops", "description": "<p>It stops at row 7.</p>", "description_text": "It stops at row 7.",
        "status": 4, "priority": 4, "type": "Problem", "requester_id": 2, "tags": ["export"],
        "created_at": "2025-03-01T08:00:00Z", "updated_at": "2025-03-01T12:00:00Z",
        "stats": {"resolved_at": "2025-03-01T11:00:00Z", "closed_at": None}, "custom_fields": {"cf_product": "API", "cf_seats": None},
        "conversations": [
            {"body_text": "Escalate? Raise max_rows.", "incoming": False, "private": True, "user_id": 1, "created_at": "2025-03-01T08:30:00Z"},
            {"body_text": _ANSWER, "incoming": False, "private": False, "user_id": 1, "created_at": "2025-03-01T09:00:00Z"},
            {"body_text": "Thank you!", "incoming": True, "private": False, "user_id": 2, "created_at": "2025-03-01T10:00:00Z"},
        ],
    }  # fmt: skip


def _one(document: object, name: str) -> SourceRecord:
    (record,) = read_document(json.dumps(document).encode(), name)
    return record


def test_freshdesk() -> None:
    """Numbers have names, private notes stay inside, empty fields are none."""
    ticket = parse_ticket(_one([_freshdesk()], "freshdesk").value)
    assert (ticket.id, ticket.subject, ticket.body) == ("3", "Export stops", "It stops at row 7.")
    assert (ticket.priority, ticket.status, ticket.tags) == ("Urgent", "Resolved", ("export",))
    assert (ticket.resolution, ticket.resolution_from) == (_ANSWER, "message 1 of the thread")
    assert ticket.fields == {"type": "Problem", "cf_product": "API"}
    assert [message.author for message in ticket.thread] == ["agent", "customer"]
    assert str(ticket.resolved_at) == "2025-03-01 11:00:00+00:00"


def test_freshdesk_that_is_open_is_so() -> None:
    """Its status is a number too."""
    assert parse_ticket(_one([_freshdesk() | {"status": 2}], "freshdesk").value).is_open


def test_github() -> None:
    """Members answer; the one who asked is a customer whatever else they are, and a bot is neither."""
    desk = Helpdesk(30)
    issue = desk._github(3) | {"comments": desk._github_comments(3)}  # noqa: SLF001 (the stand-in's own shape)
    issue["comments"] += [
        {"user": {"login": "customer"}, "author_association": "OWNER", "body": "Thanks, that helps me a lot with it.", "created_at": "2025-01-01T00:00:40Z"},
        {"user": {"login": "stale", "type": "Bot"}, "author_association": "MEMBER", "body": "Closed by a bot because of age.", "created_at": "2025-01-01T00:00:50Z"},
    ]  # fmt: skip
    ticket = parse_ticket(_one([issue], "github").value)
    assert [message.author for message in ticket.thread] == ["agent", "customer", "system"]
    assert ticket.resolution == desk.reply(3)
    assert (ticket.status, ticket.outcome, ticket.url) == ("closed", "completed", issue["html_url"])


def test_a_pull_request_is_left_out() -> None:
    """It is no ticket, and no loss."""
    assert _one([Helpdesk(30)._github(10)], "github").left_out  # noqa: SLF001 (the stand-in's own shape)


def test_rt() -> None:
    """Comments stay inside, what RT sends by itself is no message, and unset times are none."""
    ticket = parse_ticket(_one([_RT | {"Resolved": "1970-01-01T00:00:00Z"}], "rt").value)
    assert (ticket.id, ticket.text) == ("7", "VPN drops\n\nVPN drops every 5 minutes.")
    assert ticket.resolution == "Update the client to 5.2, it keeps the tunnel open."
    assert [message.author for message in ticket.thread] == ["agent", "customer"]
    assert ticket.fields == {"queue": "Network", "site": "Basel"}
    assert ticket.resolved_at is None


@pytest.mark.parametrize(
    ("name", "document"), [("freshdesk", [_freshdesk()]), ("rt", {"items": [_RT]}), ("rt", [_RT])]
)
def test_they_are_recognised(tmp_path: Path, name: str, document: object) -> None:
    """Without being told, from a file."""
    file = tmp_path / "export.json"
    file.write_text(json.dumps(document))
    (found,) = read_source(str(file))
    (wanted,) = read_document(json.dumps(document).encode(), name)
    assert found.value == wanted.value
    assert found.value is not None
    assert found.value["thread"]


@pytest.mark.parametrize("name", ["freshdesk", "github", "rt"])
def test_a_shape_that_is_wrong_costs_one_record(name: str) -> None:
    """It is named, and the next ticket is read."""
    wrong = {"id": 1, "conversations": "x", "comments": ["x"], "history": "x"}
    first, second = read_document(json.dumps([wrong, {"id": 2, "comments": 0}]).encode(), name)
    assert first.error is not None
    assert second.error is None


def test_nothing_is_nothing() -> None:
    """An empty page has no record."""
    assert list(read_document(io.BytesIO(b"[]").read(), "rt")) == []


_INBOXES: dict[str, dict[str, Any]] = {
    "intercom": {
        "conversations": [
            {
                "id": "12", "title": None, "state": "closed", "priority": "priority", "created_at": 1740816000,
                "updated_at": 1740823200, "statistics": {"last_close_at": 1740823200}, "tags": {"tags": [{"name": "export"}]},
                "source": {"type": "email", "subject": "Export stops", "body": "<p>It stops at row 7.</p>"},
                "conversation_parts": {
                    "conversation_parts": [
                        {"part_type": "note", "body": "Difficult one.", "created_at": 1740819000, "author": {"type": "admin"}},
                        {"part_type": "comment", "body": _ANSWER, "created_at": 1740819600, "author": {"type": "admin"}},
                        {"part_type": "assignment", "body": None, "created_at": 1740819700, "author": {"type": "bot"}},
                        {"part_type": "comment", "body": "Thank you!", "created_at": 1740820000, "author": {"type": "user"}},
                    ]
                },
            }
        ]
    },
    "zammad": {
        "tickets": [
            {
                "id": 1, "number": "12", "title": "Export stops", "state": "closed", "priority": "2 normal", "group": "Support",
                "article_count": 4, "created_at": "2025-03-01T08:00:00Z", "updated_at": "2025-03-01T10:00:00Z",
                "close_at": "2025-03-01T10:00:00Z", "tags": ["export"],
                "articles": [
                    {"sender": "Customer", "internal": False, "body": "It stops at row 7.", "created_at": "2025-03-01T08:00:00Z"},
                    {"sender": "Agent", "internal": True, "body": "Difficult one.", "created_at": "2025-03-01T08:50:00Z"},
                    {"sender": "Agent", "internal": False, "body": _ANSWER, "created_at": "2025-03-01T09:00:00Z"},
                    {"sender": "Customer", "internal": False, "body": "Thank you!", "created_at": "2025-03-01T09:06:40Z"},
                ],
            }
        ]
    },
    "helpscout": {
        "conversations": [
            {
                "id": 1, "number": 12, "subject": "Export stops", "status": "closed", "mailboxId": 3, "primaryCustomer": {"id": 5},
                "createdAt": "2025-03-01T08:00:00Z", "userUpdatedAt": "2025-03-01T10:00:00Z", "closedAt": "2025-03-01T10:00:00Z",
                "tags": [{"id": 9, "tag": "export"}],
                "_embedded": {
                    "threads": [
                        {"type": "customer", "body": "Thank you!", "createdAt": "2025-03-01T09:06:40Z"},
                        {"type": "message", "body": _ANSWER, "createdAt": "2025-03-01T09:00:00Z"},
                        {"type": "note", "body": "Difficult one.", "createdAt": "2025-03-01T08:50:00Z"},
                        {"type": "customer", "body": "It stops at row 7.", "createdAt": "2025-03-01T08:00:00Z"},
                    ]
                },
            }
        ]
    },
}  # fmt: skip


@pytest.mark.parametrize("tool", _INBOXES)
def test_shared_inboxes(tmp_path: Path, tool: str) -> None:
    """Intercom, Zammad and Help Scout are recognised; notes are left out, and the answer is what resolved it."""
    path = tmp_path / "export.json"
    path.write_text(json.dumps(_INBOXES[tool]), encoding="utf-8")
    reader = read_source(str(path))
    assert [found.format for found in reader.recognised] == [tool]
    (record,) = reader
    ticket = parse_ticket(record.value)
    assert (ticket.id, ticket.text) == ("12", "Export stops\n\nIt stops at row 7.")
    assert (ticket.resolution, ticket.status, ticket.tags) == (_ANSWER, "closed", ("export",))
    assert [message.author for message in ticket.thread] == ["agent", "customer"]
    assert (str(ticket.created_at), str(ticket.resolved_at)) == (
        "2025-03-01 08:00:00+00:00",
        "2025-03-01 10:00:00+00:00",
    )


@pytest.mark.parametrize(
    "tool",
    [tool for tool in DOCUMENTS if tool not in ("ServiceNow", "HubSpot", "Salesforce")],
)
def test_lines_with_a_ticket_each_are_read_as_the_document(tmp_path: Path, tool: str) -> None:
    """As Zendesk's account export has them, and scripts that write what an interface gives; a broken line is one error."""
    whole = tmp_path / "export.json"
    whole.write_bytes(make_json(tool, seed=3).data)
    document = json.loads(whole.read_bytes())
    while isinstance(document, dict):
        document = next(value for value in document.values() if isinstance(value, list | dict) and value)
    lines = tmp_path / "lines.json"
    lines.write_text("\n".join([*map(json.dumps, document), "{"]), encoding="utf-8")
    expected, found = list(read_source(str(whole))), list(read_source(str(lines)))
    assert [one.value for one in found[:-1]] == [one.value for one in expected]
    assert [one.left_out for one in found[:-1]] == [one.left_out for one in expected]
    assert found[-1].error is not None


def test_lines_of_our_own_are_no_tools(tmp_path: Path) -> None:
    """Though they have a key and fields, or comments."""
    path = tmp_path / "own.jsonl"
    own = {
        "key": "A-1",
        "text": "It stops.",
        "fields": {"product": "api"},
        "comments": [{"ticket_id": 1}],
        "id": "1",
    }
    path.write_text(json.dumps(own), encoding="utf-8")
    (record,) = read_source(str(path))
    assert record.value == own


def test_what_githubs_command_line_gives() -> None:
    """It has names of its own; an issue that was closed as not planned has no solution."""
    issue = {
        "number": 7, "title": "It stops", "body": "Since today.", "state": "CLOSED", "stateReason": "NOT_PLANNED",
        "url": "https://github.com/acme/tool/issues/7", "createdAt": "2024-03-01T08:00:00Z",
        "closedAt": "2024-03-02T08:00:00Z", "updatedAt": "2024-03-02T09:00:00Z", "labels": [{"name": "bug"}],
        "author": {"login": "ann"},
        "comments": [{
            "author": {"login": "max"}, "authorAssociation": "MEMBER", "createdAt": "2024-03-01T09:00:00Z",
            "body": "Restart the service on the server.",
        }],
    }  # fmt: skip
    for state_reason, resolution in (
        ("COMPLETED", "Restart the service on the server."),
        ("NOT_PLANNED", None),
    ):
        value = _one([issue | {"stateReason": state_reason}], "github").value
        ticket = parse_ticket(value)
        assert (ticket.id, ticket.url, ticket.tags) == ("7", issue["url"], ("bug",))
        assert (ticket.resolution, ticket.outcome) == (resolution, state_reason)
        assert ticket.resolved_at is not None
        assert [(said.author, said.at is not None) for said in ticket.thread] == [("agent", True)]


def test_zammad_without_names_is_known_by_its_dates() -> None:
    """Without ``expand`` a ticket has numbers for its state: what is not closed is open."""
    ticket = {"id": 1, "number": "48001", "title": "It stops", "article_count": 1, "state_id": 2, "close_at": None,
              "articles": [{"sender": "Customer", "body": "Since today.", "internal": False}]}  # fmt: skip
    assert _one([ticket], "zammad").left_out
    assert not _one([ticket | {"close_at": "2024-03-02T08:00:00Z"}], "zammad").left_out
