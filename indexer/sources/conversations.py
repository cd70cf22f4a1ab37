"""JSON exports of helpdesks that keep a conversation with each ticket, as their REST interfaces give tickets.

What was said is not part of such a ticket: whoever downloads it embeds it, as the pull does. A reader says who wrote
each message; what resolved the ticket is drawn from them later (`indexer.resolution`).

- Freshdesk: ``[{"id", "subject", "description_text", "status", "priority", …, "conversations": […]}]``, by its API
  reference and the models of its SDK (Tickets, Conversations). Statuses and priorities are numbers there. Private notes are left out.
- GitHub: ``[{"number", "title", "body", "state", "state_reason", …, "comments": […]}]``, by its REST description
  (Issues, Issue comments; an issue closed as ``duplicate`` or ``not_planned`` has no solution), or what ``gh issue list --json`` gives, by its own names. Owners, members and collaborators of the repository are agents; pull requests are no tickets.
- RT: ``[{"id", "Subject", "Status", …, "history": […]}]``, by RT's REST2 documentation. The history's first entry and
  what a requestor wrote are the customer's; comments are internal and left out.
- Intercom: ``{"conversations": [{"id", "state", "source", "conversation_parts": {…}, …}]}``, by its API reference
  (Conversations). Parts that are no comment, and notes, are left out. Times are in Unix seconds.
  Looked at: developers.intercom.com, conversation model 2.2, and the statistics of the official client.
- Zammad: ``[{"number", "title", "state", …, "articles": […]}]``, by its REST documentation (Tickets with ``expand=true``,
  Articles). Internal articles are left out; the first other one is the body.
- Help Scout: ``{"_embedded": {"conversations": [{"number", "_embedded": {"threads": […]}, …}]}}``, by its Mailbox API 2.0
  (List Conversations with ``embed=threads``). Notes and line items are left out; the earliest thread is the body.
"""

from collections.abc import Callable, Iterator
from io import BufferedIOBase
from typing import Any

from indexer.sources.helpdesk import message, object_in, objects, words
from indexer.sources.json_document import read_json
from indexer.sources.record import SourceRecord, as_open, as_ticket
from indexer.ticket import is_open_status

__all__ = ["TOOLS", "read_conversations", "ticket_of"]

_Object = dict[str, Any]

_FRESHDESK_NAMES = {
    "status": {2: "Open", 3: "Pending", 4: "Resolved", 5: "Closed", 6: "Waiting on customer", 7: "Waiting on third party"},
    "source": {1: "Email", 2: "Portal", 3: "Phone", 7: "Chat", 9: "Feedback widget", 10: "Outbound email"},
    "priority": {1: "Low", 2: "Medium", 3: "High", 4: "Urgent"},
}  # fmt: skip
"""Names of the numbers that Freshdesk writes."""
_GITHUB_AGENTS = frozenset({"OWNER", "MEMBER", "COLLABORATOR"})
_GH_NAMES = {
    "author": "user", "authorAssociation": "author_association", "createdAt": "created_at", "updatedAt": "updated_at",
    "closedAt": "closed_at", "stateReason": "state_reason", "url": "html_url",
}  # fmt: skip
_INTERCOM_AUTHORS = {"admin": "agent", "team": "agent", "bot": "system"}
_RT_UNSET = "1970-01-01T00:00:00Z"


def read_conversations(tool: str, stream: BufferedIOBase) -> Iterator[SourceRecord]:
    """Yield a record for each ticket of an export of one of the `TOOLS`."""
    return (ticket_of(tool, found) for found in read_json(stream, _TOOLS[tool][1]))


def ticket_of(tool: str, found: SourceRecord) -> SourceRecord:
    """Return the ticket of an object, as the tool gives it."""
    given = found.value or {}
    if tool == "github" and "pull_request" in given:
        return SourceRecord(place=found.place, error="it is a pull request", raw="", left_out=True)
    record = as_ticket(found, _TOOLS[tool][0])
    if (value := record.value) is None:
        return record
    # Each of these tools dates what is resolved; Zammad, asked without ``expand``, has numbers for its states.
    has_status = value["status"] or "state_id" in given
    is_open = is_open_status(str(value["status"] or ""), unknown=value["resolved_at"] is None)
    return as_open(record) if has_status and is_open else record


def _freshdesk(ticket: _Object) -> _Object:
    requester, stats = ticket.get("requester_id"), object_in(ticket, "stats")
    return {
        **_taken(
            ticket, id="id", subject="subject", created_at="created_at", updated_at="updated_at", tags="tags"
        ),
        "body": words(ticket.get("description_text")) or words(ticket.get("description")),
        "priority": _freshdesk_name(ticket, "priority"),
        "status": _freshdesk_name(ticket, "status"),
        "resolved_at": stats.get("resolved_at") or stats.get("closed_at"),
        "thread": [
            message(
                "customer" if note.get("incoming") or note.get("user_id") == requester else "agent",
                note.get("created_at"),
                words(note.get("body_text")) or words(note.get("body")),
            )
            for note in objects(ticket.get("conversations"), "conversations")
            if not note.get("private")
        ],
        "fields": {
            "type": ticket.get("type"),
            "channel": _freshdesk_name(ticket, "source"),
            **object_in(ticket, "custom_fields"),
        },
    }


def _freshdesk_name(ticket: _Object, field: str) -> Any:
    """Return the name of a number; what is no number has a name already."""
    value = ticket.get(field)
    return _FRESHDESK_NAMES[field].get(value, str(value)) if isinstance(value, int) else value


def _github(issue: _Object) -> _Object:
    issue = _in_rest_names(issue)
    author = object_in(issue, "user").get("login")
    comments = issue.get("comments")
    return {
        **_taken(
            issue, id="number", subject="title", body="body", status="state", outcome="state_reason", url="html_url",
            created_at="created_at", updated_at="updated_at", resolved_at="closed_at",
        ),
        "tags": [
            label if isinstance(label, str) else label.get("name") for label in issue.get("labels") or []
        ],
        "thread": [
            message(_github_author(comment, author), comment.get("created_at"), words(comment.get("body")))
            for comment in map(
                _in_rest_names, objects(comments if isinstance(comments, list) else None, "comments")
            )
        ],
        "fields": {
            "milestone": object_in(issue, "milestone").get("title"),
            "type": object_in(issue, "type").get("name"),
        },
    }  # fmt: skip


def _in_rest_names(given: _Object) -> _Object:
    """Return what ``gh --json`` gives under the names that the REST interface has."""
    return {_GH_NAMES[name]: value for name, value in given.items() if name in _GH_NAMES} | given


def _github_author(comment: _Object, author: Any) -> str:
    user = object_in(comment, "user")
    if user.get("type") == "Bot":
        return "system"
    is_agent = comment.get("author_association") in _GITHUB_AGENTS and user.get("login") != author
    return "agent" if is_agent else "customer"


def _rt(ticket: _Object) -> _Object:
    requestors = {one.get("id") for one in objects(ticket.get("Requestor"), "Requestor")}
    said = [
        entry
        for entry in objects(ticket.get("history"), "history")
        if entry.get("Type") in ("Create", "Correspond") and words(entry.get("Content"))
    ]
    first = said[0]["Content"] if said and said[0].get("Type") == "Create" else None
    times = _taken(ticket, created_at="Created", updated_at="LastUpdated", resolved_at="Resolved")
    custom = {
        field.get("name"): field.get("values")
        for field in objects(ticket.get("CustomFields") or None, "CustomFields")
    }
    return {
        **_taken(ticket, id="id", subject="Subject", priority="Priority", status="Status"),
        **{name: None if time == _RT_UNSET else time for name, time in times.items()},
        "body": first,
        "thread": [
            message(_rt_author(entry, requestors), entry.get("Created"), entry["Content"])
            for entry in said[1 if first else 0 :]
        ],
        "fields": {"queue": object_in(ticket, "Queue").get("Name"), **custom},
    }


def _rt_author(entry: _Object, requestors: set[Any]) -> str:
    creator = object_in(entry, "Creator").get("id")
    if creator == "RT_System":
        return "system"
    return "customer" if creator in requestors else "agent"


def _intercom(conversation: _Object) -> _Object:
    source, tags = object_in(conversation, "source"), object_in(conversation, "tags")
    parts = object_in(conversation, "conversation_parts")
    return {
        **_taken(
            conversation, id="id", priority="priority", status="state",
            created_at="created_at", updated_at="updated_at",
        ),
        "subject": words(conversation.get("title")) or words(source.get("subject")),
        "body": source.get("body"),
        "resolved_at": object_in(conversation, "statistics").get("last_close_at"),
        "tags": [tag.get("name") for tag in objects(tags.get("tags"), "tags")],
        "thread": [
            message(
                _INTERCOM_AUTHORS.get(object_in(part, "author").get("type", ""), "customer"),
                part.get("created_at"),
                words(part.get("body")),
            )
            for part in objects(parts.get("conversation_parts"), "conversation_parts")
            if part.get("part_type") in ("comment", "close", "open") and words(part.get("body"))
        ],
        "fields": {"channel": source.get("type"), **object_in(conversation, "custom_attributes")},
    }  # fmt: skip


def _zammad(ticket: _Object) -> _Object:
    said = [
        article
        for article in objects(ticket.get("articles"), "articles")
        if not article.get("internal") and words(article.get("body"))
    ]
    return {
        **_taken(
            ticket, id="number", subject="title", priority="priority", status="state", tags="tags",
            created_at="created_at", updated_at="updated_at", resolved_at="close_at",
        ),
        "body": said[0]["body"] if said else None,
        "thread": [
            message(words(one.get("sender")).casefold() or "system", one.get("created_at"), one["body"])
            for one in said[1:]
        ],
        "fields": _taken(ticket, team="group", type="type"),
    }  # fmt: skip


def _helpscout(conversation: _Object) -> _Object:
    said = [
        thread
        for thread in objects(object_in(conversation, "_embedded").get("threads"), "threads")
        if thread.get("type") not in ("note", "lineitem") and words(thread.get("body"))
    ]
    said.sort(key=lambda thread: words(thread.get("createdAt")))  # the API gives the newest first
    custom = {
        str(field.get("name")): field.get("text") or field.get("value")
        for field in objects(conversation.get("customFields"), "customFields")
    }
    return {
        **_taken(
            conversation, id="number", subject="subject", status="status",
            created_at="createdAt", updated_at="userUpdatedAt", resolved_at="closedAt",
        ),
        "body": said[0]["body"] if said else conversation.get("preview"),
        "tags": [tag.get("tag") for tag in objects(conversation.get("tags"), "tags")],
        "thread": [
            message("customer" if one.get("type") == "customer" else "agent", one.get("createdAt"), one["body"])
            for one in said[1:]
        ],
        "fields": {"type": conversation.get("type"), **custom},
    }  # fmt: skip


def _taken(given: _Object, **names: str) -> _Object:
    """Return what is given under these names, by the ticket's fields."""
    return {field: given.get(name) for field, name in names.items()}


_TOOLS: dict[str, tuple[Callable[[_Object], _Object], tuple[str, ...]]] = {
    "freshdesk": (_freshdesk, ("tickets", "results")),
    "github": (_github, ("issues", "items")),
    "rt": (_rt, ("items", "tickets")),
    "intercom": (_intercom, ("conversations",)),
    "zammad": (_zammad, ("tickets",)),
    "helpscout": (_helpscout, ("conversations",)),
}
"""How each tool's tickets are read, and under which names an export may have them."""
TOOLS = tuple(_TOOLS)
"""The helpdesks whose exports are read here."""
