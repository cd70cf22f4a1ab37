"""Numbers that are written as words, in the languages in which replies are checked."""

import re

__all__ = ["with_digits"]

_TWO_TO_TWELVE = {
    "en": "two three four five six seven eight nine ten eleven twelve",
    "de": "zwei drei vier fünf sechs sieben acht neun zehn elf zwölf",
    "fr": "deux trois quatre cinq six sept huit neuf dix onze douze",
    "es": "dos tres cuatro cinco seis siete ocho nueve diez once doce",
    "it": "due tre quattro cinque sei sette otto nove dieci undici dodici",
    "pt": "dois três quatro cinco seis sete oito nove dez onze doze",
    "nl": "twee drie vier vijf zes zeven acht negen tien elf twaalf",
}
_FURTHER = {
    "en": {"fifteen": "15", "twenty": "20", "thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "ninety": "90", "hundred": "100", "thousand": "1000", "million": "1000000"},
    "de": {"fünfzehn": "15", "zwanzig": "20", "dreißig": "30", "hundert": "100", "tausend": "1000"},
    "fr": {"quinze": "15", "vingt": "20", "trente": "30", "cent": "100", "mille": "1000"},
    "es": {"quince": "15", "veinte": "20", "treinta": "30", "cien": "100", "mil": "1000"},
    "it": {"quindici": "15", "venti": "20", "trenta": "30", "cento": "100", "mille": "1000"},
    "pt": {"duas": "2", "quinze": "15", "vinte": "20", "trinta": "30", "cem": "100", "mil": "1000"},
    "nl": {"vijftien": "15", "twintig": "20", "dertig": "30", "honderd": "100", "duizend": "1000"},
}  # fmt: skip
_NUMERALS = {
    language: {word: str(number) for number, word in enumerate(words.split(), start=2)} | _FURTHER[language]
    for language, words in _TWO_TO_TWELVE.items()
}
_PATTERNS = {
    language: re.compile(rf"\b(?:{'|'.join(words)})\b(?!-)") for language, words in _NUMERALS.items()
}


def with_digits(text: str, language: str) -> str:
    """Return a text in lower case with its numerals as digits; as it is in a language that is not known here."""
    if language not in _PATTERNS:
        return text
    return _PATTERNS[language].sub(lambda word: _NUMERALS[language][word[0]], text)
