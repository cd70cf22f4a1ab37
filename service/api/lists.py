"""What the routes that list something page by page have in common."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from litestar import Request
from litestar.params import QueryParameter

from indexer.ticket import TicketError

__all__ = ["Cursor", "Limit", "in_utc", "require_known"]

_MOST_LISTED = 200

Limit = Annotated[int, QueryParameter(ge=1, le=_MOST_LISTED)]
Cursor = Annotated[str, QueryParameter(description="`next_cursor` of the page before")]


def require_known(request: Request[Any, Any, Any], names: Sequence[str]) -> None:
    """Refuse a parameter that would otherwise be ignored, such as a misspelt one.

    :raises TicketError: the query has one of another name.
    """
    unknown = [name for name in request.query_params if name not in names]
    if unknown:
        msg = f"there is no parameter {unknown[0][:200]!r}; there are {', '.join(names)}"
        raise TicketError(msg)


def in_utc(moment: datetime | None) -> datetime | None:
    """Return the moment; one without a zone is in UTC."""
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
