"""What the columns of a table, or the names in a JSON object, are for a ticket."""

from collections.abc import Mapping

from indexer.field_names import field_of, plain_name
from indexer.sources.tools import Tool
from indexer.ticket import field_name

__all__ = ["meaning_of"]


def meaning_of(column: str, tool: Tool | None, mapping: Mapping[str, str]) -> str:
    """Return the ticket's field that a column is read as, such as ``body`` or ``fields.team``; empty if it is not read.

    :param tool: whose table it is, with the user's own columns; ``None``: of no known one.
    :param mapping: columns by field, as given by the user.
    """
    if tool is not None:
        name = plain_name(column)
        field = "thread" if name in tool.comments else tool.columns.get(name, "fields." + field_name(name))
        return "status" if field == "category" else field
    given = [field for field, mapped in mapping.items() if mapped == column]
    if given:
        return given[0]
    return "" if column in mapping else field_of(column) or "fields." + field_name(column)
