"""Every setting once, with name, default and help, and how they are read from the environment and ``.env``."""

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from indexer.errors import SettingsError, in_words

__all__ = ["KEY_NAME", "PREFIX", "Settings", "load_settings"]

PREFIX = "PRECEDENT_"
"""Before the name of every field; only the provider's key has the provider's own name."""
KEY_NAME = "OXLO_API_KEY"
_OXLO = "https://api.oxlo.ai/v1"

_Count = Annotated[int, Meta(ge=1)]
_Positive = Annotated[float, Meta(gt=0)]
_Amount = Annotated[float, Meta(ge=0)]
_Share = Annotated[float, Meta(gt=0, lt=1)]


def _help(text: str) -> Meta:
    return Meta(description=text)


# fmt: off
class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings, one a line. ``<field>`` is read from ``PRECEDENT_<FIELD>``, the key from ``OXLO_API_KEY``."""

    oxlo_api_key: Annotated[str | None, _help("key of the provider of embeddings and chat")] = None
    api_base: Annotated[str, _help("address of the OpenAI-compatible provider")] = _OXLO
    embedder: Annotated[Literal["hosted", "local"] | None, _help("who embeds; when not set: `hosted` when there is a key or another API_BASE, else `local`")] = None
    embedding_model: Annotated[str, _help("the provider's embedding model")] = "bge-large"
    embedding_batch_size: Annotated[int, Meta(ge=1, le=2048), _help("texts in one embedding request")] = 64
    embedding_concurrency: Annotated[int, Meta(ge=1, le=64), _help("embedding requests in flight")] = 8
    chat_model: Annotated[str, _help("the provider's chat model, which writes the drafts")] = "llama-3.3-70b"
    chat_model_small: Annotated[str | None, _help("a cheaper chat model, which writes the drafts while a limit keeps CHAT_MODEL from it")] = None
    requests_per_minute: Annotated[_Count | None, _help("the provider's limit on requests, if it has one")] = None
    tokens_per_minute: Annotated[_Count | None, _help("the provider's limit on tokens, if it has one")] = None
    price_per_request: Annotated[_Amount | None, _help("what the provider bills for a request; plans then show a cost")] = None
    prices: Annotated[dict[str, str], _help("what the provider bills for a million tokens, by model, prompt and completion: `llama-3.3-70b=0.6/0.8,bge-large=0.02`; no money is told of a model without a price")] = {}
    chat_per_minute: Annotated[_Count | None, _help("chat requests that all services on the ledger may make in a minute of the clock, of each model; over it replies are made without the model")] = None
    chat_per_day: Annotated[_Count | None, _help("the same, in a day (UTC)")] = None
    provider_timeout: Annotated[_Positive, _help("seconds to wait for one answer of the provider")] = 30.0
    redact: Annotated[bool, _help("whether secrets and personal data are replaced by placeholders in what is sent to the provider")] = True
    data_dir: Annotated[Path, _help("where ledger and index are kept")] = Path("chroma_data")
    database_url: Annotated[str | None, _help("ledger on PostgreSQL (`postgresql://…`); when not set: SQLite in DATA_DIR")] = None
    chroma_url: Annotated[str | None, _help("a Chroma server of your own (`https://host:port`); when not set: one is run on loopback")] = None
    chroma_token: Annotated[str | None, _help("token that your Chroma server's proxy asks for")] = None
    chroma_token_header: Annotated[Literal["Authorization", "X-Chroma-Token"], _help("the header that carries it (`Authorization` as a bearer)")] = "Authorization"  # noqa: S105 (a header's name)
    chroma_tenant: Annotated[str, _help("tenant on your Chroma server")] = "default_tenant"
    chroma_database: Annotated[str, _help("database on your Chroma server")] = "default_database"
    chroma_ca: Annotated[Path | None, _help("certificate authority of your Chroma server, a PEM file; when not set: the usual ones")] = None
    chroma_timeout: Annotated[_Positive, _help("seconds to wait for one answer of Chroma")] = 60.0
    host: Annotated[str, _help("address to serve on; other than loopback only with API keys")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535), _help("port to serve on")] = 8000
    api_keys: Annotated[tuple[str, ...], _help("comma-separated keys of at least 16 characters, of scope `admin`, beside those that `precedent keys add` makes")] = ()
    allowed_hosts: Annotated[tuple[str, ...], _help("comma-separated names that clients call the service by, without ports, beside loopback's and HOST: those of a proxy in front of it")] = ()
    cors_origins: Annotated[tuple[str, ...], _help("comma-separated origins (`https://portal.example`) whose web pages may ask the service")] = ()
    new_labels: Annotated[Literal["refuse", "review"], _help("what feedback's priority meets that no stored ticket has: an error, or it is kept without being learned")] = "refuse"
    open_tickets: Annotated[Literal["leave-out", "keep"], _help("what becomes of tickets that are not resolved: they are left out with a count, or kept to be found by their ids and in lists, never as precedents")] = "leave-out"
    classifier: Annotated[str, _help("who decides the priority: `forest`, or `hosted:MODEL`, a (fine-tuned) model of the provider's, calibrated by `precedent calibrate`, with the forest where it fails")] = "forest"
    similarity_floor: Annotated[Annotated[float, Meta(ge=-2, le=2)] | None, _help("`relevance` below which a draft never rests on a ticket; when not set: measured on the stored tickets")] = None
    subject_weight: Annotated[float, Meta(ge=0, le=2), _help("how much the cosine of two subjects counts beside that of the texts, when similar tickets are put in order")] = 0.3
    date_weight: Annotated[float, Meta(ge=0, le=1), _help("how much a ticket's place suffers from its age, by ln(1 + days apart); 0: age does not count")] = 0.05
    max_error: Annotated[_Share, _help("share of wrong labels accepted among `automatic` decisions")] = 0.2
    decide: Annotated[tuple[str, ...], _help("comma-separated: `priority`, and further fields that are decided for a new ticket, each by a forest of its own (`decisions`): `priority,component,type`")] = ("priority",)
    field_max_error: Annotated[dict[str, _Share], _help("MAX_ERROR for single fields of DECIDE: `component=0.1`")] = {}
    costs: Annotated[dict[str, _Positive], _help("for single priorities, how much worse than of another it is to miss a ticket of it: `urgent=4,high=2`, or with its field `type:outage=3`; when not set: the root of how much rarer it is than the commonest")] = {}
    alert: Annotated[str | None, _help("priority from which on an answer says whether a ticket has it or a more urgent one (`priority.alert`): `high`")] = None
    max_missed: Annotated[dict[str, _Share], _help("for single priorities, the share of their tickets that may be given another one automatically: `urgent=0.05,high=0.1`, or with its field `type:outage=0.1`")] = {}
    half_life_days: Annotated[_Positive | None, _help("days after which a ticket teaches half as much; when not set: whether age counts is tried on later tickets")] = None
    forest_fields: Annotated[tuple[str, ...], _help("comma-separated fields that the forest reads beside the text: such as are known when a ticket is asked about")] = ("type", "product", "component", "category")
    priority_order: Annotated[tuple[str, ...], _help("comma-separated priorities from least to most urgent, for the back-test; when not set: as their names tell")] = ()
    backup_dir: Annotated[Path | None, _help("folder, outside DATA_DIR, for backups that are started over HTTP or in the console; when not set: none can be")] = None
    max_upload_mb: Annotated[_Count, _help("megabytes of an export that is brought in over HTTP or in the console")] = 1000
    keep_unused_days: Annotated[_Amount, _help("days for which `clear` keeps vectors that no ticket uses, and notes of erased deletions")] = 30.0
    keep_days: Annotated[_Amount, _help("days for which answers are kept, with what agents did with them; 0: none is kept")] = 90.0
    keep_text: Annotated[bool, _help("whether a kept answer holds the question's text, which `replay` needs; without it a hash, and what note and reply quote")] = False
    webhook_url: Annotated[str | None, _help("address that every finished answer is posted to, as signed JSON")] = None
    webhook_secret: Annotated[str | None, _help("what these are signed with: `whsec_` and 24 to 64 bytes in base64")] = None
    slack_webhook_url: Annotated[str | None, _help("address of a Slack incoming webhook that answers are posted to")] = None
    slack_token: Annotated[str | None, _help("token of a Slack bot (scope `chat:write`), which posts to SLACK_CHANNEL and shows a draft as it grows")] = None
    slack_channel: Annotated[str | None, _help("id of the Slack channel that the bot posts to")] = None
    slack_priorities: Annotated[tuple[str, ...], _help("comma-separated priorities that Slack is told of; when not set: all")] = ()
    slack_api: Annotated[str, _help("address of Slack's API")] = "https://slack.com/api"
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], _help("how much is logged")] = "INFO"
    log_format: Annotated[Literal["text", "json"], _help("`json` for one JSON object a line, else `text` for people")] = "text"
# fmt: on

    @property
    def keep_open(self) -> bool:
        """Whether tickets that are not resolved are stored, too."""
        return self.open_tickets == "keep"

    @property
    def classifier_model(self) -> str | None:
        """The provider's model that decides priorities; ``None``: the forest does."""
        return self.classifier.partition(":")[2] or None

    @property
    def provider_configured(self) -> bool:
        """Whether the provider can be asked: it has a key, or is one of your own that may need none."""
        return self.oxlo_api_key is not None or self.api_base != _OXLO

    @property
    def chosen_embedder(self) -> tuple[Literal["hosted", "local"], str]:
        """Who embeds, and why, in words for the start-up line."""
        if self.embedder is not None:
            return self.embedder, f"{PREFIX}EMBEDDER says so"
        if self.oxlo_api_key is not None:
            return "hosted", f"{KEY_NAME} is set"
        if self.provider_configured:
            return "hosted", f"{PREFIX}API_BASE is set"
        return "local", f"{KEY_NAME} is not set"


def load_settings(environment: Mapping[str, str] | None = None, *, dotenv: Path | None = None) -> Settings:
    """Read the settings; the environment goes before ``.env``, and a blank value counts as not set.

    Relative paths are those of the working directory, and absolute from here on: other processes work elsewhere.

    :param environment: variables, by default the process's own.
    :param dotenv: path of the ``.env`` file, by default the one in the working directory.
    :raises SettingsError: a variable is unknown or its value cannot be used; the message names it.
    """
    from indexer.settings_check import require_usable

    variables = _variables(os.environ if environment is None else environment, dotenv or Path(".env"))
    fields = {_variable(field): field for field in Settings.__struct_fields__}
    values: dict[str, Any] = {}
    for name, value in variables.items():
        if name not in fields:
            raise _unknown(name, fields)
        values[fields[name]] = _parts(name, value, fields[name])
    try:
        # The hook makes paths, the one type here that msgspec does not make itself.
        settings = msgspec.convert(values, Settings, strict=False, dec_hook=lambda kind, value: kind(value))
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$.")
        raise _unusable(where.rstrip("`").split("[")[0], what, variables) from None
    require_usable(settings)
    return msgspec.structs.replace(
        settings,
        data_dir=settings.data_dir.absolute(),
        database_url=_with_absolute_path(settings.database_url),
        chroma_ca=settings.chroma_ca.absolute() if settings.chroma_ca else None,
    )


def _variables(environment: Mapping[str, str], dotenv: Path) -> dict[str, str]:
    from dotenv import dotenv_values

    given = {**dotenv_values(dotenv), **environment}
    return {
        name: value.strip()
        for name, value in given.items()
        if value is not None and value.strip() and (name.startswith(PREFIX) or name == KEY_NAME)
    }


def _parts(name: str, value: str, field: str) -> str | list[str] | dict[str, str]:
    """Split the value of a field that holds several."""
    kind = get_origin(get_type_hints(Settings)[field])
    if kind not in (tuple, dict):
        return value
    parts = [part.strip() for part in value.split(",") if part.strip()]
    if not parts:
        msg = f"{name} has commas only: give at least one, or leave it unset"
        raise SettingsError(msg)
    if kind is tuple:
        return parts
    shares = [part.rpartition("=") for part in parts]
    if not all(label.strip() for label, _, _ in shares):
        help_text = get_type_hints(Settings, include_extras=True)[field].__metadata__[-1].description
        msg = f"{name}={value} cannot be used: it is {help_text}"
        raise SettingsError(msg)
    return {label.strip(): share.strip() for label, _, share in shares}


def _with_absolute_path(url: str | None) -> str | None:
    path = (url or "").removeprefix("sqlite:///")
    if url is None or path == url or not path or path.startswith(("/", ":memory:", "file:")):
        return url
    return f"sqlite:///{Path(path).absolute()}"


def _variable(field: str) -> str:
    return KEY_NAME if field == KEY_NAME.lower() else PREFIX + field.upper()


def _unknown(name: str, fields: Mapping[str, str]) -> SettingsError:
    ends = [field.removeprefix(PREFIX) for field in fields]  # the beginning is alike in all
    close = difflib.get_close_matches(name.removeprefix(PREFIX), ends, n=1)
    hint = f"did you mean {_variable(close[0].lower())}?" if close else "see the README's table of settings"
    return SettingsError(f"{name} is not a setting: {hint}")


def _unusable(field: str, what: str, variables: Mapping[str, str]) -> SettingsError:
    name = _variable(field)
    shown = "" if any(word in name for word in ("KEY", "TOKEN", "SECRET", "WEBHOOK")) else f"={variables[name]}"
    kinds = [get_type_hints(Settings)[field]]
    kinds += [part for kind in kinds for part in get_args(kind)]
    words = next((get_args(kind) for kind in kinds if get_origin(kind) is Literal), ())
    why = f"it must be {' or '.join(words)}" if words else in_words(what.partition(", got")[0])
    return SettingsError(f"{name}{shown} cannot be used: {why}")
