"""What a sentence may rest on: the resolutions that it cites, the team's policy, and the new ticket."""

import re
from collections.abc import Iterator, Sequence

from indexer.grounding.disguise import fold, revealed, visible
from indexer.grounding.facts import Fact, Facts
from indexer.grounding.words import content_words
from service.drafting.addresses import addresses, normal_form
from service.drafting.steps import clauses_of, tells_history
from service.results import Neighbour

__all__ = ["Given"]

# What a clause on the past of another customer still tells of the product: code, versions, menus and abbreviations.
_OF_THE_PRODUCT = re.compile(
    r"`[^`\n]+`|(?<![\w.])v?\d+\.\d+\.\d+(?![\w.]*\w)|\b\w+(?: > \w+(?: \w+)?)+|\b[A-Z]{2,}\b"
)
_NEGATION = re.compile(r"\b(?:not|never|cannot|avoid)\b|n't\b", re.IGNORECASE)
_DENIAL = re.compile(rf"{_NEGATION.pattern}|\bno\b", re.IGNORECASE)
_FORBIDDEN = re.compile(
    r"(?:please |but |and )?(?:do not|don't|never|avoid)\b|.*\b(?:must|should|may) not\b", re.IGNORECASE
)
_SHARED = 0.5  # of a sentence's words, in a clause that speaks of the same


class Given:
    """The texts behind a sentence, folded as it is before it is checked.

    Whoever opens a ticket writes its text, so the new ticket vouches for no address, command or mark-up: only what the
    team itself wrote does. Of a resolution, what was done for its own customer vouches for nothing but the product.
    """

    def __init__(self, text: str, cited: Sequence[Neighbour], policy: str = "") -> None:
        resolutions = [n.resolution or "" for n in cited]
        self.ticket = Facts(text)
        self.team = Facts(*resolutions, policy)
        self.policy = Facts(policy)
        self._clauses = [clause for r in (*resolutions, policy) for clause in clauses_of(visible(r))]
        self.usable = Facts(*_usable(self._clauses))
        named = {a for t in (*resolutions, policy) for a in addresses(revealed(visible(t)))}
        bare = {
            a.removeprefix("http://") for a in named
        }  # what was given without encryption may be had with it
        self.addresses = frozenset(named | bare | {a.partition("/")[0] for a in bare})

    def resolve(self, fragment: str) -> bool:
        """Whether the team wrote this, not as a part of a longer word, path or option."""
        return self.team.says(fragment)

    def say(self, fragment: str) -> bool:
        """Whether any of the texts has this."""
        return self.team.says(fragment) or self.ticket.says(fragment)

    def has(self, fact: Fact) -> bool:
        """Whether the cited resolutions or the policy vouch for this."""
        return self.usable.has(fact) or (fact.kind == "code" and normal_form(fact.text) in self.addresses)

    def contradicts(self, sentence: str) -> bool:
        """Whether a clause that speaks of the same says yes where the sentence says no, or forbids what it asks for."""
        return any(map(self._contradicts, clauses_of(sentence)))

    def _contradicts(self, clause: str) -> bool:
        words = content_words(clause)
        about = [c for c in self._clauses if words and len(words & content_words(c)) >= _SHARED * len(words)]
        text = fold(clause).replace("no longer", "")
        if _NEGATION.search(text):
            return not any(_DENIAL.search(fold(c)) for c in about)
        return any(map(_FORBIDDEN.match, about)) and not _DENIAL.search(text)


def _usable(clauses: Sequence[str]) -> Iterator[str]:
    for clause in clauses:
        if tells_history(clause):
            yield from _OF_THE_PRODUCT.findall(clause)
        else:
            yield clause
