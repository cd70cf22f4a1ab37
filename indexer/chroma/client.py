"""The client of Chroma, bounded in time. Importing this module takes seconds: it imports chromadb."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlsplit

import httpx
from chromadb.api.client import Client
from chromadb.auth import UserIdentity
from chromadb.config import Settings as ChromaSettings

from indexer.settings import Settings

__all__ = ["PATIENT_SECONDS", "close_client", "open_client", "within"]

_CONNECT_SECONDS = 5.0
PATIENT_SECONDS = 1_800.0
"""For what takes minutes, such as deleting a collection of a million rows (chromadb 1.5.9)."""
_bound: ContextVar[tuple[float, bool] | None] = ContextVar("bound", default=None)


@contextlib.contextmanager
def within(seconds: float, *, whatever_set: bool = False) -> Iterator[None]:
    """Let requests of this thread, while the block runs, wait no longer for an answer than this.

    :param whatever_set: also where that is longer than the setting says.
    """
    before = _bound.set((seconds, whatever_set))
    try:
        yield
    finally:
        _bound.reset(before)


def open_client(settings: Settings, port: int | None) -> Client:
    """Connect to Chroma; it answers, and has tenant and database, when this returns.

    :param port: of the local server; ``None`` for the one that settings name.
    """
    address = settings.chroma_url or "" if port is None else f"http://127.0.0.1:{port}"
    url = urlsplit(address)
    tls = url.scheme == "https"
    bearer = "" if settings.chroma_token_header == "X-Chroma-Token" else "Bearer "  # noqa: S105 (a header)
    token: dict[str, str] = {}
    if settings.chroma_token:
        token[settings.chroma_token_header] = bearer + settings.chroma_token
    return _BoundedClient(
        timeout=httpx.Timeout(
            settings.chroma_timeout, connect=min(settings.chroma_timeout, _CONNECT_SECONDS)
        ),
        local=port is not None,
        tenant=settings.chroma_tenant,
        database=settings.chroma_database,
        settings=ChromaSettings(
            chroma_api_impl="chromadb.api.fastapi.FastAPI",
            chroma_server_host=address,  # whole, because a proxy may have it under a path
            chroma_server_http_port=url.port or (443 if tls else 80),
            chroma_server_ssl_enabled=tls,
            # Without TLS there are none to verify, and to load the known ones would take longest of all.
            chroma_server_ssl_verify=tls and (str(settings.chroma_ca or "") or True),
            chroma_server_headers=token,
            anonymized_telemetry=False,
        ),
    )


def close_client(client: Client) -> None:
    """Close the client's connections."""
    client.close()
    # It leaves its connections open (chromadb 1.5.9), and those of the part that checks tenant and database.
    part: Any
    for part in (client, client._admin_client):  # noqa: SLF001 (there is no public way)
        part._server._session.close()  # noqa: SLF001 (there is no public way)


class _Session(httpx.Client):
    """A session whose requests wait no longer than `within` allows; chromadb passes no time-out on."""

    def request(self, *arguments: Any, **options: Any) -> httpx.Response:
        """Send a request."""
        if (bound := _bound.get()) is not None:
            seconds, whatever_set = bound
            options["timeout"] = seconds if whatever_set else min(seconds, self.timeout.read or seconds)
        return super().request(*arguments, **options)


class _BoundedClient(Client):
    """A client whose first request already has a time-out: chromadb 1.5.9 fixes its session to none.

    There is no public way to give it one, so its session is replaced; tests hold that each request has it.
    """

    def __init__(self, *, timeout: httpx.Timeout, local: bool, **options: Any) -> None:
        self._timeout = timeout
        self._local = local
        try:
            super().__init__(**options)
        except Exception:
            server: Any = getattr(self, "_server", None)
            if server is not None:
                server._session.close()  # noqa: SLF001 (the base class leaves its connections open)
            raise

    def get_user_identity(self) -> UserIdentity:
        """Replace the session: this is the first use that the constructor makes of it."""
        server: Any = self._server
        unbounded = server._session  # noqa: SLF001 (see above)
        # A proxy that the environment names is for addresses outside; it would not find our loopback.
        server._session = _Session(  # noqa: SLF001 (see above)
            timeout=self._timeout,
            limits=server.http_limits,
            verify=server._settings.chroma_server_ssl_verify,  # noqa: SLF001
            headers=unbounded.headers,
            trust_env=not self._local,
        )
        unbounded.close()
        return self._server.get_user_identity()  # not the base class's, which hides a time-out

    def _validate_tenant_database(self, tenant: str, database: str) -> None:
        # The base class asks with a second client, which has a session without a time-out of its own.
        self._server.get_tenant(tenant)
        self._server.get_database(database, tenant)
