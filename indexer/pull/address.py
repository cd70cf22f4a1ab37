"""Addresses of helpdesks: ``zendesk://acme``, ``jira://acme.atlassian.net``, ``github://owner/repository`` and so on."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from indexer.errors import SourceError
from indexer.settings_check import LOOPBACK

__all__ = ["SCHEMES", "Address", "parse_address"]


@dataclass(frozen=True, slots=True)
class _Scheme:
    """How an address of one tool is written, and how it is asked."""

    example: str
    cloud: str = "{}"
    """The host that a name without a dot stands for."""
    variable: str = ""
    """The environment variable that holds the token."""
    needs_token: bool = True


SCHEMES: dict[str, _Scheme] = {
    "zendesk": _Scheme("zendesk://acme", "{}.zendesk.com", "ZENDESK_TOKEN"),
    "jira": _Scheme("jira://acme.atlassian.net", "{}.atlassian.net", "JIRA_TOKEN"),
    "freshdesk": _Scheme("freshdesk://acme", "{}.freshdesk.com", "FRESHDESK_TOKEN"),
    "github": _Scheme("github://owner/repository", "api.github.com", "GITHUB_TOKEN", needs_token=False),
    "rt": _Scheme("rt://rt.example.com", "{}", "RT_TOKEN"),
}
"""The helpdesks that can be pulled from."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where tickets are pulled from."""

    text: str
    """As it was given, without anything secret."""
    tool: str
    base: str
    """Scheme, host and path that every request begins with."""
    path: str
    """Behind the host: a Jira project, or GitHub's ``owner/repository``; else empty."""
    query: dict[str, str]
    """What narrows the pull, such as ``{"queue": "General"}``."""
    token: str | None

    def __repr__(self) -> str:
        """Without the token."""
        return f"Address({self.text!r})"


def parse_address(text: str, environment: Mapping[str, str] | None = None) -> Address | None:
    """Return the address that a text is, ``None`` where it is a file's name.

    Only a server on this machine is asked without TLS.

    :raises SourceError: it names no place, holds a password, or its token is not in the environment.
    """
    tool, separator, _ = text.partition("://")
    if not separator or tool not in SCHEMES:
        return None
    scheme = SCHEMES[tool]
    parts = urlsplit(text)
    if parts.username or parts.password:
        msg = f"an address holds no password: put it into {scheme.variable}"
        raise SourceError(msg)
    path = parts.path.strip("/")
    host = parts.netloc
    is_name = host != "" and "." not in host and ":" not in host and host != "localhost"
    if is_name and tool == "github":
        host, path = scheme.cloud, f"{host}/{path}".rstrip("/")
    elif is_name:
        host = scheme.cloud.format(host)
    if not host or (tool == "github" and path.count("/") != 1):
        msg = f"{text} names no place to pull from: write it as {scheme.example}"
        raise SourceError(msg)
    token = (os.environ if environment is None else environment).get(scheme.variable) or None
    if token is None and scheme.needs_token:
        msg = f"{scheme.variable} is not set: it holds the token with which {text} is asked"
        raise SourceError(msg)
    protocol = "http" if parts.hostname in LOOPBACK else "https"
    base = f"{protocol}://{host}"
    if tool == "rt" and path:  # RT may be installed under a path
        base, path = f"{base}/{path}", ""
    return Address(text, tool, base, path, dict(parse_qsl(parts.query)), token)
