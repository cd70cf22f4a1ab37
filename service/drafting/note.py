"""The note for the agent: the issue, the priority and why, and what resolved the most relevant ticket."""

import re
from collections.abc import Mapping, Sequence

from indexer.grounding.disguise import visible
from indexer.grounding.words import content_words
from indexer.language import language_of
from indexer.ticket import shorten
from service.drafting.languages import language_named, written_in
from service.drafting.precedents import select_precedents, why_none
from service.drafting.wording import fields_sentence, issue_of, plain_label, priority_sentence
from service.results import Neighbour, Note, PriorityDecision

__all__ = ["agent_note"]

_NONE: Mapping[str, PriorityDecision] = {}
_QUOTE_CHARACTERS = 600
_ISSUE_CHARACTERS = 240
_AS_CLOSE = 0.1  # a ticket whose relevance is this much less than the best one's may have the same cause
_SAME = 0.5  # share of words that two resolutions have in common when they say the same
_REFERENCE = re.compile(r"(?<![\w\])`])\[(#?[\w-]*\d[\w-]*(?:, ?#?[\w-]*\d[\w-]*)*)\](?![\w(\[`])")
_FENCE = re.compile(r"(```.*?(?:```|\Z)|`[^`\n]+`)", re.DOTALL)
_VERSION = re.compile(r"(?<![\w.])v?\d+\.\d+(?:\.\d+)+(?!\w|\.\d)")


def agent_note(
    text: str,
    priority: PriorityDecision,
    neighbours: Sequence[Neighbour],
    decisions: Mapping[str, PriorityDecision] = _NONE,
    doubt: str | None = None,
) -> Note:
    """Write the note; every id in it is a neighbour's.

    :param decisions: on other fields, by their names.
    :param doubt: what the nearest precedent says against the priority.
    """
    precedents = select_precedents(neighbours)
    issue = f"Issue: {shorten(issue_of(text), _ISSUE_CHARACTERS)}"
    judged = f"Priority: {priority_sentence(priority, precedents or neighbours)}"
    others = fields_sentence(decisions)
    fields = f"\n\nFields: {others}" if others else ""
    if not precedents:
        found = f"Resolution: {why_none(neighbours)}."
        if neighbours:
            found += f" The nearest is {_named(neighbours[0])}."
        citations = tuple(n.id for n in neighbours[:1])
        return Note(text=f"{issue}\n\n{judged}{fields}\n\n{found}", citations=citations)
    near = [n for n in precedents if precedents[0].relevance - n.relevance <= _AS_CLOSE]
    opinions = _opinions(near)
    best, *rest = opinions
    parts = [
        f"{issue}",
        f"{judged}{f' But {doubt}.' if doubt else ''}{_by_label(precedents)}{fields}",
        f"What resolved {_named(best[0])}:\n{_quote(best[0])}",
    ]
    parts += [f"{_list(best[1:])} had the same resolution."] if best[1:] else []
    parts += [_contradiction(best, other) for other in rest]
    spoken, written = language_of(text), written_in(best[0])
    if spoken and written and spoken != written:
        parts.append(
            f"Language: the ticket is in {language_named(spoken)}, [{best[0].id}] in {language_named(written)}."
        )
    parts.append(_to_check(text, priority, opinions))
    return Note(text="\n\n".join(parts), citations=tuple(n.id for n in precedents))


def _named(neighbour: Neighbour) -> str:
    return f"[{neighbour.id}] (similarity {neighbour.similarity:.2f}{_day(neighbour, ', ')})"


def _day(neighbour: Neighbour, before: str) -> str:
    when = neighbour.resolved_at or neighbour.created_at
    return f"{before}{when:%Y-%m-%d}" if when else ""


def _list(neighbours: Sequence[Neighbour]) -> str:
    named = [_named(n) for n in neighbours]
    return " and ".join(filter(None, (", ".join(named[:-1]), named[-1])))


def _by_label(precedents: Sequence[Neighbour]) -> str:
    """Say which similar ticket had which priority, in their order."""
    labels = (plain_label(n.priority) if n.priority else "without" for n in precedents)
    told = (f"[{n.id}] {n.similarity:.2f} {label}" for n, label in zip(precedents, labels, strict=True))
    return f" Similar tickets: {', '.join(told)}."


def _opinions(near: Sequence[Neighbour]) -> list[list[Neighbour]]:
    """Group tickets by what resolved them, in their order."""
    groups: list[list[Neighbour]] = []
    for neighbour in near:
        words = content_words(neighbour.resolution or "")
        for group in groups:
            known = content_words(group[0].resolution or "")
            if len(words & known) >= _SAME * min(len(words), len(known)):
                group.append(neighbour)
                break
        else:
            groups.append([neighbour])
    return groups


def _contradiction(best: Sequence[Neighbour], other: Sequence[Neighbour]) -> str:
    newer = _newest(other) > _newest(best) > ""
    return f"{_list(other)}{', which is newer,' if newer else ''} was resolved otherwise:\n{_quote(other[0])}"


def _newest(group: Sequence[Neighbour]) -> str:
    return max(_day(n, "") for n in group)


def _to_check(text: str, priority: PriorityDecision, opinions: Sequence[Sequence[Neighbour]]) -> str:
    resolution = opinions[0][0].resolution or ""
    checks = ["that the cause is the same"]
    checks += ["which of the resolutions fits"] if len(opinions) > 1 else []
    if versions := [v for v in dict.fromkeys(_VERSION.findall(resolution)) if v not in text]:
        checks.append(f"that {', '.join(versions)} applies here")
    checks += ["the priority"] if priority.decision == "review" else []
    return f"To check: {'; '.join(checks)}."


def _quote(neighbour: Neighbour) -> str:
    """Quote the resolution line by line; a reference in it must not read as one of this note."""
    text = visible(shorten(neighbour.resolution or "", _QUOTE_CHARACTERS))
    parts = [part if part.startswith("`") else _REFERENCE.sub(r"(\1)", part) for part in _FENCE.split(text)]
    return "\n".join(f"> {line}".rstrip() for line in "".join(parts).splitlines())
