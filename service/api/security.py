"""Guards of the routes: the API key, and the Content-Type of a body."""

import math
from typing import Any

from litestar.connection import ASGIConnection
from litestar.exceptions import HTTPException, NotAuthorizedException, TooManyRequestsException
from litestar.handlers.base import BaseRouteHandler
from litestar.status_codes import HTTP_415_UNSUPPORTED_MEDIA_TYPE

from indexer.actor import ACTOR
from indexer.settings import Settings
from service.api.keyring import Keyring, SlowDownError

__all__ = ["KEY_IN_OPENAPI", "LINES", "media_type", "require_json", "require_json_or_lines", "require_key"]

KEY_IN_OPENAPI: list[dict[str, list[str]]] = [{}, {"key": []}]
"""A key is needed, or not: that depends on the settings."""

LINES = frozenset(
    {"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"}
)
_JSON = "application/json"


async def require_key(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """Refuse a call without a valid ``Authorization: Bearer`` key, and note whose call it is."""
    # Not in a thread, as Litestar runs a guard that is no coroutine: whose call it is would be noted there only.
    settings: Settings = connection.app.state.settings
    if not settings.api_keys:
        ACTOR.set("no key")
        return
    keyring: Keyring = connection.app.state.keyring
    scheme, _, given = connection.headers.get("authorization", "").partition(" ")
    who = None
    if scheme.lower() == "bearer" and given.strip():
        try:
            who = keyring.who(given.strip(), connection.client.host if connection.client else "")
        except SlowDownError as error:
            detail = "too many wrong API keys came from this address: try again later"
            wait = {"Retry-After": str(math.ceil(error.seconds))}
            raise TooManyRequestsException(detail, headers=wait) from None
    if who is None:
        detail = "this service needs an API key: send `Authorization: Bearer KEY`"
        raise NotAuthorizedException(detail, headers={"WWW-Authenticate": "Bearer"})
    ACTOR.set(who)


def require_json(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """Refuse a body that does not say it is JSON: one that says nothing comes from a web page without being asked for."""
    _require(connection, frozenset())


def require_json_or_lines(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """Refuse a body that does not say it is JSON or JSON lines."""
    _require(connection, LINES)


def media_type(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    """Return what the body says it is, without parameters, in lower case; empty when it says nothing."""
    return connection.headers.get("content-type", "").partition(";")[0].strip().lower()


def _require(connection: ASGIConnection[Any, Any, Any, Any], others: frozenset[str]) -> None:
    found = media_type(connection)
    if found == _JSON or found.endswith("+json") or found in others:
        return
    wanted = " or ".join([_JSON, *sorted(others)[-1:]])
    detail = (
        f"send `Content-Type: {wanted}`, not {found[:100]!r}" if found else f"send `Content-Type: {wanted}`"
    )
    raise HTTPException(status_code=HTTP_415_UNSUPPORTED_MEDIA_TYPE, detail=detail)
