"""The records of which forest serves, and why."""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from service.priority import Forest, ForestReport, NoForest

__all__ = ["ServedForest", "Verdict"]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a new forest takes over, and why; ``report`` is the new one's."""

    promoted: bool
    why: str
    report: ForestReport | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedForest:
    """The forest that serves, its file, and how the last fit ended."""

    forest: Forest | NoForest
    path: Path | None = None
    revision: int | None = None
    """Revision of the ledger up to which its labels were considered; ``None``: no fit has succeeded."""
    verdict: Verdict | None = None
