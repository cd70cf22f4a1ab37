"""The client of Chroma, bounded in time. Importing this module takes seconds: it imports chromadb."""

from typing import Any
from urllib.parse import urlsplit

import httpx
from chromadb.api.client import Client
from chromadb.auth import UserIdentity
from chromadb.config import Settings as ChromaSettings

from indexer.settings import Settings

__all__ = ["open_client"]

_CONNECT_SECONDS = 5.0


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
            chroma_server_ssl_verify=str(settings.chroma_ca) if settings.chroma_ca else True,
            chroma_server_headers=token,
            anonymized_telemetry=False,
        ),
    )


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
        server._session = httpx.Client(  # noqa: SLF001 (see above)
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
