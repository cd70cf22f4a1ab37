"""The columns of each tool's table, as far as `indexer.sources.tools` says where they are from, and how it writes dates and states."""

from dataclasses import dataclass

__all__ = ["LAYOUTS", "Layout"]

_ISO = "%Y-%m-%d %H:%M:%S"
_MINUTES = "%Y-%m-%d %H:%M"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One tool's table."""

    columns: tuple[tuple[str, str], ...]
    """Each column with the ticket's field that it holds; ``comment``, ``reporter`` and ``further`` are none of a ticket's own."""
    further: str
    """The name under which the column of a further field is kept."""
    id: str = "{}"
    dates: tuple[str, str]
    resolved: tuple[str, ...] = ("Resolved", "Closed")
    open: tuple[str, ...] = ("Open", "Pending")
    statuses: tuple[tuple[str, str], ...] = ()
    """Numbers of statuses, and their names."""
    priorities: tuple[str, ...] = ("Low", "Medium", "High", "Urgent")
    nothing: str = ""
    """What stands where a field has no value."""
    tag_mark: str = ", "
    title: str = ""
    """What stands in the first row, before an empty one and the names of the columns."""
    footer: str = ""
    """What stands in the last row, behind an empty one."""


LAYOUTS = {
    "Jira": Layout(
        columns=(
            ("Summary", "subject"), ("Issue key", "id"), ("Issue Type", "further"), ("Status", "status"),
            ("Priority", "priority"), ("Resolution", "outcome"), ("Created", "created_at"), ("Updated", "updated_at"),
            ("Resolved", "resolved_at"), ("Labels", "tags"), ("Labels", "tags"), ("Labels", "tags"),
            ("Reporter", "reporter"), ("Description", "body"), ("Sprint", ""), ("Sprint", ""), ("Comment", "comment"),
            ("Comment", "comment"), ("Comment", "comment"), ("Comment", "comment"),
        ),
        further="type", id="OPS-{}", dates=("%d/%b/%y %I:%M %p", "%d/%m/%Y %H:%M"),
        resolved=("Done", "Closed"), open=("To Do", "In Progress"),
    ),
    "Zendesk": Layout(
        columns=(
            ("Summation column", ""), ("Id", "id"), ("Requester", "further"), ("Requester id", ""), ("Requester external id", ""),
            ("Requester email", ""), ("Requester domain", ""), ("Submitter", ""), ("Assignee", ""), ("Group", ""),
            ("Subject", "subject"), ("Tags", "tags"), ("Status", "status"), ("Priority", "priority"), ("Via", ""),
            ("Ticket type", ""), ("Created at", "created_at"), ("Updated at", "updated_at"), ("Assigned at", ""),
            ("Organization", ""), ("Due date", ""), ("Initially assigned at", ""), ("Solved at", "resolved_at"),
            ("Resolution time", ""), ("Satisfaction Score", ""), ("Group stations", ""), ("Replies", ""), ("Region [list]", ""),
        ),
        further="customer", dates=(_MINUTES, "%d-%m-%Y %H:%M"), resolved=("Solved", "Closed"),
        open=("New", "Open", "Pending", "On-hold"), nothing="-", tag_mark=" ",
    ),
    "Zoho Desk": Layout(
        columns=(
            ("Ticket Id", "id"), ("Subject", "subject"), ("Ticket Description", "body"), ("Status (Ticket)", "status"),
            ("Priority (Ticket)", "priority"), ("Created Time (Ticket)", "created_at"),
            ("Modified Time (Ticket)", "updated_at"), ("Ticket Closed Time", "resolved_at"), ("Resolution", "resolution"),
            ("Channel (Ticket)", ""), ("Category (Ticket)", "further"), ("Product Name (Ticket)", ""), ("Contact Name", ""),
            ("Email (Contact)", ""), ("Tags", "tags"),
        ),
        further="category", dates=("%d %b %Y %I:%M %p", "%d/%m/%Y %I:%M %p"), resolved=("Closed",),
        open=("Open", "On Hold", "Escalated"), priorities=("Low", "Medium", "High"), nothing="-", title="Tickets",
    ),
    "Freshdesk": Layout(
        columns=(
            ("Ticket ID", "id"), ("Subject", "subject"), ("Status", "status"), ("Priority", "priority"), ("Source", ""),
            ("Type", ""), ("Agent", ""), ("Group", "further"), ("Created time", "created_at"), ("Due by Time", ""),
            ("Resolved time", "resolved_at"), ("Closed time", ""), ("Last update time", "updated_at"),
            ("Initial response time", ""), ("Time tracked", ""), ("First response time (in hrs)", ""),
            ("Resolution time (in hrs)", ""), ("Agent interactions", ""), ("Customer interactions", ""),
            ("Resolution status", ""), ("First response status", ""), ("Tags", "tags"), ("Survey results", ""),
            ("Description", "body"), ("Closing note", "resolution"), ("Full name", ""), ("Contact ID", ""),
        ),
        further="team", dates=(_ISO, "%d.%m.%Y %H:%M"),
    ),
    "ServiceNow": Layout(
        columns=(
            ("number", "id"), ("short_description", "subject"), ("description", "body"), ("state", "status"),
            ("priority", "priority"), ("assignment_group", "further"), ("opened_at", "created_at"),
            ("resolved_at", "resolved_at"), ("sys_updated_on", "updated_at"), ("close_code", "outcome"),
            ("close_notes", "resolution"),
        ),
        further="team", id="INC{:07}", dates=(_ISO, "%m/%d/%Y %H:%M:%S"), resolved=("Resolved", "Closed", "6", "7"),
        open=("New", "In Progress", "On Hold", "2"), statuses=(("6", "Resolved"), ("7", "Closed")), priorities=("1 - Critical", "2 - High", "3 - Moderate", "4 - Low"),
    ),
    "HubSpot": Layout(
        columns=(
            ("Record ID", "id"), ("Ticket name", "subject"), ("Ticket description", "body"), ("Pipeline", ""),
            ("Ticket status", "status"), ("Priority", "priority"), ("Source", "further"), ("Ticket owner", ""),
            ("Create date", "created_at"), ("Close date", "resolved_at"), ("Last modified date", "updated_at"),
            ("Resolution", "resolution"), ("Associated Company (Primary)", ""),
        ),
        further="channel", dates=(_MINUTES, "%m/%d/%Y %I:%M %p"), resolved=("Closed",),
        open=("New", "Waiting on contact", "Waiting on us"),
    ),
    "Salesforce": Layout(
        columns=(
            ("Case Number", "id"), ("Subject", "subject"), ("Description", "body"), ("Status", "status"),
            ("Priority", "priority"), ("Case Origin", "further"), ("Date/Time Opened", "created_at"),
            ("Date/Time Closed", "resolved_at"), ("Case Last Modified Date", "updated_at"),
        ),
        further="channel", id="{:08}", dates=("%m/%d/%Y %I:%M %p", "%d.%m.%Y %H:%M"), resolved=("Closed",),
        open=("New", "Working", "Escalated"), footer="Confidential Information - Do Not Distribute",
    ),
    "osTicket": Layout(
        columns=(
            ("Ticket Number", "id"), ("Date Created", "created_at"), ("Subject", "subject"), ("From", "further"),
            ("Priority", "priority"), ("Help Topic", ""), ("Current Status", "status"),
            ("Last Updated", "updated_at"), ("Closed Date", "resolved_at"), ("Issue Details", "body"),
        ),
        further="customer", id="{:06}", dates=("%m/%d/%y %I:%M %p", "%d/%m/%y %H:%M"), open=("Open",),
    ),
    "Request Tracker": Layout(
        columns=(
            ("id", "id"), ("Subject", "subject"), ("Status", "status"), ("QueueName", "further"),
            ("Priority", "priority"), ("Created", "created_at"), ("Resolved", "resolved_at"),
            ("LastUpdated", "updated_at"),
        ),
        further="team", dates=("%a %b %d %H:%M:%S %Y", _ISO), resolved=("resolved", "rejected"),
        open=("new", "open", "stalled"), priorities=("10", "50", "90"),
    ),
    "Intercom": Layout(
        columns=(
            ("Conversation ID", "id"), ("Conversation started at (UTC)", "created_at"), ("Title", "subject"),
            ("First message", "body"), ("User name", ""), ("Started by", ""), ("Current conversation state", "status"),
            ("Teammate currently assigned", ""), ("Team currently assigned", ""), ("Channel", "further"),
            ("Updated at (UTC)", "updated_at"), ("Last closed at (UTC)", "resolved_at"), ("Conversation tags", "tags"),
            ("First response time (seconds)", ""),
        ),
        further="channel", dates=(_ISO, "%m/%d/%Y %H:%M"), resolved=("closed",), open=("open", "snoozed"),
    ),
    "Zammad": Layout(
        columns=(
            ("#", "id"), ("Title", "subject"), ("State", "status"), ("Priority", "priority"), ("Group", "further"),
            ("Owner", ""), ("Customer", ""), ("Organization", ""), ("Create Channel", ""), ("Sender", ""), ("Tags", "tags"),
            ("Time Units Total", ""), ("Created At", "created_at"), ("Updated At", "updated_at"),
            ("Closed At", "resolved_at"), ("Close Escalation At", ""), ("Last Contact At", ""), ("Article Count", ""),
        ),
        further="team", dates=(_ISO, "%d.%m.%Y %H:%M"), resolved=("closed", "merged"),
        open=("new", "open", "pending reminder"), priorities=("1 low", "2 normal", "3 high"),
        title="2024-3", footer="Timezone: Europe/Berlin",
    ),
    "Help Scout": Layout(
        columns=(
            ("Conversation Number", "id"), ("Subject", "subject"), ("Preview", "body"), ("Mailbox", "further"),
            ("Status", "status"), ("Created", "created_at"), ("Closed", "resolved_at"), ("Modified", "updated_at"),
            ("Tags", "tags"),
        ),
        further="team", dates=(_ISO, "%b %d, %Y %I:%M %p"), resolved=("closed",), open=("active", "pending"),
    ),
}  # fmt: skip
