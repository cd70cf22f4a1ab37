"""Every error as ``application/problem+json`` (RFC 9457), in one shape."""

import difflib
import logging
import re
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from litestar.response.base import ASGIResponse
from litestar.status_codes import HTTP_422_UNPROCESSABLE_ENTITY, HTTP_503_SERVICE_UNAVAILABLE

from indexer.errors import (
    FullDiskError,
    IndexBusyError,
    IndexUnavailableError,
    PrecedentError,
    ProviderError,
    in_words,
)
from indexer.ticket import TicketError
from service.pools import BusyError
from service.provider_words import said_of

__all__ = [
    "FULL_DISK",
    "PROBLEM_TYPE",
    "NotReadyError",
    "Problem",
    "answer_of",
    "handlers",
    "log_once",
    "plain",
    "problem_of",
]

PROBLEM_TYPE = "application/problem+json"

FULL_DISK = "the disk is full: nothing is lost or damaged, and it goes on by itself when there is room"

_log = logging.getLogger(__name__)
_RETRY_SECONDS = 5
_BUSY_SECONDS = 2
_LOG_SECONDS = 60.0
# What our own errors say names hosts, databases and paths, for whoever runs the service.
_LOGGED = "; the service's log says why"
_UNKNOWN_FIELD = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)  # msgspec's words
_NO_VALUE = re.compile(r"Invalid (?:enum )?value ('.*')", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*)`")
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


def problem_of(error: Exception) -> Problem:
    """Return the problem that an error is to a client; what is not meant for one stays in the log."""
    match error:
        case PrecedentError():
            return _unavailable(error)
        case TicketError():
            return plain(HTTP_422_UNPROCESSABLE_ENTITY, str(error))
        case ValidationException():
            return _invalid(error)
        case HTTPException():
            return plain(error.status_code, error.detail)
    _log.error("unexpected %s", type(error).__name__, exc_info=error)
    return plain(500, "an unexpected error; the service's log has it")


def _unavailable(error: PrecedentError) -> Problem:
    """Return a 503 in words that name no host, database or path."""
    kind, title, wait = "service-unavailable", "The service cannot answer", _RETRY_SECONDS
    said = f"this cannot be done at the moment{_LOGGED}"
    match error:
        case ProviderError():
            kind, title = "provider-unavailable", "The provider of embeddings is unavailable"
            said = f"{said_of(error.kind)}{_LOGGED}"
            wait = max(1, round(error.retry_after or _RETRY_SECONDS))
        case NotReadyError() | IndexUnavailableError():
            kind, title = "index-unavailable", "The index is unavailable"
            said = f"the index cannot be asked at the moment{_LOGGED}"
            if isinstance(error, NotReadyError):
                said = str(error)  # a stage, which says nothing that not everybody may read
            elif isinstance(error, IndexBusyError):
                said = "the index is being written to by others for long: try again in a few seconds"
        case FullDiskError():
            kind, title, said = "disk-full", "The disk is full", FULL_DISK
        case BusyError():
            kind, title, wait = "busy", "The service has too much to do", _BUSY_SECONDS
            said = str(error)
    return Problem(type=f"/problems/{kind}", title=title, status=503, detail=said, retry_after=wait)


def plain(status: int, detail: str) -> Problem:
    """Return the problem that a status is, in these words."""
    title = HTTPStatus(status).phrase
    return Problem(
        type=f"/problems/{title.lower().replace(' ', '-')}",
        title=title,
        status=status,
        detail=detail or title,
    )


def answer_of(problem: Problem) -> ASGIResponse:
    """Return the answer that tells a problem, for what stands in front of the routes."""
    headers = {} if problem.retry_after is None else {"Retry-After": str(problem.retry_after)}
    return ASGIResponse(
        body=msgspec.json.encode(problem),
        status_code=problem.status,
        headers=headers,
        media_type=PROBLEM_TYPE,
    )


def _allowed(body: Any, name: str) -> str:
    """Return the values that a field of such a body may have, where its type says them."""
    structs = msgspec.json.schema(body)["$defs"].values() if body else ()
    found = [struct["properties"].get(name, {}) for struct in structs]
    parts = [part for one in found for part in (one, *one.get("anyOf", ()))]
    return ", ".join(value for part in parts for value in part.get("enum", ()))


def _told(key: str | None, said: str, body: Any) -> dict[str, str]:
    """Return what is wrong with a part of a request, and what would be right.

    :param body: the type of the request's body, if it has one.
    """
    fields = getattr(body, "__struct_fields__", ())
    if key == "data":  # so Litestar calls the body
        key, said = None, "the body is empty" if said == "'data'" else said
    if value := _NO_VALUE.fullmatch(said):
        said = f"{value[1]} is none of {_allowed(body, (key or '').rpartition('.')[2])}"
    elif missing := _MISSING.fullmatch(said):
        values = _allowed(body, missing[1])
        said = f"{missing[1]} is missing" + (values and f": one of {values}")
    elif key is None and fields and (unknown := _UNKNOWN_FIELD.fullmatch(said)):
        close = difflib.get_close_matches(unknown[1], fields, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(fields)}"
        said = f"unknown field {unknown[1]!r}: {hint}"
    elif key is None and said.startswith("Expected `object`"):
        said = f"the body must be an object with {', '.join(fields) or 'named fields'}"
    return ({} if key is None else {"key": key}) | {"message": in_words(said)}


def _invalid(error: ValidationException, body: Any = None) -> Problem:
    """Return a 422 that names each wrong field.

    :param body: the type of the request's body, if it has one.
    """
    parts = error.extra if isinstance(error.extra, list) else []
    errors = [
        _told(part.get("key"), part["message"], body) if isinstance(part, dict) else {"message": str(part)}
        for part in parts
    ]
    # Litestar's own detail repeats the query string, which may hold a ticket's text.
    said = "; ".join(f"{e['key']}: {e['message']}" if "key" in e else e["message"] for e in errors)
    problem = plain(HTTP_422_UNPROCESSABLE_ENTITY, said or error.detail)
    return msgspec.structs.replace(problem, errors=errors)


def _handle(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    if isinstance(error, ValidationException):
        body = request.route_handler.parsed_data_field
        problem = _invalid(error, body and body.annotation)
    else:
        problem = problem_of(error)
    # A full disk is told of where it is looked at.
    if problem.status == HTTP_503_SERVICE_UNAVAILABLE and not isinstance(error, FullDiskError):
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
