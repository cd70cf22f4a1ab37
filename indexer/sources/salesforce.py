"""What was said about Salesforce's cases: CaseComment and EmailMessage, by its object reference (developer.salesforce.com).

Data Loader, the data export service and queries give them as rows of their own, as CSV or ``{"records": […]}``, joined to
the case by ``ParentId``, of which the first 15 characters tell cases apart; a query can also nest them in each case.
Names are those of the interface, in any case of letters.

- A comment that is not ``IsPublished`` is internal, and drafts of mails and what was deleted are left out.
- An ``Incoming`` mail is the customer's, any other one an agent's. A comment is an agent's, unless its author made the case
  and does not own it, as customers in a portal do.
- The mail that a case was made of is its description, and not told twice.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from io import BufferedIOBase
from typing import Any

from indexer.errors import SourceError
from indexer.sources.comments import Comments
from indexer.sources.csv_table import read_csv
from indexer.sources.dates import parse_date
from indexer.sources.encoding import rereadable, table_as_utf_8
from indexer.sources.helpdesk import words
from indexer.sources.json_document import read_json
from indexer.sources.record import SourceRecord
from indexer.ticket import Message

__all__ = ["are_comments", "messages_of", "read_comments"]

_ARRAYS = ("records", "result", "data")
_CASE_ID = 15  # characters of an id; three more only spell out which of them are capitals
_TEXTS = ("commentbody", "textbody", "htmlbody")
_NESTED = ("casecomments", "emailmessages")
_TOLD = {"commentbody": "ispublished", "textbody": "incoming", "htmlbody": "incoming"}
"""What says whose message a text is, or whether the customer saw it."""
_DRAFT = ("5", "draft")


def are_comments(names: list[str]) -> bool:
    """Tell whether rows with these names are comments or mails of cases."""
    found = set(map(str.casefold, names))
    return "parentid" in found and not found.isdisjoint(_TEXTS)


def read_comments(comments: Comments, stream: BufferedIOBase) -> Iterator[SourceRecord]:
    """Keep the comments of a stream; yield those of no case, which are left out, and what is no comment.

    :raises SourceError: they do not say whose they are.
    """
    with ExitStack() as stack:
        checked = False
        for number, found in enumerate(_rows(stream, stack)):
            if found.value is None:
                yield found
                continue
            row = _row(found.value)
            if not checked:
                _check(row)
                checked = True
            case = words(row.get("parentid"))[:_CASE_ID]
            if case:
                comments.keep(case, words(row.get("id")) or f"{found.place}.{number}", found.place, row)
            else:
                yield SourceRecord(place=found.place, error="a mail of no case", raw="", left_out=True)


def messages_of(case: Mapping[str, Any], comments: Comments | None) -> list[Message]:
    """Return what the customer and the agents said about a case, in any order.

    :param case: as it is exported.
    :param comments: those that stand in other files.
    """
    row = _row(case)
    found = [_row(one) for name in _NESTED for one in _records(row.get(name)) if isinstance(one, dict)]
    if comments is not None:
        found += [one for _, one in comments.of(words(row.get("id") or row.get("case id"))[:_CASE_ID])]
    asked = words(row.get("description"))
    return [message for one in found if (message := _message(one, row)) and message.text != asked]


def _message(said: Mapping[str, Any], case: Mapping[str, Any]) -> Message | None:
    text = next((text for name in _TEXTS if (text := words(said.get(name)))), "")
    is_mail = "incoming" in said
    is_told = is_mail or _is_true(said.get("ispublished"))
    is_draft = is_mail and str(said.get("status")).casefold() in _DRAFT
    if not text or not is_told or is_draft or _is_true(said.get("isdeleted")):
        return None
    author = said.get("createdbyid")
    by_customer = (
        _is_true(said["incoming"])
        if is_mail
        else bool(author) and author == case.get("createdbyid") and author != case.get("ownerid", author)
    )
    at = words(said.get("messagedate")) or words(said.get("createddate"))
    return Message(author="customer" if by_customer else "agent", text=text, at=parse_date(at))


def _rows(stream: BufferedIOBase, stack: ExitStack) -> Iterator[SourceRecord]:
    stream = rereadable(stream, stack)
    start = stream.tell()
    first = stream.read1(1_024).lstrip()[:1]
    stream.seek(start)
    if first in (b"{", b"["):
        return read_json(stream, _ARRAYS)
    return read_csv(table_as_utf_8(stream, stack)[0])


def _check(row: Mapping[str, Any]) -> None:
    missing = {_TOLD[name] for name in _TEXTS if name in row} - row.keys()
    if missing:
        name = "IsPublished" if "ispublished" in missing else "Incoming"
        msg = f"it has comments of cases without {name}, which says who wrote or saw them: export that column, too"
        raise SourceError(msg)


def _row(given: Mapping[str, Any]) -> dict[str, Any]:
    return {str(name).casefold(): value for name, value in given.items()}


def _records(nested: Any) -> list[Any]:
    """Return the records of a nested query, which are an object with a list or the list itself."""
    found = nested.get("records") if isinstance(nested, dict) else nested
    return found if isinstance(found, list) else []


def _is_true(value: Any) -> bool:
    return str(value).casefold() in ("true", "1", "yes")
