"""The query that every question asks, sent to the local server without chromadb's client."""

import socket
from typing import Any
from urllib.parse import quote

import httptools
import msgspec
import numpy as np
from numpy.typing import NDArray

__all__ = ["QuickQueries", "QuickQueryError"]

_PIECE = 2**16


class QuickQueryError(Exception):
    """The server did not answer as it should: chromadb's client, asked for the same, can tell what is wrong."""


class _Answer(msgspec.Struct):
    ids: tuple[list[str]]


class QuickQueries:
    """Queries to the server on a port of this machine; each thread that asks has a connection of its own meanwhile.

    chromadb 1.5.9 checks arguments one by one and sends them by httpx, whose parser is in Python: `tests.bench.serving` shows what
    that takes of a query.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[socket.socket] = []  # appending and popping are safe in threads

    def ids_near(
        self, collection: Any, vector: NDArray[np.float32], limit: int, *, seconds: float
    ) -> list[str]:
        """Return the ids of the rows nearest to the vector, nearest first.

        :param collection: a collection of chromadb's client.
        :param vector: shape (dimension,).
        :param seconds: to wait for the answer.
        :raises TimeoutError: it did not come in time.
        :raises QuickQueryError: it is another than ids, or there is none.
        """
        of = f"tenants/{collection.tenant}/databases/{collection.database}/collections/{collection.id}"
        asked = {"query_embeddings": [vector.tolist()], "n_results": limit, "include": []}
        body = msgspec.json.encode(asked)
        head = (
            f"POST {quote(f'/api/v2/{of}/query')} HTTP/1.1\r\nhost: 127.0.0.1:{self._port}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        connection = None
        try:
            connection = self._connection(seconds)
            connection.sendall(head.encode() + body)
            (found,) = msgspec.json.decode(_read(connection), type=_Answer).ids
        except (OSError, httptools.HttpParserError, msgspec.MsgspecError) as error:
            if connection is not None:
                connection.close()
            if isinstance(error, TimeoutError):
                raise
            raise QuickQueryError from error
        self._idle.append(connection)
        return found

    def close(self) -> None:
        """Close the connections."""
        while self._idle:
            self._idle.pop().close()

    def _connection(self, seconds: float) -> socket.socket:
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = socket.create_connection(("127.0.0.1", self._port), seconds)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(seconds)
        return connection


class _Body:
    """What the parser calls."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.complete = False

    def on_body(self, part: bytes) -> None:
        self.parts.append(part)

    def on_message_complete(self) -> None:
        self.complete = True


def _read(connection: socket.socket) -> bytes:
    """Return the body of the next answer.

    :raises ConnectionError: the server closed the connection before its end.
    """
    body = _Body()
    parser = httptools.HttpResponseParser(body)
    while not body.complete:
        piece = connection.recv(_PIECE)
        if not piece:
            raise ConnectionError
        parser.feed_data(piece)
    return b"".join(body.parts)
