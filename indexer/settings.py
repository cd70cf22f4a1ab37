"""Every setting once: name, default and help, read from the environment and ``.env``."""

import contextlib
import difflib
import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

import msgspec

from indexer.errors import SettingsError

__all__ = ["LOOPBACK", "Setting", "Settings", "load_settings", "settings_table"]

_PREFIX = "PRECEDENT_"
_KEY_NAME = "OXLO_API_KEY"
_KEY_LENGTH = 16
_OXLO = "https://api.oxlo.ai/v1"
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
"""Names of this machine that no other one can reach it by."""


_Count = Annotated[int, msgspec.Meta(ge=1)]
_Positive = Annotated[float, msgspec.Meta(gt=0)]


def _help(text: str) -> msgspec.Meta:
    return msgspec.Meta(description=text)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings. Every field is read from ``PRECEDENT_<FIELD>``; only the key has the provider's own name."""

    oxlo_api_key: Annotated[str | None, _help("key of the provider of embeddings and chat")] = None
    api_base: Annotated[str, _help("address of the OpenAI-compatible provider")] = _OXLO
    embedder: Annotated[
        Literal["hosted", "local"] | None,
        _help("who embeds; when not set: `hosted` when there is a key or another API_BASE, else `local`"),
    ] = None
    embedding_model: Annotated[str, _help("the provider's embedding model")] = "bge-large"
    embedding_batch_size: Annotated[
        Annotated[int, msgspec.Meta(ge=1, le=2048)], _help("texts in one embedding request")
    ] = 64
    embedding_concurrency: Annotated[
        Annotated[int, msgspec.Meta(ge=1, le=64)], _help("embedding requests in flight")
    ] = 8
    chat_model: Annotated[str, _help("the provider's chat model, which writes the drafts")] = "llama-3.3-70b"
    requests_per_minute: Annotated[
        _Count | None, _help("the provider's limit on requests, if it has one")
    ] = None
    tokens_per_minute: Annotated[_Count | None, _help("the provider's limit on tokens, if it has one")] = None
    price_per_request: Annotated[
        Annotated[float, msgspec.Meta(ge=0)] | None,
        _help("what the provider bills for a request; plans then show a cost"),
    ] = None
    provider_timeout: Annotated[_Positive, _help("seconds to wait for one answer of the provider")] = 30.0
    data_dir: Annotated[Path, _help("where ledger and index are kept")] = Path("chroma_data")
    database_url: Annotated[
        str | None, _help("ledger on PostgreSQL (`postgresql://…`); when not set: SQLite in DATA_DIR")
    ] = None
    chroma_url: Annotated[
        str | None,
        _help("a Chroma server of your own (`https://host:port`); when not set: one is run on loopback"),
    ] = None
    chroma_token: Annotated[str | None, _help("token that your Chroma server's proxy asks for")] = None
    chroma_token_header: Annotated[
        Literal["Authorization", "X-Chroma-Token"],
        _help("the header that carries it (`Authorization` as a bearer)"),
    ] = "Authorization"  # noqa: S105 (a header's name)
    chroma_tenant: Annotated[str, _help("tenant on your Chroma server")] = "default_tenant"
    chroma_database: Annotated[str, _help("database on your Chroma server")] = "default_database"
    chroma_ca: Annotated[
        Path | None,
        _help("certificate authority of your Chroma server, a PEM file; when not set: the usual ones"),
    ] = None
    chroma_timeout: Annotated[_Positive, _help("seconds to wait for one answer of Chroma")] = 60.0
    host: Annotated[str, _help("address to serve on; other than loopback only with API_KEYS")] = "127.0.0.1"
    port: Annotated[Annotated[int, msgspec.Meta(ge=0, le=65535)], _help("port to serve on")] = 8000
    api_keys: Annotated[
        tuple[str, ...],
        _help(
            "comma-separated keys of at least 16 characters, of which every /v1 call then needs one as a bearer token"
        ),
    ] = ()
    allowed_hosts: Annotated[
        tuple[str, ...],
        _help(
            "comma-separated names that clients call the service by, without ports, beside loopback's and HOST: those of a proxy in front of it"
        ),
    ] = ()
    cors_origins: Annotated[
        tuple[str, ...],
        _help("comma-separated origins (`https://portal.example`) whose web pages may ask the service"),
    ] = ()
    new_labels: Annotated[
        Literal["refuse", "review"],
        _help(
            "what feedback's priority meets that no stored ticket has: an error, or it is kept without being learned"
        ),
    ] = "refuse"
    similarity_floor: Annotated[
        Annotated[float, msgspec.Meta(ge=-1, le=1)] | None,
        _help(
            "cosine below which a draft never rests on a ticket; when not set: measured on the stored tickets",
        ),
    ] = None
    max_error: Annotated[
        Annotated[float, msgspec.Meta(gt=0, lt=1)],
        _help("share of wrong labels accepted among `automatic` priorities"),
    ] = 0.2
    max_missed: Annotated[
        dict[str, Annotated[float, msgspec.Meta(gt=0, lt=1)]],
        _help(
            "for single priorities, the share of their tickets that may be given another one automatically: `urgent=0.05,high=0.1`"
        ),
    ] = {}
    half_life_days: Annotated[
        _Positive | None,
        _help(
            "days after which a ticket teaches half as much; when not set: whether age counts is tried on later tickets"
        ),
    ] = None
    priority_order: Annotated[
        tuple[str, ...],
        _help(
            "comma-separated priorities from least to most urgent, for the back-test; when not set: as their names tell",
        ),
    ] = ()
    keep_unused_days: Annotated[
        Annotated[float, msgspec.Meta(ge=0)],
        _help("days for which `clear` keeps vectors that no ticket uses, and notes of erased deletions"),
    ] = 30.0
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], _help("how much is logged")] = "INFO"
    log_format: Annotated[
        Literal["text", "json"], _help("`json` for one JSON object a line, else `text` for people")
    ] = "text"

    def __post_init__(self) -> None:
        """Refuse what no single field can: combinations, and addresses that are not addresses."""
        for name, value, schemes in (
            ("API_BASE", self.api_base, ("http", "https")),
            ("CHROMA_URL", self.chroma_url, ("http", "https")),
            ("DATABASE_URL", self.database_url, ("postgresql", "postgresql+psycopg", "sqlite")),
        ):
            if value is not None and not _is_address(value, schemes):
                begins = " or ".join(f"{scheme}://" for scheme in schemes)
                # The value itself may hold a password.
                scheme, there, _ = value.partition("://")
                found = f"this one begins with {scheme}://" if there else "this one has no ://"
                msg = f"{_PREFIX}{name} must be an address that begins with {begins}; {found}"
                raise ValueError(msg)
        if self.chroma_ca is not None and not self.chroma_ca.is_file():
            msg = f"{_PREFIX}CHROMA_CA={self.chroma_ca} is no file: name the certificate authority's PEM file"
            raise ValueError(msg)
        if self.embedder == "hosted" and not self.provider_configured:
            msg = f"{_PREFIX}EMBEDDER=hosted needs a key in {_KEY_NAME}, or {_PREFIX}API_BASE of a provider without keys"
            raise ValueError(msg)
        self._check_keys()
        self._check_door()

    @property
    def provider_configured(self) -> bool:
        """Whether the provider can be asked: it has a key, or is one of your own that may need none."""
        return self.oxlo_api_key is not None or self.api_base != _OXLO

    @property
    def chosen_embedder(self) -> tuple[Literal["hosted", "local"], str]:
        """Who embeds, and why, in words for the start-up line."""
        if self.embedder is not None:
            return self.embedder, f"{_PREFIX}EMBEDDER says so"
        if self.oxlo_api_key is not None:
            return "hosted", f"{_KEY_NAME} is set"
        if self.provider_configured:
            return "hosted", f"{_PREFIX}API_BASE is set"
        return "local", f"{_KEY_NAME} is not set"

    def _check_keys(self) -> None:
        if self.oxlo_api_key is not None and _is_open(self.api_base):
            msg = f"{_PREFIX}API_BASE would send {_KEY_NAME} and tickets in clear: use https://; http:// is for loopback only"
            raise ValueError(msg)
        for key in (*self.api_keys, self.oxlo_api_key or ""):
            if not key.isascii() or not key.isprintable():
                msg = f"a key in {_PREFIX}API_KEYS or {_KEY_NAME} has a sign that no HTTP header can carry: copy it again"
                raise ValueError(msg)
        if any(len(key) < _KEY_LENGTH for key in self.api_keys):
            msg = (
                f"a key in {_PREFIX}API_KEYS is shorter than {_KEY_LENGTH} characters and could be guessed: "
                "make one with `precedent keys`"
            )
            raise ValueError(msg)

    def _check_door(self) -> None:
        for name, given, fits, wanted in (
            (
                "ALLOWED_HOSTS",
                self.allowed_hosts,
                _is_host,
                "names or addresses without scheme, port and path",
            ),
            ("CORS_ORIGINS", self.cors_origins, _is_origin, "origins, such as https://portal.example"),
        ):
            for value in given:
                if not fits(value):
                    msg = f"{_PREFIX}{name}: {value!r} cannot be used: give {wanted}"
                    raise ValueError(msg)
        if self.host not in LOOPBACK and not self.api_keys:
            msg = f"{_PREFIX}HOST={self.host} is reachable from other machines: set {_PREFIX}API_KEYS, or serve on 127.0.0.1"
            raise ValueError(msg)


class Setting(msgspec.Struct, frozen=True):
    """One row of the table of settings: the variable's name, its default as text, and its help."""

    name: str
    default: str
    help: str


def settings_table() -> tuple[Setting, ...]:
    """Return every setting, in the order of `Settings`."""
    hints = get_type_hints(Settings, include_extras=True)
    rows = []
    for field in msgspec.structs.fields(Settings):
        default = "" if field.default in (None, (), msgspec.NODEFAULT) else str(field.default)
        rows.append(Setting(_variable(field.name), default, hints[field.name].__metadata__[-1].description))
    return tuple(rows)


def load_settings(environment: Mapping[str, str] | None = None, *, dotenv: Path | None = None) -> Settings:
    """Read the settings; the environment goes before ``.env``, and a blank value counts as not set.

    Relative paths are those of the working directory, and absolute from here on: other processes work elsewhere.

    :param environment: variables, by default the process's own.
    :param dotenv: path of the ``.env`` file, by default the one in the working directory.
    :raises SettingsError: a variable is unknown or its value cannot be used; the message names it.
    """
    from dotenv import dotenv_values

    path = dotenv if dotenv is not None else Path(".env")
    variables = {
        name: value.strip()
        for name, value in {
            **dotenv_values(path),
            **(os.environ if environment is None else environment),
        }.items()
        if value is not None and value.strip() and (name.startswith(_PREFIX) or name == _KEY_NAME)
    }
    fields = {_variable(field.name): field.name for field in msgspec.structs.fields(Settings)}
    for name in variables:
        if name not in fields:
            ends = [field.removeprefix(_PREFIX) for field in fields]  # the beginning is alike in all
            close = difflib.get_close_matches(name.removeprefix(_PREFIX), ends, n=1)
            hint = (
                f"did you mean {_variable(close[0].lower())}?"
                if close
                else "see the README's table of settings"
            )
            msg = f"{name} is not a setting: {hint}"
            raise SettingsError(msg)
    values: dict[str, object] = {fields[name]: value for name, value in variables.items()}
    for field in {"api_keys", "priority_order", "allowed_hosts", "cors_origins"} & values.keys():
        name = _variable(field)
        parts = [part.strip() for part in variables[name].split(",") if part.strip()]
        if not parts:
            msg = f"{name} has commas only: give at least one, or leave it unset"
            raise SettingsError(msg)
        values[field] = parts
    if "max_missed" in values:
        shares = [
            part.rpartition("=") for part in variables[_variable("max_missed")].split(",") if part.strip()
        ]
        if not all(label.strip() for label, _, _ in shares):
            msg = f"{_variable('max_missed')}={variables[_variable('max_missed')]} cannot be used: write urgent=0.05,high=0.1"
            raise SettingsError(msg)
        values["max_missed"] = {label.strip(): share.strip() for label, _, share in shares}
    try:
        settings = msgspec.convert(values, Settings, strict=False, dec_hook=_decode)
    except msgspec.ValidationError as error:
        raise SettingsError(_explain(str(error), variables, fields)) from None
    return msgspec.structs.replace(
        settings,
        data_dir=settings.data_dir.absolute(),
        database_url=_with_absolute_path(settings.database_url),
        chroma_ca=settings.chroma_ca.absolute() if settings.chroma_ca else None,
    )


def _with_absolute_path(url: str | None) -> str | None:
    path = (url or "").removeprefix("sqlite:///")
    if url is None or path == url or not path or path.startswith(("/", ":memory:", "file:")):
        return url
    return f"sqlite:///{Path(path).absolute()}"


def _is_address(value: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(value)
        # A database's password may have signs that only its driver takes for no port.
        port_fits = parts.scheme not in ("http", "https") or parts.port != 0
    except ValueError:
        return False
    return parts.scheme in schemes and port_fits and (parts.scheme == "sqlite" or bool(parts.netloc))


def _is_open(address: str) -> bool:
    """Tell whether what is sent there can be read on the way."""
    parts = urlsplit(address)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")


def is_loopback(host: str) -> bool:
    """Tell whether the name or address is this machine's own, which no other one can reach."""
    try:
        return host in LOOPBACK or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_host(value: str) -> bool:
    with contextlib.suppress(ValueError):
        return bool(ipaddress.ip_address(value))
    return not set(value) & set("/:*@?#[] ")


def _is_origin(value: str) -> bool:
    return _is_address(value, ("http", "https")) and value == "{0.scheme}://{0.netloc}".format(
        urlsplit(value)
    )


def _variable(field: str) -> str:
    return _KEY_NAME if field == _KEY_NAME.lower() else _PREFIX + field.upper()


def _decode(kind: type, value: Any) -> Any:
    return Path(value) if kind is Path else value


def _allowed(field: str) -> tuple[str, ...]:
    """Return the words that a field takes, none where it takes more than a few."""
    kinds = [get_type_hints(Settings)[field]]
    kinds += [part for kind in kinds for part in get_args(kind)]
    return next((get_args(kind) for kind in kinds if get_origin(kind) is Literal), ())


def _explain(message: str, variables: Mapping[str, str], fields: Mapping[str, str]) -> str:
    what, _, where = message.partition(" - at `$.")
    for name, field in fields.items():
        if where.rstrip("`").split("[")[0] == field:
            shown = "" if "KEY" in name or "TOKEN" in name else f"={variables[name]}"
            allowed = _allowed(field)
            why = f"it must be {' or '.join(allowed)}" if allowed else what[0].lower() + what[1:]
            return f"{name}{shown} cannot be used: {why}"
    return what
