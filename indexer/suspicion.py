"""Recognises a stored text that speaks to a language model instead of to people. It explains, and measures nothing."""

import base64
import binascii
import codecs
import hashlib
import html
import re
from collections.abc import Iterator
from pathlib import Path

from indexer.grounding import disguise
from indexer.grounding.disguise import fold
from indexer.ticket import Ticket

__all__ = ["RULES", "suspicion", "suspicion_of"]

RULES = hashlib.sha256(
    b"".join(Path(file).read_bytes() for file in (__file__, disguise.__file__))
).hexdigest()
"""Changes with whatever decides what is found."""

_TAGS = re.compile("[\U000e0020-\U000e007e]")
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
_ZERO_WIDTH = re.compile("(?:[A-Za-z][\u200b-\u200d\u2060\ufeff\u00ad]+){3}")
_INVISIBLE = ((_TAGS, "tag characters"), (_BIDI, "overrides of the direction of writing"), (_ZERO_WIDTH, "zero-width characters"))  # fmt: skip

_RULES = (
    r"(?:instructions?|rules?|prompts?|guidelines?|directives?|anweisung\w*|regeln?|vorgaben|consignes?|règles?|instrucciones"
    r"|reglas|instruções|regras|istruzioni|regole|instructies|regels|instrukcj\w*|instruktion\w*)"
)
_FORGET = (  # as it is asked for: "ignores rules" is what software does
    r"(?:ignor(?:e|ez|er|a|i|iere|ieren|iert)|disregard|forget|override|bypass|vergiss|vergessen sie|missachte|überschreibe?|oublie[rz]?|olvida"
    r"|esque[cç]a|dimentica|negeer|vergeet|zignoruj|zapomnij)"
)
_WHOSE = (
    r"(?:all|any|every|previous|prior|earlier|above|former|your|these|alle[ns]?|vorherigen|bisherigen|obigen|deine|ihre|toutes|tes|vos|todas|tus|sus"
    r"|tutte|tue|eerdere|jouw|wszystkie|poprzednie|twoje)"
)
_CREDENTIAL = r"(?:\w+ )?(?:password|pin|cvv|card (?:number|details)|(?:seed|recovery) phrase|credentials|social security number)\b"


def _rule(words: str, pattern: str) -> tuple[tuple[str, ...], re.Pattern[str]]:
    return tuple(words.split("|")), re.compile(pattern, re.MULTILINE)


_TABLE = {
    "gives a language model instructions": (
        _rule(
            "ignor|disregard|forget|overrid|bypass|vergiss|vergessen|missachte|überschreib|oublie|olvid|esque|dimentica|negeer|vergeet"
            "|zapomnij",
            rf"\b{_FORGET}\b(?=[^.!?\n]{{0,60}}\b{_WHOSE}\b)[^.!?\n]{{0,60}}\b{_RULES}\b",
        ),
        _rule(
            "prompt|instruction|developer m|hidden m|secret m|system m|initial m",
            r"\b(?:system|developer|hidden|secret|initial)[ _-]?(?:prompt|instructions?|message)\b|\bprompt injection\b"
            r"|\b(?:new|updated|real|actual) (?:system )?instructions?\s*:",
        ),
        _rule(
            "you are now|from now on|jailbreak|dan mode|developer mode",
            r"\byou are now\b(?! able)|\bfrom now on,? (?:you|always|every)\b|\bdeveloper mode\b|\bjailbreak\b|\bdan mode\b",
        ),
        _rule(
            " as if you| as a",
            r"\b(?:act|respond|answer|behave|reply) as (?:if you|an? (?:unrestricted|different|new|evil))",
        ),
        _rule(
            " ai| llm|model| assistant| chatbot| bot",
            r"\b(?:as an?|you are an?|dear|attention,?|note to(?: the)?|hey) (?:ai|llm|language model|assistant|chatbot|bot|model)s?\b",
        ),
        _rule(
            "prompt|instructions|rules",
            r"\b(?:reveal|repeat|print|show|output|leak) (?:me )?(?:all |the |your )+(?:\w+ )?(?:prompt|instructions|rules)\b",
        ),
        _rule(
            "reply|replies|answer|response|draft",
            r"\b(?:in|to|begin|start|end|close|finish) (?:your|every|each|all|any) (?:\w+ )?(?:reply|replies|answers?|responses?|drafts?)\b"
            r"|\binstead of (?:the|an?|your) (?:answer|reply|resolution)\b",
        ),
        _rule(
            "no attention|stop following|acht lassen|tenir compte|tenez|caso a|override:",
            r"\bpay no attention to (?:what|the|any|all)\b[^.!?\n]{0,30}\b(?:told|above|before|rules|instructions)\b"
            r"|\bstop following\b[^.!?\n]{0,30}\b(?:rules|guidelines|instructions)\b|\b(?:vorgaben|regeln|anweisungen) au(?:ß|ss)er acht lassen"
            r"|\bne (?:pas )?(?:tenez |tenir )(?:pas )?compte des (?:consignes|instructions|règles)|\bno (?:hagas|haga) caso a\b|^override:",
        ),
        _rule(
            "language model|agents|your task|your new task|repeat after me|verbatim|pretend to be",
            r"\bif you are (?:an? )?(?:large )?(?:language model|ai)\b|\b(?:ai|llm|automated) agents?\b(?: reading this)?\s*:|\byour (?:new )?task (?:is now|has changed)\b"
            r"|\brepeat after me\b|\b(?:text|message|words?|lines?) above\b[^.!?\n]{0,40}\bverbatim\b|\bpretend to be\b",
        ),
        _rule(
            "when you|whenever you",
            r"\bwhen(?:ever)? you (?:write|draft|answer|reply|respond|summari[sz]e)\b",
        ),
        _rule(
            "игнорируй|забудь|инструкции|忽略|无视|無視|従わ|지시|무시하|تجاهل|התעלם|अनदेखा",
            r"игнорируй|забудь|(?:предыдущие|прежние) инструкции|忽略|无视|無視|指示に従わ|이전 지시|무시하|تجاهل|התעלם|अनदेखा",
        ),
    ),
    "imitates the structure of a prompt": (
        _rule(
            "<|[inst]|[/inst]|#|system|assistant|prompt",
            r"</?(?:new_ticket|precedents?|resolution|ticket|system|assistant|tool_call|function_call|instructions?|prompt)\b[^>\n]{0,40}>"
            r"|<\|[\w ]{2,30}\|>|\[/?inst\]|<</?sys>>|^[ \t]*#{2,}[ \t]*(?:system|assistant|instructions?)\b"
            r"|^[ \t]*(?:system|assistant)[ \t]*:|(?:begin|end)[ _]+(?:of[ _]+)?(?:system[ _]+)?prompt",
        ),
        _rule(
            "tool_call|function_call|sentences|role",
            r"[\"'](?:tool_calls?|function_call|sentences|role)[\"']\s*:\s*[\[{\"']",
        ),
    ),
    "has an active image, tag or script": (
        _rule(
            "![",
            r"!\[(?:(?!!\[)[^\]\n])*\]\s*\(\s*(?:https?:)?//[^)\s]{0,2000}[?{$]",
        ),
        _rule(
            "src|action|=|javascript:|data:text",
            r"<(?:script|iframe|object|embed|form|img)\b[^>]{0,200}\b(?:src|data|action)\s*=\s*[\"']?(?:https?:)?//[^>]{0,200}[?{$]"
            r"|<(?:script|iframe|object|embed)\b[^>]{0,200}\b(?:src|data)\s*=\s*[\"']?(?:https?:)?//(?!localhost)"
            r"|<[a-z]{1,12}\b[^>]{0,200}\bon(?:click|error|load|focus|mouseover)\s*=\s*+[^>]{0,100}(?://|\bfetch\(|\beval\(|document\.cookie)"
            r"|\bjavascript:\s*(?:location|document|window|fetch|eval)\b|\bdata:text/html[;,]",
        ),
    ),
    "asks for a secret at an address": (
        _rule(
            "password|pin|cvv|card |phrase|credentials|social security",
            rf"\b(?:enter|type|send|give|confirm|submit|verify|reply with|tell us)\b[^.!?\n]{{0,40}}\byour {_CREDENTIAL}[^.!?\n]{{0,60}}"
            r"(?:https?://|\bto \+?\d|@[\w-]+\.)"
            rf"|https?://(?:\S(?!https?://))+[^.!?\n]{{0,40}}\b(?:enter|type|confirm|submit|verify)\b[^.!?\n]{{0,40}}\byour {_CREDENTIAL}",
        ),
    ),
}
"""By what is found: words of which a text must have one, and what is then looked for in it; all in lower case.

No pattern may read the rest of a text again from each place where it could begin: texts have up to a million characters.
"""
_CORE = ("ignor", "instruc", "prompt", "disregard", "forget", "password")
_IN_ROT13 = tuple(codecs.encode(word, "rot13") for word in _CORE)
_BACKWARDS = tuple(word[::-1] for word in _CORE)
_BASE64 = re.compile(r"(?<![\w+/])[A-Za-z0-9+/_-]{20,}={0,2}(?![\w+/])")
_HEX = re.compile(r"(?<!\w)(?:(?:0x|\\x)?[0-9a-f]{2}[ :,]?){12,}(?!\w)", re.IGNORECASE)
_ESCAPES = re.compile(r"(?:%[0-9a-f]{2}|\\u00[0-9a-f]{2}|\\x[0-9a-f]{2}){4,}")
_SPACED = re.compile(r"(?<!\w)(?:\w[ .\-_]){6,}\w(?!\w)")
_DIGITS_IN_WORDS = re.compile(r"[a-z][01345@$][a-z]")
_LEET = str.maketrans("013457@$", "oieastas")


def suspicion_of(ticket: Ticket) -> str | None:
    """Return why no draft should rest on a stored ticket, in words; ``None`` for what is as a ticket should be."""
    for name, text in (
        ("resolution", ticket.resolution),
        ("text", ticket.text),
        ("id", ticket.id),
        ("tags", "\n".join(ticket.tags)),
    ):
        if text and (why := suspicion(text)):
            return f"its {name} {why}"
    return None


def suspicion(text: str) -> str | None:
    """Return what in a text is meant for a language model, in words, if anything seems to be."""
    for pattern, what in _INVISIBLE:
        if not text.isascii() and pattern.search(text):
            return f"has {what}"
    plain = fold(html.unescape(text)).lower()
    # Folded, letters of some scripts lose their vowels.
    if found := _found(plain) or ("" if text.isascii() else _found(text.lower())):
        return found
    for view, where in _decoded(text, plain):
        if coded := _found(view.lower()):
            return coded + where
    return None


def _found(text: str) -> str | None:
    for what, rules in _TABLE.items():
        if any(any(word in text for word in words) and pattern.search(text) for words, pattern in rules):
            return what
    return None


def _decoded(text: str, plain: str) -> Iterator[tuple[str, str]]:
    """Yield what a text says in another coding, and which."""
    for found in _BASE64.finditer(text):
        with_padding = found[0].rstrip("=").replace("-", "+").replace("_", "/")
        yield from _bytes_as_text(f"{with_padding}{'=' * (-len(with_padding) % 4)}", " in base64")
    escaped = "%" in plain or "\\" in plain
    coded = ((_HEX, " in hexadecimal digits"), *([(_ESCAPES, " in escapes")] if escaped else []))
    for pattern, where in coded:
        for found in pattern.finditer(plain):
            digits = re.sub(r"0x|\\x|\\u00|[^0-9a-f]", "", found[0])
            yield bytes.fromhex(digits).decode("utf-8", "replace"), where
    if any(word in plain for word in _IN_ROT13):
        yield codecs.encode(plain, "rot13"), " in ROT13"
    if any(word in plain for word in _BACKWARDS):
        yield plain[::-1], " backwards"
    if _SPACED.search(plain):
        joined = re.sub(r"(?<=\b\w)[ .\-_](?=\w\b)", "", plain)
        yield re.sub(r"\s{2,}", " ", joined), " in spaced letters"
    if _DIGITS_IN_WORDS.search(plain):
        yield plain.translate(_LEET), " in digits for letters"


def _bytes_as_text(coded: str, where: str) -> Iterator[tuple[str, str]]:
    try:
        yield base64.b64decode(coded).decode("utf-8"), where
    except (binascii.Error, ValueError):
        return
