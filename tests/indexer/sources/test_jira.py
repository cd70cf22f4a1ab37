"""Jira: searches in the shape of Atlassian's documentation, whole and malformed."""

import json
from pathlib import Path
from typing import Any

import pytest

from indexer.parsing import parse_ticket
from indexer.sources import Cursor, SourceReader, SourceRecord, read_source

_REPORTER = {
    "accountId": "5b10a2844c20165700ede21g",
    "accountType": "atlassian",
    "displayName": "Mia Krystof",
}
_AGENT = {"accountId": "5b10ac8d82e05b22cc7d4ef5", "accountType": "atlassian", "displayName": "Emma Richards"}
_DONE = {"id": "10001", "name": "Done", "statusCategory": {"id": 3, "key": "done", "name": "Done"}}
_OPEN = {
    "id": "3",
    "name": "In Progress",
    "statusCategory": {"id": 4, "key": "indeterminate", "name": "In Progress"},
}


def _document(text: str) -> dict[str, Any]:
    paragraph = {"type": "paragraph", "content": [{"type": "text", "text": text}]}
    return {"type": "doc", "version": 1, "content": [paragraph]}


def _comment(author: Any, text: str, at: str, **more: Any) -> dict[str, Any]:
    return {
        "self": "https://example.atlassian.net/rest/api/3/issue/10010/comment/10000",
        "id": "10000",
        "author": author,
        "body": _document(text),
        "updateAuthor": author,
        "created": at,
        "updated": at,
        "jsdPublic": True,
    } | more


def _comments(*comments: dict[str, Any], **page: Any) -> dict[str, Any]:
    count = len(comments)
    return {"comments": list(comments), "maxResults": count, "total": count, "startAt": 0} | page


def _history(at: str, old: str, new: str, field: str = "status") -> dict[str, Any]:
    item = {"field": field, "fieldtype": "jira", "from": "1", "fromString": old, "to": "2", "toString": new}
    return {"id": "10001", "author": _AGENT, "created": at, "items": [item]}


def _issue(changelog: Any = None, **fields: Any) -> dict[str, Any]:
    """Return an issue as a search has it: done, with a conversation around the resolution."""
    issue = {
        "expand": "renderedFields,names,schema,operations,editmeta,changelog,versionedRepresentations",
        "id": "10002",
        "self": "https://example.atlassian.net/rest/api/3/issue/10002",
        "key": "ED-1",
        "fields": {
            "summary": "Main order flow broken",
            "description": _document("Order entry fails when selecting supplier."),
            "priority": {"id": "2", "name": "High"},
            "status": _DONE,
            "resolution": {"id": "10000", "name": "Done", "description": "Work has been completed."},
            "resolutiondate": "2026-03-02T15:00:05.123+0100",
            "reporter": _REPORTER,
            "created": "2026-03-02T09:00:00.000+0100",
            "updated": "2026-03-09T12:00:00.000+0100",
            "labels": ["bugfix", "blitz_test"],
            "components": [{"id": "10000", "name": "Orders"}],
            "comment": _comments(
                _comment(_AGENT, "Which supplier?", "2026-03-02T10:00:00.000+0100"),
                _comment(_AGENT, "Cleared the supplier cache; works again.", "2026-03-02T15:00:06.000+0100"),
                _comment(_REPORTER, "Confirmed.", "2026-03-02T14:59:00.000+0100"),
                _comment(_AGENT, "Glad to hear it.", "2026-03-03T09:00:00.000+0100"),
            ),
        }
        | fields,
    }
    return issue | ({"changelog": changelog} if changelog is not None else {})


def _page(*issues: Any, **beside: Any) -> dict[str, Any]:
    return {"issues": list(issues), "isLast": True} | beside


def _read(tmp_path: Path, *pages: Any, end: str = "") -> tuple[list[SourceRecord], SourceReader]:
    path = tmp_path / "search.json"
    path.write_text("\n".join(map(json.dumps, pages)) + end, encoding="utf-8")
    reader = read_source(str(path), format="jira")
    return list(reader), reader


def _value(tmp_path: Path, issue: dict[str, Any]) -> dict[str, Any]:
    ((record,), _) = _read(tmp_path, _page(issue))
    assert record.value is not None, record.error
    return record.value


def test_a_resolved_issue(tmp_path: Path) -> None:
    """Summary and description are the text, the last comment of someone else up to the resolution the resolution."""
    value = _value(tmp_path, _issue())
    ticket = parse_ticket(value)
    assert ticket.id == "ED-1"
    assert ticket.text == "Main order flow broken\n\nOrder entry fails when selecting supplier."
    assert ticket.priority == "High"
    assert ticket.resolution == "Cleared the supplier cache; works again."
    assert ticket.tags == ("bugfix", "blitz_test", "Orders")
    assert [t and t.isoformat() for t in (ticket.created_at, ticket.resolved_at, ticket.updated_at)] == [
        "2026-03-02T08:00:00+00:00",
        "2026-03-02T14:00:05.123000+00:00",
        "2026-03-09T11:00:00+00:00",
    ]
    assert value["status"] == "Done"
    assert ticket.outcome == "Done"
    assert [(message.author, message.text) for message in ticket.thread] == [
        ("agent", "Which supplier?"),
        ("customer", "Confirmed."),
        ("agent", "Cleared the supplier cache; works again."),
        ("agent", "Glad to hear it."),
    ]


def test_the_search_is_recognised(tmp_path: Path) -> None:
    """Without a format, from its first issue."""
    path = tmp_path / "search.json"
    path.write_text(json.dumps(_page(_issue()), indent=2), encoding="utf-8")
    (record,) = read_source(str(path))
    assert record.value is not None
    assert record.value["resolution"] == "Cleared the supplier cache; works again."


def test_data_center_has_strings_and_keys(tmp_path: Path) -> None:
    """Version 2 gives wiki markup, and people by key and name."""
    reporter, agent = {"key": "JIRAUSER10100", "name": "mia"}, {"key": "JIRAUSER10200", "name": "emma"}
    comments = _comments(
        _comment(agent, "", "2026-03-02T10:00:00.000+0000", body="Cleared the *cache*."),
        _comment(reporter, "", "2026-03-02T11:00:00.000+0000", body="Thanks!"),
    )
    value = _value(tmp_path, _issue(description="It is _broken_.", reporter=reporter, comment=comments))
    assert (value["body"], value["resolution"]) == ("It is _broken_.", "Cleared the *cache*.")


def test_an_open_issue_has_no_resolution(tmp_path: Path) -> None:
    """The status decides: a reopened issue may still carry the date of its first resolution."""
    value = _value(tmp_path, _issue(status=_OPEN))
    assert "resolution" not in value
    assert "resolved_at" not in value


@pytest.mark.parametrize(("date", "resolved"), [("2026-03-02T15:00:05.123+0100", True), (None, False)])
def test_without_a_status_the_date_decides(tmp_path: Path, date: str | None, resolved: bool) -> None:
    """A search may leave the status out, or its category."""
    for status in (None, {"name": "Done"}):
        assert ("resolution" in _value(tmp_path, _issue(status=status, resolutiondate=date))) is resolved


class TestChangelog:
    """When an issue has a done status and no resolution date."""

    def test_the_last_change_to_a_done_status_counts(self, tmp_path: Path) -> None:
        """Not the first, which was taken back, and not the step from one done status to another."""
        histories = [
            _history("2026-03-05T10:00:00.000+0000", "Resolved", "Done"),
            _history("2026-03-02T14:00:00.000+0000", "In Progress", "Resolved"),
            _history("2026-03-01T10:00:00.000+0000", "Done", "In Progress"),
            _history("2026-02-01T10:00:00.000+0000", "Open", "Done"),
            _history("2026-03-06T10:00:00.000+0000", "High", "Low", field="priority"),
        ]
        value = _value(tmp_path, _issue({"histories": histories}, resolutiondate=None))
        assert value["resolved_at"] == "2026-03-02T14:00:00+00:00"
        assert value["resolution"] == "Cleared the supplier cache; works again."

    def test_a_status_of_the_teams_own(self, tmp_path: Path) -> None:
        """Today's status is done by its category, whatever it is called."""
        status = {"name": "Shipped", "statusCategory": {"key": "done"}}
        histories = [_history("2026-03-02T13:00:00.000+0000", "Review", "Shipped")]
        value = _value(tmp_path, _issue({"histories": histories}, status=status, resolutiondate=None))
        assert value["resolved_at"] == "2026-03-02T13:00:00+00:00"

    @pytest.mark.parametrize("changelog", [None, {}, {"histories": []}, "none"])
    def test_without_any_date_the_last_answer_counts(self, tmp_path: Path, changelog: Any) -> None:
        """It is resolved, but nothing says when; a last "Glad to hear it." is no answer."""
        value = _value(tmp_path, _issue(changelog, resolutiondate=None))
        assert (value["resolved_at"], value["resolution"]) == (
            None,
            "Cleared the supplier cache; works again.",
        )


class TestWhoAnswers:
    """Never the reporter's word, a customer's or a robot's, nor what customers may not read."""

    @pytest.mark.parametrize(
        ("author", "more", "counts"),
        [
            (_AGENT, {}, True),
            (None, {}, True),
            (_REPORTER, {}, False),
            (_AGENT | {"accountType": "customer"}, {}, False),
            (_AGENT | {"accountType": "app"}, {}, False),
            (_AGENT, {"jsdPublic": False}, False),
            (_AGENT, {"visibility": {"type": "role", "value": "Administrators"}}, False),
            (_AGENT, {"body": _document("  ")}, False),
            (_AGENT, {"body": None}, False),
        ],
    )
    def test_a_comment(self, tmp_path: Path, author: Any, more: dict[str, Any], counts: bool) -> None:
        """Its author and its visibility decide."""
        comment = _comment(author, "The answer.", "2026-03-02T10:00:00.000+0000", **more)
        value = _value(tmp_path, _issue(comment=_comments(comment)))
        assert value["resolution"] == ("The answer." if counts else None)

    def test_an_issue_without_reporter(self, tmp_path: Path) -> None:
        """Anonymous reports and deleted accounts leave it empty."""
        value = _value(tmp_path, _issue(reporter=None))
        assert value["resolution"] == "Cleared the supplier cache; works again."


class TestMissingComments:
    """A search gives a limited number of an issue's comments."""

    @pytest.mark.parametrize(
        ("page", "at", "known"),
        [
            ({"total": 1, "startAt": 0}, "2026-03-02T10:00:00.000+0000", True),
            ({"total": 30, "startAt": 29}, "2026-03-02T10:00:00.000+0000", True),
            ({"total": 30, "startAt": 0}, "2026-03-02T10:00:00.000+0000", False),
            ({"total": 30}, "2026-03-02T10:00:00.000+0000", False),
            ({"total": None, "startAt": None}, "2026-03-02T10:00:00.000+0000", True),
        ],
    )
    def test_without_the_last_ones(self, tmp_path: Path, page: dict[str, Any], at: str, known: bool) -> None:
        """A question in the middle is not taken for the answer at the end."""
        value = _value(tmp_path, _issue(comment=_comments(_comment(_AGENT, "The answer.", at), **page)))
        assert value["resolution"] == ("The answer." if known else None)

    def test_those_behind_the_resolution_are_not_missed(self, tmp_path: Path) -> None:
        """When a comment is later than the resolution, all up to the resolution are there."""
        comments = [
            _comment(_AGENT, "The answer.", "2026-03-02T10:00:00.000+0000"),
            _comment(_REPORTER, "By the way …", "2026-03-04T10:00:00.000+0000"),
        ]
        value = _value(tmp_path, _issue(comment=_comments(*comments, total=30)))
        assert value["resolution"] == "The answer."

    @pytest.mark.parametrize("comment", [None, {}, {"comments": None, "total": 0}])
    def test_no_comments(self, tmp_path: Path, comment: Any) -> None:
        """An issue that was resolved without a word has no resolution text."""
        value = _value(tmp_path, _issue(comment=comment))
        assert value["resolution"] is None
        assert value["resolved_at"] == "2026-03-02T14:00:05.123000+00:00"


class TestCursor:
    """Where the next search continues."""

    def test_between_pages_it_is_the_token(self, tmp_path: Path) -> None:
        """The token continues this search."""
        page = _page(_issue(), nextPageToken="EAEaAggC", isLast=False)
        _, reader = _read(tmp_path, page)
        assert reader.cursor == Cursor("nextPageToken", "EAEaAggC")

    def test_after_the_last_page_it_is_the_latest_update(self, tmp_path: Path) -> None:
        """In time, not as text, over all pages."""
        first = _page(_issue(updated="2026-03-09T12:00:00.000+0100"), nextPageToken="x")
        last = _page(
            _issue(updated="2026-03-09T11:30:00.000+0000"), _issue(updated="2026-03-09T05:00:00.000+0000")
        )
        _, reader = _read(tmp_path, first, last)
        assert reader.cursor == Cursor("updated", "2026-03-09T11:30:00.000+0000")

    def test_of_the_older_search(self, tmp_path: Path) -> None:
        """Pages by startAt have no token."""
        _, reader = _read(tmp_path, {"startAt": 0, "maxResults": 50, "total": 1, "issues": [_issue()]})
        assert reader.cursor == Cursor("updated", "2026-03-09T12:00:00.000+0100")

    def test_there_is_none_without_issues(self, tmp_path: Path) -> None:
        """A search that found nothing says nothing of the next."""
        records, reader = _read(tmp_path, _page())
        assert (records, reader.cursor) == ([], None)

    def test_there_is_none_when_it_broke_off(self, tmp_path: Path) -> None:
        """What was lost must be fetched again."""
        records, reader = _read(tmp_path, _page(_issue()), end='{"issues": [{"id"')
        assert [bool(record.value) for record in records] == [True, False]
        assert reader.cursor is None


@pytest.mark.parametrize(
    ("issue", "says"),
    [
        ({"key": "ED-1"}, "has no fields"),
        ({"key": "ED-1", "fields": "secret"}, "has no fields"),
        (_issue(components="secret"), "components must be a list of objects"),
        (_issue(updated="secret"), "updated is not a time"),
        (_issue(resolutiondate="secret"), "resolutiondate is not a time"),
        (_issue(comment={"comments": ["secret"]}), "comment.comments must be a list of objects"),
        (_issue(comment=_comments(_comment(_AGENT, "a", "secret"))), "created of a comment is not a time"),
        (
            _issue({"histories": "secret"}, resolutiondate=None),
            "changelog.histories must be a list of objects",
        ),
        (_issue({"histories": [{"created": 5}]}, resolutiondate=None), "created of a change is not a time"),
        (
            _issue(
                {"histories": [{"created": "2026-03-02T10:00:00Z", "items": "secret"}]}, resolutiondate=None
            ),
            "items of a change must be a list of objects",
        ),
    ],
)
def test_a_malformed_issue_is_one_error(tmp_path: Path, issue: dict[str, Any], says: str) -> None:
    """It names the field, quotes nothing, and the next issue is read."""
    records, _ = _read(tmp_path, _page(issue, _issue()))
    error = records[0].error or ""
    assert says in error
    assert "secret" not in error
    assert records[0].raw
    assert records[1].value is not None


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "Done", "priority": 5, "labels": "a b"},
        {"status": {"name": 5, "statusCategory": {"key": ["done"]}}},
        {"status": {"statusCategory": "done"}, "reporter": "mia", "summary": None},
        {"components": None, "labels": None, "updated": None, "created": None},
        {"components": [{"id": "1"}], "description": {"type": 5}},
    ],
)
def test_odd_values_are_no_traceback(tmp_path: Path, fields: dict[str, Any]) -> None:
    """Where a value of the wrong type says nothing, it is as good as missing."""
    records, _ = _read(tmp_path, _page(_issue(**fields)))
    assert [record.error for record in records] == [None]


def test_a_page_that_is_an_error_message(tmp_path: Path) -> None:
    """What the API answers to a wrong query is not an empty search."""
    records, _ = _read(tmp_path, {"errorMessages": ["The value 'X' does not exist."], "errors": {}})
    assert 'no array of records named "issues"' in (records[0].error or "")
