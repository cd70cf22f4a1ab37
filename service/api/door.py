"""The check in front of every route: the Host a request names, and the web page it comes from."""

import ipaddress
import re
from collections.abc import Iterable

from litestar.types import ASGIApp, Receive, Scope, Send

from indexer.settings import Settings
from indexer.settings_check import LOOPBACK
from service.problems import answer_of, plain

__all__ = ["Door"]

_EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 (they are recognised, not served on)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_LAST_PORT = 65_535
_HOST = re.compile(r"(?:\[(?P<number>[0-9A-Fa-f:.]+)\]|(?P<name>[^\s\[\]:/?#@]+))(?::(?P<port>[0-9]{0,5}))?")
_OWN_SITES = frozenset({"same-origin", "none"})


class _RefusedError(Exception):
    """A request that is not let in: the status and what to do."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class Door:
    """Refuses what a browser sends for a page of somebody else, before any of it is read.

    A page may make a browser send requests to any address that the browser reaches, loopback included. What gives it
    away is ``Origin`` and ``Sec-Fetch-Site``; a page whose name was made to point here (DNS rebinding) has the
    service's own origin, but its name is in ``Host``. It stands outside the routes, so that it is there for all of them
    and for paths that are none.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._any_address = settings.host in _EVERYWHERE
        self._hosts = LOOPBACK | {settings.host.lower(), *(host.lower() for host in settings.allowed_hosts)}
        self._origins = frozenset(origin.lower() for origin in settings.cors_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer it with a problem."""
        try:
            self._check(scope["headers"])
        except _RefusedError as refused:
            await answer_of(plain(refused.status, str(refused)))(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _check(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        found = list(headers)
        host, port = _host(_only(found, b"host"))
        if not (host in self._hosts or (self._any_address and _is_address(host))):
            detail = f"this service is not {host[:100]!r}: if it is to be, name it in PRECEDENT_ALLOWED_HOSTS"
            raise _RefusedError(421, detail)
        origin = _only(found, b"origin")
        if origin is not None and origin.lower() in self._origins:
            return
        if origin is not None and not _is_own(origin, host, port):
            detail = (
                f"pages of {origin[:100]!r} may not ask this service: "
                "if they are to, name that origin in PRECEDENT_CORS_ORIGINS"
            )
            raise _RefusedError(403, detail)
        site = _only(found, b"sec-fetch-site")
        if site is not None and site.lower() not in _OWN_SITES:
            detail = (
                "the browser says that a page of another site asks (Sec-Fetch-Site): open the address by itself, "
                "or name the page's origin in PRECEDENT_CORS_ORIGINS"
            )
            raise _RefusedError(403, detail)


def _only(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str | None:
    values = [value for key, value in headers if key.lower() == name]
    if len(values) > 1:
        msg = f"the header {name.decode()} is there {len(values)} times"
        raise _RefusedError(400, msg)
    return values[0].decode("latin-1").strip() if values else None


def _host(value: str | None) -> tuple[str, int | None]:
    """Return the name, in lower case, and the port of a ``Host`` header."""
    found = _HOST.fullmatch(value or "")
    if found is None or int(found["port"] or 0) > _LAST_PORT:
        msg = "the header host is missing or is no name with, at most, a port"
        raise _RefusedError(400, msg)
    host: str = found["number"] or found["name"]
    return host.lower().removesuffix("."), int(found["port"]) if found["port"] else None


def _is_own(origin: str, host: str, port: int | None) -> bool:
    """Tell whether the origin is the one that the request went to; a proxy may have taken TLS off."""
    scheme, _, rest = origin.lower().partition("://")
    found, default = _HOST.fullmatch(rest), _DEFAULT_PORTS.get(scheme)
    if found is None or default is None:
        return False
    return (found["number"] or found["name"]) == host and int(found["port"] or default) == (port or default)


def _is_address(host: str) -> bool:
    """Tell whether it is a number: no name server can make one of those point somewhere else."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
