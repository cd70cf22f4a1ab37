"""Finds bare numbers and keys that are ids of tickets."""

import datetime as dt
import re
from collections.abc import Iterator, Sequence

__all__ = ["TICKET_WORDS", "TicketNumbers"]

TICKET_WORDS = (
    r"tickets?|cases?|issues?|incidents?|precedents?|tkts?|vorgang|vorgänge|vorfall|fall|fälle|anfragen?|dossiers?|cas|demandes?"
    r"|billets?|casos?|incidencias?|chamados?|segnalazion[ei]|тикет\w*|заявк\w*|обращени\w*|工单|チケット|티켓"
)
_CUE = re.compile(
    r"(?:(?<!\w)(?:see|also|cf|like|as in|as with|per|ref|refs|reference|re|(?<!event )(?<!error )(?<!process )(?<!user )(?<!order )ids?|no|nr|n[°o]|num|number|nummer|numéro|número|номер|record|entry"
    r"|sibling|twin|duplicate(?: of)?|dupe(?: of)?|related to|similar to|identical to|described in|documented in|siehe|wie in|voir|véase|ver)|\]|#|(?<!\w)!)"
    r"[\s.:=#(\"'*_`-]*\Z",
    re.IGNORECASE,
)
_NEAR_TICKET = re.compile(
    rf"(?<!\w)(?:{TICKET_WORDS})(?!\w)[^.!?\n;]{{0,40}}\Z|(?:工单|チケット|티켓)\s*\Z", re.IGNORECASE
)
_TICKET_AFTER = re.compile(rf"[^.!?\n;\w]{{1,3}}(?:\w+ ){{0,3}}(?:{TICKET_WORDS})(?!\w)", re.IGNORECASE)
_BEGINNINGS = ("", ".", "!", "?", "\n", ":", "-", "*")
_OPENS, _CLOSES = re.compile(r"[(\[{<|]\s*#?\s*\Z"), re.compile(r"\s*[)\]}>|]")
_SUBJECT = re.compile(
    r"\s*(?:[:\n-]|\Z)|\s+(?:was|is|had|has|describes?|covers?|shows?|says?|said|reports?|reported|contains?|suggests?|mentions?|explains?|resolved|solved"
    r"|fixed|confirms?|documents?|too|likewise|as well|hat|war|ist|zeigt|beschreibt)(?!\w)",
    re.IGNORECASE,
)
_MEASURED = re.compile(
    r"\s*(?:%|°|€|\$|£|[kmgt]i?b\b|(?:ms|s|sec|secs|seconds?|min|mins|minutes?|minuten|h|hours?|stunden?|days?|tagen?|weeks?|months?|years?|times?"
    r"|percent|bits?|bytes?|px|hz|rpm|rps|usd|eur|uhr|o'clock|or (?:more|less|higher|lower|newer|above|below))\b"
    r"|(?!(?:was|is|has|as|this|thus|plus|its|describes|covers|shows|says|reports|contains|suggests|mentions|explains|confirms|documents)\b)"
    r"[a-z]{3,}s\b)",
    re.IGNORECASE,
)
_OTHER_NAME = re.compile(
    r"(?:ports?|errors?|codes?|status|http|lines?|exit|pids?|uid|gid|rfc|iso|years?|version|release|build|fehler|code|zeile|page|step|steps"
    r"|windows|server|of|to|from|by|until|since|before|after|in|for|about|over|under|than|least|most|=|[$€£]|mtu|revision|rev|commit"
    r"|room|model|level|limit|value|timeout|use|set|enter|type)[\s:=#\"'*_`(]*\Z",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(?<![\w.,:/$€£+-])\d{2,}(?![\w%]|[.,:]\d|-\d\d-\d\d|/\d)")
_LINKED = re.compile(
    r"(?<![\w.:/-])(\d{2,})\]?\s*(?:-|to|through|bis|à|\.{2,3}|,|/|&|\+|and|or|und|oder|et|y)\s*(?:and\s+)?(?=\[?#?(\d{2,})(?![\w%]|[.:]\d|-\d))",
    re.IGNORECASE,
)
_KEY = re.compile(r"(?<![\w/.-])([A-Z][A-Z0-9]{1,9})[-_]?#?-?(\d{2,8})(?![\w-]|\.\d)")
_TICKET_KEY = re.compile(r"(?<![\w.-])(?:t|tk|tkt|tickets?|cases?|inc|incidents?|id|req|sr|issues?|bug|sup|support|help)[-_/]?#?(\d{2,})(?![\w-]|\.\d)", re.IGNORECASE)  # fmt: skip
_STANDARD = re.compile(
    r"UTF|RFC|ISO|CVE|AES|RSA|SHA|MD|TLS|SSL|HTTP|HTTPS|IPV|ECMA|IEEE|PEP|ANSI|ORA|SQLSTATE|KB|HS|"
    r"RS|ES|PS|EC|ED|X|CP|UTC|GMT|ERR|EN|DIN|BS|ERROR|CODE|E|P|S|SP|USB|PKCS|GPT|COVID|WINDOWS|"
    r"LATIN|KOI8|ASCII|BASE|JSR|JEP|PG|TCP|UDP|PORT|HMAC|V|SMB|NTLM|CRC|OAUTH|BGP|TOP|LTS|ARM|I|"
    r"Q|H|T|FY|DB|AC|DC|WPA|PHP|JAVA|SQL|RAM|CPU|GPU|SAML|OIDC|LDAP|NFS|IE"
)
_ASIAN = re.compile(r"(?:工[单單]|チケット|티켓)\s*#?\s*(\d{2,})")
_ODD = re.compile(
    rf"(?<!\w)(?:{TICKET_WORDS}|ids?)(?:\s+(?:no|nr|number|id))?[^\w\n]{{1,4}}(\d{{1,3}}[.,']\d{{3}}(?!\d)|\d{{3,}}(?!ms|[kmg]b|px|th|st|min)[a-z]{{1,2}})(?!\w|\.\w)",
    re.IGNORECASE,
)
_BRACKETED = re.compile(r"\[[^\w\[\]]{0,3}(\d{2,}(?:[.'_-]?\d*|[a-z])|\d[.']\d{3})[^\w\[\]]{0,3}\]")
_NUMERAL = (
    r"(?:zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
    r"|hundred|thousand|null|eins|zwei|drei|vier|fünf|sechs|sieben|acht|neun|\w*hundert\w*|\w*tausend\w*)"
)
_SPELLED = re.compile(rf"(?<!\w)(?:{TICKET_WORDS}|#|id|number|no\.?)\s+(?:number\s+|no\.?\s+|id\s+)?(?:{_NUMERAL}[\s-]+(?:and\s+)?)+{_NUMERAL}(?!\w)", re.IGNORECASE)  # fmt: skip
_BRACKETED_YEAR = re.compile(r"\((\d{4})\)")
_MARKS = frozenset("`^")
_AS = re.compile(r"(?<!\w)(?:as|how|what)\s\Z", re.IGNORECASE)
_PAST, _COMING = 20, 10  # years that a reply may speak of
_SHORTEST = 3  # digits: shorter numbers are amounts far more often than tickets


class TicketNumbers:
    """Finds what names another ticket, where the ids of a team are numbers or end with one."""

    def __init__(self, ids: Sequence[str]) -> None:
        self._known = frozenset(i.casefold() for i in ids) | {d for i in ids for d in re.findall(r"\d+", i)}
        self._lengths = frozenset(len(i) for i in ids if i.isdecimal())

    def find(self, text: str) -> Iterator[str]:
        """Yield the numbers in a folded text that name a ticket which is none of the known ones."""
        for found in _NUMBER.finditer(text):
            number = found[0]
            if number not in self._known and self._alike(number) and _names(text, found.start(), found.end()):
                yield number
        for found in _LINKED.finditer(text):
            pair = (found[1], found[2])
            unknown = [n for n in pair if n not in self._known]
            if len(unknown) == 1 and self._alike(unknown[0]) and not _MEASURED.match(text, found.end(2)):
                yield unknown[0]
        for found in _TICKET_KEY.finditer(text):
            if found[1] not in self._known:
                yield found[0]
        yield from self._in_odd_forms(text)

    def _in_odd_forms(self, text: str) -> Iterator[str]:
        for found in _ASIAN.finditer(text):
            if found[1] not in self._known:
                yield found[1]
        for found in _BRACKETED.finditer(text):
            digits = re.sub(r"\D", "", found[1])
            if found[0][1:-1] not in self._known and (
                self._alike(digits) or self._alike(found[1].partition(".")[0])
            ):
                yield found[0]
        for pattern in (_SPELLED, _ODD):
            yield from (found[0] for found in pattern.finditer(text))

    def keys(self, text: str) -> Iterator[str]:
        """Yield what looks like another ticket's key, such as ABC-123, and may be an error's code as well."""
        for found in _KEY.finditer(text):
            if (
                not _STANDARD.fullmatch(found[1])
                and not re.search(r"\d", found[1])
                and found[2] not in self._known
            ):
                yield found[0]

    def _alike(self, number: str) -> bool:
        return len(number) >= _SHORTEST and len(number) in self._lengths


def _is_year(text: str, start: int, end: int) -> bool:
    """Whether a number is a year in parentheses, as in "the spring release (2024)", and not after "ticket"."""
    found = _BRACKETED_YEAR.fullmatch(text, start - 1, end + 1)
    year = dt.datetime.now(dt.UTC).year
    return (
        found is not None
        and year - _PAST <= int(found[1]) <= year + _COMING
        and not _NEAR_TICKET.search(text, max(0, start - 80), start)
    )


def _names(text: str, start: int, end: int) -> bool:
    if _MEASURED.match(text, end):
        return False
    line = max(0, start - 80)
    enclosed = _OPENS.search(text, line, start) and _CLOSES.match(text, end)
    if _CUE.search(text, line, start) or (enclosed and not _is_year(text, start, end)):
        return True
    if _OTHER_NAME.search(text, line, start):
        return False
    if text[start - 1 : start] in _MARKS and text[end : end + 1] in _MARKS:
        return True
    if _NEAR_TICKET.search(text, line, start) or _TICKET_AFTER.match(text, end):
        return True
    opening = text[:start].rstrip(" \t\"'*_`(")[-1:] in _BEGINNINGS or _AS.search(text, line, start)
    return bool(opening) and _SUBJECT.match(text, end) is not None
