"""What a sentence states that nobody may make up: numbers, code, technical words and names."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from indexer.grounding.disguise import fold, visible
from indexer.grounding.numerals import with_digits
from indexer.grounding.words import content_words, stem

__all__ = ["Fact", "Facts", "facts_of"]

_CODE = re.compile(r"```[^\n]*\n(.*?)(?:```|\Z)|`+([^`]+)`+", re.DOTALL)
_PLACEHOLDER = re.compile(r"<[^<>]*>|\N{HORIZONTAL ELLIPSIS}|\.\.\.")
_MARKER = re.compile(r"^[\s>*+#-]*(?:1?\d[.)]\s)?[\s*_]*", re.MULTILINE)
_TOKEN = re.compile(r"\S+")
_EDGES = " \t.,;:!?()[]{}<>\"'*|"
_FLAG = re.compile(r"--?[a-z][\w-]*(?:=\S*)?", re.IGNORECASE)
_PLAIN_PAIR = re.compile(r"[a-z]+(?:/[a-z]+)+", re.IGNORECASE)
_TECHNICAL = re.compile(r"[_=@$\\~^]|\w/|/\w|::|[a-z][A-Z]|[a-zA-Z_]\.[a-zA-Z_]|[a-zA-Z0-9]\.[a-zA-Z0-9]+\.")
_NAME = re.compile(r"[A-Z][^\W_]*(?:-[^\W_]+)*")
_STARTS = re.compile(r"(?:^|[.!?:;\n]|[\"'(*>-])\s*\Z")
_COMPOUND = re.compile(r"[a-z]+(?:-[a-z]+)+")  # such as a region or a plan: ap-southeast
_MENU = re.compile(r"(\w[\w-]*\"?) > (?=(\"?\w[\w-]*))")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_UNITS = {
    "ms": "ms", "milliseconds": "ms", "s": "s", "sec": "s", "secs": "s", "second": "s", "seconds": "s", "min": "min", "mins": "min",
    "minute": "min", "minutes": "min", "h": "h", "hour": "h", "hours": "h", "d": "d", "day": "d", "days": "d", "week": "week",
    "weeks": "week", "month": "month", "months": "month", "year": "year", "years": "year", "kb": "kb", "mb": "mb", "gb": "gb",
    "tb": "tb", "%": "%", "percent": "%", "eur": "eur", "euro": "eur", "euros": "eur", "€": "eur", "usd": "usd", "$": "usd",
    "dollars": "usd", "gbp": "gbp", "£": "gbp",
    **dict.fromkeys("sekunde sekunden seconde secondes segundo segundos secondo secondi seconden".split(), "s"),  # noqa: SIM905
    **dict.fromkeys("minuten minuto minutos minuti".split(), "min"),  # noqa: SIM905
    **dict.fromkeys("stunde stunden heure heures hora horas ora ore uur uren".split(), "h"),  # noqa: SIM905
    **dict.fromkeys("tag tage tagen jour jours día días dia dias giorno giorni dag dagen".split(), "d"),  # noqa: SIM905
    **dict.fromkeys("woche wochen semaine semaines semana semanas settimana settimane weken".split(), "week"),  # noqa: SIM905
    **dict.fromkeys("monat monate monaten mois meses mês mese mesi maand maanden".split(), "month"),  # noqa: SIM905
    **dict.fromkeys("jahr jahre jahren année années año años ano anos anno anni jaar".split(), "year"),  # noqa: SIM905
    **dict.fromkeys(("prozent", "procent"), "%"),
}  # fmt: skip
_NUMBER = re.compile(
    r"(?<![\w.])([$€£]?) ?v?(\d+(?:[.:]\d+)*)(?:[ -]?(%|€|\$|£|[^\W\d_]+\b))?", re.IGNORECASE
)
_ONE = re.compile(r"\b(?:one|an?|1)[ -](second|minute|hour|day|week|month|year)\b")
# German writes all nouns with a capital: only two such words in a row, or one after a title, are a name there.
_NOUNS_HAVE_CAPITALS = frozenset({"de"})
_FULL_NAME = re.compile(
    r"(?<=[\w,] )(?!(?:Sie|Ihr\w{0,2}|Ihnen)\b)([A-ZÄÖÜ][^\W_]+) (?!(?:Sie|Ihr\w{0,2}|Ihnen)\b)([A-ZÄÖÜ][^\W_]+)"
    r"|\b(?:Herrn?|Frau|Dr\.|Prof\.) ([A-ZÄÖÜ][^\W_]+)()"
)
_ELISION = re.compile(r"^(?:[ldncsjmt]|qu|un|dell|all|nell|sull|dall)'(?=\w)", re.IGNORECASE)


_JOINTS = ("_", "/")
_GOES_ON = re.compile(r"[\w/-]|[.:]\w")


@dataclass(frozen=True, slots=True)
class Fact:
    """A number, a piece of code, a technical word or a name, as it is compared."""

    kind: str
    """``number``, ``code`` or ``name``."""
    text: str


class Facts:
    """What texts vouch for."""

    def __init__(self, *texts: str, language: str = "en") -> None:
        """Take texts that are written in this language, or in English."""
        plain = [_plain(text) for text in texts]
        self._text = "\0".join(plain)
        said = {digits for text in plain for digits in (text, with_digits(text, language))}
        self._numbers = frozenset(number for text in said for number in _numbers(text))
        self._names = frozenset(stem(word) for word in re.findall(r"[^\W_]+", self._text))
        self.words = frozenset(word for text in texts for word in content_words(text))

    def has(self, fact: Fact) -> bool:
        """Whether a text states it too."""
        if fact.kind == "number":
            return fact.text in self._numbers
        if fact.kind == "name":
            return all(stem(part) in self._names for part in fact.text.split("-"))
        # The name of a file may be given with its path.
        return self.says(fact.text) or self.says(f"/{fact.text}")

    def says(self, fragment: str) -> bool:
        """Whether a text has this, not as a part of a longer word, path, option or number."""
        wanted, at = _plain(fragment), -1
        while wanted and (at := self._text.find(wanted, at + 1)) >= 0:
            before, after = self._text[:at][-1:], self._text[at + len(wanted) :][:2]
            if not (wanted[0].isalnum() and (before.isalnum() or before in _JOINTS)) and (
                wanted[-1] in ")]>\"'" or not _GOES_ON.match(after)
            ):
                return True
        return False


def facts_of(sentence: str, language: str = "en") -> list[Fact]:
    """Return what a sentence in this language states, each once."""
    text = fold(visible(sentence))
    bare = _MARKER.sub("", _CODE.sub(" ", text))
    numbers = _numbers(with_digits(_plain(bare), language), checked=True)
    found = [
        *_code(text),
        *_words(bare, language),
        *_full_names(bare, language),
        *(Fact("number", n) for n in numbers),
    ]
    return list(dict.fromkeys(found))


def _code(text: str) -> Iterator[Fact]:
    for code in _CODE.finditer(text):
        for fragment in _PLACEHOLDER.split(code[1] or code[2]):
            if re.search(r"\w", fragment):
                yield Fact("code", _plain(fragment).strip(" .,;"))


def _words(text: str, language: str) -> Iterator[Fact]:
    for menu in _MENU.finditer(text):
        yield Fact("code", _plain(f"{menu[1]} > {menu[2]}"))
    for token in _TOKEN.finditer(text):
        word = token[0].strip(_EDGES)
        bare = re.sub(r"'s?\Z", "", word if language == "en" else _ELISION.sub("", word))
        if _FLAG.fullmatch(word):
            yield Fact("code", word.casefold())
        elif _PLAIN_PAIR.fullmatch(word):
            continue
        elif _TECHNICAL.search(bare) or re.search(r"[^\W\d]-?\d|\d[^\W\d]", bare):
            if not _is_number(bare):
                yield Fact("code", _plain(bare))
        elif language == "en" and _COMPOUND.fullmatch(bare):
            yield Fact("name", bare)
        elif len(bare) > 1 and _NAME.fullmatch(bare):
            start = token.start() + token[0].find(word)
            inside = language not in _NOUNS_HAVE_CAPITALS and not _STARTS.search(
                text, max(0, start - 8), start
            )
            if bare.isupper() or inside:
                yield Fact("name", bare.casefold())


def _full_names(text: str, language: str) -> Iterator[Fact]:
    for name in _FULL_NAME.finditer(text) if language in _NOUNS_HAVE_CAPITALS else ():
        yield from (Fact("name", part.casefold()) for part in name.groups() if part)


def _is_number(word: str) -> bool:
    """Whether a token with letters and digits is a number with its unit: 24-hour, 20GB, v2.4.1, 401s."""
    found = _NUMBER.fullmatch(_plain(word))
    return found is not None and (found[3] is None or found[3].casefold() in {*_UNITS, "x", "th", "k"})


def _numbers(text: str, *, checked: bool = False) -> Iterator[str]:
    """Yield the numbers of a plain text with their units; of a text that vouches also those without."""
    for found in _NUMBER.finditer(text):
        unit = _UNITS.get(found[1] or found[3] or "")
        if unit:
            yield f"{found[2]} {unit}"
        if not unit or not checked:
            yield found[2]
    for found in _ONE.finditer(text):
        yield f"1 {_UNITS[found[1]]}"


def _plain(text: str) -> str:
    """Return a text as it is searched: folded, in lower case, one blank between words, numerals as digits."""
    text = re.sub(r"\s+", " ", fold(visible(text)).casefold()).strip()
    return with_digits(_THOUSANDS.sub("", text), "en")
