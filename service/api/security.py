"""Guards of the routes: the API key and its scope, and the Content-Type of a body.

All are coroutines: Litestar runs any other guard in a thread, which takes longer, and where whose call it is would be lost.
"""

import math
from typing import Any

from litestar.connection import ASGIConnection
from litestar.datastructures import MutableScopeHeaders
from litestar.exceptions import (
    HTTPException,
    NotAuthorizedException,
    PermissionDeniedException,
    TooManyRequestsException,
)
from litestar.handlers.base import BaseRouteHandler
from litestar.status_codes import HTTP_415_UNSUPPORTED_MEDIA_TYPE
from litestar.types import Message, Scope

from indexer.actor import ACTOR
from indexer.ledger import SCOPES, KeyScope
from service.api.keyring import Key, Keyring, Rate, SlowDownError

__all__ = [
    "ADMIN_IN_OPENAPI",
    "KEY_IN_OPENAPI",
    "LINES",
    "RATE_HEADERS",
    "WRITE_IN_OPENAPI",
    "may",
    "media_type",
    "require_admin",
    "require_bytes",
    "require_json",
    "require_json_or_lines",
    "require_key",
    "require_write",
    "tell_rate",
]

KEY_IN_OPENAPI: list[dict[str, list[str]]] = [{}, {"key": ["ask"]}]
"""A key of this scope or a wider one is needed, or none: that depends on the service."""
WRITE_IN_OPENAPI: list[dict[str, list[str]]] = [{}, {"key": ["write"]}]
ADMIN_IN_OPENAPI: list[dict[str, list[str]]] = [{}, {"key": ["admin"]}]

RATE_HEADERS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")

LINES = frozenset(
    {"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"}
)
_JSON = "application/json"
_BYTES = "application/octet-stream"


async def require_key(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """Refuse a call without a valid ``Authorization: Bearer`` key, or of one beyond its limit; note whose call it is."""
    keyring: Keyring = connection.app.state.keyring
    if not keyring.is_needed:
        ACTOR.set("no key")
        return
    key = _key_of(connection, keyring)
    ACTOR.set(key.who)
    connection.scope["state"]["key"] = key
    rate = keyring.count(key)
    connection.scope["state"]["rate"] = rate
    if rate is not None and rate.exceeded:
        detail = f"this key may be used for {rate.limit} calls a minute: try again in {rate.reset} s"
        raise TooManyRequestsException(detail, headers={"Retry-After": str(rate.reset)})


def _key_of(connection: ASGIConnection[Any, Any, Any, Any], keyring: Keyring) -> Key:
    scheme, _, given = connection.headers.get("authorization", "").partition(" ")
    found = None
    if scheme.lower() == "bearer" and given.strip():
        try:
            found = keyring.find(given.strip(), connection.client.host if connection.client else "")
        except SlowDownError as error:
            detail = "too many wrong API keys came from this address: try again later"
            wait = {"Retry-After": str(math.ceil(error.seconds))}
            raise TooManyRequestsException(detail, headers=wait) from None
    if found is None:
        detail = "this service needs an API key: send `Authorization: Bearer KEY`"
        raise NotAuthorizedException(detail, headers={"WWW-Authenticate": "Bearer"})
    return found


async def require_write(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """Refuse a key that may only ask; to be called after `require_key`."""
    _require_scope(connection, "write")


async def require_admin(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """Refuse a key that may not do everything; to be called after `require_key`."""
    _require_scope(connection, "admin")


def may(connection: ASGIConnection[Any, Any, Any, Any], needed: KeyScope) -> bool:
    """Tell whether a call that was let in has this scope; without keys everything is allowed."""
    key: Key | None = connection.scope["state"].get("key")
    return key is None or SCOPES.index(key.scope) >= SCOPES.index(needed)


def _require_scope(connection: ASGIConnection[Any, Any, Any, Any], needed: KeyScope) -> None:
    if not may(connection, needed):
        key: Key = connection.scope["state"]["key"]
        detail = f"this needs a key of scope {needed}, and this one has scope {key.scope}"
        challenge = f'Bearer error="insufficient_scope", scope="{needed}"'
        raise PermissionDeniedException(detail, headers={"WWW-Authenticate": challenge})


async def tell_rate(message: Message, scope: Scope) -> None:
    """Add to an answer what is left of its key's limit."""
    rate: Rate | None = scope["state"].get("rate")
    if rate is not None and message["type"] == "http.response.start":
        headers = MutableScopeHeaders.from_message(message)
        for name, value in zip(RATE_HEADERS, (rate.limit, rate.remaining, rate.reset), strict=True):
            headers[name] = str(value)


async def require_json(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """Refuse a body that does not say it is JSON: one that says nothing comes from a web page without being asked for."""
    _require(connection, frozenset())


async def require_json_or_lines(
    connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler
) -> None:
    """Refuse a body that does not say it is JSON or JSON lines."""
    _require(connection, LINES)


async def require_bytes(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """Refuse a body that does not say that it is a file of whatever kind: a web page can send none such without being asked for."""
    if media_type(connection) != _BYTES:
        raise HTTPException(
            status_code=HTTP_415_UNSUPPORTED_MEDIA_TYPE, detail=f"send `Content-Type: {_BYTES}`"
        )


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
