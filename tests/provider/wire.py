"""Writing HTTP answers on ASGI, whole, streamed or broken off."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec

__all__ = ["Answer", "Cut", "Receive", "Refusal", "Scope", "Send", "read_body", "token_count"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Cut(Exception):  # noqa: N818 (not an error of the program: uvicorn closes the connection on it)
    """The connection is to be dropped in the middle of an answer."""


class Refusal(Exception):  # noqa: N818 (an answer, not an error of the program)
    """An answer with an error's status, in the shape of OpenAI's errors."""

    def __init__(
        self, status: int, message: str, *, code: str | None = None, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}
        kind = "invalid_request_error" if status < 500 else "server_error"
        self.body = {"error": {"message": message, "type": kind, "param": None, "code": code}}


class Answer:
    """The answer to one request."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self.begun = asyncio.get_running_loop().time()
        self.left = False
        """Whether the client went before the answer was complete."""

    async def json(self, body: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> None:
        """Send an object."""
        await self.raw(msgspec.json.encode(body), status=status, headers=headers)

    async def refuse(self, refusal: Refusal) -> None:
        """Send an error."""
        await self.json(refusal.body, status=refusal.status, headers=refusal.headers)

    async def raw(
        self,
        content: bytes,
        *,
        status: int = 200,
        content_type: str = "application/json",
        headers: dict[str, str] | None = None,
        cut: bool = False,
    ) -> None:
        """Send a body of known length, or only the first half of it."""
        await self._start(
            status, {"content-type": content_type, "content-length": str(len(content)), **(headers or {})}
        )
        if cut:
            await self._body(content[: len(content) // 2], more=True)
            raise Cut
        await self._body(content)

    async def events(self, events: list[bytes], *, delay: float, cut: bool) -> None:
        """Send server-sent events and the closing ``[DONE]``, or drop the connection instead of that."""
        await self._start(200, {"content-type": "text/event-stream"})
        leaving = asyncio.create_task(self.client_left())
        try:
            for event in events:
                await self._body(b"data: " + event + b"\n\n", more=True)
                # Also without a delay: gives the client's departure a chance to be noticed.
                await asyncio.sleep(delay)
                if self.left:
                    return
        finally:
            leaving.cancel()
        if cut:
            raise Cut
        await self._body(b"data: [DONE]\n\n", more=True)
        await self._body(b"")

    async def client_left(self) -> None:
        """Wait until the client closes the connection."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.left = True

    async def _start(self, status: int, headers: dict[str, str]) -> None:
        coded = [(name.encode(), value.encode()) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": coded})

    async def _body(self, content: bytes, *, more: bool = False) -> None:
        await self._send({"type": "http.response.body", "body": content, "more_body": more})


async def read_body(receive: Receive) -> bytes:
    """Return the whole body of a request."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return bytes(body)


def token_count(text: str) -> int:
    """Return about the tokens of a text, by the usual four characters a token."""
    return -(-len(text) // 4)
