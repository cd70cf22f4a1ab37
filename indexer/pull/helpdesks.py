"""How each helpdesk is asked for what changed, page by page, as its maker's documentation has it.

Pages are documents in the shape of the tool's own export, so that the readers of files read them too; what such an
export lacks is embedded in each ticket: Zendesk's ``comments``, Freshdesk's ``conversations``, GitHub's comments and
RT's ``history``. Each page comes with the cursor that goes on behind it. Pages are chosen by what was last seen, never by
their number in a list that changes while it is read: no ticket is passed over, at most one comes twice.
"""

import base64
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from indexer.errors import SourceError
from indexer.pull.address import Address
from indexer.pull.web import Web

__all__ = ["Cursor", "Page", "pages"]

Cursor = dict[str, str]
"""Where a pull goes on, in words of the tool's own interface."""

_PAGE = 100
_OVERLAP = timedelta(days=1)  # where a query takes times in a zone that only the helpdesk knows
_EPOCH = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Page:
    """Tickets in the shape of the tool's export, and where to go on once they are stored."""

    document: dict[str, Any] | list[Any]
    cursor: Cursor

    def __len__(self) -> int:
        """Return how many tickets there are."""
        document = self.document
        return len(document if isinstance(document, list) else next(iter(document.values())))


def pages(address: Address, cursor: Cursor, tell: Callable[[str], None]) -> Iterator[Page]:
    """Yield what changed since the cursor, oldest first; an empty cursor asks for everything.

    :param tell: told of each wait in words.
    :raises SourceError: the helpdesk refuses, or does not answer.
    """
    pull, headers = _PULLS[address.tool]
    with closing(Web(address, headers(address.token) if address.token else {}, tell=tell)) as web:
        yield from pull(web, cursor)


def _zendesk(web: Web, cursor: Cursor) -> Iterator[Page]:
    """Yield pages of the cursor-based Incremental Exports API, with the Ticket Comments API for what is solved."""
    after = cursor.get("after_cursor")
    while True:
        where: dict[str, str | int] = {"cursor": after} if after else {"start_time": 0}
        found = web.get(
            "/api/v2/incremental/tickets/cursor.json", include="users,metric_sets", per_page=_PAGE, **where
        )
        tickets = _list(web, found, "tickets")
        for ticket in tickets:
            if ticket.get("status") in ("solved", "closed"):
                ticket["comments"] = list(
                    _zendesk_comments(web, f"/api/v2/tickets/{ticket['id']}/comments.json")
                )
        after = found.get("after_cursor") or after
        yield Page(
            {"tickets": tickets, "users": found.get("users") or [], "after_cursor": after},
            {"after_cursor": after} if after else cursor,
        )
        if found.get("end_of_stream", True) or not tickets:
            return


def _zendesk_comments(web: Web, path: str) -> Iterator[dict[str, Any]]:
    where: dict[str, str | int] = {}
    while True:
        found = web.get(path, **{"page[size]": _PAGE}, **where)
        yield from _list(web, found, "comments")
        meta = found.get("meta") or {}
        if not meta.get("has_more"):
            return
        where = {"page[after]": meta["after_cursor"]}


def _jira(web: Web, cursor: Cursor) -> Iterator[Page]:
    """Yield pages of the issue search of Jira Cloud's REST API version 3, by its own page tokens."""
    began = _now()
    since = _moment(cursor["updated"]) - _OVERLAP if "updated" in cursor else None
    parts = [f'project = "{web.address.path}"'] if web.address.path else []
    # JQL reads times in the zone of the user who asks, hence the overlap.
    parts += [f'updated >= "{since:%Y/%m/%d %H:%M}"'] if since else []
    jql = " AND ".join([*parts, "resolution IS NOT EMPTY"]) + " ORDER BY created ASC, key ASC"
    token: str | None = cursor.get("next_page")
    while True:
        where: dict[str, str | int] = {"nextPageToken": token} if token else {}
        found = web.get(
            "/rest/api/3/search/jql", jql=jql, fields="*all", expand="changelog", maxResults=_PAGE, **where
        )
        issues = _list(web, found, "issues")
        for issue in issues:
            _complete_jira_comments(web, issue)
        token = found.get("nextPageToken")
        last = found.get("isLast", token is None) or token is None
        # A page token lives for days only: it serves to go on after an interruption, and is dropped at the end.
        reached = {"updated": began} if last else {**cursor, "next_page": str(token)}
        yield Page({"issues": issues}, reached)
        if last:
            return


def _complete_jira_comments(web: Web, issue: dict[str, Any]) -> None:
    fields = issue.get("fields") or {}
    there = fields.get("comment") or {}
    comments = list(there.get("comments") or [])
    while len(comments) < (there.get("total") or 0):
        found = web.get(f"/rest/api/3/issue/{issue['key']}/comment", startAt=len(comments), maxResults=_PAGE)
        more = _list(web, found, "comments")
        if not more:
            break
        comments += more
    if comments:
        fields["comment"] = there | {"comments": comments, "total": len(comments)}


def _freshdesk(web: Web, cursor: Cursor) -> Iterator[Page]:
    """Yield pages of the ticket list, ordered by the time of the last change, with their conversations."""
    changed = _by_update(
        web, cursor, "/api/v2/tickets", "updated_since",
        order_by="updated_at", order_type="asc", include="description,stats,requester",
    )  # fmt: skip
    for tickets, reached in changed:
        for ticket in tickets:
            if ticket.get("status") in (4, 5):  # resolved, closed
                path = f"/api/v2/tickets/{ticket['id']}/conversations"
                ticket["conversations"] = _numbered(web, path)
        yield Page(tickets, reached)


def _github(web: Web, cursor: Cursor) -> Iterator[Page]:
    """Yield pages of a repository's closed issues, with their comments; pull requests are none."""
    repository = f"/repos/{web.address.path}/issues"
    changed = _by_update(web, cursor, repository, "since", state="closed", sort="updated", direction="asc")
    for found, reached in changed:
        issues = [issue for issue in found if "pull_request" not in issue]
        for issue in issues:
            if issue.get("comments"):
                issue["comments"] = _numbered(web, f"{repository}/{issue['number']}/comments")
        yield Page(issues, reached)


def _rt(web: Web, cursor: Cursor) -> Iterator[Page]:
    """Yield pages of RT's REST 2 ticket search in order of their ids, with their histories' texts."""
    began = cursor.get("began") or _now()
    since, after = cursor.get("updated"), int(cursor.get("id", "0"))
    parts = [f"Queue = '{web.address.query['queue']}'"] if "queue" in web.address.query else []
    parts += ["(Status = 'resolved' OR Status = 'rejected')"]
    # TicketSQL reads times in the zone of the user who asks, hence the overlap.
    parts += [f"LastUpdated > '{_moment(since) - _OVERLAP:%Y-%m-%d %H:%M:%S}'"] if since else []
    fields = "Subject,Status,Priority,Queue,Created,Resolved,LastUpdated,Owner,Requestor,CustomFields,Type"
    while True:
        query = " AND ".join([*parts, f"id > {after}"])
        found = web.get(
            "/REST/2.0/tickets", query=query, orderby="id", order="ASC", per_page=_PAGE, fields=fields,
            **{"fields[Queue]": "Name", "fields[Requestor]": "Name,EmailAddress"},
        )  # fmt: skip
        tickets = _list(web, found, "items")
        for ticket in tickets:
            ticket["history"] = _rt_history(web, str(ticket["id"]))
        last = len(tickets) < _PAGE
        after = int(tickets[-1]["id"]) if tickets else after
        unfinished = {"began": began, "id": str(after)} | ({"updated": since} if since else {})
        yield Page(tickets, {"updated": began} if last else unfinished)
        if last:
            return


def _rt_history(web: Web, ticket: str) -> list[dict[str, Any]]:
    """Return what was written, each entry with its author and the text that stands behind it."""
    texts: dict[str, str] = {}
    wanted = "Content,ContentType,TransactionId,Filename"
    for part in _numbered(web, f"/REST/2.0/ticket/{ticket}/attachments", "items", fields=wanted):
        kind, key = part.get("ContentType"), str(part.get("TransactionId"))
        if part.get("Filename") or kind not in ("text/plain", "text/html") or not part.get("Content"):
            continue
        if kind == "text/plain" or key not in texts:
            texts[key] = part["Content"]
    names = ("Type", "Created", "Creator", "Field", "NewValue")
    path = f"/REST/2.0/ticket/{ticket}/history"
    return [
        {name: entry.get(name) for name in names} | {"Content": texts.get(str(entry["id"]), "")}
        for entry in _numbered(web, path, "items", fields=",".join(names))
    ]


def _by_update(
    web: Web, cursor: Cursor, path: str, since_name: str, **query: str
) -> Iterator[tuple[list[dict[str, Any]], Cursor]]:
    """Yield pages in order of the last change, each asked for by the last change of the one before."""
    since, page = cursor.get("updated", _EPOCH), 1
    while True:
        found = _all(web, web.get(path, **{since_name: since}, **query, per_page=_PAGE, page=page))
        reached = str(found[-1]["updated_at"]) if found else since
        yield found, {"updated": reached}
        if len(found) < _PAGE:
            return
        # A whole page of one second: only its number leads on.
        since, page = (reached, 1) if reached != since else (since, page + 1)


def _numbered(web: Web, path: str, array: str | None = None, **query: str) -> list[dict[str, Any]]:
    """Return what all pages of a list have together.

    :param array: the name under which each page has its part of the list, beside how many pages there are.
    """
    found: list[dict[str, Any]] = []
    for page in count(1):
        answer = web.get(path, **query, per_page=_PAGE, page=page)
        more = _all(web, answer) if array is None else _list(web, answer, array)
        found += more
        if len(more) < _PAGE or (array and page >= (answer.get("pages") or page)):
            break
    return found


def _list(web: Web, answer: Any, name: str) -> list[dict[str, Any]]:
    return _all(web, answer.get(name) if isinstance(answer, dict) else None)


def _all(web: Web, answer: Any) -> list[dict[str, Any]]:
    if not isinstance(answer, list) or not all(isinstance(item, dict) for item in answer):
        msg = f"{web.address.text} answers in a shape that {web.address.tool}'s documentation does not have: is the address right?"
        raise SourceError(msg)
    return answer


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _now() -> str:
    return datetime.fromtimestamp(time.time(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _token(token: str, kind: str = "Bearer") -> dict[str, str]:
    """Return basic authentication for ``user:password``, else a token of that kind."""
    if ":" in token:
        return {"Authorization": "Basic " + base64.b64encode(token.encode()).decode()}
    return {"Authorization": f"{kind} {token}"}


_PULLS: dict[str, tuple[Callable[[Web, Cursor], Iterator[Page]], Callable[[str], dict[str, str]]]] = {
    "zendesk": (_zendesk, _token),  # user@example.com/token:TOKEN
    "jira": (_jira, _token),  # user@example.com:TOKEN
    "freshdesk": (_freshdesk, lambda key: _token(f"{key}:X")),
    "github": (_github, _token),
    "rt": (_rt, lambda token: _token(token, "token")),  # RT's own tokens, or user:password
}
