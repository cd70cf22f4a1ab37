"""Replies in the ticket's language: written, checked as far as that can be done, and held to it."""

import asyncio

import pytest

from indexer.provider import open_provider
from indexer.settings import Settings
from service.drafting.drafter import Drafter
from service.drafting.languages import LANGUAGES, in_another, reply_language
from service.drafting.note import agent_note
from service.results import Draft, Neighbour
from tests.provider import Provider
from tests.provider.chat import structured
from tests.service.drafting.drafting import draft
from tests.service.drafting.examples import HIGH, TICKETS, neighbour

ENGLISH = neighbour(
    "1008",
    text="Every call is rejected with 401 since we rotated the key.",
    resolution="Set FERRY_API_KEY in /etc/ferry/ferry.toml and run `ferry restart --service orders`. Keep the 24-hour overlap. Do not"
    " delete the old key before two minutes have passed. We refunded $49.90 on 20 March at 10:15.",
)
GERMAN = neighbour(
    "1008",
    text="Seit dem Wechsel des Schlüssels wird jeder Aufruf abgelehnt.",
    resolution="Bitte den Dienst mit `ferry restart --service orders` neu starten und den alten Schlüssel noch zwei Minuten behalten."
    " Wir haben dem Kunden einen neuen Schlüssel gegeben.",
)
_TRUE = {
    "de": ("Setzen Sie FERRY_API_KEY in /etc/ferry/ferry.toml.", "Löschen Sie den alten Schlüssel nicht, bevor zwei Minuten vergangen sind.", "Lassen Sie beide Schlüssel 24 Stunden lang nebeneinander gelten."),
    "fr": ("Définissez FERRY_API_KEY dans /etc/ferry/ferry.toml.", "Ne supprimez pas l'ancienne clé avant deux minutes.", "Gardez les deux clés pendant 24 heures."),
    "es": ("Defina FERRY_API_KEY en /etc/ferry/ferry.toml.", "No borre la clave antigua hasta que pasen dos minutos.", "Mantenga ambas claves durante 24 horas."),
    "it": ("Imposti FERRY_API_KEY in /etc/ferry/ferry.toml.", "Non elimini la vecchia chiave prima che siano passati due minuti.", "Mantenga entrambe le chiavi per 24 ore."),
    "pt": ("Defina FERRY_API_KEY em /etc/ferry/ferry.toml.", "Não apague a chave antiga antes de passarem dois minutos.", "Mantenha ambas as chaves durante 24 horas."),
    "nl": ("Stel FERRY_API_KEY in via /etc/ferry/ferry.toml.", "Verwijder de oude sleutel niet voordat er twee minuten voorbij zijn.", "Laat beide sleutels 24 uur naast elkaar gelden."),
}  # fmt: skip
_RUN = {
    "de": "Führen Sie dann `ferry restart --service orders` aus.",
    "fr": "Exécutez ensuite `ferry restart --service orders`.",
    "es": "Después ejecute `ferry restart --service orders`.",
    "it": "Poi esegua `ferry restart --service orders`.",
    "pt": "Depois execute `ferry restart --service orders`.",
    "nl": "Voer daarna `ferry restart --service orders` uit.",
}
_FALSE = {
    "de": ("Verbinden Sie sich über Port 5432.", "Wir werden das innerhalb von 24 Stunden beheben.", "Sie erhalten 49,90 € zurück.", "Das Geld wurde am 20. März erstattet.", "Fragen Sie Frank Müller nach FERRY_API_KEY.", "Lassen Sie beide Schlüssel 24 Minuten lang gelten.", "Löschen Sie den alten Schlüssel, sobald zwei Minuten vergangen sind.", "Löschen Sie einfach die ganze Datenbank.", "Rufen Sie +49 30 1234567 an.", "Warten Sie fünf Minuten.", "Run it again and wait until the whole service is available."),
    "fr": ("Connectez-vous au port 5432.", "Nous allons corriger FERRY_API_KEY demain.", "Vous recevrez 49,90 €.", "La somme a été versée le 20 mars avec FERRY_API_KEY.", "Demandez FERRY_API_KEY à Frank Miller.", "Gardez les deux clés pendant 24 minutes.", "Supprimez simplement toute la base de données."),
    "es": ("Conéctese al puerto 5432.", "Lo arreglaremos en 24 horas.", "Recibirá 49,90 €.", "El importe fue devuelto con FERRY_API_KEY.", "Pida FERRY_API_KEY a Frank Miller.", "Mantenga ambas claves durante 24 minutos.", "Borre simplemente toda la base de datos."),
    "it": ("Si colleghi alla porta 5432.", "Lo correggeremo entro 24 ore.", "Riceverà 49,90 €.", "FERRY_API_KEY è stata impostata dal cliente.", "Chieda FERRY_API_KEY a Frank Miller.", "Mantenga entrambe le chiavi per 24 minuti.", "Elimini semplicemente l'intero database."),
    "pt": ("Ligue-se à porta 5432.", "Vamos corrigir isto em 24 horas.", "Receberá 49,90 €.", "FERRY_API_KEY foi definida pelo cliente.", "Peça FERRY_API_KEY a Frank Miller.", "Mantenha ambas as chaves durante 24 minutos.", "Apague simplesmente a base de dados inteira."),
    "nl": ("Maak verbinding via poort 5432.", "Wij zullen dit binnen 24 uur oplossen.", "U ontvangt 49,90 €.", "FERRY_API_KEY werd door de klant ingesteld.", "Vraag Frank Miller om FERRY_API_KEY.", "Laat beide sleutels 24 minuten gelden.", "Verwijder gewoon de hele database."),
}  # fmt: skip


def _drafts(provider: Provider, *asked: tuple[str, str, Neighbour]) -> list[Draft]:
    """Draft for each ticket what the model answers."""

    async def run() -> list[Draft]:
        done = []
        async with open_provider(Settings(api_base=provider.url), max_retries=0) as client:
            drafter = Drafter(client, model="m", timeout=60)
            for ticket, answer, near in asked:
                provider.configure(reply=answer, chunk=7)
                pieces, result = await draft(drafter, ticket, [near])
                assert result.draft.source != "llm" or "".join(pieces) == result.draft.text
                done.append(result.draft)
        return done

    return asyncio.run(run())


def test_a_reply_in_the_tickets_language_is_checked_as_far_as_it_can_be(
    provider: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of an English precedent, true sentences in six languages stay and false ones go; none of it is called grounded."""
    sentences = {code: (_RUN[code], *_TRUE[code], *_FALSE[code]) for code in _RUN}
    answers = {code: structured(*((text, ["1008"]) for text in sentences[code])) for code in _RUN}
    drafts = _drafts(provider, *((TICKETS[code], answers[code], ENGLISH) for code in _RUN))
    lost, passed = [], []
    for code, reply in zip(_RUN, drafts, strict=True):
        frame = LANGUAGES[code].frame
        assert reply.source == "llm"
        assert reply.language == code
        assert reply.text.startswith(f"{frame.opening}{_RUN[code]}")
        assert reply.text.endswith(frame.closing)
        assert not reply.grounded
        assert f"the reply is in {LANGUAGES[code].name}, what it rests on in English" in (
            reply.degraded or ""
        )
        lost += [text for text in _TRUE[code] if text not in reply.text]
        passed += [text for text in _FALSE[code] if text in reply.text]
    with capsys.disabled():
        true, false = (sum(map(len, table.values())) for table in (_TRUE, _FALSE))
        print(
            f"\nacross languages: {len(lost)} of {true} true sentences cut, {len(passed)} of {false} false ones kept"
        )
    assert lost == []
    assert passed == []


def test_in_one_language_it_is_grounded(provider: Provider) -> None:
    """A German precedent supports a German reply by its words, and what was done for its customer is cut there, too."""
    right = "Starten Sie den Dienst mit `ferry restart --service orders` neu und behalten Sie den alten Schlüssel noch zwei Minuten."
    history = "Wir haben dem Kunden einen neuen Schlüssel gegeben."
    (reply,) = _drafts(provider, (TICKETS["de"], structured((right, ["1008"]), (history, ["1008"])), GERMAN))
    assert reply.text == f"Guten Tag,\n\n{right}\n\nMit freundlichen Grüßen\nIhr Supportteam"
    assert reply.grounded
    assert reply.degraded == "left out 1 sentence that said what was done"


def test_a_model_that_writes_in_another_language_is_caught(provider: Provider) -> None:
    """Whole sentences are cut; where each is too short to tell, all are; the reply is then made without the model."""
    english = (
        "Set FERRY_API_KEY in the file and restart the whole service of the orders.",
        "Keep the 24-hour overlap until everything works again.",
    )
    short = ("Set FERRY_API_KEY.", "Keep the overlap.", "Then run it.", "Do not delete the old key.")
    told, together, foreign = _drafts(
        provider,
        (TICKETS["de"], structured(*((s, ["1008"]) for s in english)), ENGLISH),
        (TICKETS["de"], structured(*((s, ["1008"]) for s in short)), ENGLISH),
        (TICKETS["en"], structured((_RUN["de"], ["1008"]), (_TRUE["de"][1], ["1008"])), ENGLISH),
    )
    for reply in (told, together):
        assert reply.source == "extractive"
        assert reply.language == "de"
        assert reply.text.startswith("Guten Tag,\n\nVielen Dank für Ihre Nachricht: “Seit heute Morgen")
        assert "Run `ferry restart --service orders`" in reply.text or "run `ferry" in reply.text
    assert "2 sentences with words in another language than the reply's" in (told.degraded or "")
    assert "4 sentences with words in another language than the reply's" in (together.degraded or "")
    assert foreign.language == "en"
    assert "with words in another language than the reply's" in (foreign.degraded or "")
    assert "Schlüssel" not in foreign.text


def test_the_model_is_told_the_language(provider: Provider) -> None:
    """By its name; a language in which nothing can be checked is not asked for, and the reply says so."""
    provider.reset()
    polish = "Od dzisiejszego ranka wszystkie zapytania są odrzucane z błędem 401."
    answer = structured(("Set FERRY_API_KEY in /etc/ferry/ferry.toml.", ["1008"]))
    _, english = _drafts(provider, (TICKETS["fr"], answer, ENGLISH), (polish, answer, ENGLISH))
    systems = [body["messages"][0]["content"] for body in provider.stats().bodies]
    assert "Write in French," in systems[0]
    assert "Write in English," in systems[-1]
    assert english.grounded
    assert english.language == "en"
    assert english.degraded == (
        "a reply in the ticket's language, “pl”, could not be checked, so this one is in English"
    )


@pytest.mark.parametrize("code", TICKETS)
def test_without_a_model_the_frame_is_in_the_tickets_language(code: str) -> None:
    """The steps stay in the resolution's language, which the note tells the agent."""
    _, result = asyncio.run(draft(Drafter(None, model="m", timeout=1), TICKETS[code], [ENGLISH]))
    frame, reply = LANGUAGES[code].frame, result.draft
    assert reply.language == code
    assert reply.text.startswith(f"{frame.opening}{frame.thanks}: “{TICKETS[code][:-1]}”.\n\n- Set ")
    assert reply.text.endswith(frame.closing)
    assert reply.grounded
    assert reply.sentences[0].citations == ()
    note = agent_note(TICKETS[code], HIGH, [ENGLISH]).text
    told = f"Language: the ticket is in {LANGUAGES[code].name}, [1008] in English."
    assert (told in note) == (code != "en")


def test_an_unsure_language_is_the_default() -> None:
    """Short tickets, code and numbers are answered in the default language; a sentence of them is in no other."""
    for text in ("401", "kaputt!!", "FERRY_API_KEY=x", ""):
        assert reply_language(text, "nl") == ("nl", None)
    assert not in_another("`ferry restart --service orders --all`", "de")
    assert in_another("ゲートウェイを再起動してください。", "de")
