"""Atlassian Document Format, the JSON of Jira Cloud's rich text, as plain text."""

from datetime import UTC, datetime
from typing import Any

__all__ = ["plain_text"]

_SAID = {  # what a node without content says, by the attribute that says it
    "mention": "text",
    "emoji": "text",
    "status": "text",
    "placeholder": "text",
    "inlineCard": "url",
    "blockCard": "url",
    "embedCard": "url",
    "media": "alt",
    "mediaInline": "alt",
}
_INLINE = frozenset(
    {"text", "hardBreak", "mention", "emoji", "status", "placeholder", "inlineCard", "mediaInline", "date"}
)
_LISTS = frozenset({"bulletList", "orderedList", "taskList", "decisionList"})


def plain_text(value: Any) -> str:
    """Return a description or a comment as plain text, whether it is ADF, a string (API version 2) or nothing.

    Blocks stand on lines of their own, items of a list behind a dash or their number, cells of a table between
    bars, the address of a link behind its text. Nodes that are unknown give the text inside them.
    """
    if isinstance(value, str):
        return value.strip()
    return _text(value).strip()


def _text(node: Any) -> str:
    if not isinstance(node, dict):
        return ""
    kind = str(node.get("type"))
    if kind in _SAID:
        return _attribute(node, _SAID[kind]) or _attribute(node, "shortName")
    return _LEAVES.get(kind, _inside)(node)


def _inside(node: dict[str, Any]) -> str:
    kind = str(node.get("type"))
    content = node.get("content")
    children = content if isinstance(content, list) else []
    texts = [_text(child) for child in children]
    if kind == "tableRow":
        return " | ".join(" ".join(text.split()) for text in texts)
    if kind in _LISTS:
        texts = [_item(text, number, kind) for number, text in enumerate(texts, 1)]
    inline = all(isinstance(child, dict) and str(child.get("type")) in _INLINE for child in children)
    text = ("" if inline else "\n").join(text for text in texts if text)
    title = _attribute(node, "title")  # of an expand, which hides its text behind it
    return f"{title}\n{text}" if title else text


def _linked(node: dict[str, Any]) -> str:
    text = node.get("text")
    if not isinstance(text, str):
        return ""
    marks = node.get("marks")
    for mark in marks if isinstance(marks, list) else []:
        if isinstance(mark, dict) and mark.get("type") == "link":
            href = _attribute(mark, "href")
            return f"{text} ({href})" if href and href != text else text
    return text


def _item(text: str, number: int, kind: str) -> str:
    bullet = f"{number}. " if kind == "orderedList" else "- "
    return bullet + text.replace("\n", "\n" + " " * len(bullet)) if text else ""


def _attribute(node: dict[str, Any], name: str) -> str:
    attributes = node.get("attrs")
    value = attributes.get(name) if isinstance(attributes, dict) else None
    return value if isinstance(value, str) else ""


def _date(node: dict[str, Any]) -> str:
    try:
        return datetime.fromtimestamp(int(_attribute(node, "timestamp")) / 1000, UTC).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return ""


def _break(_: dict[str, Any]) -> str:
    return "\n"


_LEAVES = {"text": _linked, "hardBreak": _break, "date": _date}
