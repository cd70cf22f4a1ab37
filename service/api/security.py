"""API keys: when some are set, every ``/v1`` call needs one."""

import hmac
from typing import Any

from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException
from litestar.handlers.base import BaseRouteHandler

from indexer.settings import Settings

__all__ = ["require_key"]


def require_key(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """Refuse a call without a valid ``Authorization: Bearer`` key; the time taken tells nothing about the keys."""
    settings: Settings = connection.app.state.settings
    if not settings.api_keys:
        return
    scheme, _, given = connection.headers.get("authorization", "").partition(" ")
    matches = [hmac.compare_digest(given.strip().encode(), key.encode()) for key in settings.api_keys]
    if scheme.lower() != "bearer" or not any(matches):
        detail = "this service needs an API key: send `Authorization: Bearer KEY`"
        raise NotAuthorizedException(detail, headers={"WWW-Authenticate": "Bearer"})
