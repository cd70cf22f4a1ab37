"""One text, cleaned: mark-up removed, then quoted mail and the signature set apart."""

import re

from indexer.cleaning.mail import Message, message_of
from indexer.cleaning.markup import plain_text

__all__ = ["clean"]

_SUSPECT = re.compile(r"[\n<>{}\[\]|&]")  # without any, and without a heading, there is nothing to clean
_HEADING = re.compile(r"\s*(?:h[1-6]|bq)\.")
_MOST_TAGS = 10_000  # a text with more is no mail, and would take seconds
_PASSES = 4  # real text is stable after one; HTML that was escaped twice needs another


def clean(text: str) -> Message:
    """Return a text without mark-up, quoted mail and signature. Cleaning its `text` again changes nothing.

    It takes any string, raises nothing, and its time grows with the length of the text and no faster.
    """
    if not (_SUSPECT.search(text) or _HEADING.match(text)) or text.count("<") > _MOST_TAGS:
        return Message(text)
    quoted: list[str] = []
    signature: list[str] = []
    current = text
    # Until it is stable. Hostile text that never is stays as it was given, so that the promise holds for it too.
    for _ in range(_PASSES):
        message = message_of(plain_text(current))
        if message.text == current:
            return Message(current, "\n\n".join(quoted), "\n\n".join(signature))
        quoted += [message.quoted] if message.quoted else []
        signature += [message.signature] if message.signature else []
        current = message.text
    return Message(text)
