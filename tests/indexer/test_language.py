"""Which language a ticket is written in."""

import pytest

from indexer.language import language_of

_TEXTS = {
    "en": "API keys rotated this morning and now all requests return 401 Unauthorized.",
    "de": "Der Drucker im zweiten Stock druckt seit heute Morgen nur leere Seiten.",
    "fr": "Bonjour, je n'arrive plus à me connecter à mon compte depuis ce matin.",
    "es": "No puedo iniciar sesión en mi cuenta desde ayer, ¿me pueden ayudar?",
    "pt": "Não consigo aceder à minha conta desde ontem.",
    "it": "Da questa mattina non riesco più ad accedere al mio account.",
    "nl": "Sinds vanochtend kan ik niet meer inloggen op mijn account.",
    "pl": "Od rana nie mogę się zalogować na swoje konto.",
    "ja": "ログインできません。助けてください",
    "zh": "您好 我无法登录我的账户",
    "uk": "Підкажіть, будь ласка, як змінити пароль.",
    None: "",
}


@pytest.mark.parametrize(("language", "text"), _TEXTS.items())
def test_languages_of_usual_tickets(language: str | None, text: str) -> None:
    """One sentence is enough."""
    assert language_of(text) == language


@pytest.mark.parametrize("text", ["ok", "TIMOB-1234", "!!!", "2024-03-01 10:00:00", "\ud800", " \n"])
def test_unsure_is_none(text: str) -> None:
    """Where a text is too short or no language, nothing is guessed."""
    assert language_of(text) is None


def test_the_beginning_decides() -> None:
    """A long text takes no longer than a short one."""
    assert language_of(_TEXTS["de"] * 15 + _TEXTS["en"] * 10_000) == "de"
