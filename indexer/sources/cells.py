"""Cells of a table as people and spreadsheets leave them: words for nothing, and ids written as amounts."""

import re

from indexer.sources.dates import DATE_FIELDS

__all__ = ["is_nothing", "whole_number"]

_CHOSEN = re.compile(r"-+ ?none ?-+", re.IGNORECASE)  # from a list, in ServiceNow, Salesforce and Zoho Desk
_WORDS = re.compile(
    r"#?n/?a|#?n\.a\.|null|none|nan|nil|-+|[\u2013\u2014]|[(\[](?:none|blank|empty|leer|null)[)\]]|k\. ?a\.|keine?",
    re.IGNORECASE,
)
_AMOUNT = re.compile(r"\d{1,3}(?:,\d{3})+|(\d+)\.0")
_SHORT = DATE_FIELDS | {"priority", "resolution", "outcome", "status", "tags", "url"}
"""Fields in which such a word is never a value; a region may well be NA, and a subject a dash."""


def is_nothing(cell: str, field: str | None) -> bool:
    """Tell whether a cell of this field of a ticket's has no value, as far as its words say."""
    text = cell.strip()
    return not text or bool(_CHOSEN.fullmatch(text) or (field in _SHORT and _WORDS.fullmatch(text)))


def whole_number(cell: str) -> str:
    """Return an id without what programs for numbers put into it: ``1,019`` and ``1019.0`` are 1019."""
    found = _AMOUNT.fullmatch(cell.strip())
    return (found[1] or found[0].replace(",", "")) if found else cell
