"""Jira's issue search, Cloud (REST API version 3 or 2) or Data Center, as Atlassian's documentation has it.

A page is ``{"issues": […], "nextPageToken": …, "isLast": …}`` (``/rest/api/3/search/jql``) or has ``startAt``,
``maxResults`` and ``total``; pages may follow one another in one file. The fields needed are ``summary``,
``description``, ``priority``, ``status``, ``reporter``, ``resolutiondate``, ``created``, ``updated``, ``labels``,
``components`` and ``comment``, and the search is made with ``expand=changelog`` where statuses have no resolution.

- The text is the summary and the description, whose rich text is made plain.
- An issue is resolved when its status is in the category ``done``, or, where the search left ``status`` out, when it has
  a ``resolutiondate``. It was so at the ``resolutiondate``, or else when the changelog last shows it entering such a status.
- The resolution is the last comment up to then that is not by the reporter, a portal customer or an app, and not
  restricted to a group or role or internal to a service desk, and more than thanks and a note of closing.
- The conversation is all comments that the customer may see; the name of ``resolution``, such as Fixed, is the outcome.
- A search returns a limited number of comments. Where the last ones are missing, so that an earlier one would be taken
  for the answer, there is no resolution.
- The cursor is the ``nextPageToken`` of the last page (it continues this very search, within seven days); after the last
  page of a search it is the latest ``updated``, for a next search by ``updated >= …``.
"""

from datetime import datetime
from io import BufferedIOBase
from typing import Any, cast

from indexer.cleaning import clean
from indexer.resolution import is_courtesy
from indexer.sources.adf import plain_text
from indexer.sources.helpdesk import SAME_UPDATE, drawn_from, message, moment, object_in, objects
from indexer.sources.json_document import DocumentEnd, read_elements
from indexer.sources.record import Cursor, Records, ShapeError, SourceRecord, as_open, as_resolved, as_ticket

__all__ = ["jira_issue", "read_jira"]

_NEXT_PAGE = "nextPageToken"
_DONE_NAMES = frozenset({"done", "resolved", "closed"})


def read_jira(stream: BufferedIOBase) -> Records:
    """Yield a record for each issue of a search, then where to continue, if it was read to its end."""
    cursor: Cursor | None = None
    latest: tuple[datetime, str] | None = None
    for found in read_elements(stream, ("issues",), (_NEXT_PAGE,)):
        if isinstance(found, DocumentEnd):
            token = found.facts.get(_NEXT_PAGE)
            behind = Cursor("updated", latest[1]) if latest else None
            cursor = Cursor(_NEXT_PAGE, str(token)) if token else behind
            continue
        cursor = None
        record = jira_issue(found)
        updated = (record.value or {}).get("updated_at")
        if isinstance(updated, str):
            updated_at = cast("datetime", moment(updated, "updated"))
            latest = max(latest or (updated_at, ""), (updated_at, updated))
        yield record
    if cursor is not None:
        yield cursor


def jira_issue(found: SourceRecord) -> SourceRecord:
    """Return the ticket of an issue, as a search gives it."""
    record = as_ticket(found, _fields)
    if (value := record.value) is None:
        return record
    # A search may leave out all that tells.
    return as_open(record) if value["status"] and "resolved_at" not in value else as_resolved(record)


def _fields(issue: dict[str, Any]) -> dict[str, Any]:
    given = issue.get("fields")
    if not isinstance(given, dict):
        msg = "the issue has no fields: ask the search for them (fields=*navigable,comment)"
        raise ShapeError(msg)
    moment(given.get("updated"), "updated")
    names = [component.get("name") for component in objects(given.get("components"), "components")]
    labels = given.get("labels")
    value = {
        "id": issue.get("key"),
        "subject": given.get("summary"),
        "body": plain_text(given.get("description")),
        "priority": _named(given, "priority"),
        "status": _named(given, "status"),
        "tags": [*(labels if isinstance(labels, list) else []), *names],
        "fields": {"type": _named(given, "issuetype"), "product": _named(given, "project")},
        "url": _url(issue),
        "created_at": given.get("created"),
        "updated_at": given.get("updated"),
    }
    if not _is_resolved(given):
        return value
    at = moment(given.get("resolutiondate"), "resolutiondate") or _entered_done(issue, given)
    written, reporter = _conversation(given, at), _identity(given, "reporter")
    thread = [
        message(_author(comment, reporter), time.isoformat(), text)
        for time, comment in written
        if _is_public(comment) and (text := plain_text(comment.get("body")))
    ]
    answer = _answer(written, at, reporter)
    return value | {
        "resolved_at": at.isoformat() if at else None,
        "resolution": answer,
        "resolution_from": drawn_from(thread, answer) if answer else None,
        "outcome": _named(given, "resolution"),
        "thread": thread,
    }


def _url(issue: dict[str, Any]) -> str | None:
    """Return where people see the issue; ``self`` is the address of its JSON."""
    site, there, _ = str(issue.get("self")).partition("/rest/api/")
    return f"{site}/browse/{issue.get('key')}" if there else None


def _is_resolved(given: dict[str, Any]) -> bool:
    category = object_in(object_in(given, "status"), "statusCategory")
    if "key" in category:
        return bool(category["key"] == "done")
    return given.get("resolutiondate") is not None


def _entered_done(issue: dict[str, Any], given: dict[str, Any]) -> datetime | None:
    """Return when the issue last came from a status that is not done into one that is."""
    histories = objects(object_in(issue, "changelog").get("histories"), "changelog.histories")
    dated = [(moment(history.get("created"), "created of a change"), history) for history in histories]
    # Statuses other than today's are known to the changelog by name only.
    done = {*_DONE_NAMES, (_named(given, "status") or "").casefold()}
    entered: datetime | None = None
    was_done = False
    for at, history in sorted(
        (pair for pair in dated if pair[0]), key=lambda pair: cast("datetime", pair[0])
    ):
        for item in objects(history.get("items"), "items of a change"):
            if item.get("field") == "status":
                is_done = str(item.get("toString")).casefold() in done
                if is_done and not was_done:
                    entered = at
                was_done = is_done
    return entered if was_done else None


def _conversation(given: dict[str, Any], at: datetime | None) -> list[tuple[datetime, dict[str, Any]]]:
    """Return the comments in order; none where the last ones before the moment are missing."""
    page = object_in(given, "comment")
    comments = objects(page.get("comments"), "comment.comments")
    dated = [(moment(comment.get("created"), "created of a comment"), comment) for comment in comments]
    written = sorted(((t, c) for t, c in dated if t is not None), key=lambda pair: pair[0])
    limit = at + SAME_UPDATE if at else None
    if _tail_is_missing(page, len(comments)) and (limit is None or not written or written[-1][0] <= limit):
        return []
    return written


def _answer(
    written: list[tuple[datetime, dict[str, Any]]], at: datetime | None, reporter: str | None
) -> str | None:
    for time, comment in reversed(written):
        text = plain_text(comment.get("body"))
        if at is not None and time > at + SAME_UPDATE:
            continue
        if (
            _is_public(comment)
            and _author(comment, reporter) == "agent"
            and not is_courtesy(clean(text).text)
        ):
            return text
    return None


def _tail_is_missing(page: dict[str, Any], count: int) -> bool:
    start, total = page.get("startAt"), page.get("total")
    return isinstance(total, int) and (start if isinstance(start, int) else 0) + count < total


def _author(comment: dict[str, Any], reporter: str | None) -> str:
    kind = object_in(comment, "author").get("accountType")
    if kind == "app":
        return "system"
    by_reporter = reporter is not None and _identity(comment, "author") == reporter
    return "customer" if kind == "customer" or by_reporter else "agent"


def _is_public(comment: dict[str, Any]) -> bool:
    return comment.get("jsdPublic") is not False and comment.get("visibility") is None


def _identity(given: dict[str, Any], field: str) -> str | None:
    """Return the name by which an edition of Jira knows a person: Cloud by account, Data Center by key."""
    person = object_in(given, field)
    return next((str(person[name]) for name in ("accountId", "key", "name") if person.get(name)), None)


def _named(given: dict[str, Any], field: str) -> str | None:
    name = object_in(given, field).get("name")
    return name if isinstance(name, str) else None
