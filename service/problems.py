"""Every error as ``application/problem+json`` (RFC 9457), in one shape."""

import logging
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from litestar.status_codes import HTTP_422_UNPROCESSABLE_ENTITY, HTTP_503_SERVICE_UNAVAILABLE

from indexer.errors import IndexUnavailableError, PrecedentError, ProviderError
from indexer.ticket import TicketError
from service.pools import BusyError

__all__ = ["PROBLEM_TYPE", "NotReadyError", "Problem", "handlers", "log_once", "plain", "problem_of"]

PROBLEM_TYPE = "application/problem+json"

_log = logging.getLogger(__name__)
_RETRY_SECONDS = 5
_BUSY_SECONDS = 2
_LOG_SECONDS = 60.0
_silent: dict[str, float] = {}
"""Until when each kind of failure is not logged again."""


class NotReadyError(PrecedentError):
    """The service is starting, or waits for its index."""


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A problem as RFC 9457 describes it; ``type`` is stable and meant for programs, ``detail`` for people."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[Any] = []
    retry_after: int | None = None


def problem_of(error: Exception) -> Problem:  # noqa: PLR0911 (one for each kind)
    """Return the problem that an error is to a client; what is not meant for one stays in the log."""
    match error:
        case ProviderError():
            wait = max(1, round(error.retry_after or _RETRY_SECONDS))
            return _unavailable("provider", "The provider of embeddings is unavailable", error, wait)
        case NotReadyError() | IndexUnavailableError():
            return _unavailable("index", "The index is unavailable", error, _RETRY_SECONDS)
        case BusyError():
            return _unavailable("busy", "The service has too much to do", error, _BUSY_SECONDS)
        case PrecedentError():
            return _unavailable("service", "The service cannot answer", error, _RETRY_SECONDS)
        case TicketError():
            return plain(HTTP_422_UNPROCESSABLE_ENTITY, str(error))
        case ValidationException():
            return _invalid(error)
        case HTTPException():
            return plain(error.status_code, error.detail)
    _log.error("unexpected %s", type(error).__name__, exc_info=error)
    return plain(500, "an unexpected error; the service's log has it")


def _unavailable(what: str, title: str, error: Exception, retry_after: int) -> Problem:
    return Problem(
        type="/problems/busy" if what == "busy" else f"/problems/{what}-unavailable",
        title=title,
        status=503,
        detail=str(error),
        retry_after=retry_after,
    )


def plain(status: int, detail: str) -> Problem:
    """Return the problem that a status is, in these words."""
    title = HTTPStatus(status).phrase
    return Problem(
        type=f"/problems/{title.lower().replace(' ', '-')}",
        title=title,
        status=status,
        detail=detail or title,
    )


def _invalid(error: ValidationException) -> Problem:
    errors = [
        {name: part[name] for name in ("key", "message") if name in part}
        if isinstance(part, dict)
        else {"message": str(part)}
        for part in (error.extra if isinstance(error.extra, list) else [])
    ]
    if errors == [{"key": "data", "message": "'data'"}]:
        errors = [{"message": "the body is empty"}]  # Litestar's words for it
    # Litestar's own detail repeats the query string, which may hold a ticket's text.
    said = "; ".join(f"{e['key']}: {e['message']}" if "key" in e else str(e["message"]) for e in errors)
    problem = plain(HTTP_422_UNPROCESSABLE_ENTITY, said or error.detail)
    return msgspec.structs.replace(problem, errors=errors)


def _handle(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    problem = problem_of(error)
    if problem.status == HTTP_503_SERVICE_UNAVAILABLE:
        log_once(problem.type, error)
    if isinstance(error, RequestEntityTooLarge):
        limit = request.route_handler.resolve_request_max_body_size()
        problem = plain(problem.status, f"the body is larger than the {limit:,} bytes that this path takes")
    headers = dict(getattr(error, "headers", None) or {})
    if problem.retry_after is not None:
        headers["Retry-After"] = str(problem.retry_after)
    return Response(problem, status_code=problem.status, headers=headers, media_type=PROBLEM_TYPE)


def log_once(kind: str, error: Exception) -> None:
    """Log a failure when it begins and once a minute while it lasts: not once for each who is told of it."""
    now = time.monotonic()
    if now >= _silent.get(kind, 0.0):
        _silent[kind] = now + _LOG_SECONDS
        _log.warning("told clients 503: %s", error)


handlers: dict[int | type[Exception], Callable[[Request[Any, Any, Any], Any], Response[Any]]] = {
    HTTPException: _handle,
    Exception: _handle,
}
