"""Settings: every one is read, and what cannot be used is named."""

from pathlib import Path

import pytest

from indexer.errors import SettingsError
from indexer.settings import load_settings

A_KEY = "a-key-of-16-letters"
NO_FILE = Path("does-not-exist.env")


def test_defaults() -> None:
    """With nothing set, everything runs on this machine."""
    settings = load_settings({}, dotenv=NO_FILE)
    assert settings.chosen_embedder == ("local", "OXLO_API_KEY is not set")
    assert (settings.host, settings.port, settings.data_dir) == (
        "127.0.0.1",
        8000,
        Path.cwd() / "chroma_data",
    )


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"OXLO_API_KEY": "k"}, ("hosted", "OXLO_API_KEY is set")),
        ({"PRECEDENT_API_BASE": "http://127.0.0.1:9/v1"}, ("hosted", "PRECEDENT_API_BASE is set")),
        ({"OXLO_API_KEY": "k", "PRECEDENT_EMBEDDER": "local"}, ("local", "PRECEDENT_EMBEDDER says so")),
        ({"OXLO_API_KEY": "  "}, ("local", "OXLO_API_KEY is not set")),
    ],
)
def test_who_embeds_and_why(variables: dict[str, str], expected: tuple[str, str]) -> None:
    """The start-up line can say who embeds and which setting decided it."""
    assert load_settings(variables, dotenv=NO_FILE).chosen_embedder == expected


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"PRECEDENT_PROT": "1"}, ("PRECEDENT_PROT is not a setting", "PRECEDENT_PORT")),
        ({"PRECEDENT_COLOUR": "red"}, ("PRECEDENT_COLOUR is not a setting", "README")),
        ({"PRECEDENT_PORT": "eighty"}, ("PRECEDENT_PORT=eighty cannot be used: expected a whole number",)),
        ({"PRECEDENT_MAX_ERROR": "some"}, ("PRECEDENT_MAX_ERROR=some cannot be used: expected a number",)),
        ({"PRECEDENT_PORT": "70000"}, ("PRECEDENT_PORT=70000", "65535")),
        ({"PRECEDENT_EMBEDDER": "openai"}, ("PRECEDENT_EMBEDDER=openai", "hosted or local")),
        ({"PRECEDENT_LOG_LEVEL": "LOUD"}, ("PRECEDENT_LOG_LEVEL=LOUD", "WARNING")),
        ({"PRECEDENT_API_KEYS": ", ,"}, ("PRECEDENT_API_KEYS", "commas only")),
        ({"PRECEDENT_CHROMA_CA": "/nope.pem"}, ("PRECEDENT_CHROMA_CA=/nope.pem",)),
        ({"PRECEDENT_EMBEDDER": "hosted"}, ("PRECEDENT_EMBEDDER=hosted", "OXLO_API_KEY")),
        ({"PRECEDENT_DECIDE": "component"}, ("PRECEDENT_DECIDE=component", "add priority")),
        ({"PRECEDENT_DECIDE": "priority,Issue Type"}, ("PRECEDENT_DECIDE", "write issue_type")),
        ({"PRECEDENT_FIELD_MAX_ERROR": "team=0.1"}, ("FIELD_MAX_ERROR names 'team'", "PRECEDENT_DECIDE")),
        ({"PRECEDENT_FIELD_MAX_ERROR": "team=1"}, ("PRECEDENT_FIELD_MAX_ERROR", "team=1")),
        (
            {"PRECEDENT_WEBHOOK_URL": "https://x.example"},
            ("WEBHOOK_URL", "WEBHOOK_SECRET", "need each other"),
        ),
        ({"PRECEDENT_WEBHOOK_SECRET": "whsec_c2hvcnQ="}, ("WEBHOOK_URL", "need each other")),
        ({"PRECEDENT_WEBHOOK_URL": "x.example"}, ("PRECEDENT_WEBHOOK_URL", "https://")),
        ({"PRECEDENT_SLACK_WEBHOOK_URL": "http://hooks.example/s"}, ("SLACK_WEBHOOK_URL", "unencrypted")),
        ({"PRECEDENT_SLACK_API": "http://slack.example"}, ("SLACK_API", "unencrypted")),
        ({"PRECEDENT_SLACK_TOKEN": "xoxb"}, ("SLACK_TOKEN", "SLACK_CHANNEL", "need each other")),
        ({"PRECEDENT_SLACK_TOKEN": "x\ty", "PRECEDENT_SLACK_CHANNEL": "C"}, ("SLACK_TOKEN", "HTTP header")),
        ({"PRECEDENT_API_BASE": "api.oxlo.ai"}, ("PRECEDENT_API_BASE", "https://", "no ://")),
        ({"PRECEDENT_API_BASE": "https://"}, ("PRECEDENT_API_BASE", "https://")),
        ({"PRECEDENT_CHROMA_URL": "http://["}, ("PRECEDENT_CHROMA_URL", "https://")),
        ({"PRECEDENT_CHROMA_URL": "http://u:secret@h:99999"}, ("PRECEDENT_CHROMA_URL", "https://")),
        ({"PRECEDENT_CHROMA_TOKEN_HEADER": "Cookie"}, ("PRECEDENT_CHROMA_TOKEN_HEADER cannot be used",)),
        ({"PRECEDENT_CHROMA_TIMEOUT": "0"}, ("PRECEDENT_CHROMA_TIMEOUT=0 ",)),
        (
            {"PRECEDENT_DATABASE_URL": "mysql://u:secret@h/d"},
            ("PRECEDENT_DATABASE_URL", "postgresql://", "with mysql://"),
        ),
        (
            {"OXLO_API_KEY": "secret", "PRECEDENT_API_BASE": "http://api.oxlo.ai/v1"},
            ("PRECEDENT_API_BASE", "https://", "loopback"),
        ),
        ({"OXLO_API_KEY": "secrét"}, ("OXLO_API_KEY", "copy it again")),
        ({"PRECEDENT_API_KEYS": "fifteen-letters"}, ("16 characters", "openssl rand", "precedent keys add")),
        ({"PRECEDENT_API_KEYS": "long-enough-to-be-secret,short"}, ("16 characters",)),
        ({"PRECEDENT_ALLOWED_HOSTS": "https://a.example"}, ("PRECEDENT_ALLOWED_HOSTS", "https://a.example")),
        ({"PRECEDENT_ALLOWED_HOSTS": "a.example:80"}, ("PRECEDENT_ALLOWED_HOSTS", "without")),
        ({"PRECEDENT_ALLOWED_HOSTS": "*"}, ("PRECEDENT_ALLOWED_HOSTS",)),
        ({"PRECEDENT_CORS_ORIGINS": "*"}, ("PRECEDENT_CORS_ORIGINS", "https://portal.example")),
        ({"PRECEDENT_CORS_ORIGINS": "https://a.example/"}, ("PRECEDENT_CORS_ORIGINS",)),
        ({"PRECEDENT_MAX_ERROR": "1.5"}, ("PRECEDENT_MAX_ERROR=1.5",)),
        ({"PRECEDENT_PRICES": "bge-large=cheap"}, ("PRECEDENT_PRICES: bge-large=cheap", "0.6/0.8")),
        ({"PRECEDENT_PRICES": "a=1/-2"}, ("a=1/-2", "0.6/0.8")),
        ({"PRECEDENT_PRICES": "0.6"}, ("PRECEDENT_PRICES=0.6", "bge-large=0.02")),
        ({"PRECEDENT_MAX_MISSED": "urgent"}, ("PRECEDENT_MAX_MISSED=urgent", "urgent=0.05")),
        ({"PRECEDENT_MAX_MISSED": "urgent=7"}, ("PRECEDENT_MAX_MISSED=urgent=7",)),
        ({"PRECEDENT_EMBEDDING_BATCH_SIZE": "0"}, ("PRECEDENT_EMBEDDING_BATCH_SIZE=0",)),
    ],
)
def test_what_cannot_be_used_is_named(variables: dict[str, str], words: tuple[str, ...]) -> None:
    """An unknown name or an unusable value is an error that names it and the remedy, and shows no secret."""
    with pytest.raises(SettingsError) as caught:
        load_settings(variables, dotenv=NO_FILE)
    for word in words:
        assert word in str(caught.value)
    assert "secret" not in str(caught.value)


def test_keys_open_the_door() -> None:
    """With keys, another address may be served; blanks between commas are no keys."""
    settings = load_settings(
        {"PRECEDENT_HOST": "0.0.0.0", "PRECEDENT_API_KEYS": f"{A_KEY}, {A_KEY[::-1]},,"}, dotenv=NO_FILE
    )
    assert settings.api_keys == (A_KEY, A_KEY[::-1])


@pytest.mark.parametrize(
    "base", ["http://127.0.0.1:9/v1", "http://127.8.8.8/v1", "http://[::1]:9/v1", "http://localhost:9/v1"]
)
def test_a_key_may_go_to_loopback_in_clear(base: str) -> None:
    """Nobody reads it on the way; without a key http:// is taken anywhere."""
    assert (
        load_settings({"OXLO_API_KEY": "k", "PRECEDENT_API_BASE": base}, dotenv=NO_FILE).oxlo_api_key == "k"
    )
    assert load_settings({"PRECEDENT_API_BASE": "http://llm.internal/v1"}, dotenv=NO_FILE).provider_configured


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "whsec_c2hvcnQ=", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_*"]
)
def test_a_webhook_needs_a_signing_secret(secret: str) -> None:
    """Of 24 bytes at least, and the error does not show it."""
    url = {"PRECEDENT_WEBHOOK_URL": "http://127.0.0.1:9/hook"}
    with pytest.raises(SettingsError, match="WEBHOOK_SECRET") as error:
        load_settings(url | {"PRECEDENT_WEBHOOK_SECRET": secret}, dotenv=NO_FILE)
    assert not secret or secret == "whsec_" or secret not in str(error.value)
    good = url | {"PRECEDENT_WEBHOOK_SECRET": f"whsec_{'A' * 32}"}
    assert load_settings(good, dotenv=NO_FILE).webhook_secret == good["PRECEDENT_WEBHOOK_SECRET"]


def test_budgets_of_single_priorities() -> None:
    """Each priority has its own share; blanks around it do not count."""
    settings = load_settings({"PRECEDENT_MAX_MISSED": "urgent=0.05, very high=0.1"}, dotenv=NO_FILE)
    assert settings.max_missed == {"urgent": 0.05, "very high": 0.1}


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    """A .env file is read, and the environment overrides it."""
    file = tmp_path / ".env"
    file.write_text("PRECEDENT_PORT=1234\nPRECEDENT_CHAT_MODEL='a model'\nSOMETHING_ELSE=1\n")
    settings = load_settings({"PRECEDENT_PORT": "4321"}, dotenv=file)
    assert (settings.port, settings.chat_model) == (4321, "a model")


def test_an_unknown_name_in_the_file_is_an_error_too(tmp_path: Path) -> None:
    """A slip in .env is not passed over in silence."""
    file = tmp_path / ".env"
    file.write_text("PRECEDENT_DATADIR=x\n")
    with pytest.raises(SettingsError, match="PRECEDENT_DATA_DIR"):
        load_settings({}, dotenv=file)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:///kept/t.sqlite3?mode=rw", f"sqlite:///{Path.cwd()}/kept/t.sqlite3?mode=rw"),
        ("sqlite:////var/t.sqlite3", "sqlite:////var/t.sqlite3"),
        ("postgresql://u@h/kept", "postgresql://u@h/kept"),
    ],
)
def test_a_relative_path_is_that_of_the_working_directory(url: str, expected: str) -> None:
    """Whoever is handed the settings may work in another one."""
    settings = load_settings({"PRECEDENT_DATABASE_URL": url, "PRECEDENT_DATA_DIR": "kept"}, dotenv=NO_FILE)
    assert (settings.database_url, settings.data_dir) == (expected, Path.cwd() / "kept")
