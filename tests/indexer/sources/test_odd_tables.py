"""Tables as spreadsheets, reports and other languages leave them: read right, or asked about."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from indexer.errors import SourceError
from indexer.parsing import parse_ticket
from indexer.sources import read_source
from indexer.sources.dates import parse_date
from indexer.ticket import Ticket, TicketError

_AT = datetime(2024, 3, 21, 10, 30, tzinfo=UTC)


def _tickets(tmp_path: Path, table: str | bytes) -> list[Ticket]:
    path = tmp_path / "export.csv"
    path.write_bytes(table if isinstance(table, bytes) else table.encode())
    return [parse_ticket(record.value) for record in read_source(str(path)) if record.value is not None]


@pytest.mark.parametrize(
    "table",
    [
        "sep=;\r\nid;subject;body;created_at\r\n7;S;B;2024-03-21 10:30\r\n",
        b"\xef\xbb\xbfsep=|\r\nid|subject|body|created_at||\r\n7|S|B|2024-03-21 10:30||\r\n",
        "Closed tickets\n\nAs of,2024-04-01\nid,subject,body,created_at\n7,S,B,2024-03-21 10:30\n",
        'Closed tickets;;;\nid;"sub\nject";body;created_at\n7;S;B;45372,4375\n'.replace("sub\n", "sub"),
        '"id"\t" Subject "\t"body"\t"Date\r\nopened"\r\n7\tS\tB\t45372.4375\r\n',
        "id,subject,body,created_at\n7,S,B,1711017000\n",
        "Ticket #,Subject,Body,Date created\n7,S,B,2024-03-21T10:30:00Z\n",
        "Ticket ID,Ticket Subject,Ticket Description,Created\n7,S,B,2024-03-21T10:30:00Z\n",
        "Ticket-ID;Betreff;Beschreibung;Erstellt am\n7;S;B;21.03.2024 10:30\n",
        'id,subject,body,created_at\n7,S,B,"3/21/24, 10:30\u202fAM"\n',
        "id|subject|body|created_at\n7|S|B|21-Mär-2024 10:30\n",
        "id,subject,body,Created at (Europe/Berlin)\n7,S,B,2024-03-21 11:30\n",
        "id,subject,body,created_at\n7,S,B,2024-03-21 05:30 CDT\n",
        'id,subject,body,created_at\n7,S,B,2024-03-21 10:30\n\n"Grand Totals (1 records)"\n\n"All rights reserved."\n"Confidential"\n',
        "id,subject,body,created_at\n7,S,B,2024-03-21 10:30\n,,,\nTimezone: UTC,,,\n",
    ],
)  # fmt: skip
def test_a_ticket_is_found_behind_what_was_put_around_it(tmp_path: Path, table: str | bytes) -> None:
    """Titles, footers, Excel's first line, line breaks and zones in names, other delimiters, serial dates, other languages."""
    (ticket,) = _tickets(tmp_path, table)
    assert (ticket.id, ticket.subject, ticket.text, ticket.created_at) == ("7", "S", "S\n\nB", _AT)


def test_a_row_of_one_cell_between_others_is_reported(tmp_path: Path) -> None:
    """Only behind the last row, and behind an empty one, is it no ticket; many of them are no footer either."""
    path = tmp_path / "export.csv"
    for lines, places in (
        ("\n8\n9,S,B,2024-03-21\n", ["line 4"]),
        ("8,,,\n", ["line 3"]),
        ("\n" + "8,,,\n" * 30, [f"line {number}" for number in range(4, 34)]),
    ):
        path.write_text(f"id,subject,body,created_at\n7,S,B,2024-03-21\n{lines}")
        alone = [
            record.place
            for record in read_source(str(path))
            if record.error or (record.value or {}).get("subject") == ""
        ]
        assert alone == places


def test_what_stands_behind_a_name_is_no_zone_unless_it_is_one(tmp_path: Path) -> None:
    """Of two columns that differ in the zone alone, the first is the field."""
    table = (
        "Conversation ID,Title,Current conversation state,Product (Studio/Web),Updated at (UTC),Updated at (Asia/Tokyo)\n"
        "7,S,Closed,Web,2024-03-21 10:30,2024-03-21 19:30\n"
    )
    (ticket,) = _tickets(tmp_path, table)
    assert (ticket.fields["product_studio_web"], ticket.updated_at) == ("Web", _AT)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("id,title,details\n1,Login,It fails whenever I try\n2,Print,The printer is out of paper\n", "--map body='details'"),
        ("id,subject,body\r1,S,B\r", "tr '\\r' '\\n'"),
        ("N° ticket;Sujet;Description\n1;S;B\n", "'N° ticket'"),
        ("one title\nanother\n", "not a CSV header"),
        ("id,subject,body,created_at\n1,S,B,02/03/2024 10:00 +0100\n", "--date-format"),
    ],
)  # fmt: skip
def test_what_cannot_be_known_is_asked(tmp_path: Path, table: str, says: str) -> None:
    """A subject is never stored for the whole ticket where its text may stand in a column."""
    with pytest.raises(SourceError) as refused:
        _tickets(tmp_path, table)
    assert says in str(refused.value)


def test_a_table_of_subjects_alone_is_one(tmp_path: Path) -> None:
    """Where no column holds texts, nothing is asked; and the user can say that none does."""
    assert len(_tickets(tmp_path, "id,subject,team\n1,Login fails,North\n")) == 1
    path = tmp_path / "t.csv"
    path.write_text("id,title,details\n1,Login,It fails whenever I try\n")
    (record,) = read_source(str(path), mapping={"text": "title"})
    assert parse_ticket(record.value).text == "Login"


@pytest.mark.parametrize("head", ["id,subject,body", "Ticket ID,Ticket name,Ticket description"])
def test_words_for_nothing_are_nothing(tmp_path: Path, head: str) -> None:
    """They are no label, no outcome and no lost date; elsewhere they are what they say."""
    table = f'{head},Priority,Resolution,Close date,Tags,Region\n1,-,None,N/A,#N/A,null,—,NA\n"1,019",S,B,High,(none),-,a;b,NA\n'
    path = tmp_path / "export.csv"
    path.write_text(table)
    records = list(read_source(str(path)))
    first, second = (parse_ticket(record.value) for record in records)
    nothing: tuple[Any, ...] = (None, None, None, None, ())
    assert (first.priority, first.resolution, first.outcome, first.resolved_at, first.tags) == nothing
    assert (first.text, first.fields["region"]) == ("-\n\nNone", "NA")
    assert (second.id, second.priority, second.resolution, second.tags) == ("1019", "High", None, ("a", "b"))
    assert [record.dates_lost for record in records] == [0, 0]


def test_jiras_german_table_has_its_comments(tmp_path: Path) -> None:
    """Repeated columns under the names of another language."""
    table = (
        "Zusammenfassung;Vorgangsschlüssel;Status;Lösung;Autor;Erstellt;Erledigt;Beschreibung;Kommentar;Kommentar\n"
        "S;OPS-1;Erledigt;Fertig;anna;21.03.2024 10:30;22.03.2024 10:30;B;21.03.2024 11:00;anna;\n"
    ).replace(
        ";21.03.2024 11:00;anna;",
        ';"21.03.2024 11:00;anna;Noch immer.";"21.03.2024 12:00;max;Bitte starten Sie den Dienst neu."',
    )
    (ticket,) = _tickets(tmp_path, table)
    assert [(one.author, one.text) for one in ticket.thread] == [
        ("customer", "Noch immer."),
        ("agent", ticket.resolution),
    ]
    assert (ticket.created_at, ticket.outcome) == (_AT, "Fertig")


@pytest.mark.parametrize("text", ["171101700012", "99999999", "202411", "2024115", "1.5", "45372.", "soon"])
def test_other_numbers_are_no_dates(text: str) -> None:
    """They cost the date, and are counted."""
    assert parse_date(text) is None
    for right in (
        "Thursday, March 21, 2024 at 10:30 AM",
        "Thu, 21 Mar 2024 11:30:00 +0100",
        "21/03/2024 10:30Z",
    ):
        assert parse_date(right) == _AT
    assert parse_date("20240321") == datetime(2024, 3, 21, tzinfo=UTC)
    assert parse_date("1711017000123") == _AT


def test_jiras_data_pipeline_is_read(tmp_path: Path) -> None:
    """Its columns have names of their own, line breaks are written out, and the category says what is done."""
    table = (
        "id,instance_url,key,summary,description,status,status_category,priority_name,resolution,created_date,resolution_date\n"
        "10,https://j.example.com,OPS-1,S,B\\nC,In production,Done,High,Fixed,2024-03-21T10:30:00Z,2024-03-22T10:30:00Z\n"
        "11,https://j.example.com,OPS-2,S,B,Released,In Progress,High,,2024-03-21T10:30:00Z,\n"
    )
    first, second = _tickets(tmp_path, table)
    assert (first.id, first.text, first.priority, first.outcome) == ("OPS-1", "S\n\nB\nC", "High", "Fixed")
    assert (first.is_open, second.is_open, first.created_at) == (False, True, _AT)


@pytest.mark.parametrize("head", ["id,subject,body", "Ticket ID,Ticket name,Ticket description"])
def test_ids_are_no_amounts(tmp_path: Path, head: str) -> None:
    """What can be undone is; a rounded id is refused, since it would be several tickets' own."""
    table = f'{head}\n"1,019",S,B\n1020.0,S,B\n1.2.3,S,B\n'
    assert [ticket.id for ticket in _tickets(tmp_path, table)] == ["1019", "1020", "1.2.3"]
    with pytest.raises(TicketError, match="rounded by a spreadsheet"):
        _tickets(tmp_path, f"{head}\n1.23457E+11,S,B\n")
