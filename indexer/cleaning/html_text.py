"""An HTML body as plain text, from lxml's tree of it."""

import re
from html import unescape
from typing import Any

from lxml import etree

from indexer.cleaning.fences import fenced

__all__ = ["ANY_TAG", "TAG", "html_text", "without_comments"]

_NAMES = (
    "a|abbr|address|article|b|base|big|blockquote|body|br|caption|center|cite|code|col|colgroup|dd|del|div|dl|dt|em"
    "|figcaption|figure|font|footer|h[1-6]|head|header|hr|html|i|img|ins|kbd|li|link|main|mark|meta|nav|ol|p|pre|q|s"
    "|samp|script|section|small|span|strike|strong|style|sub|sup|table|tbody|td|tfoot|th|thead|title|tr|tt|u|ul|xml"
    r"|(?:o|v|w|x|m|st1):\w+"
)
TAG = re.compile(rf"</?(?:{_NAMES})(?:\s[^<>]*|/)?>", re.IGNORECASE)
"""A tag that mail programs and editors write. The time to find them grows with the text and no faster."""
ANY_TAG = re.compile(r"</?[A-Za-z][^<>]*>")

_LITERAL = re.compile(rf"<(?!/?(?:{_NAMES})(?:\s[^<>]*|/)?>)", re.IGNORECASE)
_SPACE = re.compile(r"[ \t\r\n\f]+")  # not the one that does not break: it indents
_HIDDEN = re.compile(r"display\s*:\s*none", re.IGNORECASE)

_SKIPPED = frozenset({"head", "script", "style", "title", "xml"})
_PARAGRAPHS = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6", "table", "ul", "ol", "dl"})
_LISTS = frozenset({"ul", "ol"})
_CONTAINERS = frozenset({"blockquote", "li", "td", "th", "tr"})
_BLOCKS = re.compile(
    r"address|article|blockquote|caption|center|d[dt]|div|fig\w+|footer|header|hr|li|main|nav|section|t[dhr]|t\w{4}"
)
_DEPTH = 24  # containers within one another; deeper ones are plain blocks, so that indents cannot pile up
_LONG_CELL = 3  # lines; a row with a longer cell is a page's layout, not a table
_SIGNATURES = frozenset({"gmail_signature", "moz-signature", "signature", "ms-outlook-mobile-signature"})
_SCHEMES = frozenset({"http", "https", "ftp", "mailto"})


def html_text(html: str) -> str:
    """Return the text of an HTML body that has no comments. A ``<`` that begins no known tag is text."""
    source = _LITERAL.sub("&lt;", html.replace("\x00", ""))
    parser = etree.HTMLParser(encoding="utf-8", remove_pis=True, huge_tree=True)
    try:
        root = etree.fromstring(source.encode("utf-8", "replace"), parser)
    except etree.XMLSyntaxError:
        root = None
    if root is None or any(error.level_name == "FATAL" for error in parser.error_log):
        # Nested beyond lxml's limit, behind which it reads nothing.
        return unescape(TAG.sub("\n", source)).strip()
    return _Page().read(root)


def without_comments(html: str) -> str:
    """Return HTML without ``<!-- … -->``; one that is never closed stays."""
    pieces: list[str] = []
    start = 0
    while (begin := html.find("<!--", start)) >= 0 and (end := html.find("-->", begin + 2)) >= 0:
        pieces.append(html[start:begin])
        start = end + 3
    return "".join([*pieces, html[start:]])


class _Block:
    """Finished lines and the line that is being written."""

    def __init__(self, *, row: bool = False) -> None:
        self.lines: list[str] = []
        self.cells: list[list[str]] | None = [] if row else None
        self._line: list[str] = []

    def write(self, text: str) -> None:
        text = _SPACE.sub(" ", text)
        if not self._line or self._line[-1].endswith(" "):
            text = text.lstrip(" ")
        if text:
            self._line.append(text)

    def end_line(self) -> bool:
        """End the line, and return whether there was one."""
        line = "".join(self._line).replace("\xa0", " ").rstrip()
        self._line.clear()
        if line:
            self.lines.append(line)
        return bool(line)

    def blank(self) -> None:
        self.end_line()
        if self.lines and self.lines[-1]:
            self.lines.append("")

    def finished(self) -> list[str]:
        self.end_line()
        while self.lines and not self.lines[-1]:
            self.lines.pop()
        return self.lines


class _Page:
    """Walks over a tree. What a container holds is written to a block of its own, then into the one around it."""

    def __init__(self) -> None:
        self._blocks = [_Block()]
        self._opened: list[Any] = []
        self._numbers: list[int | None] = []

    def read(self, root: Any) -> str:
        walk = etree.iterwalk(root, events=("start", "end"))
        skipped = None
        for event, element in walk:
            if event == "start":
                if self._whole(element):
                    skipped = element
                    walk.skip_subtree()
                else:
                    self._start(element)
                    self._blocks[-1].write(element.text or "")
                continue
            if element is not skipped:
                self._end(element)
            self._blocks[-1].write(element.tail or "")
        return "\n".join(self._blocks[0].finished())

    def _whole(self, element: Any) -> bool:
        """Write an element that is not walked into, if it is one."""
        block = self._blocks[-1]
        if element.tag in _SKIPPED or _HIDDEN.search(element.get("style", "")):
            return True
        if element.tag == "pre":
            for line_break in element.iter("br"):
                line_break.tail = "\n" + (line_break.tail or "")
            code = "".join(element.itertext())
            block.end_line()
            block.lines += fenced(code).split("\n") if code.strip() else []
            return True
        if element.tag == "code":
            code = "".join(element.itertext())
            block.write(f"`{code.strip()}`" if code.strip() and not set("`\n") & set(code) else code)
            return True
        return False

    def _start(self, element: Any) -> None:
        tag, block = element.tag, self._blocks[-1]
        if not _SIGNATURES.isdisjoint(f"{element.get('class', '')} {element.get('id', '')}".lower().split()):
            block.end_line()
            block.lines.append("-- ")
        if tag == "br":
            if not block.end_line():
                block.blank()
        elif tag == "img":
            block.write(element.get("alt", ""))
        elif tag in _CONTAINERS and len(self._opened) < _DEPTH:
            self._opened.append(element)
            self._blocks.append(_Block(row=tag == "tr"))
        else:
            self._space(element)
        if tag in _LISTS:
            self._numbers.append(0 if tag == "ol" else None)

    def _end(self, element: Any) -> None:
        if element.tag in _LISTS:
            self._numbers.pop()
        if self._opened and self._opened[-1] is element:
            self._opened.pop()
            self._close(element.tag, self._blocks.pop())
        else:
            if element.tag == "a":
                self._blocks[-1].write(_address(element))
            self._space(element, closing=True)

    def _space(self, element: Any, *, closing: bool = False) -> None:
        block = self._blocks[-1]
        if element.tag == "p" and element.get("class", "").startswith("Mso"):
            # Word's paragraphs have no space around them; an empty one is a blank line.
            if not block.end_line() and closing:
                block.blank()
        elif element.tag in _PARAGRAPHS and not (element.tag in _LISTS and self._numbers):
            block.blank()
        elif element.tag in _PARAGRAPHS or _BLOCKS.fullmatch(element.tag):
            block.end_line()

    def _close(self, tag: str, inner: _Block) -> None:
        outer, lines = self._blocks[-1], inner.finished()
        if tag in {"td", "th"} and outer.cells is not None:
            outer.cells.append(lines)
            return
        outer.end_line()
        if tag == "tr":
            lines = lines + _row(inner.cells or [])
        elif tag == "li" and lines:
            lines = self._item(lines)
        elif tag == "blockquote":
            lines = [f"> {line}".rstrip() for line in lines]
        outer.lines += lines
        if tag == "blockquote":
            outer.blank()

    def _item(self, lines: list[str]) -> list[str]:
        bullet = "- "
        if self._numbers and (number := self._numbers[-1]) is not None:
            self._numbers[-1] = number + 1
            bullet = f"{number + 1}. "
        return [bullet + lines[0], *(" " * len(bullet) + line if line else "" for line in lines[1:])]


def _row(cells: list[list[str]]) -> list[str]:
    if sum(map(bool, cells)) > 1 and all(len(cell) <= _LONG_CELL for cell in cells):
        return [" | ".join(" ".join(cell) for cell in cells).strip()]
    return [line for cell in cells for line in cell]


def _address(link: Any) -> str:
    """Return what is written behind a link: its address, unless its text says it already or there is no text."""
    text = _SPACE.sub(" ", "".join(link.itertext())).strip()
    address = link.get("href", "").strip()
    scheme, _, rest = address.partition(":")
    said = rest.strip("/") in text
    return f" ({address})" if text and rest and not said and scheme.lower() in _SCHEMES else ""
