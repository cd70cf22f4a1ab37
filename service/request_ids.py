"""Request ids, in every answer and in each line that is logged for it."""

import re
import uuid

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from indexer.logs import request_id

__all__ = ["RequestIds"]

_HEADER = b"x-request-id"
_SANE = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:+/=-]{0,99}")


class RequestIds:
    """The application in whose answers ``X-Request-ID`` is the one that came, if it is sane, or else a new one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        given = next((value for name, value in scope["headers"] if name == _HEADER), b"")
        chosen = given if _SANE.fullmatch(given) else uuid.uuid4().hex.encode()

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (_HEADER, chosen)]
            await send(message)

        # Each request is a task of its own: nothing needs to be set back.
        request_id.set(chosen.decode())
        await self._app(scope, receive, send_with_id)
