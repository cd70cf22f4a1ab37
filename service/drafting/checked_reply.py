"""The reply to the customer as it is written: each sentence is cleaned, checked against what it cites, and kept or cut."""

import re
from collections import Counter
from collections.abc import Sequence

from indexer.grounding.disguise import visible
from indexer.grounding.sentences import WIDE_STOPS
from service.drafting.checks import Sentence, first_fault, has_enough_words, states_anything, support
from service.drafting.given import Given
from service.drafting.house_style import DEFAULTS, HouseStyle
from service.drafting.languages import ENGLISH
from service.drafting.mentions import MentionFinder
from service.results import Neighbour, ReplySentence

__all__ = ["CheckedReply"]

_SEEN_BEFORE = 80  # characters in which an address may begin that goes on in the next sentence
_UNKNOWN = "that cited a ticket that was not retrieved"
_NAMED = "that named a ticket in its text"
_BELONGS = "that said nothing without the one before it"
_REPEATED = "that was there before"


class CheckedReply:
    """Collects sentences and keeps those that what they cite supports; ids are taken out of their texts."""

    def __init__(
        self,
        text: str,
        precedents: Sequence[Neighbour],
        style: HouseStyle = DEFAULTS,
        *,
        language: str = ENGLISH,
    ) -> None:
        """Give the new ticket's text, the precedents as the model saw them, and what the team says of its replies.

        :param language: that the sentences are to be in, one of `LANGUAGES`.
        """
        self._frame = style.frame(language)
        self._text = text
        self._style = style
        self._precedents = {n.id: n for n in precedents}
        self._finder = MentionFinder([n.id for n in precedents])
        self._given: dict[tuple[str, ...], Given] = {}
        self._body = ""
        self._gap = ""
        self._cut = False  # whether the last sentence was
        self._last = ""  # the end of what came before, kept or not
        self._kept: dict[str, ReplySentence] = {}
        self._faults: Counter[str] = Counter()

    @property
    def sentences(self) -> tuple[ReplySentence, ...]:
        """What was kept so far."""
        return tuple(self._kept.values())

    @property
    def text(self) -> str:
        """The whole reply, with greeting and sign-off."""
        return f"{self._frame.opening}{self._body}{self._frame.closing}"

    @property
    def across(self) -> tuple[str, ...]:
        """The precedents in another language that sentences rest on whose words could not be compared with theirs."""
        return tuple(
            dict.fromkeys(
                i
                for sentence in self._kept.values()
                if (given := self._rests_on(sentence.citations)).across
                and not has_enough_words(sentence.text, given, cites=True)
                for i in sentence.citations
            )
        )

    @property
    def citations(self) -> tuple[str, ...]:
        """The precedents that the reply rests on, in the order of their first citation."""
        return tuple(dict.fromkeys(i for sentence in self._kept.values() for i in sentence.citations))

    @property
    def cuts(self) -> dict[str, int]:
        """How many sentences were left out, by what was wrong with them."""
        return dict(self._faults)

    @property
    def left_out(self) -> str | None:
        """Say what was left out and why, if anything was."""
        said = [f"{n} sentence{'s' if n > 1 else ''} {fault}" for fault, n in self._faults.items()]
        return f"left out {' and '.join(said)}" if said else None

    def add(self, sentence: str, ids: Sequence[str] = ()) -> str:
        """Take the next sentence with the white space around it; return what may be shown of it, or nothing.

        :param ids: the tickets that it rests on, beside those that its text names.
        """
        sentence = visible(sentence)
        found = self._finder.take_out(sentence)
        body = found.text.strip()
        if not re.search(r"\w", body):
            self._gap += sentence if sentence.isspace() else ""
            return ""
        lead, _, after = sentence.partition(sentence.strip())  # white space before and after it
        gap = (self._gap + lead or ("" if self._body[-1:] in WIDE_STOPS else " ")) if self._body else ""
        named = (*map(self._finder.known, ids), *found.ids)
        if found.unknown or None in named:
            fault: str | None = _UNKNOWN
        else:
            cited, fault = self._judge(body, tuple(dict.fromkeys(filter(None, named))), gap)
        self._last = body[-_SEEN_BEFORE:]
        self._cut = fault is not None
        if fault:
            self._faults[fault] += 1
            self._gap = max(self._gap, after, key=lambda space: space.count("\n"))
            return ""
        self._kept[body] = ReplySentence(
            text=body, citations=cited, support=round(support(body, self._rests_on(cited)), 2)
        )
        shown = (gap if self._body else self._frame.opening) + body
        self._body += gap + body if self._body else body
        self._gap = after
        return shown

    def _judge(self, body: str, cited: tuple[str, ...], gap: str) -> tuple[tuple[str, ...], str | None]:
        """Return what a sentence rests on, and what is wrong with it, if anything.

        One that cites nothing may rest on the new ticket, or else on one precedent, which it then cites.
        """
        if body in self._kept:
            return cited, _REPEATED
        if not states_anything(body, self._frame.language):
            return (), _BELONGS if self._cut else self._fault(body, (), gap)
        faults = []
        for ids in [cited] if cited else [(), *((i,) for i in self._precedents)]:
            if (fault := self._fault(body, ids, gap)) is None:
                return ids, None
            faults.append(fault)
        return cited, faults[min(1, len(faults) - 1)]  # of the nearest precedent, where none is cited

    def _fault(self, body: str, ids: tuple[str, ...], gap: str) -> str | None:
        given = self._rests_on(ids)
        if named := [m for m in self._finder.in_words(body) if not given.team.says(m)]:
            return _NAMED if named[0][0].isalnum() or named[0][0] == "#" else _UNKNOWN
        before = (self._body + gap)[-_SEEN_BEFORE:]
        sentence = Sentence(body, self._frame.language, cites=bool(ids), before=before, last=self._last)
        return first_fault(sentence, given)

    def _rests_on(self, ids: tuple[str, ...]) -> Given:
        if ids not in self._given:
            cited = [self._precedents[i] for i in ids]
            self._given[ids] = Given(self._text, cited, self._style, language=self._frame.language)
        return self._given[ids]
