"""What routes have in common: bodies that are JSON in UTF-8, or a clear word on what is wrong with them, and lists page by page."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from litestar import Request
from litestar.exceptions import ClientException
from litestar.params import QueryParameter

from indexer.ticket import TicketError

__all__ = ["Cursor", "JSONRequest", "Limit", "decoded", "in_utc", "no_cursor", "require_known"]

_MOST_LISTED = 200

Limit = Annotated[int, QueryParameter(ge=1, le=_MOST_LISTED)]
Cursor = Annotated[str, QueryParameter(description="`next_cursor` of the page before")]


class JSONRequest(Request[Any, Any, Any]):
    """A request whose JSON is decoded here: Litestar's own decoder lets a wrong encoding or deep nesting become a 500."""

    async def json(self) -> Any:
        """Return the decoded body.

        :raises ClientException: it is not JSON.
        """
        return decoded(await self.body())


def decoded(body: bytes) -> Any:
    """Return what JSON says.

    :raises ClientException: it is not JSON in UTF-8, or nested too deeply.
    """
    if not body.strip():
        msg = "the body is empty"
    else:
        try:
            return msgspec.json.decode(body)
        except msgspec.DecodeError as error:
            msg = f"this is not JSON: {error}"
        except UnicodeDecodeError as error:
            # Python's own words count from the beginning of the string that the byte is in.
            msg = f"this is not UTF-8: {error.object[error.start : error.start + 1]!r} has no meaning there"
        except RecursionError:
            msg = "this JSON is nested too deeply"
    raise ClientException(msg)


def require_known(request: Request[Any, Any, Any], names: Sequence[str]) -> None:
    """Refuse a parameter that would otherwise be ignored, such as a misspelt one.

    :raises TicketError: the query has one of another name.
    """
    unknown = [name for name in request.query_params if name not in names]
    if unknown:
        msg = f"there is no parameter {unknown[0][:200]!r}; there are {', '.join(names)}"
        raise TicketError(msg)


def no_cursor(cursor: str) -> TicketError:
    """Return the error of a cursor that no page has given."""
    return TicketError(f"cursor {cursor[:200]!r} is none: send the next_cursor of a page, or no cursor")


def in_utc(moment: datetime | None) -> datetime | None:
    """Return the moment; one without a zone is in UTC."""
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
