"""An answer as a Slack message, in Block Kit."""

from typing import Any
from urllib.parse import quote, urlsplit

from indexer.ticket import shorten
from service.results import Neighbour, PriorityDecision, Triage, Triaged

__all__ = ["NO_PREVIEWS", "message_of"]

NO_PREVIEWS = {"unfurl_links": False, "unfurl_media": False}
"""Arguments of a new message, by which Slack asks no linked address for anything."""

_HEADER = 150  # characters that Slack documents for a header
_SECTION = 2_900  # of 3,000 for a section
_LESS = 900  # so that a message stays below the 13,000 or so that Slack takes in all
_NAMED = 60
_ADDRESS = 500
_SAFE = "/:?=&%#@!$'()*+,;~-._[]"  # of an address; what ends a link in Slack is not among them


def message_of(answer: Triaged, draft: str | None = None) -> dict[str, Any]:
    """Return the message of an answer, without a channel.

    :param draft: what there is of the reply so far, where the answer is not finished.
    """
    title = _title(answer.priority)
    if isinstance(answer, Triage):
        none = f"None: {answer.reply.degraded or 'no precedent is near enough'}"
        reply = f"Reply\n{answer.reply.text or none}"
    else:
        reply = f"Reply, being written\n{draft or '…'}"
    parts = [_bounded(answer.note.text, _SECTION), _bounded(reply, _SECTION)]
    for heading, lines in (("To ask the customer", answer.questions), ("Warnings", answer.warnings)):
        if lines:
            parts.append(_bounded("\n".join([heading, *lines]), _LESS))
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": shorten(title, _HEADER), "emoji": False}}
    ]
    blocks += map(_section, parts)
    if answer.neighbours:
        blocks.append(_section(_precedents(answer.neighbours)))
    blocks.append({"type": "context", "elements": [_text(f"Answer {answer.id}")]})
    return {"text": _bounded(title, _SECTION), "blocks": blocks}


def _title(priority: PriorityDecision) -> str:
    if priority.label is None:
        return "Priority: not known yet" if priority.why is None else "Priority: none, a person must set it"
    sure = "" if priority.decision == "automatic" else ", to be confirmed"
    return f"Priority: {priority.label} ({priority.confidence:.0%}{sure})"


def _precedents(neighbours: tuple[Neighbour, ...]) -> str:
    lines, left = ["Precedents"], _SECTION
    for one in neighbours:
        line = f"• {_linked(one)} {one.similarity:.2f} {_name(one.priority or '')}: {_name(one.subject or one.text)}"
        left -= len(line) + 1
        if left < 0:
            break
        lines.append(line)
    return "\n".join(lines)


def _linked(neighbour: Neighbour) -> str:
    name = _name(neighbour.id)
    url = quote(neighbour.url or "", safe=_SAFE)
    if len(url) > _ADDRESS or urlsplit(url).scheme not in ("http", "https"):
        return name
    # A bar would end the name's address, and a line break the name.
    return f"<{_escaped(url)}|{name.replace('|', ' ')}>"


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _text(text)}


def _text(text: str) -> dict[str, Any]:
    # Verbatim: Slack makes no links of addresses and names by itself.
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _name(text: str) -> str:
    return _bounded(" ".join(text.split()), _NAMED)


def _bounded(text: str, most: int) -> str:
    """Return the text's beginning, escaped, in at most so many characters."""
    shown = _escaped(shorten(text, most))
    keep = most
    while len(shown) > most:
        keep -= max(1, (len(shown) - most) // 5)  # an escape is five characters at most
        shown = _escaped(shorten(text, keep))
    return shown


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
