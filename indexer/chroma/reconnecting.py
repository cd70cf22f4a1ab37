"""The connection to Chroma, and its replacement while calls are under way."""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from indexer.chroma.failures import translated
from indexer.chroma.quick_query import QuickQueries
from indexer.chroma.server import Endpoint, LocalServer
from indexer.errors import IndexUnavailableError
from indexer.settings import Settings

__all__ = ["Connection", "Connections"]


class Connection:
    """A client of one run of the server, and the collections that it found there."""

    def __init__(self, number: int, client: Any, endpoint: Endpoint | None) -> None:
        self.number = number
        self.client = client
        self.endpoint = endpoint
        self.quick = QuickQueries(endpoint.port) if endpoint else None
        self.collections: dict[str, Any] = {}
        self.users = 0
        self.left = False


class Connections:
    """The current connection and those that calls still end on.

    Whoever connects anew disturbs nobody: a call ends on the connection that it began on, which is closed after the last.
    """

    def __init__(self, settings: Settings, server: LocalServer | None) -> None:
        """Connect to nothing yet.

        :param server: the local server; ``None`` for the one that settings name.
        """
        self.current: Connection | None = None
        self._settings = settings
        self._server = server
        self._opening = threading.Lock()
        self._lock = threading.Lock()  # of the current one and its users; nobody waits for Chroma with it
        self._count = 0

    def open(self) -> None:
        """Connect, or connect anew after the server was gone; a local server is started when none runs.

        :raises IndexUnavailableError: no server answers.
        """
        with self._opening:
            endpoint = self._server.ensure() if self._server else None
            with translated(self.address(endpoint)):
                from indexer.chroma.client import open_client

                client = open_client(self._settings, endpoint.port if endpoint else None)
            self._count += 1
            self._replace(Connection(self._count, client, endpoint))

    def close(self) -> None:
        """End this process's use; a local server that nobody else uses then stops."""
        with self._opening:
            self._replace(None)
            if self._server:
                self._server.release()

    @contextlib.contextmanager
    def used(self) -> Iterator[Connection]:
        """Keep the connection open while the block runs, and translate what goes wrong in it.

        :raises IndexUnavailableError: there is none.
        """
        with self._lock:
            connection = self.current
            if connection is not None:
                connection.users += 1
        if connection is None:
            msg = f"Chroma at {self.address(None)} is not connected"
            raise IndexUnavailableError(msg)
        try:
            with translated(self.address(connection.endpoint)):
                yield connection
        finally:
            with self._lock:
                connection.users -= 1
            self._close_if_unused(connection)

    def address(self, endpoint: Endpoint | None) -> str:
        """Return host and port of the server, without anything secret, for messages."""
        if self._settings.chroma_url:
            return urlsplit(self._settings.chroma_url)._replace(query="").geturl().rpartition("@")[2]
        return f"127.0.0.1:{endpoint.port}" if endpoint else "loopback"

    def _replace(self, connection: Connection | None) -> None:
        with self._lock:
            old, self.current = self.current, connection
            if old is not None:
                old.left = True
        if old is not None:
            self._close_if_unused(old)

    def _close_if_unused(self, connection: Connection) -> None:
        with self._lock:
            if not connection.left or connection.users:
                return
            connection.left = False  # only one closes it
        from indexer.chroma.client import close_client

        close_client(connection.client)
        if connection.quick is not None:
            connection.quick.close()
