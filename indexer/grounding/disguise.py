"""Normalises a text before it is checked: invisible characters, look-alikes, escapes, spelled-out dots."""

import html
import re
import unicodedata
from functools import lru_cache

__all__ = ["fold", "revealed", "visible"]

_ANSI = re.compile("\x1b\\[[0-9;?]*[A-Za-z]|\x1b\\][^\x07\x1b]*(?:\x07|\x1b\\\\)?")
_HIDDEN = frozenset(("Cc", "Cf", "Co", "Cs", "Cn"))
_BLANK_LETTERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
# Persian, the scripts of India and families of emoji are written with them.
_JOINERS = frozenset("\u200c\u200d")
_BREAKS = str.maketrans("", "", "\n\t")
_EMOJI_STYLE = "\ufe0f"
_FIRST_JOINING = 0x0600  # Latin, Greek and Cyrillic, which never need a joiner, stand before and at 0x1E00

_ALIKE = {
    **dict.fromkeys(
        "\u00b7\u2022\u2024\u2027\u2219\u22c5\u30fb\u3002\uff61\u06d4\u0701\u0702\ua4f8\U00010a50", "."
    ),
    **dict.fromkeys("\u2044\u2215\u29f8\u29f6\u2571\u27cb", "/"),
    **dict.fromkeys("\u2216\u29f5\u29f9\ufe68\uff3c", "\\"),
    **dict.fromkeys("\u02d0\u02f8\u0589\u05c3\u2236\ua789\ufe13\ufe55", ":"),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u207b\u208b\u2212\u02d7", "-"),
    **dict.fromkeys("\u3010\u3014\u3016\u3018\u301a\u27e6\u2045\u2772\u2308\u230a\u300c\u300e", "["),
    **dict.fromkeys("\u3011\u3015\u3017\u3019\u301b\u27e7\u2046\u2773\u2309\u230b\u300d\u300f", "]"),
    **dict.fromkeys("\u2329\u3008\u300a\u27e8\u2039\u276c\u2770\u02c2", "<"),
    **dict.fromkeys("\u232a\u3009\u300b\u27e9\u203a\u276d\u2771\u02c3", ">"),
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u02bc\u02b9\u2032", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),
    **dict.fromkeys("\u266f\ufe5f\N{TICKET}\N{ADMISSION TICKETS}\N{NUMERO SIGN}", "#"),
    "\u0131": "i",
}
_LATIN = str.maketrans(
    "авеѕіјкмнорстухԁԛԝһɡАВЕЅІЈКМНОРСТУХαεικνορτυχΑΒΕΖΗΙΚΜΝΟΡΤΥΧ",
    "abesijkmhopctyxdqwhgABESIJKMHOPCTYXaeikvoptuxABEZHIKMNOPTYX",
)
_WORD = re.compile(r"\w+")

_LONG_DASH = re.compile("[\u2014\u2015]")  # parts words, where shorter ones join them
_COMMON = "com|net|org|io|dev|co|uk|de|info|biz|xyz|ru|cn|onion|example|test|invalid"
_OPEN, _CLOSE = r"\s*[\[({<]\s*", r"\s*[\])}>]\s*"
_REVEALING = (
    (re.compile(r"(?<![\\\w])\\\\(?=\w[\w.-]*\\)"), lambda _: "//"),  # a share of Windows
    (re.compile(r"%([2-7][0-9a-f])", re.IGNORECASE), lambda m: chr(int(m[1], 16))),
    (re.compile(r"\\(?:u00|x)([2-7][0-9a-f])", re.IGNORECASE), lambda m: chr(int(m[1], 16))),
    (re.compile(r"\\(?=[!-/:-@\[-`{-~])"), lambda _: ""),  # Markdown's own escapes
    (re.compile(r"[*`]|~~|(?<!\w)_+(?=\w)|(?<=\w)_+(?!\w)"), lambda _: ""),  # emphasis, also within a word
    (re.compile(rf"{_OPEN}(?:\.|dot|punkt|punto|point){_CLOSE}", re.IGNORECASE), lambda _: "."),
    (re.compile(rf"{_OPEN}(?:@|at|arroba){_CLOSE}", re.IGNORECASE), lambda _: "@"),
    (re.compile(rf"{_OPEN}(?:/|slash){_CLOSE}", re.IGNORECASE), lambda _: "/"),
    (re.compile(rf"{_OPEN}(?::|colon|://){_CLOSE}", re.IGNORECASE), lambda m: "://" if "//" in m[0] else ":"),
    (re.compile(rf"\s+(?:dot|punkt|punto)\s+(?=(?:\w+\s+dot\s+){{0,4}}(?:{_COMMON})\b)", re.IGNORECASE), lambda _: "."),
    (re.compile(r"(?<=\d)\s+(?:dot|\.)\s+(?=\d)", re.IGNORECASE), lambda _: "."),
    (re.compile(rf"\bwww[\s.]+([\w-]+)[\s.]+(?=(?:{_COMMON})\b)", re.IGNORECASE), lambda m: f"www.{m[1]}."),
    (re.compile(r"(?<=\w)\s*,\s*(?=(?:com|org)/)|(?<=\w)(?:\s+\.\s*|\.\s+)(?=(?:com|org|io|xyz|onion|example)\b)"), lambda _: "."),
)  # fmt: skip


def visible(text: str) -> str:
    """Return the text in NFC without what no reader sees: control, format and private characters."""
    if text.isascii() and text.translate(_BREAKS).isprintable():
        return text  # as most are, and soon told
    text = _ANSI.sub("", text)
    kept: list[str] = []
    for char in text:
        if char in "\n\t" or (char.isprintable() and char not in _BLANK_LETTERS and not _selects(char)):
            kept.append(char)
        elif char in _JOINERS or char == _EMOJI_STYLE:
            if kept and _joins(kept[-1]):
                kept.append(char)
        elif char.isspace():
            kept.append(char if unicodedata.category(char) == "Zs" else " " if char != "\r" else "")
    return unicodedata.normalize("NFC", "".join(kept))


def _selects(char: str) -> bool:
    return (
        "\ufe00" <= char <= "\ufe0f" or "\u180b" <= char <= "\u180f" or "\U000e0100" <= char <= "\U000e01ef"
    )


def _joins(before: str) -> bool:
    return before == _EMOJI_STYLE or (
        ord(before) >= _FIRST_JOINING and not 0x1E00 <= ord(before) < 0x2000  # noqa: PLR2004 (more Latin and Greek)
    ) or before in "#*0123456789\u00a9\u00ae"  # fmt: skip


@lru_cache(maxsize=4096)
def _folded(char: str) -> str:
    if char.isascii():
        return char
    if char in _ALIKE:
        return _ALIKE[char]
    category = unicodedata.category(char)
    if category in _HIDDEN or category in ("Mn", "Me"):
        return ""
    if (digit := unicodedata.decimal(char, None)) is not None:
        return str(digit)
    if category == "Zs":
        return " "
    return "".join(_ALIKE.get(c, c) for c in unicodedata.normalize("NFKC", char))


def fold(text: str, *, latin: bool = True) -> str:
    """Return the text with every look-alike of an ASCII character as that character, for checking only.

    :param latin: whether letters of other scripts that look like Latin ones count as those.
    """
    if text.isascii():
        return text
    folded = "".join(map(_folded, text))
    return _WORD.sub(_as_latin, folded) if latin else folded


def _as_latin(word: re.Match[str]) -> str:
    # A word of Cyrillic or Greek stays one, unless all of it could be taken for Latin.
    latin = word[0].translate(_LATIN)
    return latin if latin.isascii() else word[0]


def revealed(text: str, *, latin: bool = True) -> str:
    """Return a folded text with escapes undone, emphasis removed, and dots and at signs that were spelled out."""
    text = fold(_LONG_DASH.sub(" - ", html.unescape(html.unescape(text))), latin=latin)
    for pattern, reveal in _REVEALING:
        text = pattern.sub(reveal, text)
    return text
