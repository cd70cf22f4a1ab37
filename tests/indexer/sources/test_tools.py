"""Exports of each tool are read as they are, without any option."""

import json
from pathlib import Path

import pytest

from indexer.errors import SourceError
from indexer.parsing import parse_ticket
from indexer.sources import SourceRecord, read_source
from indexer.sources.dates import DAY_FIRST, MONTH_FIRST
from indexer.sources.tools import TOOLS, Tool, tool_of
from tests.exports.layouts import LAYOUTS
from tests.exports.making import VARIANTS, Variant, make_export


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
@pytest.mark.parametrize("tool", LAYOUTS)
def test_every_field_of_an_export_is_exact(tmp_path: Path, tool: str, variant: Variant) -> None:
    """All resolved tickets with all their fields; the open ones are left out, and counted."""
    export = make_export(tool, variant, seed=7)
    path = tmp_path / "export.csv"
    path.write_bytes(export.data)
    reader = read_source(str(path))
    assert [found.tool for found in reader.recognised] == [tool]
    records = list(reader)
    found = [record.value for record in records if record.value is not None and not record.left_out]
    assert found == export.truth
    assert sum(record.left_out for record in records) == export.open == len(records) - len(found)


def _table(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "tickets.csv"
    path.write_bytes(text.encode(encoding))
    return path


def _value(record: SourceRecord) -> dict[str, object]:
    assert record.value is not None
    return record.value


def test_dates_that_can_be_read_both_ways_are_asked_about(tmp_path: Path) -> None:
    """The error names the column and the option, which decides."""
    path = _table(tmp_path, "id,text,created\n1,a,02/03/2024\n2,b,04/03/2024\n")
    with pytest.raises(SourceError, match=r"column 'created' .*--date-format day-first"):
        read_source(str(path))
    for order, month in ((DAY_FIRST, 3), (MONTH_FIRST, 2)):
        first = _value(next(read_source(str(path), date_format=order)))
        assert str(first["created"]).startswith(f"2024-0{month}-")


def test_one_value_decides_for_its_column_and_the_others(tmp_path: Path) -> None:
    """It may stand anywhere in the file."""
    rows = "".join(f"{i},a,02/03/2024,02/03/2024\n" for i in range(500))
    path = _table(tmp_path, f"id,text,created,updated\n{rows}500,b,13/03/2024,\n")
    first = _value(next(read_source(str(path))))
    assert (first["created"], first["updated"]) == ("2024-03-02T00:00:00+00:00", "2024-03-02T00:00:00+00:00")


def test_an_unusable_date_costs_the_date_only(tmp_path: Path) -> None:
    """It is counted."""
    (record,) = read_source(str(_table(tmp_path, "id,text,created\n1,a,yesterday\n")))
    assert (_value(record)["created"], record.dates_lost) == ("", 1)


def test_two_columns_that_could_be_the_body_are_asked_about(tmp_path: Path) -> None:
    """The error names both."""
    path = _table(tmp_path, "id,message,description\n1,a,b\n")
    with pytest.raises(SourceError, match=r"'message' or 'description'.*--map body="):
        read_source(str(path))


def test_windows_1252_is_recognised(tmp_path: Path) -> None:
    """Header and rows, wherever the first letter beyond ASCII stands; and it is said."""
    rows = "".join(f"{i},plain\n" for i in range(9_000))
    reader = read_source(str(_table(tmp_path, f"id,text\n{rows}x,Grüße € für Zoë\n", "cp1252")))
    assert [found.encoding for found in reader.recognised] == ["cp1252"]
    assert [_value(record) for record in reader][-1] == {"id": "x", "text": "Grüße € für Zoë"}


def test_a_tools_table_loses_a_date_and_columns_without_end(tmp_path: Path) -> None:
    """The ticket is read in any case: without the date, which is counted, and with the first hundred fields."""
    custom = [f"Custom field ({number})" for number in range(150)]
    header = ",".join(["Summary", "Issue key", "Issue Type", "Status", "Resolved", *custom])
    row = ",".join(["It stops", "A-1", "Bug", "Done", "yesterday", *["x"] * 150])
    (record,) = read_source(str(_table(tmp_path, f"{header}\n{row}\n")))
    value = _value(record)
    assert ("resolved_at" in value, record.dates_lost) == (False, 1)
    fields = value["fields"]
    assert isinstance(fields, dict)
    assert (len(fields), fields["type"]) == (100, "Bug")
    assert parse_ticket(value).id == "A-1"


def test_flat_objects_are_read_by_the_tools_table(tmp_path: Path) -> None:
    """As ServiceNow's Table API and Salesforce's queries give them, references and open tickets included."""
    path = tmp_path / "export.json"
    common = {
        "short_description": "It stops",
        "opened_at": "2024-03-02 08:00:00",
        "close_notes": "Restart it.",
    }
    group = {
        "display_value": "Network",
        "link": "https://acme.service-now.com/api/now/table/sys_user_group/1",
    }
    rows = [
        {"number": "INC1", "state": "7", "assignment_group": group} | common,
        {"number": "INC2", "state": "2", "assignment_group": group} | common,
    ]
    path.write_text(json.dumps({"result": rows}), encoding="utf-8")
    resolved, is_open = read_source(str(path))
    assert _value(resolved) == {
        "id": "INC1", "status": "Closed", "subject": "It stops", "resolution": "Restart it.",
        "created_at": "2024-03-02T08:00:00+00:00", "fields": {"team": "Network"},
    }  # fmt: skip
    assert is_open.left_out
    case = {
        "attributes": {"type": "Case"}, "CaseNumber": "00001", "Subject": "It stops", "Status": "Closed",
        "CreatedDate": "2024-03-02T08:00:00.000+0000", "Origin": "Web",
    }  # fmt: skip
    path.write_text(json.dumps({"totalSize": 1, "done": True, "records": [case]}), encoding="utf-8")
    (record,) = read_source(str(path))
    assert _value(record) == {
        "id": "00001", "status": "Closed", "subject": "It stops",
        "created_at": "2024-03-02T08:00:00+00:00", "fields": {"channel": "Web"},
    }  # fmt: skip


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_a_tool_is_known_by_few_columns(tool: Tool) -> None:
    """Each set of columns by which a tool is known makes no other tool of it."""
    for known in tool.known_by:
        assert tool_of([*known, "Further"]) is tool


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_whole_table_is_its_tools(name: str) -> None:
    """No tool that shares some of its columns stands before it."""
    found = tool_of([column for column, _ in LAYOUTS[name].columns])
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize("cell", ["-None-", "--None--", "-- None --", "--none--"])
def test_nothing_chosen_is_no_value(tmp_path: Path, cell: str) -> None:
    """What a list of choices writes where nothing was chosen is no label and no field's value."""
    text = f"Case Number,Subject,Status,Priority,Type\n7,It stops,Closed,{cell},{cell}\n"
    (record,) = read_source(str(_table(tmp_path, text)))
    assert _value(record) == {"id": "7", "subject": "It stops", "status": "Closed"}


@pytest.mark.parametrize("mark", [",", ";", "|", "; "])
def test_tags_in_one_cell(tmp_path: Path, mark: str) -> None:
    """They are told apart as in any other table."""
    text = f'ID,Subject,Requester,Tags\n7,It stops,Ann,"vpn{mark}print"\n'
    (record,) = read_source(str(_table(tmp_path, text)))
    assert _value(record)["tags"] == ["vpn", "print"]


@pytest.mark.parametrize(
    ("tool", "table", "expected"),
    [
        (
            "Intercom",
            ("Conversation ID,Conversation started at (America/New_York),Title,Current conversation state,Updated at (America/New_York)\n"
            "7,2024-03-01 10:11:12,It stops,Closed,2024-07-01 10:11:12\n"),
            {
                "id": "7", "subject": "It stops", "status": "Closed", "created_at": "2024-03-01T10:11:12-05:00",
                "updated_at": "2024-07-01T10:11:12-04:00",
            },
        ),
        (
            "Intercom",
            ("Conversation ID,Ticket created (America/Sao_Paulo),Current conversation state,Ticket title,Ticket URL,Ticket type,"
            "Current ticket state category,Ticket last resolved (America/Sao_Paulo)\n"
            "7,2024-03-01 10:11:12,closed,It stops,https://example.com/7,Issue,Resolved,2024-03-02 10:11:12\n"),
            {
                "id": "7", "subject": "It stops", "status": "closed", "url": "https://example.com/7", "fields": {"type": "Issue"},
                "created_at": "2024-03-01T10:11:12-03:00", "resolved_at": "2024-03-02T10:11:12-03:00",
            },
        ),
        (
            "HubSpot",
            "Ticket ID,Record ID,Ticket name,Ticket status,Create date,Resolution\n7,7,It stops,Closed,2024-03-01 10:11 CDT,Repair Offered\n",
            {
                "id": "7", "subject": "It stops", "status": "Closed", "outcome": "Repair Offered",
                "created_at": "2024-03-01T10:11:00-05:00",
            },
        ),
        (
            "Zendesk",
            ("ID,Ticket status,Organization,Requester,Subject,SLA,Requested,Updated\n"
            "7,Resolved - Awaiting Feedback,-,Ann,It stops,,2024-03-01 10:11,2024-03-02 10:11\n"),
            {
                "id": "7", "subject": "It stops", "status": "Resolved - Awaiting Feedback", "fields": {"customer": "Ann"},
                "created_at": "2024-03-01T10:11:00+00:00", "updated_at": "2024-03-02T10:11:00+00:00",
            },
        ),
        (
            "ServiceNow",  # with labels in place of names
            (
                "Number,Short description,State,Caller,Configuration item,Channel,Resolution code,Resolution notes,Opened,Resolved\n"
                "INC7,It stops,Closed,Ann,Mail,Phone,Workaround provided,Restart it.,2024-03-01 10:11:12,2024-03-02 10:11:12\n"
            ),
            {
                "id": "INC7", "subject": "It stops", "status": "Closed", "outcome": "Workaround provided", "resolution": "Restart it.",
                "created_at": "2024-03-01T10:11:12+00:00", "resolved_at": "2024-03-02T10:11:12+00:00",
                "fields": {"customer": "Ann", "product": "Mail", "channel": "Phone"},
            },
        ),
        (
            "Zendesk",  # from Explore
            (
                "Ticket ID,Ticket subject,Ticket status,Ticket group,Ticket created - Timestamp,Ticket solved - Date,Tickets\n"
                "7,-,Solved,-,2024-03-01T10:11:12,2024-03-02,1\n"
            ),
            {
                "id": "7", "subject": "-", "status": "Solved", "created_at": "2024-03-01T10:11:12+00:00",
                "resolved_at": "2024-03-02T00:00:00+00:00", "fields": {"tickets": "1"},
            },
        ),
        (
            "Zoho Desk",
            ("Ticket Id,Ticket Type,Created Time (Ticket),Subject,Status (Ticket),Priority (Ticket),Email (Contact),Team\n"
            "7,-,24 Mar 2024 10:11 AM,It stops,Closed,-,ann@example.com,-\n"),
            {
                "id": "7", "subject": "It stops", "status": "Closed", "created_at": "2024-03-24T10:11:00+00:00",
                "fields": {"email_contact": "ann@example.com"},
            },
        ),
        (
            "Freshdesk",  # Freshservice's
            ("Ticket Id,Subject,Status,Created Time,Resolved Time,Last Updated Time,Requester Name\n"
            "7,It stops,Closed,2024-03-01 10:11:12,2024-03-02 10:11:12,2024-03-03 10:11:12,Ann\n"),
            {
                "id": "7", "subject": "It stops", "status": "Closed", "created_at": "2024-03-01T10:11:12+00:00",
                "resolved_at": "2024-03-02T10:11:12+00:00", "updated_at": "2024-03-03T10:11:12+00:00",
                "fields": {"customer": "Ann"},
            },
        ),
    ],
)  # fmt: skip
def test_a_tools_table_as_it_writes_names_and_values(
    tmp_path: Path, tool: str, table: str, expected: dict[str, object]
) -> None:
    """Zones and modules behind names, choices for a resolution, its sign for nothing."""
    reader = read_source(str(_table(tmp_path, table)))
    assert [found.tool for found in reader.recognised] == [tool]
    (record,) = reader
    assert (_value(record), record.left_out) == (expected, False)


def test_a_tools_table_has_columns_by_usual_names(tmp_path: Path) -> None:
    """What the tool's own columns do not give is taken from those that mean the same everywhere."""
    text = "Case Number,Subject,Status,Resolution,Severity,Created\n7,It stops,Closed,Restart the server.,high,2024-03-02\n"
    reader = read_source(str(_table(tmp_path, text)))
    assert reader.recognised[0].tool == "Salesforce"
    (record,) = reader
    assert _value(record) == {
        "id": "7", "subject": "It stops", "status": "Closed", "resolution": "Restart the server.", "priority": "high",
        "created_at": "2024-03-02T00:00:00+00:00",
    }  # fmt: skip


def test_hubspots_properties_are_the_ticket(tmp_path: Path) -> None:
    """As its CRM interface gives tickets; a stage of the team's own without a date of closing is open."""
    path = tmp_path / "export.json"
    common = {"subject": "It stops", "content": "Since today.", "createdate": "2024-03-02T08:00:00.000Z"}
    rows = [
        {"id": "1", "properties": common | {"hs_pipeline_stage": "4", "closed_date": "2024-03-03T08:00:00Z"}},
        {"id": "2", "properties": common | {"hs_pipeline_stage": "1", "closed_date": None}},
        {"id": "3", "properties": common | {"hs_pipeline_stage": "91", "closed_date": None}},
    ]
    path.write_text(json.dumps({"results": rows}), encoding="utf-8")
    closed, new, own = read_source(str(path))
    assert _value(closed) == {
        "id": "1", "subject": "It stops", "body": "Since today.", "status": "Closed",
        "created_at": "2024-03-02T08:00:00+00:00", "resolved_at": "2024-03-03T08:00:00+00:00",
    }  # fmt: skip
    assert new.left_out
    assert own.left_out


def test_servicenows_journal_is_a_conversation(tmp_path: Path) -> None:
    """The newest entry stands first; work notes are internal; the caller is the customer."""
    journal = (
        "2024-03-03 12:00:00 - Ann Berg (Additional comments)\nThat helped.\n\n"
        "2024-03-03 11:00:00 - Max Roe (Work notes)\nAsk the vendor.\n\n"
        "2024-03-03 10:00:00 - Max Roe (Additional comments)\nRestart the print service\non the server.\n\n"
    )
    text = f'number,short_description,state,caller_id,comments\nINC1,It stops,Closed,Ann Berg,"{journal}"\n'
    (record,) = read_source(str(_table(tmp_path, text)))
    ticket = parse_ticket(_value(record))
    assert [(one.author, one.text) for one in ticket.thread] == [
        ("agent", "Restart the print service\non the server."),
        ("customer", "That helped."),
    ]
    assert ticket.resolution == "Restart the print service\non the server."


def test_zoho_desks_export_is_not_taken_for_freshdesks(tmp_path: Path) -> None:
    """Both have a ticket's id, a subject and a created time; where nothing was chosen, Zoho Desk writes ``-None-``."""
    header = (
        "Ticket Id,Ticket Reference Id,Subject,Description,Status,Priority,Created Time,Modified Time,"
        "Ticket Closed Time,Resolution,Channel,Category,Product Name,Contact Name,Email,Tags"
    )
    closed = (
        "101,77001,It stops,<p>Since <b>today</b>.</p>,Closed,-None-,24 Mar 2024 10:11 AM,25 Mar 2024 12:05 AM,"
        '24 Mar 2024 12:30 PM,<p>Restart the server.</p>,Email,-None-,Api,Ann Berg,ann@example.com,"vpn,print"'
    )
    still_open = [
        f"{number},77002,It waits,,{status},High,24 Mar 2024 10:11 AM,,,,Web,,,,,"
        for number, status in enumerate(("Open", "On Hold", "Escalated"), 102)
    ]
    reader = read_source(str(_table(tmp_path, "\n".join([header, closed, *still_open]) + "\n")))
    assert [found.tool for found in reader.recognised] == ["Zoho Desk"]
    record, *others = reader
    assert [one.left_out for one in others] == [True, True, True]
    value = _value(record)
    assert value == {
        "id": "101", "subject": "It stops", "body": "<p>Since <b>today</b>.</p>", "status": "Closed",
        "created_at": "2024-03-24T10:11:00+00:00", "updated_at": "2024-03-25T00:05:00+00:00",
        "resolved_at": "2024-03-24T12:30:00+00:00", "resolution": "<p>Restart the server.</p>",
        "tags": ["vpn", "print"],
        "fields": {
            "channel": "Email", "product": "Api", "customer": "Ann Berg", "email": "ann@example.com",
            "ticket_reference_id": "77001",
        },
    }  # fmt: skip
    ticket = parse_ticket(value)
    assert (ticket.text, ticket.resolution) == ("It stops\n\nSince today.", "Restart the server.")
