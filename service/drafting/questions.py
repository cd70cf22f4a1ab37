"""What to ask the customer where no resolved ticket is near enough: what a usable report has and this one lacks."""

import re

from service.drafting.languages import ENGLISH, reply_language

__all__ = ["QUESTIONS", "missing"]

_MOST = 2

QUESTIONS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "What exactly happens, and what is the wording of the error message?",
        re.compile(
            r"\b(?:errors?|exception|traceback|fail\w*|message|denied|refused|timed? ?out|crash\w*|status|code|fehler\w*|erreur)\b|\b[45]\d\d\b|[\"“„«][^\"”“»]{4,}",
            re.IGNORECASE,
        ),
    ),
    (
        "Which product and version, and which environment, is it about?",
        re.compile(
            r"\bv?\d+\.\d+|\b(?:version|release|build|production|staging|windows|macos|linux|android|ios)\b",
            re.IGNORECASE,
        ),
    ),
    (
        "Since when does it happen, and what was changed just before?",
        re.compile(
            r"\b(?:since|after|today|yesterday|this (?:morning|week)|last (?:night|week)|ago|updat\w+|upgrad\w+|deploy\w*|migrat\w+|rotat\w+|chang\w+|seit|depuis|desde)\b|\b\d{4}-\d\d-\d\d\b",
            re.IGNORECASE,
        ),
    ),
    (
        "Which steps lead to it, and what did you expect to see instead?",
        re.compile(
            r"\b(?:when (?:i|we|you)|whenever|steps?|click\w*|expect\w*|instead|should)\b", re.IGNORECASE
        ),
    ),
)
"""Each question with what a ticket that answers it has."""


_TRANSLATED = {
    "de": (
        "Was genau geschieht, und wie lautet die Fehlermeldung?",
        "Um welches Produkt in welcher Version und um welche Umgebung geht es?",
        "Seit wann tritt es auf, und was wurde kurz davor geändert?",
        "Welche Schritte führen dahin, und was hätten Sie stattdessen erwartet?",
    ),
    "fr": (
        "Que se passe-t-il exactement, et quel est le texte du message d'erreur ?",
        "De quel produit, de quelle version et de quel environnement s'agit-il ?",
        "Depuis quand cela arrive-t-il, et qu'est-ce qui a été modifié juste avant ?",
        "Quelles étapes y mènent, et qu'attendiez-vous à la place ?",
    ),
    "es": (
        "¿Qué ocurre exactamente y cuál es el texto del mensaje de error?",
        "¿De qué producto, de qué versión y de qué entorno se trata?",
        "¿Desde cuándo ocurre y qué se cambió justo antes?",
        "¿Qué pasos llevan a ello y qué esperaba ver en su lugar?",
    ),
    "it": (
        "Che cosa succede esattamente, e qual è il testo del messaggio di errore?",
        "Di quale prodotto, di quale versione e di quale ambiente si tratta?",
        "Da quando succede, e che cosa è stato cambiato poco prima?",
        "Quali passi portano a questo, e che cosa si aspettava invece?",
    ),
    "pt": (
        "O que acontece exatamente e qual é o texto da mensagem de erro?",
        "De que produto, de que versão e de que ambiente se trata?",
        "Desde quando acontece e o que foi alterado pouco antes?",
        "Que passos levam a isso e o que esperava ver em vez disso?",
    ),
    "nl": (
        "Wat gebeurt er precies, en hoe luidt de foutmelding?",
        "Om welk product, welke versie en welke omgeving gaat het?",
        "Sinds wanneer gebeurt het, en wat is er vlak daarvoor gewijzigd?",
        "Welke stappen leiden ertoe, en wat had u in plaats daarvan verwacht?",
    ),
}
"""The same questions, in their order, by language."""


def missing(text: str, default: str = ENGLISH) -> tuple[str, ...]:
    """Return the first two questions that the ticket does not answer, in the language of a reply to it.

    :param default: the language where the ticket's cannot be told.
    """
    language, _ = reply_language(text, default)
    asked = _TRANSLATED.get(language, tuple(question for question, _ in QUESTIONS))
    answers = (answered for _, answered in QUESTIONS)
    return tuple(q for q, answered in zip(asked, answers, strict=True) if not answered.search(text))[:_MOST]
