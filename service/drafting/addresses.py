"""Finds addresses in a text: hosts, links, mail, phones and IP addresses, in all the forms in which they are written."""

import ipaddress
import re
from collections.abc import Iterator
from functools import cache

from publicsuffixlist import PublicSuffixList

__all__ = ["addresses", "normal_form"]

_BREAK = r"\s<>\"'|()\[\]{}"
_URL = re.compile(
    rf"(?<![a-z])(?:[a-z][a-z0-9+.-]{{0,20}}\s?:\s?/\s?/\s?|https?\s?:[/\\]?(?=\w))[^{_BREAK}]*",
    re.IGNORECASE,
)
_OPAQUE = re.compile(
    r"(?<![\w-])(?:(?:about|blob|callto|chrome|cid|data|facetime(?:-audio)?|file|ftp|geo|intent|ipfs|irc|jar|magnet|market|wifi"
    r"|ms-[a-z]+|sftp|sips?|skype|sms|smsto|ssh|tg|urn|view-source|whatsapp|wss?|xmpp|bitcoin)(?:\?\w+)?:(?=[^\s*\"'])"
    rf"|(?:mailto|tel|vbscript)\s*:\s*(?=\S)|javascript\s*:\s*(?=[\w.%/]*[(=%/])|javascript:(?=\S))[^{_BREAK}]*",
    re.IGNORECASE,
)
_AFTER_HOST = rf"(?::\d{{1,5}})?(?:[/?#\\][^{_BREAK}]*)?"
_HOSTS = (
    re.compile(rf"(?<![a-z0-9-])((?:[a-z0-9_-]{{1,63}}\.){{1,8}}[a-z0-9-]{{2,63}})(?![a-z0-9-])\.?{_AFTER_HOST}", re.IGNORECASE),
    re.compile(rf"(?<![\w-])((?:[\w-]{{1,63}}\.){{1,8}}[\w-]{{2,63}})(?![\w-])\.?{_AFTER_HOST}"),
)  # fmt: skip
_LONE_HOST = re.compile(
    rf"(?<![\w.-])(?:www\.[\w-][^{_BREAK}]*|[ur]/[a-z]\w{{2,}}(?![\w/])|localhost(?=[:/\w.])[^{_BREAK}]*|[a-z][\w-]*:\d{{4,5}}(?![\w.:-])(?:/[^{_BREAK}]*)?"
    rf"|[\w.-]*/[\w./-]*\?\w+=[^{_BREAK}]*"
    rf"|(?<![:/\w])//\w[^{_BREAK}]*)",
    re.IGNORECASE,
)
_UNC = re.compile(rf"(?<![\w\\])\\\\\w[\w.-]*\\[^{_BREAK}]*")
_MAIL = re.compile(r"[\w.+%-]*\w@(?!\d+(?:\.\d+)*(?![\w.]*\w))[\w-][\w.-]*")
_HANDLE = re.compile(r"(?<![\w/`@])@[a-z_]\w{2,}(?!\w*[(/])", re.IGNORECASE)
_PREFIX = re.compile(r"^(?:mailto:|https://)?(?:www\.)?", re.IGNORECASE)

_PART = r"(?:0x[0-9a-f]+|\d+)"
_IPV4 = re.compile(rf"(?<![\w.]){_PART}(?:\.{_PART}){{3}}(?!\w|\.\d)", re.IGNORECASE)
_HEX_IPV4 = re.compile(r"(?<![\w.])0x[0-9a-f]+(?:\.[0-9a-fx]+){1,3}(?!\w)|(?<![\w.])0[0-7]+(?:\.[0-7]+){3}(?!\w)", re.IGNORECASE)  # fmt: skip
_IPV6 = re.compile(r"(?<![\w:.])[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}(?:\.\d+){0,3}(?![\w:])", re.IGNORECASE)
_VERSION = re.compile(
    r"(?:\b(?:version|release|build|fixed in|older than|newer than|(?:up|down)grad\w+|updat\w+|install\w*|patch\w*)\b.*"
    r"|\b(?:v|chrome|firefox|edge|safari|driver|firmware|agent|client)\.?\s*)\Z",
    re.IGNORECASE,
)
_LATER = re.compile(
    r" (?:(?:or|and) (?:later|newer|above|older)|(?:has|contains|brings|includes) |fixe[sd]\b)"
)
_NETWORK = re.compile(
    r"\b(?:ip|address\w*|gateway|host\w*|server|proxy|firewall|dns|router|subnet|network)\b|\b(?:at|via|on|over|through)\s*\Z|\binstall.*\bfrom\s*\Z",
    re.IGNORECASE,
)
_SEEN = 60  # characters before four numbers that tell a version from an address

_PHONE_WORD = re.compile(
    r"(?<!\w)(?:call|dial|phone|telephone|tel|mobile|cell|fax|hotline|helpline|whatsapp|sms|text us|ring|toll[ -]free|extension|ext"
    r"|anrufen|ruf\w*|telefon\w*|hotline|t[ée]l[ée]phone|appele[rz]|llam\w+|tel[ée]fono|chiam\w+|ligue)(?!\w)",
    re.IGNORECASE,
)
_DIGITS = re.compile(r"(?<![\w.,:$€£#=/-])[+(]{0,2}\d(?:[\d().\-/ ]{0,3}\d)+(?![\w%])(?![.:,]\d)")
_GROUPED = re.compile(r"\d{1,3}(?:[ .,']\d{3})+")
_DATE = re.compile(
    r"\d{4}-\d\d?-\d\d?(?:[ T]\d\d?)?|\d\d?[./-]\d\d?[./-](?:\d{4}|\d\d)|\d{4}[/.]\d\d?[/.]\d\d?"
)
_YEARS_OR_PORTS = re.compile(r"[1-9]\d{3,4}\s?[-/]\s?\d{4,5}")
_DECIMAL = re.compile(r"\d+\.\d+")
_VANITY = re.compile(r"(?<!\w)(?:\+?1[ .-])?\(?8\d\d\)?[ .-](?:\d{3}[ .-])?[A-Z]{3,}(?:[ .-][A-Z]+)*(?!\w)")
_NUMERAL = r"(?:zero|oh|one|two|three|four|five|six|seven|eight|nine|null|eins|zwei|drei|vier|fünf|sechs|sieben|acht|neun)"
_SPOKEN = re.compile(rf"(?<!\w)(?:{_NUMERAL}[\s,-]+){{4,}}{_NUMERAL}(?!\w)", re.IGNORECASE)
_SPACED = re.compile(r"(?<!\w)(?:[^\W\d](?:[ .]{1,3}|-)){5,}\w(?!\w)")  # l i k e  t h i s
_RESERVED = re.compile(
    r"example|test|invalid|localhost|local|internal|intranet|lan|corp|home|private|onion|arpa|alt|i2p|"
    r"eth|bit"
)
_USUAL = re.compile(r"com|net|org|io|dev|co|uk|de|info|biz|xyz|ru|cn|app")
# Top-level domains that end the names of files and of fields, or begin a sentence after a missing blank, far more often.
_NO_HOST = re.compile(
    r"[\w-]+\.(?:md|py|cs|pl)|\w+\.(?:rs|sh|so|ps|cc|name|id|events|open|new|date|select|call|read|save|next|channel"
    r"|now|as|no|do|my|by|how|you)",
    re.IGNORECASE,
)
_PRODUCT = re.compile(r"(?:ASP|ADO|VB|ML|Json)\.NET\b|System\.(?:IO|Net)\Z|java\.(?:io|net)\Z|Socket\.IO\b")
_TITLE = re.compile(r"[A-Z][a-z]+")
_MOST_DIGITS, _PHONE_DIGITS = 15, 7
_NAMED_PHONE_DIGITS = 5


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList(accept_unknown=False, only_icann=True)


def addresses(text: str) -> Iterator[str]:
    """Yield the normal form (no http scheme, no case) of every address in a revealed text."""
    for pattern in (_URL, _OPAQUE, _LONE_HOST, _UNC, _MAIL, _HANDLE):
        for found in pattern.finditer(text):
            yield normal_form(found[0])
    for pattern in _HOSTS:
        for found in pattern.finditer(text):
            if _is_host(found) and text[found.start() - 1 : found.start()] not in {"@", "/"}:
                yield normal_form(found[0])
    yield from _ip_addresses(text)
    yield from _phones(text)


def normal_form(address: str) -> str:
    """Return an address as it is compared: without http scheme and ``www.``, white space, case and last slash."""
    squeezed = re.sub(r"\s+", "", address).rstrip(".,;:!?*_~`")
    return _PREFIX.sub("", squeezed.casefold()).rstrip("/")


def _is_host(found: re.Match[str]) -> bool:
    name = found[1]
    first, _, last = name.rpartition(".")
    top = last.casefold()
    if not top.startswith("xn--"):
        top = top.partition("-")[0] or top  # "evil.org-it" is written of evil.org
    if _RESERVED.fullmatch(top):
        return True
    if top.isdecimal() or _suffixes().publicsuffix(f"host.{top}") is None:
        return False
    alone = re.fullmatch(
        r"(?::\d{1,3})?\.?", found[0][len(name) :]
    )  # without a path; a file may have a line's number
    return not alone or not (_is_name(name) or _NO_HOST.fullmatch(f"{first}.{top}"))


def _is_name(name: str) -> bool:
    """Whether it is written as a product, a class or two sentences without a blank, not as a host."""
    *_, last = name.split(".")
    if _PRODUCT.match(name):
        return True
    return _TITLE.fullmatch(last) is not None and not _USUAL.fullmatch(last.casefold())


def _ip_addresses(text: str) -> Iterator[str]:
    for found in _IPV4.finditer(text):
        parts = [int(p, 16) if p[:2].lower() == "0x" else int(p) for p in found[0].split(".")]
        if max(parts) <= 0xFF and not _is_version(text, found):  # noqa: PLR2004 (a byte)
            yield found[0].casefold()
    for found in _HEX_IPV4.finditer(text):
        yield found[0].casefold()
    for found in _IPV6.finditer(text):
        try:
            address = ipaddress.IPv6Address(found[0])
        except ValueError:
            continue
        if re.search(r"\d", found[0]):
            yield str(address)


def _is_version(text: str, numbers: re.Match[str]) -> bool:
    before = text[max(0, numbers.start() - _SEEN) : numbers.start()].rpartition("\n")[2]
    told = _VERSION.search(before) or _LATER.match(text, numbers.end())
    return told is not None and not _NETWORK.search(before)


def _phones(text: str) -> Iterator[str]:
    named = _PHONE_WORD.search(text) is not None
    for found in _DIGITS.finditer(text):
        number = found[0].strip()
        digits = re.sub(r"\D", "", number)
        if _DATE.match(number) or _DECIMAL.fullmatch(number) or len(digits) > _MOST_DIGITS:
            continue
        international = number.startswith(("+", "(", "00"))
        usual = len(digits) >= _PHONE_DIGITS and (
            international
            or (
                not _GROUPED.fullmatch(number)
                and not _YEARS_OR_PORTS.fullmatch(number)
                and (number != digits or number.startswith("0"))
                and "." not in number
            )
        )
        if usual or (named and len(digits) >= _NAMED_PHONE_DIGITS):
            yield digits
    for pattern in (_VANITY, _SPOKEN, _SPACED):
        for found in pattern.finditer(text):
            yield found[0].casefold()
