"""The rules that each sentence of a reply must keep, as one table."""

from collections.abc import Callable
from dataclasses import dataclass

from indexer.grounding.disguise import fold, revealed
from indexer.grounding.facts import facts_of
from indexer.grounding.support import ENOUGH, content_of, share
from indexer.grounding.words import content_words
from indexer.language import language_of
from service.drafting.addresses import addresses
from service.drafting.commands import commands
from service.drafting.echo import echoes, speaks_of_its_prompt
from service.drafting.given import Given
from service.drafting.languages import in_another, promises, without_code
from service.drafting.markup import markup, without_placeholders
from service.drafting.steps import tells_history

__all__ = ["Sentence", "first_fault", "has_enough_words", "states_anything", "support"]


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a reply without white space around it, and what stands before it."""

    body: str
    language: str
    """In which it is to be."""
    cites: bool
    """Whether it rests on a resolution, or on the new ticket alone."""
    before: str
    """The end of what is shown before it."""
    last: str
    """The end of what came right before it, shown or not."""


def first_fault(sentence: Sentence, given: Given) -> str | None:
    """Return the words for the first rule that a sentence breaks, if it breaks one."""
    return next((fault for fault, breaks in _CHECKS if breaks(sentence, given)), None)


def support(sentence: str, given: Given, *, by_ticket: bool = True) -> float:
    """Return the share of a sentence's words and facts that stand in what it cites, in [0, 1].

    :param by_ticket: whether those count, too, that stand in the new ticket alone.
    """
    words, facts = content_of(sentence, given.language)
    source = given.team.words | given.ticket.words if by_ticket else given.team.words
    stated = [f for f in facts if given.has(f) or (by_ticket and given.ticket.has(f))]
    return share(len(words & source) + len(stated), words, facts)


def states_anything(sentence: str, language: str) -> bool:
    """Whether a sentence has any word, number or code that could be wrong."""
    words, facts = content_of(sentence, language)
    return bool(words or facts)


def _repeats_prompt(sentence: Sentence, given: Given) -> bool:
    bare = revealed(sentence.body)
    return any(not given.team.says(said) for said in speaks_of_its_prompt(bare)) or echoes(bare, given)


def _has_unknown_address(sentence: Sentence, given: Given) -> bool:
    # A given host in letters that only look like its own is another host.
    for latin in (True,) if sentence.body.isascii() else (True, False):
        near = set(addresses(revealed(_joined(sentence), latin=latin)))
        if near - given.addresses - set(addresses(revealed(sentence.before, latin=latin))):
            return True
    return False


def _has_unknown_markup(sentence: Sentence, given: Given) -> bool:
    plain, earlier = without_placeholders(sentence.body), set(markup(fold(sentence.before)))
    views = (fold(sentence.before + plain), revealed(plain))
    return any(not given.team.says(found) for view in views for found in set(markup(view)) - earlier)


def _has_unknown_command(sentence: Sentence, given: Given) -> bool:
    return any(not given.team.says(command) for command in commands(fold(sentence.body)))


def _promises(sentence: Sentence, given: Given) -> bool:
    return any(not given.policy.says(promise) for promise in promises(fold(sentence.body), sentence.language))


def _says_it_was_done(sentence: Sentence, given: Given) -> bool:
    if not sentence.cites or given.policy.says(sentence.body.rstrip(".")):
        return False
    return tells_history(sentence.body, sentence.language)


def _states_what_nobody_said(sentence: Sentence, given: Given) -> bool:
    stated = facts_of(sentence.body, sentence.language)
    return any(not given.ticket.has(fact) and not given.has(fact) for fact in stated)


def has_enough_words(body: str, given: Given, *, cites: bool) -> bool:
    """Whether enough of a sentence's words and facts stand in what it cites, or else in the ticket."""
    return support(body, given, by_ticket=not cites) >= ENOUGH


def _is_unsupported(sentence: Sentence, given: Given) -> bool:
    return not given.across and not has_enough_words(sentence.body, given, cites=sentence.cites)


def _cannot_be_checked(sentence: Sentence, given: Given) -> bool:
    return (
        given.across
        and not given.anchors(sentence.body)
        and not has_enough_words(sentence.body, given, cites=sentence.cites)
    )


def _is_in_another_language(sentence: Sentence, given: Given) -> bool:
    if in_another(sentence.body, sentence.language):
        return True
    # One that is too short to tell, and is made of the words of a resolution in another language, is in that one.
    words = content_words(without_code(sentence.body))
    same = given.across and len(words & given.team.words) >= ENOUGH * len(words) > 0
    return same and language_of(sentence.body) != sentence.language


def _contradicts(sentence: Sentence, given: Given) -> bool:
    return sentence.cites and given.contradicts(sentence.body)


def _joined(sentence: Sentence) -> str:
    """Put a sentence behind the text before it, as close as an address would have them that goes on in it."""
    if sentence.body[0] in "./@":
        return sentence.last + sentence.body
    closed = sentence.before.rstrip()
    return (closed if closed.endswith(("/", "@")) else sentence.before) + sentence.body


_CHECKS: tuple[tuple[str, Callable[[Sentence, Given], bool]], ...] = (
    ("that repeated the prompt", _repeats_prompt),
    ("with an address that no cited resolution has", _has_unknown_address),
    ("with a link, image, tag or role that no cited resolution has", _has_unknown_markup),
    ("with a command that no cited resolution has", _has_unknown_command),
    ("with words in another language than the reply's", _is_in_another_language),
    ("that made a promise", _promises),
    ("that said what was done", _says_it_was_done),
    (
        "with a number, name or code that is in neither the cited resolution nor the ticket",
        _states_what_nobody_said,
    ),
    ("that what it cites does not support", _is_unsupported),
    (
        "with no number, name or code of what it cites, which is in another language",
        _cannot_be_checked,
    ),
    ("that what it cites contradicts", _contradicts),
)
"""What ``degraded`` says of a sentence that breaks a rule, and whether one does; the first that is broken counts.

A rule about words looks at ``fold(body)``; one that emphasis or escapes could hide something from, at ``revealed(body)``. The
sentences of replies without a model are held to the same rules, the quotation of the ticket among them.
"""
