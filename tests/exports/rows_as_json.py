"""The JSON of the tools whose interfaces give tickets as rows of a table."""

from datetime import datetime
from typing import Any

from tests.exports.cases import Case, common, iso, without_thread

__all__ = ["hubspot", "salesforce", "servicenow"]

_Object = dict[str, Any]


def servicenow(case: Case) -> tuple[_Object, _Object]:
    def at(moment: datetime | None) -> str:
        return moment.strftime("%Y-%m-%d %H:%M:%S") if moment else ""

    def both(value: str, shown: str) -> _Object:
        return {
            "display_value": shown,
            "value": value,
            "link": "https://acme.service-now.com/api/now/table/x/1",
        }

    journal = "".join(
        f"{at(moment)} - {'Anna Berg' if author == 'customer' else 'Max Roe'} ({'Work notes' if author == 'note' else 'Additional comments'})\n{text}\n\n"
        for author, moment, text in reversed(case.said)
    )
    priorities = ("4 - Low", "3 - Moderate", "2 - High", "1 - Critical")
    record = {
        "sys_id": f"{case.number:032x}", "number": f"INC{case.number:07}", "short_description": case.subject, "description": case.mail,
        "state": "Resolved" if case.resolved else "On Hold", "priority": priorities[case.level], "opened_at": at(case.created),
        "resolved_at": at(case.resolved), "sys_updated_on": at(case.updated), "assignment_group": both("1", case.team),
        "caller_id": both("2", "Anna Berg"), "close_code": "Solved (Permanently)", "close_notes": "", "comments": journal,
        "sys_tags": ", ".join(case.tags), "active": "false",
    }  # fmt: skip
    return record, common(case, mail=True) | {
        "id": record["number"], "priority": record["priority"], "status": "Resolved", "outcome": "Solved (Permanently)",
        "fields": {"team": case.team, "customer": "Anna Berg", "sys_id": record["sys_id"], "active": "false"},
    }  # fmt: skip


def hubspot(case: Case) -> tuple[_Object, _Object]:
    properties = {
        "subject": case.subject, "content": case.mail, "hs_pipeline": "0", "hs_pipeline_stage": "4" if case.resolved else "2",
        "hs_ticket_priority": ("LOW", "MEDIUM", "HIGH", "URGENT")[case.level], "createdate": iso(case.created), "closed_date": iso(case.resolved),
        "hs_lastmodifieddate": case.updated.strftime("%Y-%m-%dT%H:%M:%S.000Z"), "hs_object_id": str(case.number), "source_type": "EMAIL",
        "hs_resolution": "ISSUE_FIXED",
    }  # fmt: skip
    ticket = {
        "id": str(case.number), "properties": properties, "createdAt": iso(case.created), "updatedAt": iso(case.updated),
        "archived": False,
    }  # fmt: skip
    return ticket, without_thread(case) | {
        "priority": properties["hs_ticket_priority"], "status": "Closed", "outcome": "ISSUE_FIXED", "tags": [],
        "fields": {"team": "0", "channel": "EMAIL", "hs_object_id": str(case.number)},
    }  # fmt: skip


def salesforce(case: Case) -> tuple[_Object, _Object]:
    def at(moment: datetime | None) -> str | None:
        return moment.strftime("%Y-%m-%dT%H:%M:%S.000+0000") if moment else None

    mails = [
        {
            "attributes": {"type": "EmailMessage"}, "TextBody": text, "HtmlBody": None, "Incoming": author == "customer", "Status": "3",
            "MessageDate": at(moment),
        }
        for author, moment, text in [("customer", case.created, case.mail), *case.shown]
    ]  # fmt: skip
    comments = [
        {"attributes": {"type": "CaseComment"}, "CommentBody": text, "IsPublished": False, "CreatedDate": at(moment)}
        for author, moment, text in case.said
        if author == "note"
    ]  # fmt: skip
    record = {
        "attributes": {"type": "Case", "url": f"/services/data/v62.0/sobjects/Case/{case.number}"}, "CaseNumber": f"{case.number:08}",
        "Subject": case.subject, "Description": case.mail, "Status": "Answered by partner" if case.resolved else "With partner",
        "Priority": ("Low", "Medium", "High", "Critical")[case.level], "Origin": "Email", "CreatedDate": at(case.created),
        "ClosedDate": at(case.resolved), "LastModifiedDate": at(case.updated), "IsClosed": case.resolved is not None,
        "Account": {"attributes": {"type": "Account"}, "Name": case.team},
        "EmailMessages": {"totalSize": len(mails), "done": True, "records": mails},
        "CaseComments": {"totalSize": len(comments), "done": True, "records": comments},
    }  # fmt: skip
    return record, common(case, mail=True) | {
        "id": record["CaseNumber"], "priority": record["Priority"], "status": "Answered by partner", "tags": [], "unresolved": False,
        "fields": {"channel": "Email", "account": case.team},
    }  # fmt: skip
