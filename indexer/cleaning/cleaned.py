"""One text, cleaned: mark-up removed, then quoted mail and the signature set apart."""

import re
from dataclasses import dataclass

from indexer.cleaning.mail import message_of
from indexer.cleaning.markup import plain_text

__all__ = ["Cleaned", "clean"]

_SUSPECT = re.compile(r"[\n<>{}\[\]|&]")  # without any, and without a heading, there is nothing to clean
_HEADING = re.compile(r"\s*(?:h[1-6]|bq)\.")
_MOST_TAGS = 10_000  # a text with more is no mail, and would take seconds
_PASSES = 4  # real text is stable after one; HTML that was escaped twice needs another


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned:
    """A cleaned text and what was set apart from it."""

    text: str
    """The message as plain text; the text that was given, to the character, when there was nothing to clean."""
    quoted: str = ""
    """Earlier mails that the message quotes."""
    signature: str = ""
    """Closing, name and contact data, and legal disclaimers."""


def clean(text: str) -> Cleaned:
    """Return a text without mark-up, quoted mail and signature. Cleaning its `text` again changes nothing.

    It takes any string, raises nothing, and its time grows with the length of the text and no faster.
    """
    if not (_SUSPECT.search(text) or _HEADING.match(text)) or text.count("<") > _MOST_TAGS:
        return Cleaned(text=text)
    quoted: list[str] = []
    signature: list[str] = []
    current = text
    # Until it is stable. Hostile text that never is stays as it was given, so that the promise holds for it too.
    for _ in range(_PASSES):
        message = message_of(plain_text(current))
        if message.text == current:
            return Cleaned(text=current, quoted="\n\n".join(quoted), signature="\n\n".join(signature))
        quoted += [message.quoted] if message.quoted else []
        signature += [message.signature] if message.signature else []
        current = message.text
    return Cleaned(text=text)
