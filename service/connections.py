"""Limits on connections: the bytes and seconds in which a request must arrive."""

import asyncio
import resource
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["BoundedProtocol", "raise_file_limit"]

_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_HEAD_BYTES = 64 * 2**10
_HEAD_SECONDS = 10.0
_BODY_SECONDS = 120.0
_MOST = 2_000
_FILES = 4_096
_OTHER_FILES = 256  # ledger, Chroma, provider


def raise_file_limit() -> None:
    """Allow this process as many open files as it may have, up to 4,096; the usual 1,024 are soon connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(hard, _FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _most() -> int:
    """Return how many connections may be open."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST if files == resource.RLIM_INFINITY else max(1, min(_MOST, files - _OTHER_FILES))


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with the bounds that it lacks (0.54): on a request's head, its time, and connections.

    When all connections are taken, the one whose request has been arriving, or awaited, for longest makes room.
    """

    _waiting: ClassVar[dict["BoundedProtocol", None]] = {}
    """Connections without a whole request, the oldest first."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._deadline: asyncio.TimerHandle | None = None
        self._in_head = True
        self._head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's own
        """Await a request."""
        super().connection_made(transport)
        if len(self.connections) > _most():
            next(iter(self._waiting), self)._drop()  # noqa: SLF001 (another of this class)
        if not transport.is_closing():
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Await nothing any more."""
        self._arrived()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, a request's head only up to its limit: an endless one costs the parser quadratic time."""
        if self._in_head:
            if self._deadline is None:  # another request on a connection that is kept
                self._await_head()
            allowed = _HEAD_BYTES - self._head_bytes
            self._head_bytes += len(data)
            super().data_received(data[:allowed])
            data = data[allowed:]
            if not data or self.transport.is_closing():
                return
            if self._in_head:
                self._arrived()
                self.transport.write(_TOO_LARGE)
                self.transport.close()
                return
        super().data_received(data)

    def on_headers_complete(self) -> None:
        """Give the body its own time."""
        self._in_head = False
        self._head_bytes = 0
        self._set_deadline(_BODY_SECONDS)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Await the next head, which may come when the answer is sent, or before."""
        self._arrived()
        self._in_head = True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Let the connection make room for others; uvicorn closes it when nothing comes."""
        super().on_response_complete()
        if not self.transport.is_closing() and not self.pipeline:
            self._waiting[self] = None

    def _await_head(self) -> None:
        self._waiting.pop(self, None)
        self._waiting[self] = None
        self._head_bytes = 0
        self._set_deadline(_HEAD_SECONDS)

    def _set_deadline(self, seconds: float) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(seconds, self._drop)

    def _arrived(self) -> None:
        self._waiting.pop(self, None)
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _drop(self) -> None:
        self._arrived()
        self.transport.abort()
