"""Each tool's tickets as JSON, in the shape that its maker documents, with what has to be stored of them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from tests.exports.cases import Case, common, iso
from tests.exports.rows_as_json import hubspot, salesforce, servicenow

__all__ = ["DOCUMENTS", "Document"]

_Object = dict[str, Any]
_CEST = timezone(timedelta(hours=2))
_CUSTOMER, _AGENT = 7001, 7002


@dataclass(frozen=True, slots=True)
class Document:
    """How a tool gives its tickets."""

    ticket: Callable[[Case], tuple[_Object, _Object]]
    """Returns a ticket as the tool has it, and what is stored of it besides what all have."""
    whole: Callable[[list[_Object]], Any]
    """Returns the document of all tickets."""


def _jira(case: Case) -> tuple[_Object, _Object]:
    def at(moment: datetime) -> str:
        return moment.astimezone(_CEST).strftime("%Y-%m-%dT%H:%M:%S.000%z")

    def adf(paragraphs: tuple[str, ...], points: tuple[str, ...] = ()) -> _Object:
        content: list[_Object] = [_node("paragraph", [{"type": "text", "text": text}]) for text in paragraphs]
        items = [
            _node("listItem", [_node("paragraph", [{"type": "text", "text": point}])]) for point in points
        ]
        return {"version": 1} | _node("doc", [*content, *([_node("bulletList", items)] if items else [])])

    done = case.resolved is not None
    status = {"name": "In Produktion" if done else "In Prüfung", "statusCategory": {"id": 3 if done else 4, "key": "done" if done else "indeterminate"}}  # fmt: skip
    comments: list[_Object] = [
        {
            "id": str(place), "author": {"accountId": f"a-{author}", "accountType": "atlassian", "displayName": author},
            "body": adf((text,)), "created": at(moment), "updated": at(moment), "jsdPublic": author != "note",
        }
        for place, (author, moment, text) in enumerate(case.said)
    ]  # fmt: skip
    history: list[_Object] = [
        {"id": "1", "created": at(case.created), "items": [{"field": "status", "fromString": "Offen", "toString": "In Prüfung"}]},
        *([{"id": "2", "created": at(case.resolved), "items": [{"field": "status", "fromString": "In Prüfung", "toString": "In Produktion"}]}] if case.resolved else []),
    ]  # fmt: skip
    issue = {
        "expand": "operations,versionedRepresentations", "id": str(10_000 + case.number), "key": f"OPS-{case.number}",
        "self": f"https://acme.atlassian.net/rest/api/3/issue/{10_000 + case.number}",
        "fields": {
            "summary": case.subject, "description": adf(case.paragraphs, case.points), "status": status,
            "priority": {"name": ("Low", "Medium", "High", "Highest")[case.level], "id": "1"},
            "issuetype": {"name": "Bug", "subtask": False}, "project": {"key": "OPS", "name": case.team},
            "labels": [case.tags[0]], "components": [{"name": case.tags[1]}], "created": at(case.created),
            "updated": at(case.updated), "reporter": {"accountId": "a-customer"},
            "resolution": {"name": "Done"} if done else None,
            # Where a workflow sets no resolution date, only the changelog has the moment.
            "resolutiondate": at(case.resolved) if case.resolved and case.number % 2 else None,
            "comment": {"comments": comments, "startAt": 0, "maxResults": 50, "total": len(comments)},
        },
        "changelog": {"startAt": 0, "maxResults": 2, "total": 2, "histories": history[:: 1 if case.number % 3 else -1]},
    }  # fmt: skip
    text = "\n".join(
        [*case.paragraphs, *(f"- {point}" for point in case.points)]
    )  # blocks stand on lines of their own
    return issue, common(case, mail=False) | {
        "text": f"{case.subject}\n\n{text}",
        "id": f"OPS-{case.number}", "priority": ("Low", "Medium", "High", "Highest")[case.level], "status": "In Produktion", "outcome": "Done", "unresolved": False,
        "fields": {"type": "Bug", "product": case.team}, "url": f"https://acme.atlassian.net/browse/OPS-{case.number}",
    }  # fmt: skip


def _node(kind: str, content: list[_Object]) -> _Object:
    return {"type": kind, "content": content}


def _zendesk(case: Case) -> tuple[_Object, _Object]:
    first = ("customer", case.created, case.mail)
    comments: list[_Object] = [
        {
            "id": 100 * case.number + place, "type": "Comment", "author_id": _CUSTOMER if author == "customer" else _AGENT,
            "body": text, "html_body": f"<div>{text}</div>", "plain_body": text, "public": author != "note",
            "created_at": iso(moment), "attachments": [],
        }
        for place, (author, moment, text) in enumerate([first, *case.said])
    ]  # fmt: skip
    ticket = {
        "url": f"https://acme.zendesk.com/api/v2/tickets/{case.number}.json", "id": case.number, "via": {"channel": "email"},
        "subject": case.subject, "raw_subject": case.subject, "description": case.mail,
        "priority": ("low", "normal", "high", "urgent")[case.level], "status": "closed" if case.resolved else "hold", "type": "incident",
        "requester_id": _CUSTOMER, "submitter_id": _CUSTOMER, "assignee_id": _AGENT, "tags": list(case.tags),
        "created_at": iso(case.created), "updated_at": iso(case.updated),
        "metric_set": {"ticket_id": case.number, "solved_at": iso(case.resolved)}, "comments": comments,
    }  # fmt: skip
    return ticket, common(case, mail=True) | {
        "priority": ticket["priority"], "status": "closed", "url": f"https://acme.zendesk.com/agent/tickets/{case.number}",
        "fields": {"type": "incident", "channel": "email"},
    }  # fmt: skip


def _freshdesk(case: Case) -> tuple[_Object, _Object]:
    conversations = [
        {
            "id": place, "ticket_id": case.number, "body": f"<div>{text}</div>", "body_text": text, "incoming": author == "customer",
            "private": author == "note", "user_id": _CUSTOMER if author == "customer" else _AGENT, "source": 0,
            "created_at": iso(moment), "updated_at": iso(moment),
        }
        for place, (author, moment, text) in enumerate(case.said)
    ]  # fmt: skip
    ticket = {
        "id": case.number, "subject": case.subject, "description": case.html, "description_text": case.mail, "status": (4, 5)[case.number % 2] if case.resolved else 7,
        "priority": case.level + 1, "source": 1, "type": "Incident", "requester_id": _CUSTOMER, "responder_id": _AGENT,
        "created_at": iso(case.created), "updated_at": iso(case.updated), "tags": list(case.tags), "spam": False,
        "stats": {"resolved_at": iso(case.resolved), "closed_at": None, "first_responded_at": None},
        "custom_fields": {"cf_product_line": case.team, "cf_empty": None}, "conversations": conversations,
    }  # fmt: skip
    return ticket, common(case, mail=True) | {
        "priority": ("Low", "Medium", "High", "Urgent")[case.level], "status": ("Resolved", "Closed")[case.number % 2],
        "fields": {"type": "Incident", "channel": "Email", "cf_product_line": case.team},
    }  # fmt: skip


def _intercom(case: Case) -> tuple[_Object, _Object]:
    parts = [
        {
            "type": "conversation_part", "id": str(place), "part_type": "note" if author == "note" else "comment",
            "body": f"<p>{text}</p>", "created_at": int(moment.timestamp()), "author": {"type": "user" if author == "customer" else "admin", "id": "1"},
        }
        for place, (author, moment, text) in enumerate(case.said)
    ]  # fmt: skip
    assigned = {"type": "conversation_part", "id": "99", "part_type": "assignment", "body": None, "created_at": 1, "author": {"type": "bot"}}  # fmt: skip
    conversation = {
        "type": "conversation", "id": str(case.number), "title": case.subject, "state": "closed" if case.resolved else "snoozed", "open": case.resolved is None,
        "priority": ("not_priority", "priority")[case.level // 2], "created_at": int(case.created.timestamp()), "updated_at": int(case.updated.timestamp()),
        "source": {"type": "email", "id": "5", "subject": "", "body": case.html, "author": {"type": "user"}},
        "tags": {"type": "tag.list", "tags": [{"type": "tag", "id": tag, "name": tag} for tag in case.tags]},
        "statistics": {"type": "conversation_statistics", "last_close_at": int(case.resolved.timestamp()) if case.resolved else None},
        "custom_attributes": {"Team": case.team},
        "conversation_parts": {"type": "conversation_part.list", "conversation_parts": [assigned, *parts], "total_count": len(parts) + 1},
    }  # fmt: skip
    return conversation, common(case, mail=False) | {
        "priority": conversation["priority"], "status": "closed", "fields": {"channel": "email", "team": case.team},
    }  # fmt: skip


def _zammad(case: Case) -> tuple[_Object, _Object]:
    first = ("customer", case.created, case.html)
    articles = [
        {
            "id": 100 * case.number + place, "ticket_id": case.number, "type": "email", "sender": author.capitalize() if author != "note" else "Agent",
            "subject": case.subject, "body": text, "content_type": "text/html", "internal": author == "note", "created_at": iso(moment),
        }
        for place, (author, moment, text) in enumerate([first, *case.said])
    ]  # fmt: skip
    ticket = {
        "id": case.number, "number": f"48{case.number:03}", "title": case.subject, "group": case.team, "state": "closed" if case.resolved else "pending reminder",
        "priority": ("1 low", "2 normal", "2 normal", "3 high")[case.level], "customer": "anna@example.com", "owner": "max@example.com",
        "created_at": iso(case.created).removesuffix("Z") + ".123Z", "updated_at": iso(case.updated), "close_at": iso(case.resolved),  # type: ignore[union-attr]
        "article_count": len(articles), "article_ids": [one["id"] for one in articles], "tags": list(case.tags), "type": None, "articles": articles,
    }  # fmt: skip
    return ticket, common(case, mail=False) | {
        "id": ticket["number"], "priority": ticket["priority"], "status": "closed", "fields": {"team": case.team},
        "created_at": case.created.replace(microsecond=123_000),
    }  # fmt: skip


def _helpscout(case: Case) -> tuple[_Object, _Object]:
    first = ("customer", case.created, case.html)
    kinds = {"customer": "customer", "agent": "message", "note": "note"}
    threads: list[_Object] = [
        {
            "id": place,
            "type": kinds[author],
            "status": "active",
            "state": "published",
            "body": text,
            "createdAt": iso(moment),
        }
        for place, (author, moment, text) in enumerate([first, *case.said])
    ]
    threads.append(
        {
            "id": 99,
            "type": "lineitem",
            "status": "closed",
            "createdAt": iso(case.updated),
            "action": {"type": "closed"},
        }
    )
    conversation = {
        "id": 90_000 + case.number, "number": case.number, "threads": len(threads), "type": "email", "status": "closed" if case.resolved else "pending", "state": "published",
        "subject": case.subject, "preview": case.paragraphs[0][:20], "mailboxId": 5, "createdAt": iso(case.created), "closedAt": iso(case.resolved),
        "userUpdatedAt": iso(case.updated), "tags": [{"id": 1, "color": "#fff", "tag": tag} for tag in case.tags], "primaryCustomer": {"id": 1},
        "customFields": [{"id": 8, "name": "Team", "value": "12", "text": case.team}],
        "_embedded": {"threads": threads[::-1]},
    }  # fmt: skip
    return conversation, common(case, mail=False) | {
        "status": "closed",
        "fields": {"type": "email", "team": case.team},
    }


def _rt(case: Case) -> tuple[_Object, _Object]:
    first = ("customer", case.created, case.mail)
    history: list[_Object] = [
        {
            "id": str(place), "type": "transaction", "Type": "Create" if place == 0 else "Comment" if author == "note" else "Correspond",
            "Content": text, "Created": iso(moment), "Creator": {"id": "anna@example.com" if author == "customer" else "max", "type": "user"},
        }
        for place, (author, moment, text) in enumerate([first, *case.said])
    ]  # fmt: skip
    history.append({"id": "99", "type": "transaction", "Type": "Status", "Created": iso(case.updated), "Creator": {"id": "RT_System", "type": "user"}})  # fmt: skip
    ticket = {
        "id": case.number, "type": "ticket", "Subject": case.subject, "Status": "resolved" if case.resolved else "stalled", "Priority": str(10 * case.level),
        "Queue": {"id": "1", "type": "queue", "Name": case.team}, "Created": iso(case.created), "LastUpdated": iso(case.updated),
        "Resolved": iso(case.resolved) or "1970-01-01T00:00:00Z", "Requestor": [{"id": "anna@example.com", "type": "user"}], "Owner": {"id": "max", "type": "user"},
        "CustomFields": [{"id": "1", "name": "Severity", "type": "customfield", "values": ["2"]}], "history": history,
    }  # fmt: skip
    return ticket, common(case, mail=True) | {
        "priority": ticket["Priority"], "status": "resolved", "fields": {"queue": case.team, "severity": "2"}, "tags": [],
    }  # fmt: skip


def _github(case: Case) -> tuple[_Object, _Object]:
    comments: list[_Object] = [
        {
            "id": place, "user": {"login": author, "type": "User"}, "author_association": "NONE" if author == "customer" else "MEMBER",
            "body": text, "created_at": iso(moment), "updated_at": iso(moment),
        }
        for place, (author, moment, text) in enumerate(case.shown)
    ]  # fmt: skip
    url = f"https://github.com/acme/tool/issues/{case.number}"
    issue = {
        "id": 10**9 + case.number, "number": case.number, "title": case.subject, "body": case.plain, "state": "closed" if case.resolved else "open", "state_reason": "completed" if case.resolved else None,
        "html_url": url, "user": {"login": "customer", "type": "User"}, "author_association": "NONE", "created_at": iso(case.created),
        "updated_at": iso(case.updated), "closed_at": iso(case.resolved), "labels": [{"id": 1, "name": tag, "color": "fff"} for tag in case.tags],
        "milestone": {"number": 1, "title": case.team}, "comments": comments,
    }  # fmt: skip
    return issue, common(case, mail=False) | {
        "status": "closed",
        "outcome": "completed",
        "url": url,
        "fields": {"milestone": case.team},
    }


_USERS = [{"id": _CUSTOMER, "role": "end-user"}, {"id": _AGENT, "role": "agent"}]

DOCUMENTS: dict[str, Document] = {
    "Jira": Document(_jira, lambda found: {"isLast": True, "issues": found}),
    "Zendesk": Document(
        _zendesk,
        lambda found: {"tickets": found, "users": _USERS, "after_cursor": None, "end_of_stream": True},
    ),
    "Freshdesk": Document(_freshdesk, list),
    "ServiceNow": Document(servicenow, lambda found: {"result": found}),
    "HubSpot": Document(hubspot, lambda found: {"results": found, "paging": {"next": {"after": "66"}}}),
    "Salesforce": Document(
        salesforce, lambda found: {"totalSize": len(found), "done": True, "records": found}
    ),
    "Intercom": Document(
        _intercom,
        lambda found: {"type": "conversation.list", "total_count": len(found), "conversations": found},
    ),
    "Zammad": Document(_zammad, list),
    "Help Scout": Document(
        _helpscout, lambda found: {"_embedded": {"conversations": found}, "page": {"size": 50, "number": 1}}
    ),
    "Request Tracker": Document(
        _rt, lambda found: {"count": len(found), "page": 1, "total": len(found), "items": found}
    ),
    "GitHub": Document(_github, list),
}
