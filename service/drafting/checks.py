"""The rules that each sentence of a draft must keep, apart from the tickets that it names, as one table."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from service.drafting.addresses import addresses
from service.drafting.commands import commands
from service.drafting.disguise import fold, revealed
from service.drafting.echo import echoes, speaks_of_its_prompt
from service.drafting.given import Given
from service.drafting.markup import markup, without_placeholders

__all__ = ["Sentence", "first_fault"]

_SECRET = re.compile(
    r"[A-Za-z0-9+/_=-]{32,}|(?<![\w.])\d{9,10}(?![\w.])"
)  # coded text; an IP address as one number
_MIXED = re.compile(r"(?=[^A-Z]*[A-Z])(?=[^a-z]*[a-z])(?=\D*\d)|(?=\D*\d)(?=\d*[a-z])[0-9a-z]{32,}\Z|\d+\Z")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a draft without white space around it, and what stands before it."""

    body: str
    before: str
    """The end of what is shown before it."""
    last: str
    """The end of what came right before it, shown or not."""


def first_fault(sentence: Sentence, given: Given) -> str | None:
    """Return the words for the first rule that a sentence breaks, if it breaks one."""
    return next((fault for fault, breaks in _CHECKS if breaks(sentence, given)), None)


def _repeats_prompt(sentence: Sentence, given: Given) -> bool:
    bare = revealed(sentence.body)
    return any(not given.resolve(said) for said in speaks_of_its_prompt(bare)) or echoes(
        bare, given.everything
    )


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
    return any(not given.resolve(found) for view in views for found in set(markup(view)) - earlier)


def _has_unknown_command(sentence: Sentence, given: Given) -> bool:
    return any(not given.resolve(command) for command in commands(fold(sentence.body)))


def _has_unknown_code(sentence: Sentence, given: Given) -> bool:
    found = (match[0] for match in _SECRET.finditer(fold(sentence.body)))
    return any(_MIXED.match(code) and not given.say(code) for code in found)


def _joined(sentence: Sentence) -> str:
    """Put a sentence behind the text before it, as close as an address would have them that goes on in it."""
    if sentence.body[0] in "./@":
        return sentence.last + sentence.body
    closed = sentence.before.rstrip()
    return (closed if closed.endswith(("/", "@")) else sentence.before) + sentence.body


_ADDRESS = "with an address that no given resolution has"

_CHECKS: tuple[tuple[str, Callable[[Sentence, Given], bool]], ...] = (
    ("that repeated the prompt", _repeats_prompt),
    (_ADDRESS, _has_unknown_address),
    ("with a link, image, tag or role that no given resolution has", _has_unknown_markup),
    ("with a command that no given resolution has", _has_unknown_command),
    (_ADDRESS, _has_unknown_code),
)
"""What ``degraded`` says of a sentence that breaks a rule, and whether one does; the first that is broken counts."""
