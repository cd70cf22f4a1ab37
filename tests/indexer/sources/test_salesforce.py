"""What was said about Salesforce's cases, beside them and nested in them."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from indexer.errors import SourceError
from indexer.parsing import parse_ticket
from indexer.sources import Recognised, SourceRecord, read_source
from indexer.ticket import Ticket

_CASE = "5003000000D8cuI"  # 15 characters; three more spell out its capitals
_ANSWER = "Die Lizenz war abgelaufen: wir haben sie erneuert, bitte starten Sie den Dienst neu."
_CASES = [
    {"Id": _CASE + "AAR", "CaseNumber": "00001", "Subject": "Export", "Description": "It stops.", "Status": "Closed",
     "ClosedDate": "2026-03-09T12:00:00.000Z", "CreatedById": "0051", "OwnerId": "0059"},
    {"Id": "5003000000D8cuiAAB", "CaseNumber": "00002", "Subject": "Login", "Description": "It fails.", "Status": "Closed",
     "ClosedDate": "2026-03-09T12:00:00.000Z", "CreatedById": "0052", "OwnerId": "0059"},
]  # fmt: skip


def _comment(hour: int, text: str, author: str = "0059", **more: Any) -> dict[str, Any]:
    at = f"2026-03-0{hour}T10:00:00.000Z"
    return {"Id": f"00a{hour}", "ParentId": _CASE, "CommentBody": text, "IsPublished": "true",
            "CreatedById": author, "CreatedDate": at, "IsDeleted": "false"} | more  # fmt: skip


_COMMENTS = [
    _comment(3, _ANSWER),
    _comment(4, "Ask the vendor first.", IsPublished="false"),
    _comment(5, "Delete all.", IsDeleted="true"),
    _comment(6, "That helped, thank you.", author="0051"),
    _comment(7, "Of another case.", ParentId="5003000000D8cuXAAB"),
]
_MAILS = [
    {"Id": "02s1", "ParentId": _CASE, "TextBody": "It stops.", "HtmlBody": "", "Incoming": "1", "Status": "1", "MessageDate": "2026-03-01 10:00:00"},
    {"Id": "02s2", "ParentId": _CASE, "TextBody": "Any news?", "HtmlBody": "", "Incoming": "1", "Status": "1", "MessageDate": "2026-03-02 10:00:00"},
    {"Id": "02s3", "ParentId": _CASE, "TextBody": "Not sent.", "HtmlBody": "", "Incoming": "0", "Status": "5", "MessageDate": "2026-03-02 11:00:00"},
    {"Id": "02s4", "ParentId": "", "TextBody": "To a lead.", "HtmlBody": "", "Incoming": "0", "Status": "3", "MessageDate": "2026-03-02 12:00:00"},
]  # fmt: skip
_THREAD = [("customer", "Any news?"), ("agent", _ANSWER), ("customer", "That helped, thank you.")]


def _csv(rows: list[dict[str, Any]], *, upper: bool = False) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([name.upper() if upper else name for name in rows[0]])
    writer.writerows([row.values() for row in rows])
    return out.getvalue().encode("cp1252")


def _checked(records: list[SourceRecord], left_out: int) -> None:
    tickets = {ticket.id: ticket for one in records if one.value is not None if (ticket := _parsed(one))}
    first, second = tickets["00001"], tickets["00002"]
    assert [(one.author, one.text) for one in first.thread] == _THREAD
    assert (first.resolution, first.resolution_from) == (_ANSWER, "message 2 of the thread")
    assert (second.thread, second.resolution) == ((), None)
    assert sum(one.left_out for one in records) == left_out


def _parsed(record: SourceRecord) -> Ticket:
    return parse_ticket(record.value)


@pytest.mark.parametrize("upper", [False, True], ids=["data export", "data loader"])
def test_comments_and_mails_beside_cases_are_their_conversation(tmp_path: Path, *, upper: bool) -> None:
    """Whatever the names of the files; what belongs to no case here is left out, and internal comments are not told."""
    for name, rows in {"Case": _CASES, "CaseComment": _COMMENTS, "z_EmailMessage": _MAILS}.items():
        (tmp_path / f"{name}.csv").write_bytes(_csv(rows, upper=upper))
    _checked(list(read_source(str(tmp_path))), left_out=2)


def test_comments_of_a_query_are_read_nested_and_beside(tmp_path: Path) -> None:
    """As its interface gives them: documents with records, each with its type."""

    def document(kind: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
        flags = {"true": True, "false": False, "1": True, "0": False}
        named = [{"attributes": {"type": kind}, **{n: flags.get(v, v) if n[:2] == "Is" or n == "Incoming" else v for n, v in row.items()}} for row in rows]  # fmt: skip
        return {"totalSize": len(rows), "done": True, "records": named}

    nested = [_CASES[0] | {"CaseComments": document("CaseComment", _COMMENTS[:4]), "EmailMessages": None}]
    nested.append(_CASES[1] | {"CaseComments": None})
    (tmp_path / "cases.json").write_text(json.dumps(document("Case", nested)))
    (tmp_path / "mails.json").write_text(json.dumps(document("EmailMessage", _MAILS)))
    _checked(list(read_source(str(tmp_path))), left_out=1)


def test_comments_that_do_not_say_who_saw_them_are_asked_about(tmp_path: Path) -> None:
    """An internal note is never told as an answer; without their cases comments are no source."""
    rows = [{name: row[name] for name in ("ParentId", "CommentBody")} for row in _COMMENTS]
    (tmp_path / "a.csv").write_bytes(_csv(_CASES))
    (tmp_path / "b.csv").write_bytes(_csv(rows))
    records = list(read_source(str(tmp_path)))
    assert ["IsPublished" in (one.error or "") for one in records].count(True) == 1
    told: list[Recognised] = []
    with pytest.raises(SourceError, match="without their tickets"):
        read_source(str(tmp_path / "b.csv"), recognised=told)
    assert [one.format for one in told] == ["salesforce comments"]
