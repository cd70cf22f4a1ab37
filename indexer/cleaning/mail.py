"""A mail's own message, apart from quoted mails, its signature and legal disclaimers."""

import re
from dataclasses import dataclass

from indexer.cleaning import mail_words as words
from indexer.cleaning.fences import in_fence

__all__ = ["Message", "message_of"]

_LINE = 400  # characters; no line that opens or closes a mail is longer
_HEADERS = 8  # lines looked at for From, Date, To and Subject
_SIGNATURE = 14  # lines of the longest signature
_DISCLAIMER = 30  # lines of the longest disclaimer
_DISCLAIMER_LINE = 3_000
_SAID = 4  # of what disclaimers say, so much makes one
_SENT_FROM_WORDS = 8
_ADDRESS_WORDS = 3
_SENTENCE = 6  # words; a line with fewer may belong to a signature

_MARKED = re.compile(r" ?>(?!=)")
_DATED = re.compile(r"\b(?:19|20)\d\d\b|\d{1,2}[:.h]\d\d|\d{1,2}[./-]\d{1,2}[./-]\d\d|@")
_ADDRESS = re.compile(r"<[^<>\s]+@[^<>\s]+>")
_SENT_AT = re.compile(r"\d{1,2}[:.h]\d\d|@")
_LEAD = re.compile(rf"(?:{words.LEAD})\s")
_AUTHOR = re.compile(
    rf"(?:(?:[A-ZÀ-ÖØ-ÞŁŚŽČ]\S*|[>)\]\"'])\s+(?:{words.WROTE})|(?:{words.WROTE})\s+[\"'<]?[A-ZÀ-ÖØ-ÞŁŚŽČ])"
)
_GMAIL = re.compile(r"\d{4}[-/].{1,300}<\S+@\S+>\s?:")
_SENTENCES = re.compile(r"[a-zß-ÿ]{4}[.!?] [A-Z]")
_ORIGINAL = re.compile(rf"[-_* ]{{2,}}\s*(?:{words.ORIGINAL})\s*[-_* ]{{2,}}", re.IGNORECASE)
_RULE = re.compile(r"[_\-=*]{5,}")
_LABELS = tuple(
    re.compile(rf"(?:^|\s)[*_]*(?:{names})[*_]*\s?:")
    for names in (words.FROM, words.SENT, f"{words.TO}|{words.SUBJECT}")
)
_TRANSPORT = re.compile(
    r"(?:Message-ID|Received|Return-Path|MIME-Version|Content-Type|X-[\w-]+):", re.IGNORECASE
)

_DELIMITER = re.compile(r"-- ?|__ ?|—")
_CLOSING = re.compile(rf"{words.CLOSING}(?:\s*[,.!;:\u2013-]+|$|(?=\s))", re.IGNORECASE)
_SHORT_CLOSING = re.compile(rf"(?:{words.SHORT_CLOSING})[,.!]?", re.IGNORECASE)
_NAME = re.compile(rf"(?:(?:[A-ZÀ-ÖØ-ÞŁŚŽČ](?:[^\W\d_]|[.'\u2019-])*|&|{words.PARTICLE})(?:\s+|$)){{1,5}}")
_NICKNAME = re.compile(r"[^\W\d_]{1,12}")
_NAME_ENDS = re.compile(r"\s*[,|•·\u2013(/\t]|\s+-\s")
_CONTACT = re.compile(words.CONTACT, re.IGNORECASE)
_ONLINE = re.compile(r"@|www\.|https?:")
_NUMBER = re.compile(r"\b\d")
_POSTAL_CODE = re.compile(rf"\b\d{{4,6}}\b|{words.STREET}", re.IGNORECASE)
_LEGAL = re.compile(words.LEGAL, re.IGNORECASE)
_NOT_CONTACT = re.compile(
    r"^\s*(?:P\.?S\b|N\.?B\b|edit\b|update\b|[-*#•]\s|\d+[.)]\s)|[{}=;<>`]", re.IGNORECASE
)
_SENT_FROM = re.compile(words.SENT_FROM, re.IGNORECASE)
_DISCLAIMERS = tuple(re.compile(said, re.IGNORECASE) for said in words.DISCLAIMER)
_PRINTING = re.compile(r"\bprint|druck|imprim|stamp|afdruk", re.IGNORECASE)
_ENVIRONMENT = re.compile(r"environment|umwelt|environnement|medio ambiente|ambiente|milieu", re.IGNORECASE)
_NOTICE = re.compile(rf"\W*(?:{words.NOTICE})\W*", re.IGNORECASE)
_BANNER = re.compile(rf"\W*(?:{words.OUTSIDE}|{words.REPLY_ABOVE})", re.IGNORECASE)
_WORD = re.compile(r"\w")


@dataclass(frozen=True, slots=True)
class Message:
    """The parts of one mail, each as it stands in it."""

    text: str
    """What its author wrote; the whole mail, to the character, when nothing was set apart."""
    quoted: str = ""
    """Earlier mails."""
    signature: str = ""
    """Closing, name and contact data, and legal disclaimers."""


def message_of(text: str) -> Message:
    """Return the parts of a mail that is plain text.

    What may be the message is left in it: the ``>`` of a shell, a closing with a sentence behind it, mails that are
    forwarded, and anything in fenced code. A mail of nothing but a quotation or a signature is kept whole.
    """
    if "\n" not in text:
        return Message(text)  # a mail of one line has nothing around it, and most records are one line
    lines = text.split("\n")
    code = in_fence(lines)
    quoted = _quoted(lines, code)
    own = [number for number in range(len(lines)) if not quoted[number]]
    start, end = _banner_end(lines, own), _signature_start(lines, code, own)
    if not _says_something(lines, own[start:end]):
        start, end = 0, len(own)
    if end - start == len(lines) or not _says_something(lines, own):
        return Message(text)
    return Message(
        _joined(lines, own[start:end]),
        _joined(lines, [number for number in range(len(lines)) if quoted[number]]),
        _joined(lines, own[:start] + own[end:]),
    )


def _says_something(lines: list[str], numbers: list[int]) -> bool:
    return any(_WORD.search(lines[number]) for number in numbers)


def _joined(lines: list[str], numbers: list[int]) -> str:
    return "\n".join(lines[number] for number in numbers).strip("\r\n").rstrip()


def _quoted(lines: list[str], code: list[bool]) -> list[bool]:
    """Return for each line whether it is of a quoted mail."""
    quoted = [False] * len(lines)
    number = first = _next(lines, 0)
    while number < len(lines):
        start = end = number
        if not code[number] and len(lines[number]) <= _LINE:
            start, end = _quotation(lines, number, opens=number == first)
        quoted[start:end] = [True] * (end - start)
        number = max(end, number + 1)
    return quoted


def _quotation(lines: list[str], number: int, *, opens: bool) -> tuple[int, int]:
    """Return from where to where a mail is quoted that begins in a line; nowhere when none does.

    :param opens: nothing but blank lines stands above.
    """
    line = lines[number].strip()
    if intro := _intro(lines, number):
        first = _next(lines, number + intro)
        if first < len(lines) and _MARKED.match(lines[first]):
            return number, _marked_end(lines, first)
        # Without marks the quotation goes to the end, so it has to be sure that one begins.
        joined = " ".join(part.strip() for part in lines[number : number + intro])
        if _SENT_AT.search(joined) and (_LEAD.match(joined) or _ADDRESS.search(joined)):
            return number, len(lines)
    elif _MARKED.match(lines[number]):
        end = _marked_end(lines, number)
        said = [part.lstrip("> ") for part in lines[number:end]]
        # Without an introduction only prose at an edge: a shell's prompt and npm's log look the same.
        edge = opens or _next(lines, end) == len(lines)
        return (number, end) if _intro(said, 0) or (edge and _is_prose(said)) else (end, end)
    elif _ORIGINAL.fullmatch(line) or _is_header(lines, number):
        while number and (not lines[number - 1].strip() or _RULE.fullmatch(lines[number - 1].strip())):
            number -= 1
        return number, len(lines)
    return number, number


def _intro(lines: list[str], number: int) -> int:
    """Return how many lines say who wrote what follows: 0 to 3, since mail programs wrap them."""
    joined = ""
    for count, line in enumerate(lines[number : number + 3], 1):
        joined = f"{joined} {line.strip()}".replace("\xa0", " ").strip()
        if not line.strip() or len(joined) > _LINE:
            return 0
        dated = joined.endswith(":") and _DATED.search(joined) and not _SENTENCES.search(joined)
        if dated and (_AUTHOR.search(joined) or _GMAIL.fullmatch(joined)):
            return count
    return 0


def _next(lines: list[str], number: int) -> int:
    while number < len(lines) and not lines[number].strip():
        number += 1
    return number


def _marked_end(lines: list[str], number: int) -> int:
    end = number
    while number < len(lines) and _MARKED.match(lines[number]):
        end = number + 1
        number = _next(lines, end)
    return end


def _is_prose(lines: list[str]) -> bool:
    said = [line for line in lines if line.strip()]
    text = " ".join(said)
    plain = sum(character.isalpha() or character in " .,'\u2019!?" for character in text)
    return len(said) > 1 and len(text.split()) >= 4 * len(said) and plain >= 0.9 * len(text)


def _is_header(lines: list[str], number: int) -> bool:
    """Return whether the lines From, Date and To or Subject of a quoted mail begin here."""
    if not any(label.match(lines[number]) for label in _LABELS[:2]):
        return False
    above = lines[number - 1].strip() if number else ""
    window = [line[:_LINE] for line in lines[number : number + _HEADERS]]
    if (above and not _RULE.fullmatch(above)) or any(_TRANSPORT.match(line) for line in window):
        return False  # in the midst of a mail's source, which somebody shows
    in_one_line = all(label.search(window[0]) for label in _LABELS)
    return in_one_line or all(any(label.match(line) for line in window) for label in _LABELS)


def _banner_end(lines: list[str], own: list[int]) -> int:
    first = next((place for place, number in enumerate(own) if lines[number].strip()), 0)
    if own and len(lines[own[first]]) <= _LINE and _BANNER.match(lines[own[first]]):
        return first + 1
    return 0


def _signature_start(lines: list[str], code: list[bool], own: list[int]) -> int:
    """Return the place in `own` where signature and disclaimers begin; behind all of them when there are none."""
    end = len(own)
    tail = [lines[number] if not code[number] else "`" for number in own]
    while (start := _peeled(tail, end, more=end < len(own))) < end:
        end = start
    return end


def _peeled(tail: list[str], end: int, *, more: bool) -> int:
    """Return where the last part of a mail's end begins, or `end` when its last lines may be the message.

    :param more: something behind `end` has been taken off already.
    """
    last = end
    while last and not tail[last - 1].strip():
        last -= 1
    if not last:
        return end
    line = tail[last - 1].strip()
    if len(line) <= _LINE:
        sent_from = len(line.split()) <= _SENT_FROM_WORDS and _SENT_FROM.fullmatch(line)
        if sent_from or _DELIMITER.fullmatch(line) or _legal(line):
            return last - 1
        if more and (_RULE.fullmatch(line) or _NOTICE.fullmatch(line) or _closing(line) == ""):
            return last - 1
    return _disclaimer_start(tail, last) or _name_start(tail, last) or end


def _disclaimer_start(tail: list[str], last: int) -> int:
    """Return where a disclaimer begins in the last paragraph, 0 when none does."""
    line = tail[last - 1]
    if len(line) <= _LINE and _PRINTING.search(line) and _ENVIRONMENT.search(line):
        return last - 1
    said: set[int] = set()
    start = last
    while start and last - start < _DISCLAIMER and 0 < len(tail[start - 1].strip()) <= _DISCLAIMER_LINE:
        found = _said(tail[start - 1])
        # Above what is enough to be one, only lines that say so too: the message may end right over it.
        if len(said) >= _SAID and found.isdisjoint({0, 1}):
            break
        said |= found
        start -= 1
    top = tail[start] if start < last else ""
    # A long line that does not open as one may be the message, with a disclaimer behind it.
    opens = len(top) <= _LINE // 2 or len(_said(top[:_LINE])) > 1
    return start if len(said) >= _SAID and opens else 0


def _said(line: str) -> set[int]:
    return {number for number, said in enumerate(_DISCLAIMERS) if said.search(line)}


def _name_start(tail: list[str], last: int) -> int:
    """Return where a delimiter or a closing with a name and contact data begins, 0 when none does."""
    below: list[str] = []  # the lines from here to the end
    for place in range(last - 1, -1, -1):
        line = tail[place].strip()
        if not line and (not below or not below[0]):
            continue
        if len(line) > _LINE or len(below) > _SIGNATURE:
            return 0
        behind = _closing(line)
        if _SHORT_CLOSING.fullmatch(line) and place and not tail[place - 1].strip():
            behind = ""
        if _DELIMITER.fullmatch(line) or behind is not None:
            signed = ([behind] if behind else []) + (below[1:] if below[:1] == [""] else below)
            exact = tail[place].rstrip("\r") == "-- " and not any(map(_NOT_CONTACT.search, below))
            return place if exact or _is_signature(signed) else 0
        below.insert(0, line)
    return 0


def _closing(line: str) -> str | None:
    """Return what stands behind a closing, or two of them, in a line; None when the line is no closing."""
    rest = line.strip("*_ ")
    found = False
    while match := _CLOSING.match(rest):
        found = True
        rest = rest[match.end() :].strip(" ,.!/&+")
    return rest if found else None


def _is_signature(lines: list[str]) -> bool:
    """Return whether a name comes first, and then nothing that may be the message."""
    if not lines or not _is_name(lines[0]):
        return False
    paragraphs = "\n".join(lines).split("\n\n")
    return all(_is_contact(line) for line in lines[1:] if line) and all(
        any(_has_contact(line) for line in paragraph.split("\n")) for paragraph in paragraphs[1:]
    )


def _is_name(line: str) -> bool:
    name = _NAME_ENDS.split(line.strip("*_ "), maxsplit=1)[0].strip()
    return _NAME.fullmatch(name) is not None or _NICKNAME.fullmatch(name) is not None


def _is_contact(line: str) -> bool:
    if len(line) <= _LINE // 2 and _has_contact(line):
        return True
    # A version or a code is no title; where a line has a number, it has to be a postal code.
    numbered = _NUMBER.search(line) and not _POSTAL_CODE.search(line)
    sentence = len(line.split()) >= _SENTENCE or line.endswith(("?", "!", ":")) or _NOT_CONTACT.search(line)
    return not (numbered or sentence or _ONLINE.search(line))


def _has_contact(line: str) -> bool:
    if _RULE.fullmatch(line) or _CONTACT.search(line) or _legal(line):
        return True
    return len(line.split()) <= _ADDRESS_WORDS and _ONLINE.search(line) is not None


def _legal(line: str) -> bool:
    return len({name.lower() for name in _LEGAL.findall(line)}) > 1
