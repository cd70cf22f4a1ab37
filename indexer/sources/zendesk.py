"""Zendesk's incremental ticket export, cursor-based or time-based, as its developer documentation has it.

A page is ``{"tickets": […], "users": […], "after_cursor": …, "end_of_stream": …}`` or, time-based, has ``end_time`` and
``next_page``; pages may follow one another in one file. Comments are not part of the export: whoever downloads it
embeds them in each ticket as ``comments``, as the Ticket Comments API returns them, or keeps them apart, beside
``tickets`` or in files of their own (`indexer.sources.zendesk_comments`). ``users`` are side-loaded
(``include=users``), and so is each ticket's ``metric_set`` (``include=metric_sets``), which has ``solved_at``.

- The text is the subject and the description, which is the first comment.
- Only a ticket that is solved or closed has ``resolved_at`` and a resolution: the last public comment by an agent up to
  ``solved_at`` that is more than thanks and a note of closing. Without a metric set, it is the last one of all, and its time stands for ``solved_at``.
- The assignee and the followers of a ticket are agents, and so is everyone with that role in ``users`` anywhere in the
  file. Without any ``users``, so is every author who is neither requester, submitter nor in copy.
- The conversation is the public comments besides the description.
- A ticket with status ``deleted`` is an error that names its id: deletions are few, and one that was indexed before must
  be forgotten, which reading cannot do.
- The export may repeat a ticket, within a page or across pages: each appearance is a record, in order, so the last wins.
"""

import tempfile
from collections.abc import Generator
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from io import BufferedIOBase
from typing import Any, cast

from indexer.cleaning import clean
from indexer.resolution import is_courtesy
from indexer.sources.comments import Comments
from indexer.sources.helpdesk import SAME_UPDATE, drawn_from, message, moment, object_in, objects, words
from indexer.sources.json_document import DocumentEnd, read_elements
from indexer.sources.opening import DAMAGED
from indexer.sources.record import Cursor, Records, ShapeError, SourceRecord, as_ticket, json_text
from indexer.sources.zendesk_comments import COMMENT_ARRAYS, joined, keep_comment

__all__ = ["read_zendesk", "row_with_comments", "zendesk_ticket"]

_CURSOR_FIELDS = ("after_cursor", "end_time")  # the page's value with which the next request continues

_RESOLVED = frozenset({"solved", "closed"})
_AGENT_ROLES = frozenset({"agent", "admin"})


def read_zendesk(stream: BufferedIOBase, comments: Comments | None = None) -> Records:
    """Yield a record for each ticket of an export, then the cursor of its last page, if it was read to its end.

    :param comments: from other files; without them, a comment that has no ticket in this one is a record at the end.
    """
    cursor: Cursor | None = None
    with ExitStack() as stack:
        kept = comments or stack.enter_context(closing(Comments()))
        if not stream.seekable():
            # Users stand behind their tickets, so the export is read twice, and standard input from a copy.
            copy = cast("BufferedIOBase", stack.enter_context(tempfile.TemporaryFile()))
            with suppress(*DAMAGED):
                copy.writelines(iter(partial(stream.read1, 2**16), b""))
            copy.seek(0)
            stream = copy
        start = stream.tell()
        agents = yield from _agents(stream, kept)
        stream.seek(start)
        for found in read_elements(stream, ("tickets",), _CURSOR_FIELDS):
            if isinstance(found, DocumentEnd):
                cursor = _cursor(found.facts)
            elif found.value is None:
                cursor = None
                yield found
            else:
                yield _record(replace(found, value=joined(kept, _unwrapped(found.value))), agents)
        if comments is None:
            yield from kept.without_ticket()
    if cursor is not None:
        yield cursor


def _agents(
    stream: BufferedIOBase, comments: Comments
) -> Generator[SourceRecord, None, frozenset[int] | None]:
    """Keep the comments that stand beside the tickets, and return the ids of all agents among the side-loaded users.

    Without side-loaded users, that is ``None``. A comment that names no ticket is yielded as an error.
    """
    agents: set[int] = set()
    loaded = False
    # What is wrong with the file is the second reading's to report.
    with suppress(*DAMAGED):
        for found in read_elements(stream, ("users", *COMMENT_ARRAYS), every=True):
            if not isinstance(found, SourceRecord) or found.value is None:
                continue
            value = found.value
            role = words(value.get("role"))
            loaded = loaded or role != ""
            if role in _AGENT_ROLES and isinstance(value.get("id"), int):
                agents.add(value["id"])
            elif {"ticket_id", "body"} & value.keys() and (
                error := keep_comment(comments, found.place, value)
            ):
                yield error
    return frozenset(agents) if loaded else None


def _unwrapped(value: dict[str, Any]) -> dict[str, Any]:
    """Return a ticket without the ``{"ticket": …}`` that Zendesk's guide to the account's export shows around it."""
    inner = value.get("ticket")
    return inner if isinstance(inner, dict) and len(value) == 1 else value


def _cursor(facts: dict[str, Any]) -> Cursor | None:
    return next((Cursor(field, str(facts[field])) for field in _CURSOR_FIELDS if facts.get(field)), None)


def zendesk_ticket(found: SourceRecord) -> SourceRecord:
    """Return the ticket of one line of the account's JSON export, each of which is a ticket with its comments."""
    return found if found.value is None else _record(replace(found, value=_unwrapped(found.value)), None)


def row_with_comments(comments: Comments, found: SourceRecord) -> SourceRecord:
    """Return the ticket of a row of a view's CSV with its public comments, of which the first is its description.

    A row names no author by number: whoever wrote the description is the customer, everybody else an agent.
    """
    row = found.value or {}
    given = joined(comments, {"id": row.get("id")}).get("comments", ())
    said = [comment for comment in given if comment.get("public") is True and _text(comment)]
    if not said:
        return found
    first, *rest = sorted(said, key=lambda comment: str(comment.get("created_at")))
    thread = [
        message(
            "customer" if comment.get("author_id") == first.get("author_id") else "agent",
            comment.get("created_at"),
            _text(comment),
        )
        for comment in rest
    ]
    return replace(found, value={"body": _text(first)} | row | {"thread": thread})


def _record(found: SourceRecord, agents: frozenset[int] | None) -> SourceRecord:
    ticket = cast("dict[str, Any]", found.value)
    if ticket.get("status") == "deleted":
        ticket_id = ticket.get("id") if isinstance(ticket.get("id"), int) else None
        shown = {"id": ticket_id, "status": "deleted"}  # what was deleted is not written to another file
        error = f"ticket {ticket_id} is deleted in Zendesk; if it was indexed before, remove it: forget {ticket_id}"
        return SourceRecord(place=found.place, error=error, raw=json_text(shown), gone=True)
    return as_ticket(found, partial(_fields, agents=agents))


def _fields(ticket: dict[str, Any], agents: frozenset[int] | None) -> dict[str, Any]:
    comments = [(_written(comment), comment) for comment in objects(ticket.get("comments"), "comments")]
    comments.sort(key=lambda pair: pair[0])
    first = next((_text(comment) for _, comment in comments), "")
    body = words(ticket.get("description")) or first
    status = words(ticket.get("status"))
    fields: dict[str, Any] = {
        "id": ticket.get("id"),
        "subject": words(ticket.get("subject")) or words(ticket.get("raw_subject")),
        "body": body,
        "priority": ticket.get("priority"),
        "status": status,
        "tags": ticket.get("tags"),
        "url": _url(ticket),
        "thread": [
            message(_author(comment, ticket, agents), comment.get("created_at"), text)
            for _, comment in comments
            if comment.get("public") is True and (text := _text(comment)) and text != body
        ],
        "fields": {"type": ticket.get("type"), "channel": object_in(ticket, "via").get("channel")},
        "created_at": ticket.get("created_at"),
        "updated_at": ticket.get("updated_at"),
    }
    if status not in _RESOLVED:
        return fields
    solved_at = moment(object_in(ticket, "metric_set").get("solved_at"), "metric_set.solved_at")
    for at, comment in reversed(comments):
        text = _text(comment)
        late = solved_at is not None and at > solved_at + SAME_UPDATE
        if late or text == body or is_courtesy(clean(text).text) or not _is_reply(comment, ticket, agents):
            continue
        return fields | {
            "resolution": text,
            "resolution_from": drawn_from(fields["thread"], text),
            "resolved_at": (solved_at or at).isoformat(),
        }
    return fields | {"resolved_at": solved_at.isoformat() if solved_at else ticket.get("updated_at")}


def _author(comment: dict[str, Any], ticket: dict[str, Any], agents: frozenset[int] | None) -> str:
    if comment.get("author_id") == -1:
        return "system"
    return "agent" if _is_reply(comment, ticket, agents) else "customer"


def _url(ticket: dict[str, Any]) -> str | None:
    """Return where agents see the ticket; the export has the address of its JSON."""
    site, there, _ = words(ticket.get("url")).partition("/api/v2/")
    return f"{site}/agent/tickets/{ticket.get('id')}" if there else None


def _written(comment: dict[str, Any]) -> datetime:
    at = moment(comment.get("created_at"), "created_at of a comment")
    if at is None:
        msg = "created_at of a comment is missing"
        raise ShapeError(msg)
    return at


def _text(comment: dict[str, Any]) -> str:
    return words(comment.get("plain_body")) or words(comment.get("body"))


def _is_reply(comment: dict[str, Any], ticket: dict[str, Any], agents: frozenset[int] | None) -> bool:
    """Tell whether a comment is an agent's to the customer. What is not said to be public is an internal note."""
    author = comment.get("author_id")
    if comment.get("public") is not True or not isinstance(author, int) or author < 0:  # -1 is the system
        return False
    if author == ticket.get("assignee_id") or author in _ids(ticket, "follower_ids"):
        return True
    if agents is not None:
        return author in agents
    outside = {ticket.get("requester_id"), ticket.get("submitter_id")}
    return author not in outside and author not in _ids(ticket, "collaborator_ids", "email_cc_ids")


def _ids(ticket: dict[str, Any], *fields: str) -> list[Any]:
    return [item for field in fields if isinstance(ids := ticket.get(field), list) for item in ids]
