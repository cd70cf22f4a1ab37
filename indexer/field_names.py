"""The names that usual exports have for a ticket's fields, in English, German and a little French and Spanish."""

import re
from collections.abc import Mapping
from datetime import tzinfo
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from indexer.ticket import MAX_ID_LENGTH

__all__ = ["field_of", "plain_name", "values_of", "zone_of"]

_NAME = re.compile(r"[\W_]+")
_ZONE = re.compile(r" \((UTC|GMT|[A-Za-z_]+(?:/[\w+-]+)+)\)$", re.ASCII)
_MODULE = " (ticket)"

_ALIASES: dict[str, tuple[str, ...]] = {
    "id": (
        "id", "ticket_id", "ticketid", "key", "issue_key", "case_number", "number", "external_id",
        "vorgangsschlüssel", "ticketnummer", "vorgangsnummer", "ticket_number", "case_id", "incident_id",
        "incident_number", "request_id",
    ),
    "text": ("text", "ticket_text", "ticket"),
    "subject": (
        "subject", "title", "summary", "short_description", "betreff", "zusammenfassung", "titel",
        "sujet", "asunto", "ticket_subject", "ticket_title",
    ),
    "body": ("body", "description", "content", "message", "comment", "beschreibung", "ticket_description"),
    "priority": ("priority", "urgency", "severity", "priorität", "priorité", "prioridad", "ticket_priority"),
    "resolution": (
        "resolution", "resolution_text", "resolution_notes", "close_notes", "solution", "answer",
        "lösung", "abschlussnotiz",
    ),
    "created_at": (
        "created_at", "created", "createdat", "created_date", "opened_at", "creation_date",
        "date_created", "date_opened", "opened_date", "created_on", "opened_on", "created_time",
        "create_date", "erstellt", "erstellt_am", "erstellungszeit", "erstellungsdatum",
        "date_de_création",
    ),
    "resolved_at": (
        "resolved_at", "resolved", "resolvedat", "resolved_date", "resolutiondate", "solved_at",
        "closed_at", "closed_date", "date_closed", "date_resolved", "closed_on", "resolved_on",
        "resolved_time", "closed_time", "close_date", "erledigt", "erledigt_am", "gelöst_am",
        "geschlossen_am", "lösungszeit", "date_de_résolution",
    ),
    "updated_at": (
        "updated_at", "updated", "updatedat", "updated_date", "sys_updated_on", "last_updated",
        "updated_on", "last_modified", "modified_on", "date_updated", "aktualisiert", "aktualisiert_am",
        "geändert_am",
    ),
    "tags": ("tags", "labels", "components", "stichwörter", "schlagwörter"),
    "source": ("source",),
    "url": ("url", "link", "html_url", "web_url", "permalink", "ticket_url"),
    "status": ("status", "state", "statut", "estado", "ticket_status"),
    "outcome": ("outcome",),
    "thread": ("thread",),
    "fields": ("fields",),
    "set_apart": ("set_apart",),
    "resolution_from": ("resolution_from",),
    "unresolved": ("unresolved",),
}  # fmt: skip
"""By field, the better name of one field first."""
_FIELDS = {alias: field for field, aliases in _ALIASES.items() for alias in aliases}
_RANKS = {alias: rank for aliases in _ALIASES.values() for rank, alias in enumerate(aliases)}


def values_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a record gives for each of the ticket's fields, as it stands there; ``None`` where it gives nothing."""
    found: dict[str, Any] = dict.fromkeys(_ALIASES)
    ranks: dict[str, int] = {}
    for name, value in record.items():
        if value is None or value == "":
            continue
        alias = _alias(str(name)[:MAX_ID_LENGTH])
        field = _FIELDS.get(alias)
        if field is not None and _RANKS[alias] <= ranks.get(field, len(_RANKS)):
            found[field], ranks[field] = value, _RANKS[alias]
    return found


def field_of(name: str) -> str | None:
    """Return the ticket's field that a name of usual exports means, ``None`` where it means none."""
    return _FIELDS.get(_alias(name[:MAX_ID_LENGTH]))


@lru_cache(maxsize=4_096)  # the same names come with every record
def plain_name(column: str) -> str:
    """Return a column's name in lower case, without what some exports write behind it.

    That is the zone of its times, as in Intercom's ``Updated at (Europe/Berlin)``, or the module, as in Zoho Desk's
    ``Status (Ticket)``.
    """
    name = _ZONE.sub(lambda found: found[0] if _zone(found[1]) is None else "", column)
    return name.casefold().removesuffix(_MODULE)


def zone_of(column: str) -> tzinfo | None:
    """Return the zone of the times in a column, where its name says it."""
    found = _ZONE.search(column)
    return _zone(found[1]) if found else None


@lru_cache(maxsize=4_096)
def _zone(name: str) -> tzinfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # the last: it is a folder of zones
        return None


@lru_cache(maxsize=4_096)
def _alias(name: str) -> str:
    return _NAME.sub("_", plain_name(name.strip()).replace("#", " number ")).strip("_")
