"""The texts that a draft rests on: an address or a command may come from the resolutions only."""

import re
from collections.abc import Iterable, Sequence

from service.drafting.addresses import addresses
from service.drafting.disguise import fold, revealed, visible
from service.results import Neighbour

__all__ = ["Given"]


class Given:
    """The texts that the model saw, folded as a sentence is before it is checked.

    Whoever opens a ticket writes its text, so neither the new ticket nor a precedent's question vouches for an
    address, a command or mark-up: only what the team itself wrote as a resolution does.
    """

    def __init__(self, text: str, precedents: Sequence[Neighbour]) -> None:
        resolutions = [n.resolution or "" for n in precedents]
        self.resolutions = _joined(resolutions)
        self.everything = _joined([text, *(n.text for n in precedents), *resolutions])
        named = {
            a for t in (*resolutions, *(n.id for n in precedents)) for a in addresses(revealed(visible(t)))
        }
        bare = {
            a.removeprefix("http://") for a in named
        }  # what was given without encryption may be had with it
        self.addresses = frozenset(named | bare | {a.partition("/")[0] for a in bare})

    def resolve(self, fragment: str) -> bool:
        """Whether a resolution has this, not as a part of a longer word, path or option."""
        return _has(self.resolutions, fragment)

    def say(self, fragment: str) -> bool:
        """Whether any given text has this, not as a part of a longer word."""
        return _has(self.everything, fragment)


def _joined(texts: Iterable[str]) -> str:
    # A character that no text has parts them, so that nothing is found across two.
    return "\0".join(re.sub(r"\s+", " ", fold(visible(text)).casefold()) for text in texts)


def _has(text: str, fragment: str) -> bool:
    wanted = re.sub(r"\s+", " ", fragment).strip().casefold()
    if not wanted:
        return False
    before = r"(?<![\w/])" if wanted[0].isalnum() else ""
    after = "" if wanted[-1] in ")]>\"'" else r"(?![\w/-]|[.:]\w)"
    return re.search(f"{before}{re.escape(wanted)}{after}", text) is not None
