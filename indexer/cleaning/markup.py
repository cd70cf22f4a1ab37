"""HTML and Jira's wiki mark-up as plain text. Text that is neither stays as it is."""

import re
from collections.abc import Iterator
from html import escape
from itertools import groupby, pairwise

from indexer.cleaning.fences import fenced, in_fence
from indexer.cleaning.html_text import ANY_TAG, TAG, html_text, without_comments

__all__ = ["plain_text"]

_INLINE_CODE = re.compile(r"`[^`\n]+`")

_BREAK = re.compile(r"(?<=\S)<(?:br\s*/?|/p|p)>", re.IGNORECASE)
_DIVISION = re.compile(r"(?<=\S)<div\b")
_DOCUMENT = re.compile(r"\s*<(?:!doctype\s+html|html)\b", re.IGNORECASE)
_DECLARATION = re.compile(r"<[!?](?!--|\[CDATA)[^<>]*>")

_CODE = re.compile(r"\{(code|noformat)(?::([^{}\n]{0,200}))?\}")
_MARKER = re.compile(r"\{(quote|panel|color|html)(?::([^{}\n]{0,200}))?\}")
_HEADING = re.compile(r"^h[1-6]\.[ \t]+(?=\S)", re.MULTILINE)
_LINK = re.compile(
    r"\[([^\[\]|\n]{1,500})\|\s?((?:https?|ftp|mailto):[^\s\[\]|]{1,2000})(?:\|[^\[\]\n]{0,100})?\]"
)
_TITLE = re.compile(r"\b(?:title|name)\s*[=:]\s*\"?([^|\"]+)", re.IGNORECASE)
_LANGUAGE = re.compile(r"[A-Za-z+#]{1,20}")


def plain_text(text: str) -> str:
    """Return HTML or Jira's wiki mark-up as plain text, any other text unchanged to the character.

    Lists keep their dashes or numbers, tables have bars between cells, an address stands behind its link's text, and
    code becomes a fenced block. Markdown is plain text already. What merely contains tags, such as a log, a generic
    type or a piece of XML, is no HTML: the tags must carry its line breaks, or it must begin and end with one.
    """
    plain = "".join(part if code else _without_wiki(part) for part, code in _by_fence(text))
    if "<" not in plain:
        return plain
    # In HTML as it comes, three backticks are text; behind wiki mark-up they fence its code.
    whole = plain == text and text.lstrip().startswith("<")
    blocks = [(text, False)] if whole else list(_by_fence(plain))
    bare = "".join("x" if fence else block for block, fence in blocks)
    bare = _without_declarations(bare if whole else _INLINE_CODE.sub("x", bare))
    if not (_DOCUMENT.match(plain) or _is_html(bare)):
        return plain
    return html_text(
        "".join(_pre(block) if fence else _without_declarations(block) for block, fence in blocks)
    )


def _by_fence(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the text in pieces, each with whether it is fenced code."""
    lines = text.split("\n")
    inside = in_fence(lines)
    start = 0
    for fence, group in groupby(range(len(lines)), key=inside.__getitem__):
        end = start + len(list(group))
        yield "\n".join(lines[start:end]) + ("\n" if end < len(lines) else ""), fence
        start = end


def _is_html(text: str) -> bool:
    tags = list(TAG.finditer(text))
    if not tags:
        return False
    body = text.strip()
    known = 2 * len(tags) >= len(ANY_TAG.findall(text))  # else it is XML
    if TAG.match(body) and tags[-1].end() == len(text.rstrip()):
        return known
    lines = [line.strip() for line in body.split("\n") if line.strip()]
    carried = all(above.endswith(">") or below.startswith("<") for above, below in pairwise(lines))
    literal = any(text[max(0, tag.start() - 1)] in "'\"`(=" for tag in tags)  # a program's
    # Editors of some helpdesks leave the first line bare: "Hello<div>it fails</div>".
    edited = body.endswith("</div>") and _DIVISION.search(text)
    return known and carried and not literal and len(tags) > 1 and bool(edited or _BREAK.search(text))


def _without_declarations(html: str) -> str:
    return _DECLARATION.sub("", without_comments(html))


def _pre(fenced_code: str) -> str:
    _, _, rest = fenced_code.strip("\n").partition("\n")
    code, _, fence = rest.rpartition("\n")
    return f"<pre>{escape(code if fence.strip().startswith('```') else rest)}</pre>"


def _without_wiki(text: str) -> str:
    pieces: list[str] = []
    start = 0
    for opening, closing in _pairs(text):
        pieces.append(text[start : opening.start()])
        pieces.append(_code(text, opening, closing))
        start = closing.end()
    pieces.append(text[start:])
    # Marks may stand around code, so they are known over the whole text, but are never taken out of code.
    found = [match for piece in pieces[::2] for match in _MARKER.finditer(piece)]
    closed = {mark[1] for mark in found if mark[2] is None}
    paired = {name for name in closed if sum(mark[1] == name for mark in found) > 1}
    for position in range(0, len(pieces), 2):
        piece = _MARKER.sub(lambda mark: _marker(mark) if mark[1] in paired else mark[0], pieces[position])
        pieces[position] = _LINK.sub(_link, _HEADING.sub("", piece))
    return "".join(pieces)


def _pairs(text: str) -> Iterator[tuple[re.Match[str], re.Match[str]]]:
    opening: re.Match[str] | None = None
    for token in _CODE.finditer(text):
        if opening is None:
            opening = token
        elif token[1] == opening[1] and token[2] is None:
            yield opening, token
            opening = None


def _code(text: str, opening: re.Match[str], closing: re.Match[str]) -> str:
    code = text[opening.end() : closing.start()]
    if not code.strip():
        return ""
    title, language = _options(opening[2] or "")
    if not title and "\n" not in code and "`" not in code:
        space = " " if text[closing.end() : closing.end() + 1].isalnum() else ""
        return f"`{code.strip()}`{space}"
    before = "" if opening.start() == 0 or text[opening.start() - 1] == "\n" else "\n"
    after = "" if closing.end() == len(text) or text[closing.end()] in "\r\n" else "\n"
    return f"{before}{title and title + chr(10)}{fenced(code.replace(chr(13), ''), language)}{after}"


def _options(options: str) -> tuple[str, str]:
    """Return title and language; what is neither, such as the colour of a border, is left out."""
    title = _TITLE.search(options)
    bare = [option.strip() for option in options.split("|") if "=" not in option and option.strip()]
    language = next((option for option in bare if _LANGUAGE.fullmatch(option)), "")
    other = next((option for option in bare if not _LANGUAGE.fullmatch(option)), "")
    return title[1].strip() if title else other, language


def _marker(mark: re.Match[str]) -> str:
    if mark[1] == "color":
        return ""
    title, _ = _options(mark[2] or "")
    before = mark.string[max(0, mark.start() - 1) : mark.start()]
    after = mark.string[mark.end() : mark.end() + 1]
    between = "\n" if before not in {"", "\n"} and (title or after not in {"", "\r", "\n"}) else ""
    return between + title + ("\n" if title and after not in {"", "\r", "\n"} else "")


def _link(link: re.Match[str]) -> str:
    text, address = link[1].strip(), link[2].removeprefix("mailto:")
    return text if text == address else f"{text} ({address})"
