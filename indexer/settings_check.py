"""Checks of settings beyond their types: addresses, keys, and settings that need each other."""

import base64
import binascii
import contextlib
import ipaddress
from collections.abc import Iterator
from itertools import chain
from urllib.parse import urlsplit

from indexer.errors import SettingsError
from indexer.prices import parse_price
from indexer.settings import KEY_NAME, PREFIX, Settings
from indexer.ticket import field_name

__all__ = ["LOOPBACK", "require_usable"]

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
"""Names of this machine that no other one can reach it by."""

_KEY_LENGTH = 16
_WEB = ("http", "https")
_DATABASES = ("postgresql", "postgresql+psycopg", "sqlite")
_POSTED_TO = ("WEBHOOK_URL", "SLACK_WEBHOOK_URL", "SLACK_API")


def require_usable(settings: Settings) -> None:
    """Refuse settings that cannot be used together, and addresses and keys that are none.

    :raises SettingsError: with the first problem; it shows no secret.
    """
    for problem in chain(
        _of_addresses(settings),
        _of_keys(settings),
        _of_classifier(settings),
        _of_serving(settings),
        _of_prices(settings),
        _of_deliveries(settings),
        _of_decisions(settings),
    ):
        raise SettingsError(problem)


def _of_addresses(settings: Settings) -> Iterator[str]:
    for name in ("API_BASE", "CHROMA_URL", *_POSTED_TO, "DATABASE_URL"):
        address, schemes = getattr(settings, name.lower()), _DATABASES if name == "DATABASE_URL" else _WEB
        if address is not None and not _is_address(address, schemes):
            begins = " or ".join(f"{scheme}://" for scheme in schemes)
            # The value itself may hold a password.
            scheme, there, _ = address.partition("://")
            found = f"this one begins with {scheme}://" if there else "this one has no ://"
            yield f"{PREFIX}{name} must be an address that begins with {begins}; {found}"
    if settings.chroma_ca is not None and not settings.chroma_ca.is_file():
        yield f"{PREFIX}CHROMA_CA={settings.chroma_ca} is no file: name the certificate authority's PEM file"


def _of_keys(settings: Settings) -> Iterator[str]:
    if settings.embedder == "hosted" and not settings.provider_configured:
        yield f"{PREFIX}EMBEDDER=hosted needs a key in {KEY_NAME}, or {PREFIX}API_BASE of a provider without keys"
    if settings.oxlo_api_key is not None and _is_readable_on_the_way(settings.api_base):
        yield (
            f"{PREFIX}API_BASE would send {KEY_NAME} and tickets unencrypted: use https://; http:// is for loopback only"
        )
    for key in (*settings.api_keys, settings.oxlo_api_key or ""):
        if not _fits_header(key):
            yield (
                f"a key in {PREFIX}API_KEYS or {KEY_NAME} has a character that no HTTP header can carry: copy it again"
            )
    if any(len(key) < _KEY_LENGTH for key in settings.api_keys):
        yield (
            f"a key in {PREFIX}API_KEYS is shorter than {_KEY_LENGTH} characters and could be guessed: "
            "make one with `openssl rand -hex 32`, or use `precedent keys add` instead"
        )


def _of_classifier(settings: Settings) -> Iterator[str]:
    kind, _, model = settings.classifier.partition(":")
    if settings.classifier != "forest" and (kind != "hosted" or not model.strip()):
        yield f"{PREFIX}CLASSIFIER={settings.classifier} cannot be used: it is forest, or hosted: and a model's name, such as hosted:MODEL"
    elif settings.classifier_model and not settings.provider_configured:
        yield (
            f"{PREFIX}CLASSIFIER={settings.classifier} needs a key in {KEY_NAME}, or {PREFIX}API_BASE of a provider without keys"
        )


def _of_serving(settings: Settings) -> Iterator[str]:
    if settings.backup_dir is not None:
        if not settings.backup_dir.is_dir():
            yield f"{PREFIX}BACKUP_DIR={settings.backup_dir} is no folder: make it, or name another"
        if settings.backup_dir.resolve().is_relative_to(settings.data_dir.resolve()):
            yield f"{PREFIX}BACKUP_DIR={settings.backup_dir} is inside {PREFIX}DATA_DIR, where `forget` would find what it erased: name another"
    for host in settings.allowed_hosts:
        if not _is_host(host):
            yield (
                f"{PREFIX}ALLOWED_HOSTS: {host!r} cannot be used: give names or addresses without scheme, port and path"
            )
    for origin in settings.cors_origins:
        if not _is_origin(origin):
            yield (
                f"{PREFIX}CORS_ORIGINS: {origin!r} cannot be used: give origins, such as https://portal.example"
            )


def _of_prices(settings: Settings) -> Iterator[str]:
    for model, price in settings.prices.items():
        try:
            parse_price(price)
        except ValueError:
            yield (
                f"{PREFIX}PRICES: {model}={price} cannot be used: give the price of a million tokens, or two as 0.6/0.8 "
                "(prompt and completion)"
            )


def _of_deliveries(settings: Settings) -> Iterator[str]:
    for name in _POSTED_TO:
        address = getattr(settings, name.lower())
        if address is not None and _is_readable_on_the_way(address):
            yield f"{PREFIX}{name} would send answers unencrypted: use https://; http:// is for loopback only"
    if (settings.webhook_url is None) != (settings.webhook_secret is None):
        yield f"{PREFIX}WEBHOOK_URL and {PREFIX}WEBHOOK_SECRET need each other: what is posted is signed"
    if settings.webhook_secret is not None and not _is_signing_secret(settings.webhook_secret):
        yield (
            f"{PREFIX}WEBHOOK_SECRET must be whsec_ and 24 to 64 bytes in base64: "
            'make one with `echo "whsec_$(openssl rand -base64 32)"`'
        )
    if (settings.slack_token is None) != (settings.slack_channel is None):
        yield f"{PREFIX}SLACK_TOKEN and {PREFIX}SLACK_CHANNEL need each other: set both, or neither"
    if not _fits_header(settings.slack_token or ""):
        yield f"{PREFIX}SLACK_TOKEN has a character that no HTTP header can carry: copy it again"


def _of_decisions(settings: Settings) -> Iterator[str]:
    for name in settings.decide:
        if name != field_name(name):
            yield (
                f"{PREFIX}DECIDE: {name!r} is no field's name as it is stored: write {field_name(name) or 'priority'}"
            )
    if "priority" not in settings.decide:
        yield f"{PREFIX}DECIDE={','.join(settings.decide)} leaves out the priority, which is always decided: add priority"
    for name in settings.field_max_error:
        if name not in settings.decide:
            yield f"{PREFIX}FIELD_MAX_ERROR names {name!r}, which {PREFIX}DECIDE does not: add it there, or leave it out here"


def _fits_header(value: str) -> bool:
    return value.isascii() and value.isprintable()


def _is_signing_secret(value: str) -> bool:
    kind, there, secret = value.partition("_")
    try:
        return kind == "whsec" and bool(there) and 24 <= len(base64.b64decode(secret, validate=True)) <= 64  # noqa: PLR2004 (bytes)
    except binascii.Error:
        return False


def _is_address(value: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(value)
        # A database's password may have characters that only its driver does not take for a port.
        port_fits = parts.scheme not in _WEB or parts.port != 0
    except ValueError:
        return False
    return parts.scheme in schemes and port_fits and (parts.scheme == "sqlite" or bool(parts.netloc))


def _is_readable_on_the_way(address: str) -> bool:
    parts = urlsplit(address)
    host = parts.hostname or ""
    if parts.scheme != "http" or host in LOOPBACK:
        return False
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return True


def _is_host(value: str) -> bool:
    with contextlib.suppress(ValueError):
        return bool(ipaddress.ip_address(value))
    return not set(value) & set("/:*@?#[] ")


def _is_origin(value: str) -> bool:
    return _is_address(value, _WEB) and value == "{0.scheme}://{0.netloc}".format(urlsplit(value))
