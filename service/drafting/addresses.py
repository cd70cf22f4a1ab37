"""Finding web and mail addresses, so that a draft names none that was made up."""

import re
from collections.abc import Iterable, Iterator

__all__ = ["addresses", "known_addresses"]

_ADDRESS = re.compile(
    r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}"  # mail
    r"|(?:[a-z][a-z0-9+.-]{1,20}://|(?<!\w)www\.|mailto:)[^\s<>\"'`|()\[\]{}]+"
    r"|(?<![\w@./-])(?:[\w-]+\.)+(?:com|org|net|io|dev|app)\b(?:/[^\s<>\"'`|()\[\]{}]*)?",
    re.IGNORECASE,
)
_PREFIX = re.compile(r"^(?:mailto:|[a-z][a-z0-9+.-]*://)?(?:www\.)?", re.IGNORECASE)


def addresses(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield start, end and normal form (no scheme, no case) of every address in a text."""
    for found in _ADDRESS.finditer(text):
        raw = found[0].rstrip(".,;:!?*_~")
        yield found.start(), found.start() + len(raw), _PREFIX.sub("", raw.casefold()).rstrip("/")


def known_addresses(texts: Iterable[str]) -> frozenset[str]:
    """Return the normal forms of all addresses in the texts, and of their hosts alone."""
    known = {address for text in texts for _, _, address in addresses(text)}
    return frozenset(known | {address.partition("/")[0] for address in known})
