"""Which format a source is in: from its name, and where that is not enough, from how it begins."""

import contextlib
import io
import re
from pathlib import PurePath

import ijson

from indexer.errors import SourceError
from indexer.sources.csv_table import header_of, split_header
from indexer.sources.json_document import ARRAY_NAMES
from indexer.sources.record import read_lines
from indexer.sources.salesforce import are_comments
from indexer.sources.zendesk_comments import COMMENT_ARRAYS

__all__ = ["SALESFORCE_COMMENTS", "ZENDESK_COMMENTS", "detect_format", "format_of_name", "tool_of_lines"]

ZENDESK_COMMENTS = "zendesk comments"
SALESFORCE_COMMENTS = "salesforce comments"
"""What is detected of comments without their tickets, which are no source by themselves."""

_SUFFIXES = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json", ".csv": "csv", ".tsv": "csv"}
_ZENDESK_URL = re.compile(r"/api/v2/tickets/\d+")
_GITHUB_URL = re.compile(r"github[^/]*/.+/issues/\d+\Z")
_ZENDESK_PAGE = frozenset({"after_cursor", "after_url", "end_of_stream"})
_MARKS = {
    "zendesk": {
        "requester_id",
        *(f"comments.item.{name}" for name in ("author_id", "body", "created_at", "public")),
    },
    "freshdesk": {"description_text", "requester_id"},
    "github": {"html_url", "number", "state"},
    "intercom": {"conversation_parts", "source", "state"},
    "zammad": {"article_count", "number", "title"},
    "helpscout": {"mailboxId", "number", "primaryCustomer"},
    "rt": {"LastUpdated", "Queue", "Subject"},
}
"""Names of which a ticket of the tool's has all, and no other tool's has."""
_ARRAYS = ("tickets", "issues", "items", "results", "conversations", "_embedded.conversations")
_RECORDS = (*(f"{array}.item" for array in _ARRAYS), "item")
"""Where the first ticket of an export may stand."""
_DEPTH = 5  # of the names that tell one export from another, such as tickets, item, comments, item, public


def format_of_name(name: str) -> str | None:
    """Return the format that a file's name says, before a ``.gz``; ``None`` when it says none of ours."""
    path = PurePath(name.lower())
    return _SUFFIXES.get((path.with_suffix("") if path.suffix == ".gz" else path).suffix)


def detect_format(name: str, head: bytes) -> str | None:
    """Return the format of a source, ``None`` when neither its name nor its first bytes show one.

    Within JSON the bytes decide, since all kinds of it are called ``.json``: an export of Zendesk's or Jira's is
    recognised where its first ticket leaves no doubt.
    """
    named = format_of_name(name)
    text = head.lstrip()
    if text[:1] not in (b"{", b"["):
        return _of_table(named, text)
    if named == "csv":
        return named
    paths = _paths(text)
    vendor = _vendor(paths)
    if vendor is not None or text.startswith(b"["):
        return vendor or "json"
    if named == "jsonl":
        return named
    _, _, rest = text.partition(b"\n")
    if rest.strip():
        return "jsonl" if rest.lstrip().startswith(b"{") else "json"
    return "json" if paths.keys() & set(ARRAY_NAMES) else "jsonl"


def tool_of_lines(head: bytes) -> str | None:
    """Return the tool whose tickets the lines of a file are, one each; ``None`` where they are nobody's."""
    paths = {f"item.{path}": value for path, value in _paths(head.lstrip()).items() if path}
    vendor = _vendor(paths)
    # A ticket in names of our own may have a key and fields, too; comments are no tickets.
    is_other = vendor == "jira" and "item.fields.summary" not in paths
    return None if is_other or vendor in (ZENDESK_COMMENTS, SALESFORCE_COMMENTS) else vendor


def _of_table(named: str | None, text: bytes) -> str | None:
    first = text.split(b"\n", 1)[0].decode(errors="replace")
    is_table = named == "csv" or (not first.startswith("<") and split_header(first) is not None)
    # What is wrong with its header is said when it is read.
    with contextlib.suppress(SourceError):
        if is_table and are_comments(header_of(read_lines(io.BytesIO(text)))[0]):
            return SALESFORCE_COMMENTS
    return named or ("csv" if is_table else None)


def _vendor(paths: dict[str, object]) -> str | None:
    for record in ("tickets.item", "item"):
        if any(_ZENDESK_URL.search(str(paths.get(f"{record}.{name}"))) for name in ("url", "ticket.url")):
            return "zendesk"
    if paths.get("tickets") is list and paths.keys() & _ZENDESK_PAGE:
        return "zendesk"
    if (comments := _comments(paths)) is not None:
        return comments
    for record in ("issues.item", "item"):
        if paths.get(f"{record}.fields") is dict and f"{record}.key" in paths:
            return "jira"
    if _GITHUB_URL.search(str(paths.get("item.url"))) and "item.number" in paths:
        return "github"  # by its command line
    return _marked(paths)


def _marked(paths: dict[str, object]) -> str | None:
    for record in _RECORDS:
        names = {path.removeprefix(f"{record}.") for path in paths if path.startswith(f"{record}.")}
        for name, marks in _MARKS.items():
            if marks <= names:
                return name
    return None


def _comments(paths: dict[str, object]) -> str | None:
    has_tickets = paths.keys() & {"tickets", "id"}
    if not has_tickets and any(f"{array}.item.ticket_id" in paths for array in COMMENT_ARRAYS):
        return ZENDESK_COMMENTS
    names = [path.rpartition(".")[2] for path in paths if path.rpartition(".")[0] in ("records.item", "item")]
    return SALESFORCE_COMMENTS if are_comments(names) else None


def _paths(text: bytes) -> dict[str, object]:
    """Return what the beginning of the first document has: values, `list` or `dict`, by path from the outside."""
    paths: dict[str, object] = {}
    stack: list[str] = []
    try:
        for event, value in ijson.basic_parse(io.BytesIO(text), multiple_values=True):
            if event == "map_key":
                stack[-1] = value
                continue
            if event in ("end_map", "end_array"):
                stack.pop()
                if not stack:
                    break
                continue
            kinds: dict[str, object] = {"start_map": dict, "start_array": list}
            if len(stack) <= _DEPTH:
                paths.setdefault(".".join(stack), kinds.get(event, value))
            if event in kinds:
                stack.append("item")
    except (ijson.JSONError, ValueError, SystemError):
        pass  # the beginning of a document ends somewhere; what is wrong behind it is the reader's to say
    return paths
