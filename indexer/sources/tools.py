"""The helpdesks whose tables are known by their columns: what each column is.

A column is written in lower case, as `plain_name` gives it. What no table names is kept under ``fields``. Compared with
what the maker says:

- HubSpot: its tickets guide (developers.hubspot.com, ``properties`` such as ``hs_pipeline_stage``). The names of its CSV
  are the labels of those properties, as dumps of two accounts have them; ``Resolution`` is one of a list that a team fills.
- osTicket: its source (the exportable fields of a queue; what was written is none of them, unless a field of a form has it).
- Request Tracker: its source (the tab-separated search results; ``QueueName`` is headed ``Queue``).
- Salesforce: the field reference of Case, by names (``ClosedDate``) and labels (Date/Time Closed, Closed Date).
- Zammad: its source (``ExcelSheet::Ticket``: a workbook with a title, and with the zone of its times behind the tickets).
- Zendesk: the guide to its account's export (support.zendesk.com, article 4408886165402: no descriptions and comments;
  times are in the account's zone), and an account's file for ``-``; for Explore, whose reports can be saved as CSV, its
  attributes (article on metrics and attributes). A view's columns, and spaces between tags: others' programs.

With files and programs of those who use them, which is second-hand:

- Freshdesk, for tickets exported from a list; ``Description`` and the notes are in none of them.
- Intercom: ``Conversation started at (Europe/Berlin)`` and the columns of tickets; not the first message, tags and last closing.
- Jira: repeated columns, ``05/Mar/24 10:12 AM``, and its German words; for its data pipeline the export schema (confluence.atlassian.com).
- ServiceNow: labels and names of an incident's form, of which either may head a table, and the Table API's answers.
- Zoho Desk: reports, with ``(Ticket)`` behind names and ``-`` for nothing; not ``Ticket Reference Id``, ``Resolution``, ``Channel`` and ``Tags``.

Help Scout's columns are as they are generally known: no file was found. How cells are read stands in ``tool_rows.py``.
"""

from dataclasses import dataclass, field

from indexer.field_names import plain_name

__all__ = ["TOOLS", "Tool", "tool_of"]


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool's table."""

    name: str
    known_by: tuple[frozenset[str], ...]
    """Sets of columns: a table that has all of one set is this tool's."""
    columns: dict[str, str]
    """The ticket's field by column, the better column of one field first."""
    comments: tuple[str, ...] = ()
    """The columns that hold the conversation."""
    statuses: dict[str, str] = field(default_factory=dict)
    """Names of the statuses that it writes as numbers."""
    breaks: str = "\n"
    """How it writes the line breaks of texts."""
    nothing: str = ""
    """What it writes where a further field has no value."""
    spaced_tags: bool = False
    """Whether spaces stand between tags, which then have none."""
    chosen_resolutions: bool = False
    """Whether its resolution is one of a list, and so an outcome, unless a team writes texts there."""


def _known(*names: str) -> frozenset[str]:
    return frozenset(names)


_ZOHO = (
    "ticket reference id",
    "ticket closed time",
    "modified time",
    "status (ticket)",
    "created time (ticket)",
)
_FRESHDESK = ("created time", "resolved time", "closed time", "last update time", "closing note")
_EXPLORE = ("created - timestamp", "created - date", "solved - timestamp", "solved - date")
_OSTICKET = ("help topic", "current status", "issue details", "date created", "department")

# The first that fits is taken: of two that share columns, the one that is known by more of its own stands first.
TOOLS = (
    Tool(
        "Jira",  # Data Center's data pipeline
        (_known("key", "summary", "status_category", "instance_url"),),
        {
            "key": "id", "summary": "subject", "description": "body", "priority_name": "priority", "status": "status",
            "status_category": "category", "resolution": "outcome", "created_date": "created_at",
            "resolution_date": "resolved_at", "updated_date": "updated_at", "labels": "tags", "url": "url",
            "issue_type": "fields.type", "project_name": "fields.product",
        },
        breaks="\\n",
    ),
    Tool(
        "Jira",
        (_known("issue key", "summary"), _known("vorgangsschlüssel", "zusammenfassung")),
        {
            "issue key": "id", "summary": "subject", "description": "body", "priority": "priority", "status": "status",
            "resolution": "outcome", "created": "created_at", "resolved": "resolved_at", "updated": "updated_at",
            "labels": "tags", "issue type": "fields.type", "component/s": "fields.component",
            "components": "fields.component", "project name": "fields.product", "reporter": "fields.customer",
            "status category": "category", "vorgangsschlüssel": "id", "zusammenfassung": "subject", "beschreibung": "body",
            "priorität": "priority", "lösung": "outcome", "erstellt": "created_at", "erledigt": "resolved_at",
            "aktualisiert": "updated_at", "stichwörter": "tags", "vorgangstyp": "fields.type",
            "komponente/n": "fields.component", "komponenten": "fields.component", "projektname": "fields.product",
            "autor": "fields.customer", "statuskategorie": "category",
        },
        comments=("comment", "kommentar"),
    ),
    Tool(
        "Zendesk",
        (
            _known("id", "subject", "requester"), _known("id", "subject", "ticket type"),
            *(_known("ticket id", f"ticket {what}") for what in _EXPLORE),
        ),
        {
            "id": "id", "subject": "subject", "description": "body", "priority": "priority", "status": "status",
            "ticket status": "status", "created at": "created_at", "requested": "created_at", "solved at": "resolved_at",
            "solved": "resolved_at", "updated at": "updated_at", "updated": "updated_at", "tags": "tags",
            "ticket type": "fields.type", "type": "fields.type", "group": "fields.team", "via": "fields.channel",
            "requester": "fields.customer", "ticket id": "id", "ticket subject": "subject", "ticket priority": "priority",
            "ticket created - timestamp": "created_at", "ticket created - date": "created_at",
            "ticket solved - timestamp": "resolved_at", "ticket solved - date": "resolved_at",
            "ticket updated - timestamp": "updated_at", "ticket updated - date": "updated_at", "ticket tags": "tags",
            "ticket group": "fields.team", "ticket channel": "fields.channel", "requester name": "fields.customer",
        },
        nothing="-",
        spaced_tags=True,
    ),
    Tool(
        "Zoho Desk",  # before Freshdesk, which is known by some of the same columns
        tuple(_known("ticket id", "subject", further) for further in _ZOHO),
        {
            "ticket id": "id", "subject": "subject", "description": "body", "ticket description": "body",
            "priority": "priority", "status": "status", "resolution": "resolution", "created time": "created_at", "ticket closed time": "resolved_at",
            "modified time": "updated_at", "tags": "tags", "channel": "fields.channel", "category": "fields.category",
            "product name": "fields.product", "contact name": "fields.customer",
        },
        nothing="-",
    ),
    Tool(
        "Freshdesk",
        tuple(_known("ticket id", "subject", further) for further in _FRESHDESK),
        {
            "ticket id": "id", "subject": "subject", "description": "body", "priority": "priority", "status": "status",
            "closing note": "resolution", "resolution note": "resolution", "created time": "created_at",
            "resolved time": "resolved_at", "closed time": "resolved_at", "last update time": "updated_at",
            "last updated time": "updated_at", "tags": "tags", "type": "fields.type", "group": "fields.team",
            "source": "fields.channel", "product": "fields.product", "full name": "fields.customer",
            "requester name": "fields.customer",
        },
    ),
    Tool(
        "ServiceNow",
        (_known("number", "short_description"), _known("number", "short description")),
        {
            "number": "id", "short_description": "subject", "short description": "subject", "description": "body",
            "priority": "priority", "state": "status", "incident_state": "status", "close_notes": "resolution",
            "resolution notes": "resolution", "close notes": "resolution", "close_code": "outcome",
            "resolution code": "outcome", "opened_at": "created_at", "opened": "created_at",
            "sys_created_on": "created_at", "created": "created_at", "resolved_at": "resolved_at",
            "resolved": "resolved_at", "closed_at": "resolved_at", "closed": "resolved_at",
            "sys_updated_on": "updated_at", "updated": "updated_at", "assignment_group": "fields.team",
            "assignment group": "fields.team", "caller_id": "fields.customer", "caller": "fields.customer",
            "cmdb_ci": "fields.product", "configuration item": "fields.product", "contact_type": "fields.channel", "category": "fields.category",
            "sys_tags": "tags",
        },
        comments=("comments", "additional comments", "comments_and_work_notes"),
        statuses={"1": "New", "2": "In Progress", "3": "On Hold", "6": "Resolved", "7": "Closed", "8": "Canceled"},
    ),
    Tool(
        "HubSpot",
        (
            _known("ticket id", "ticket name"), _known("record id", "ticket name"),
            _known("id", "subject", "hs_pipeline_stage"), _known("id", "subject", "hs_ticket_priority"),
        ),
        {
            "ticket id": "id", "record id": "id", "ticket name": "subject", "ticket description": "body", "priority": "priority",
            "ticket status": "status", "resolution": "resolution", "create date": "created_at",
            "close date": "resolved_at", "last modified date": "updated_at", "ticket tags": "tags",
            "category": "fields.category", "source": "fields.channel", "pipeline": "fields.team",
            "id": "id", "subject": "subject", "content": "body", "hs_ticket_priority": "priority",
            "hs_pipeline_stage": "status", "hs_resolution": "outcome", "createdate": "created_at",
            "closed_date": "resolved_at", "hs_lastmodifieddate": "updated_at", "hs_ticket_category": "fields.category",
            "source_type": "fields.channel", "hs_pipeline": "fields.team",
        },
        statuses={"1": "New", "2": "Waiting on contact", "3": "Waiting on us", "4": "Closed"},
        chosen_resolutions=True,
    ),
    Tool(
        "Salesforce",
        (_known("casenumber", "subject"), _known("case number", "subject")),
        {
            "casenumber": "id", "case number": "id", "subject": "subject", "description": "body",
            "priority": "priority", "status": "status", "createddate": "created_at", "date/time opened": "created_at",
            "opened date": "created_at", "closeddate": "resolved_at", "date/time closed": "resolved_at",
            "closed date": "resolved_at", "lastmodifieddate": "updated_at", "case last modified date": "updated_at",
            "type": "fields.type", "origin": "fields.channel", "case origin": "fields.channel",
            "product__c": "fields.product", "resolution__c": "resolution", "account name": "fields.customer",
            "isclosed": "category", "closed": "category", "created date": "created_at",
            "last modified date": "updated_at", "case type": "fields.type",
        },
    ),
    Tool(
        "osTicket",
        tuple(_known("ticket number", "subject", further) for further in _OSTICKET),
        {
            "ticket number": "id", "subject": "subject", "issue details": "body", "message": "body",
            "priority": "priority", "current status": "status", "status": "status", "date created": "created_at",
            "date": "created_at", "closed date": "resolved_at", "date closed": "resolved_at",
            "last updated": "updated_at", "help topic": "fields.type", "department": "fields.team",
            "source": "fields.channel", "from": "fields.customer",
        },
    ),
    Tool(
        "Request Tracker",
        (_known("id", "subject", "queuename"), _known("id", "subject", "requestors"), _known("id", "subject", "queue", "owner")),
        {
            "id": "id", "subject": "subject", "priority": "priority", "status": "status", "created": "created_at",
            "resolved": "resolved_at", "lastupdated": "updated_at", "last updated": "updated_at", "queuename": "fields.team", "queue": "fields.team",
            "requestors": "fields.customer",
        },
    ),
    Tool(
        "Intercom",
        (
            _known("conversation id", "conversation started at"), _known("conversation id", "first message"),
            _known("conversation id", "current conversation state"),
        ),
        {
            "conversation id": "id", "title": "subject", "ticket title": "subject", "first message": "body",
            "priority": "priority", "current conversation state": "status",
            "current ticket state category": "category", "conversation started at": "created_at",
            "ticket created": "created_at", "conversation created at": "created_at", "last closed at": "resolved_at",
            "ticket last resolved": "resolved_at", "updated at": "updated_at", "conversation updated at": "updated_at",
            "conversation tags": "tags", "ticket url": "url", "channel": "fields.channel",
            "ticket type": "fields.type", "team currently assigned": "fields.team", "user name": "fields.customer",
        },
    ),
    Tool(
        "Zammad",
        (_known("#", "title", "state"), _known("#", "title", "group")),
        {
            "#": "id", "title": "subject", "priority": "priority", "state": "status", "created at": "created_at",
            "closed at": "resolved_at", "updated at": "updated_at", "tags": "tags", "group": "fields.team",
            "customer": "fields.customer", "create channel": "fields.channel",
        },
    ),
    Tool(
        "Help Scout",
        (_known("conversation number", "subject"),),
        {
            "conversation number": "id", "subject": "subject", "preview": "body", "status": "status",
            "created": "created_at", "closed": "resolved_at", "modified": "updated_at", "tags": "tags",
            "mailbox": "fields.team", "channel": "fields.channel", "customer": "fields.customer",
        },
    ),
)  # fmt: skip


def tool_of(columns: list[str]) -> Tool | None:
    """Return the first tool whose columns a table has, ``None`` where it is nobody's."""
    names = {name for column in columns for name in (column.casefold(), plain_name(column))}
    return next((tool for tool in TOOLS if any(known <= names for known in tool.known_by)), None)
