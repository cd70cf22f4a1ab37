"""Cells of a table as people and spreadsheets leave them: words for nothing, and ids written as amounts."""

import re

from indexer.sources.dates import DATE_FIELDS

__all__ = ["is_nothing", "whole_number"]

_CHOSEN = re.compile(r"-+ ?none ?-+", re.IGNORECASE)  # from a list, in ServiceNow, Salesforce and Zoho Desk
_WORDS = re.compile(
    r"#?n/?a|#?n\.a\.|null|none|nan|nil|-+|[\u2013\u2014]|[(\[](?:none|blank|empty|leer|null)[)\]]|k\. ?a\.|keine?",
    re.IGNORECASE,
)
_AMOUNT = re.compile(r"\d{1,3}(?:,\d{3})+")
_SHORT = DATE_FIELDS | {"priority", "resolution", "outcome", "status", "tags", "url"}
"""Fields in which such a word is never a value; a region may well be NA, and a subject a dash."""


def is_nothing(cell: str, field: str | None) -> bool:
    """Tell whether a cell of this field of a ticket's has no value, as far as its words say."""
    text = cell.strip()
    return not text or bool(_CHOSEN.fullmatch(text) or (field in _SHORT and _WORDS.fullmatch(text)))


def whole_number(cell: str) -> str:
    """Return an id without the separators that a spreadsheet puts between thousands."""
    text = cell.strip()
    return text.replace(",", "") if _AMOUNT.fullmatch(text) else cell
