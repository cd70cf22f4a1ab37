"""What a sentence may rest on: the resolutions that it cites, the team's policy, and the new ticket."""

import re
from collections.abc import Iterable, Iterator, Sequence

from indexer.grounding.disguise import fold, revealed, visible
from indexer.grounding.facts import Fact, Facts, facts_of
from indexer.grounding.words import content_words
from service.drafting.addresses import addresses, normal_form
from service.drafting.house_style import DEFAULTS, HouseStyle
from service.drafting.languages import ENGLISH, LANGUAGES, written_in
from service.drafting.prompt import instructions
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

    def __init__(
        self, text: str, cited: Sequence[Neighbour], style: HouseStyle = DEFAULTS, *, language: str = ENGLISH
    ) -> None:
        """Take the new ticket's text, what is cited, and what the team says of its replies.

        :param language: of the sentence, one of `LANGUAGES`.
        """
        policy = "\n".join(filter(None, (style.policy, style.brand)))
        self.instructions = instructions(style, language)
        resolutions = [n.resolution or "" for n in cited]
        languages = {found for n in cited if (found := written_in(n)) in LANGUAGES}
        self.language = language
        self.across = bool(languages) and language not in languages
        """Whether all that is cited is surely in another language that is known here: words cannot be compared then."""
        source = next(iter(sorted(languages - {ENGLISH})), ENGLISH) if self.across else language
        self.ticket = Facts(text, language=language)
        self.team = Facts(*resolutions, policy, language=source)
        self.policy = Facts(policy, language=language)
        self._clauses = [clause for r in (*resolutions, policy) for clause in clauses_of(visible(r))]
        self.usable = Facts(*_usable(self._clauses, source), language=source)
        named = {a for t in (*resolutions, policy) for a in addresses(revealed(visible(t)))}
        bare = {
            a.removeprefix("http://") for a in named
        }  # what was given without encryption may be had with it
        self.addresses = frozenset(named | bare | {a.partition("/")[0] for a in bare})

    def has(self, fact: Fact) -> bool:
        """Whether the cited resolutions or the policy vouch for this."""
        return self.usable.has(fact) or (fact.kind == "code" and normal_form(fact.text) in self.addresses)

    def contradicts(self, sentence: str) -> bool:
        """Whether a clause that speaks of the same says yes where the sentence says no, or forbids what it asks for."""
        return any(map(self._contradicts, clauses_of(sentence))) or (
            self.across and self._contradicts_across(sentence)
        )

    def anchors(self, sentence: str) -> list[Fact]:
        """Return the facts of a sentence that a cited resolution has, whatever their languages."""
        return [fact for fact in facts_of(sentence, self.language) if self.has(fact)]

    def _contradicts_across(self, sentence: str) -> bool:
        """Whether a sentence denies what no clause with the same facts does, or not what each of them does."""
        anchors = self.anchors(sentence)
        about = [c for c in self._clauses if any(map(Facts(c).has, anchors))]
        denied = [_denies(c, LANGUAGES) for c in about]
        says_no = _denies(sentence, (self.language,))
        return bool(about) and (not any(denied) if says_no else all(denied))

    def _contradicts(self, clause: str) -> bool:
        words = content_words(clause)
        about = [c for c in self._clauses if words and len(words & content_words(c)) >= _SHARED * len(words)]
        text = fold(clause).replace("no longer", "")
        if _NEGATION.search(text):
            return not any(_DENIAL.search(fold(c)) for c in about)
        return any(map(_FORBIDDEN.match, about)) and not _DENIAL.search(text)


def _denies(text: str, languages: Iterable[str]) -> bool:
    """Whether a text has a negation in one of the languages."""
    return any(LANGUAGES[one].negation.search(fold(text)) for one in languages)


def _usable(clauses: Sequence[str], language: str) -> Iterator[str]:
    for clause in clauses:
        if tells_history(clause, language):
            yield from _OF_THE_PRODUCT.findall(clause)
        else:
            yield clause
