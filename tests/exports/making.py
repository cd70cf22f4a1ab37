"""Exports of tickets in each tool's documented shape: tables in several encodings, delimiters and orders of dates, and JSON."""

import csv
import io
import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.exports.cases import Case
from tests.exports.documents import DOCUMENTS
from tests.exports.layouts import LAYOUTS, Layout

__all__ = ["TICKETS", "VARIANTS", "Export", "Variant", "make_export", "make_json"]

TICKETS = 66

_SUBJECTS = (
    "Login fails after the update",
    "Übersicht lädt nicht",
    "Invoice №7 wrong",
    "Café printer is offline",
)
_BODIES = (
    ('It stopped this morning.\nNothing was changed; "nobody" touched it.', None, None),
    (
        "<p>Guten Tag,</p><p>die <b>Übersicht</b> bleibt leer:</p><ul><li>im Browser</li><li>in der App</li></ul>",
        "Guten Tag,\n\ndie Übersicht bleibt leer:\n\n- im Browser\n- in der App",
        None,
    ),
    *(
        (f"{text}\n\n{apart}", text, apart)
        for text, apart in (
            (
                "The tunnel drops every hour.",
                "On Mon, Mar 4, 2024 at 9:12 AM Support <support@example.com> wrote:\n> Please try again.\n> Regards",
            ),
            (
                "Der Drucker druckt nur leere Seiten.",
                "Am 04.03.2024 um 09:12 schrieb Support <support@example.com>:\n> Bitte versuchen Sie es erneut.",
            ),
            (
                "The invoice shows the wrong tax.",
                "Kind regards,\nAnna Berg\nExample GmbH\nTel: +49 30 1234567",
            ),
        )
    ),
    ("Größe, Straße: 5\tEUR", None, None),
)
"""Each as written, as stored where that is something else, and what is kept apart from it."""
_MESSAGES: tuple[tuple[tuple[str, ...], tuple[str, ...], str | None], ...] = (
    (("It stopped this morning.", 'Nothing was changed; "nobody" touched it.'), (), None),
    (("Guten Tag,", "die Übersicht bleibt leer:"), ("im Browser", "in der App"), None),
    (("The tunnel drops every hour.",), (), "On Mon, Mar 4, 2024 at 9:12 AM Support <support@example.com> wrote:\n> Please try again.\n> Regards"),
    (("The invoice shows the wrong tax.",), (), "Kind regards,\nAnna Berg\nExample GmbH\nTel: +49 30 1234567"),
)  # fmt: skip
"""Paragraphs and points of each, and what stands behind it in a mail."""
_ANSWERS = (
    "Restart the print service and clear the queue on the server.",
    "Die Berechtigung der Gruppe fehlte; wir haben sie eingetragen und den Dienst neu gestartet.",
)
_REPORTER = "anna"
_START = datetime(2024, 3, 1, 8, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Variant:
    """How a table is written."""

    name: str
    encoding: str
    delimiter: str
    dates: int
    """Which of the layout's forms of dates."""


VARIANTS = (
    Variant("plain", "utf-8", ",", 0),
    Variant("excel", "utf-8-sig", ";", 1),
    Variant("windows", "cp1252", ";", 1),
    Variant("unicode", "utf-16", "\t", 0),
)


@dataclass(frozen=True, slots=True)
class Export:
    """The bytes of a file, and what its tickets are."""

    data: bytes
    truth: list[dict[str, Any]]
    """The values of each resolved ticket as they stand in the file, in order."""
    stored: list[dict[str, Any]]
    """The same as fields of the ticket that is stored: with a plain text, and the resolution from its conversation."""
    open: int
    """How many tickets are not resolved."""


def make_export(tool: str, variant: Variant, seed: int = 0) -> Export:
    """Return a table of `TICKETS` tickets, every fifth of which is open."""
    layout, choose = LAYOUTS[tool], random.Random(seed)
    rows, truth, stored = [], [], []
    for number in range(TICKETS):
        ticket = _ticket(layout, number, choose)
        if "cp1252" in variant.encoding:
            ticket = {name: _plain(value) for name, value in ticket.items()}
        is_open = number % 5 == 4
        ticket["status"] = choose.choice(layout.open if is_open else layout.resolved)
        if is_open:
            ticket.pop("resolved_at", None)
            ticket.pop("resolution", None)
        rows.append(_row(layout, ticket, layout.dates[variant.dates]))
        if not is_open:
            truth.append(_truth(layout, ticket))
            stored.append(_stored(truth[-1]))
    out = io.StringIO()
    writer = csv.writer(out, delimiter=variant.delimiter)
    empty = [""] * (len(layout.columns) - 1)
    writer.writerows([[layout.title, *empty], ["", *empty]] if layout.title else [])
    writer.writerow([column for column, _ in layout.columns])
    writer.writerows(rows)
    writer.writerows([["", *empty], [layout.footer, *empty]] if layout.footer else [])
    return Export(out.getvalue().encode(variant.encoding), truth, stored, TICKETS - len(truth))


def make_json(tool: str, seed: int = 0, first: int = 0) -> Export:
    """Return a document of `TICKETS` tickets as the tool's interface gives them, every fifth of which is open.

    :param first: the number of the first ticket.
    """
    document, choose = DOCUMENTS[tool], random.Random(seed)
    made = [document.ticket(_case(number, choose)) for number in range(first, first + TICKETS)]
    stored = [expected for _, expected in made if expected["resolved_at"]]
    data = json.dumps(document.whole([ticket for ticket, _ in made]), ensure_ascii=False)
    return Export(data.encode(), [], stored, TICKETS - len(stored))


def _case(number: int, choose: random.Random) -> Case:
    created = _START + timedelta(days=number % TICKETS, minutes=choose.randrange(600))
    paragraphs, points, apart = choose.choice(_MESSAGES)
    said = (
        ("customer", "Is there any news?"),
        ("agent", choose.choice(_ANSWERS)),
        ("note", "The vendor knows; ask for the invoice before anything else is done."),
        ("agent", "Thanks, closing this ticket."),
    )
    return Case(
        number=number + 1,
        subject=choose.choice(_SUBJECTS),
        paragraphs=paragraphs,
        points=points,
        apart=apart,
        said=tuple((who, created + timedelta(hours=hour), text) for hour, (who, text) in enumerate(said, 1)),
        created=created,
        resolved=None if number % 5 == 4 else created + timedelta(days=1),
        updated=created + timedelta(days=2),
        level=choose.randrange(4),
        tags=tuple(choose.sample(["printer", "vpn", "billing"], 2)),
        team=choose.choice(("North", "Süd")),
    )


def _ticket(layout: Layout, number: int, choose: random.Random) -> dict[str, Any]:
    created = _START + timedelta(days=number, minutes=choose.randrange(600))
    ticket: dict[str, Any] = {
        "id": layout.id.format(number + 1),
        "subject": choose.choice(_SUBJECTS),
        "body": choose.choice(_BODIES)[0],
        "reporter": _REPORTER,
        "priority": choose.choice(layout.priorities),
        "resolution": choose.choice(_ANSWERS),
        "outcome": choose.choice(("Fixed", "Done")),
        "created_at": created,
        "resolved_at": created + timedelta(days=1),
        "updated_at": created + timedelta(days=2),
        "tags": choose.sample(["printer", "vpn", "billing"], 2),
        "further": choose.choice(("North", "")),
    }
    if choose.random() < 0.1:
        ticket["priority"] = ""
    if choose.random() < 0.1:
        ticket["updated_at"] = None
    return ticket


def _plain(value: Any) -> Any:
    return value.replace("№", "No ") if isinstance(value, str) else value


def _row(layout: Layout, ticket: dict[str, Any], dates: str) -> list[str]:
    cells, tags = [], iter(ticket["tags"])
    comments = iter(_conversation(ticket) if ticket.get("resolution") else [])
    repeats = sum(field == "tags" for _, field in layout.columns) > 1
    for _, field in layout.columns:
        value = ticket.get(field) or layout.nothing
        if field == "tags":
            cells.append(next(tags, "") if repeats else layout.tag_mark.join(ticket["tags"]))
        elif field == "comment":
            # Jira's comments: date;author;text
            message = next(comments, None)
            author = "" if message is None else _REPORTER if message["author"] == "customer" else "5f0a"
            cells.append(f"{message['at'].strftime(dates)};{author};{message['text']}" if message else "")
        else:
            cells.append(value.strftime(dates) if isinstance(value, datetime) else str(value))
    return cells


def _truth(layout: Layout, ticket: dict[str, Any]) -> dict[str, Any]:
    """Return what a reader has to find: what the layout has columns for, and nothing that is empty."""
    fields = {field for _, field in layout.columns}
    truth: dict[str, Any] = {name: value for name, value in ticket.items() if name in fields and value}
    for name in ("created_at", "resolved_at", "updated_at"):
        if name in truth:
            # Tools write minutes at best.
            truth[name] = truth[name].replace(second=0).isoformat()
    truth["status"] = dict(layout.statuses).get(truth["status"], truth["status"])
    further = truth.pop("further", None)
    if further:
        truth["fields"] = {layout.further: further}
    if "reporter" in fields:
        truth.setdefault("fields", {})["customer"] = truth.pop("reporter")
    if "comment" in fields:
        truth["thread"] = [message | {"at": message["at"].isoformat()} for message in _conversation(ticket)]
    return truth


def _conversation(ticket: dict[str, Any]) -> list[dict[str, Any]]:
    said = (
        ("customer", "Is there any news?"),
        ("agent", ticket["resolution"]),
        ("agent", "Thanks, closing this ticket."),
    )
    return [
        {"author": author, "at": ticket["created_at"] + timedelta(hours=hour), "text": text}
        for hour, (author, text) in enumerate(said, start=1)
    ]


def _stored(truth: dict[str, Any]) -> dict[str, Any]:
    stored: dict[str, Any] = {name: truth[name] for name in truth.keys() - {"body"}}
    body = truth.get("body", "")
    _, plain, apart = next((one for one in _BODIES if _plain(one[0]) == body), (body, None, None))
    stored["text"] = "\n\n".join(part for part in (truth["subject"], plain or body) if part)
    if apart:
        stored["set_apart"] = apart
    if "thread" in truth:
        stored |= {"resolution": truth["thread"][1]["text"], "resolution_from": "message 2 of the thread"}
    return stored
