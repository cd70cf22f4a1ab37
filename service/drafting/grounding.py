"""Holding a draft to its precedents: a sentence that refers to anything else is left out."""

import re
from collections import Counter
from collections.abc import Sequence

from service.drafting.addresses import addresses, known_addresses
from service.drafting.citations import Mention, MentionFinder, code_spans, is_index
from service.records import Neighbour

__all__ = ["GroundedText"]

_FULL_WIDTH = str.maketrans("【】", "[]")
_NAME = re.compile(r"\w[\w.()\[\]]{0,80}\Z")  # what an index is attached to
_PROMPT_TAG = re.compile(r"</?(?:new_ticket|precedents|ticket|text|resolution|priority)\b", re.IGNORECASE)
_SEEN_BEFORE = 80  # characters: "ticket" at the end of one line and the number on the next


class GroundedText:
    """Collects a draft sentence by sentence and keeps what is grounded.

    A sentence is left out whole when it refers to a ticket other than the precedents, has an address that is in none
    of the given texts, or repeats the mark-up of the prompt, as weak models do. References to precedents are all written as ``[id]``.
    """

    def __init__(self, text: str, precedents: Sequence[Neighbour]) -> None:
        """Give the new ticket's text, and the precedents as the model saw them."""
        self._finder = MentionFinder([n.id for n in precedents])
        given = [text, *(t for n in precedents for t in (n.text, n.resolution or ""))]
        self._given = "\n".join(given).casefold()
        self._addresses = known_addresses(given)
        self._shown = ""
        self._gap = ""
        self._cited: dict[str, None] = {}
        self._faults: Counter[str] = Counter()

    @property
    def text(self) -> str:
        """What was kept so far."""
        return self._shown

    @property
    def citations(self) -> tuple[str, ...]:
        """The precedents that the kept text cites, in the order of their first citation."""
        return tuple(self._cited)

    @property
    def left_out(self) -> str | None:
        """Say what was left out and why, if anything was."""
        said = [f"{n} sentence{'s' if n > 1 else ''} {fault}" for fault, n in self._faults.items()]
        return f"left out {' and '.join(said)}" if said else None

    def add(self, sentence: str) -> str:
        """Take the next sentence with the white space around it; return what may be shown of it, or nothing."""
        body = sentence.strip()
        if not body:
            self._gap += sentence
            return ""
        lead, _, after = sentence.partition(body)
        gap = self._gap + lead if self._shown else ""
        fault, kept = self._check(body, before=(self._shown + gap)[-_SEEN_BEFORE:])
        if fault:
            self._faults[fault] += 1
            self._gap = max(self._gap, after, key=lambda space: space.count("\n"))
            return ""
        self._gap = after
        self._shown += gap + kept
        return gap + kept

    def _check(self, body: str, *, before: str) -> tuple[str, str]:
        """Return what is wrong with a sentence, or an empty string and the sentence with citations as ``[id]``."""
        body = body.translate(_FULL_WIDTH)
        text = before + body
        if any(tag[0].casefold() not in self._given for tag in _PROMPT_TAG.finditer(body)):
            return "that repeated the prompt", ""
        named = [a for a in addresses(text) if a[1] > len(before)]
        if any(address not in self._addresses for _, _, address in named):
            return "with an address that no given ticket has", ""
        code = code_spans(text, len(before))
        cited: list[Mention] = []
        for mention in self._finder.find(text):
            if mention.end <= len(before) or _inside(mention, [a[:2] for a in named]):
                continue
            in_code = _inside(mention, code)
            if (in_code and is_index(mention, text)) or self._quoted(mention, text):
                continue
            if mention.unknown:
                return "that cited a ticket that was not retrieved", ""
            # Code is shown as it is, so it cites only where it has the very form of a citation.
            as_written = text[mention.start : mention.end]
            if mention.start >= len(before) and (not in_code or as_written == _citations(mention)):
                cited.append(mention)
        for mention in reversed(cited):
            text = text[: mention.start] + _citations(mention) + text[mention.end :]
        self._cited.update((i, None) for mention in cited for i in mention.ids)
        return "", text[len(before) :]

    def _quoted(self, mention: Mention, text: str) -> bool:
        """Whether it is no citation but something that the given texts say: a pull request's #12, a rows[0]."""
        start = mention.start
        if is_index(mention, text) and (name := _NAME.search(text, 0, start)):
            start = name.start()
        elif mention.explicit or not (mention.unknown or text[start] == "#"):
            return False
        token = re.escape(text[start : mention.end].casefold())
        return re.search(rf"(?<!\w){token}(?!\w)", self._given) is not None


def _inside(mention: Mention, spans: Sequence[tuple[int, int]]) -> bool:
    return any(start <= mention.start and mention.end <= end for start, end in spans)


def _citations(mention: Mention) -> str:
    return " ".join(f"[{i}]" for i in mention.ids)
