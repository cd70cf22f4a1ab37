"""The grounding check: each sentence of a draft is normalised, checked against the given texts, and shown or left out."""

import html
import re
from collections import Counter
from collections.abc import Sequence

from service.drafting.addresses import address_spans
from service.drafting.checks import Sentence, first_fault
from service.drafting.citations import Mention, MentionFinder, code_spans, is_index
from service.drafting.disguise import fold, fold_with_origins, visible
from service.drafting.given import Given
from service.drafting.numbers import TicketNumbers
from service.results import Neighbour

__all__ = ["GroundedText"]

_NAME = re.compile(r"\w[\w.()\[\]]{0,80}\Z")  # what an index is attached to
_SEEN_BEFORE = 80  # characters: "ticket" at the end of one line and the number on the next
_SIGN = re.compile(
    r"[\u2460-\u24ff\U0001f100-\U0001f1ff\U0001f300-\U0001faff](?=\d)"
)  # as good as # before a number

_TICKET = "that cited a ticket that was not retrieved"


class GroundedText:
    """Collects a draft sentence by sentence and keeps what is grounded.

    A sentence is left out whole when it refers to a ticket other than the precedents, has an address, a command, a
    link or a tag that none of their resolutions has, or repeats the prompt. Of what is kept, characters that nobody
    sees are removed, and references to precedents are all written as ``[id]``.
    """

    def __init__(self, text: str, precedents: Sequence[Neighbour]) -> None:
        """Give the new ticket's text, and the precedents as the model saw them."""
        self._finder = MentionFinder([n.id for n in precedents])
        self._numbers = TicketNumbers([n.id for n in precedents])
        self._given = Given(text, precedents)
        self._shown = ""
        self._gap = ""
        self._last = ""  # the end of what came before, shown or not
        self._cited: dict[str, None] = {}
        self._uncited = 0
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
    def uncited(self) -> int:
        """How many sentences of the kept text cite no precedent."""
        return self._uncited

    @property
    def left_out(self) -> str | None:
        """Say what was left out and why, if anything was."""
        said = [f"{n} sentence{'s' if n > 1 else ''} {fault}" for fault, n in self._faults.items()]
        return f"left out {' and '.join(said)}" if said else None

    def add(self, sentence: str) -> str:
        """Take the next sentence with the white space around it; return what may be shown of it, or nothing."""
        sentence = visible(sentence)
        body = sentence.strip()
        if not body:
            self._gap += sentence
            return ""
        lead, _, after = sentence.partition(body)
        gap = self._gap + lead if self._shown else ""
        before, last = (self._shown + gap)[-_SEEN_BEFORE:], self._last
        self._last = body[-_SEEN_BEFORE:]
        fault = first_fault(Sentence(body, before, last), self._given) or self._unknown_ticket(body, before)
        if fault:
            self._faults[fault] += 1
            self._gap = max(self._gap, after, key=lambda space: space.count("\n"))
            return ""
        kept, cited = self._with_citations(body, before)
        self._cited.update((i, None) for i in cited)
        self._uncited += not cited and re.search(r"\w", kept) is not None
        self._gap = after
        self._shown += gap + kept
        return gap + kept

    def _mentions(self, text: str, start: int) -> list[tuple[Mention, bool]]:
        """Return the references to tickets in a folded text that end after ``start``, and whether in code."""
        links = list(address_spans(text))
        code = code_spans(text, start)
        found = []
        for mention in self._finder.find(text):
            if mention.end <= start or _inside(mention, links):
                continue
            in_code = _inside(mention, code)
            if not (in_code and is_index(mention, text)) and not self._quoted(mention, text):
                found.append((mention, in_code))
        return found

    def _unknown_ticket(self, body: str, before: str) -> str | None:
        start = len(fold(before))
        text = fold(before + _SIGN.sub("#", html.unescape(body)))
        if any(mention.unknown for mention, _ in self._mentions(text, start)):
            return _TICKET
        earlier = set(self._numbers.find(text[:start]))
        if any(not self._given.resolve(n) for n in set(self._numbers.find(text)) - earlier):
            return _TICKET
        if any(not self._given.say(key) for key in self._numbers.keys(text[start:])):
            return _TICKET
        return None

    def _with_citations(self, body: str, before: str) -> tuple[str, list[str]]:
        """Return the sentence with its references as ``[id]``, and their ids."""
        folded, origins = fold_with_origins(body)
        start = len(fold(before))
        text = fold(before) + folded
        cited: list[str] = []
        for mention, in_code in reversed(self._mentions(text, start)):
            # Code is shown as it is, so it cites only where it has the very form of a citation.
            as_written = text[mention.start : mention.end]
            if mention.start >= start and (not in_code or as_written == _citations(mention)):
                first, last = origins[mention.start - start], origins[mention.end - start]
                body = body[:first] + _citations(mention) + body[last:]
                cited[:0] = mention.ids
        return body, cited

    def _quoted(self, mention: Mention, text: str) -> bool:
        """Whether it is no citation but something that the given texts say: a pull request's #12, a rows[0]."""
        start = mention.start
        if is_index(mention, text) and (name := _NAME.search(text, 0, start)):
            return self._given.say(text[name.start() : mention.end])
        if mention.explicit or not (mention.unknown or text[start] == "#"):
            return False
        return self._given.resolve(text[start : mention.end])


def _inside(mention: Mention, spans: Sequence[tuple[int, int]]) -> bool:
    return any(start <= mention.start and mention.end <= end for start, end in spans)


def _citations(mention: Mention) -> str:
    return " ".join(f"[{i}]" for i in mention.ids)
